"""Caller keys: taken as a bearer token or `x-api-key`, compared in constant time. No key is ever kept, shown or logged in clear."""

import hashlib
import hmac
from collections.abc import Iterable, Mapping
from functools import lru_cache
from ipaddress import IPv6Address, ip_address

from ..errors import Forbidden, Unauthorized

SHORTEST = 32
_LOCAL_NAMES = frozenset({"localhost", "testclient"})


class KeysError(ValueError):
    """A caller key that must not be used; the message names the variable, never the key."""


class CallerKeys:
    """The accepted keys as SHA-256 digests. With none, callers are taken over loopback only."""

    __slots__ = ("_digests",)

    def __init__(self, keys: Iterable[str] = ()) -> None:
        self._digests = tuple(hashlib.sha256(key.encode()).digest() for key in keys)

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> "CallerKeys":
        """From the comma list `LLM_ROUTER_API_KEYS`. Raises KeysError for a key shorter than 32 characters, or a list of none."""
        listed = env.get("LLM_ROUTER_API_KEYS", "").strip()
        keys = [key.strip() for key in listed.split(",") if key.strip()]
        if listed and not keys:
            raise KeysError("LLM_ROUTER_API_KEYS: is set, but holds no key; unset it to answer over loopback only")
        if any(len(key) < SHORTEST for key in keys):
            raise KeysError(f"LLM_ROUTER_API_KEYS: each key needs at least {SHORTEST} characters")
        return cls(keys)

    def __bool__(self) -> bool:
        return bool(self._digests)

    def scope(self, authorization: list[bytes], api_key: list[bytes], client_host: str | None) -> str:
        """The caller's cache scope. Raises Unauthorized (one text for every fault) or, without keys, Forbidden off loopback."""
        if not self._digests:
            if not is_loopback(client_host):
                raise Forbidden(
                    "without caller keys this service answers over loopback only: set LLM_ROUTER_API_KEYS to open it wider"
                )
            return "open"
        shown = [token for value in authorization if (token := bearer(value)) is not None] + api_key
        # every key is compared, so that time tells nothing
        digest = hashlib.sha256(shown[0] if len(shown) == 1 else b"").digest()
        known = [hmac.compare_digest(digest, other) for other in self._digests]
        if len(authorization) + len(api_key) != 1 or not any(known):
            raise Unauthorized("a valid caller key is needed: send it as `Authorization: Bearer ...` or `x-api-key`")
        return digest.hex()[:32]


def bearer(value: bytes) -> bytes | None:
    """The token of an `Authorization: Bearer` field."""
    scheme, _, token = value.strip().partition(b" ")
    return token.strip() if scheme.lower() == b"bearer" and token.strip() else None


@lru_cache(maxsize=1024)
def is_loopback(host: str | None) -> bool:
    """Whether a peer is this machine; a unix socket has no host and is."""
    if host is None or host in _LOCAL_NAMES:
        return True
    try:
        address = ip_address(host)
    except ValueError:
        return False  # `127.evil.example` is a name that may stand for any machine
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return (mapped or address).is_loopback
