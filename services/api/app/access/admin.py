"""The operator's key: what opens the dashboard and the usage figures beyond loopback. Never kept, shown or logged in clear."""

import hashlib
import hmac
from collections.abc import Mapping

from ..errors import Unauthorized
from .keys import SHORTEST, KeysError, bearer

NAME = "LLM_ROUTER_ADMIN_KEY"


class AdminKey:
    """The key, as far as it is needed: a digest to compare with and a secret to derive others from. Empty = none is set."""

    __slots__ = ("_digest", "_secret")

    def __init__(self, key: str = "") -> None:
        data = key.encode("utf-8", "surrogateescape")
        self._digest = hashlib.sha256(data).digest()
        # all workers derive the same from it, and nobody the key
        self._secret = hmac.digest(data, b"llm-router: what is derived from the admin key", "sha256") if key else b""

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> "AdminKey":
        """From `LLM_ROUTER_ADMIN_KEY`. Raises KeysError for a key shorter than 32 characters."""
        key = env.get(NAME, "").strip()
        if key and len(key) < SHORTEST:
            raise KeysError(f"{NAME}: the key needs at least {SHORTEST} characters")
        return cls(key)

    def __bool__(self) -> bool:
        return bool(self._secret)

    def opens(self, shown: bytes) -> bool:
        """Whether this is the key; compared in constant time. Never, while none is set."""
        return hmac.compare_digest(hashlib.sha256(shown).digest(), self._digest) and bool(self._secret)

    def admit(self, authorization: list[bytes], api_key: list[bytes]) -> None:
        """Let the operator pass, who shows the key as a bearer token or as `x-api-key`. Raises Unauthorized."""
        shown = [token for value in authorization if (token := bearer(value)) is not None] + api_key
        opened = self.opens(shown[0] if len(shown) == 1 else b"")
        if len(authorization) + len(api_key) != 1 or not opened:
            raise Unauthorized(f"the operator's key ({NAME}) is needed: send it as `Authorization: Bearer ...` or `x-api-key`")

    def derived(self, purpose: str) -> bytes:
        """32 bytes for one purpose, the same in every process that has the key. Raises ValueError while none is set."""
        if not self._secret:
            raise ValueError(f"{NAME} is not set")
        return hmac.digest(self._secret, purpose.encode(), "sha256")
