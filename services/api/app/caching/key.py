"""The exact key of an answer: SHA-256 over everything that can change it, by deny-list. Pure.

Held: the key format, the caller's scope, the mode, `cache.version`, mock or real, and the request. Of a body that the caller wrote
in a provider's dialect every field counts but those that cannot change the answer's words, so a field nobody has heard of yet
separates entries by construction. White space, the order of keys and the spelling of escapes do not matter; absent is not null.
Then, per candidate: the row that answers and its hosts. Not the config digest: an unrelated edit must not forget everything.
"""

import hashlib

import msgspec

from ..domain.request import ChatRequest, Original

KEY_FORMAT = 2
# model: the row and its hosts stand for it; stream: both forms share an entry; the rest labels a call without changing its answer
NOT_IN_KEY = frozenset(
    {
        "model",
        "stream",
        "stream_options",
        "user",
        "metadata",
        "router",
        "store",
        "safety_identifier",
        "prompt_cache_key",
        "prompt_cache_options",
        "cache_control",
        "client_metadata",
    }
)
# of a call without a body of its own: how it is routed and accounted for, which does not change an answer's words
_ROUTING = frozenset(
    {
        "model", "stream", "include_usage", "user", "metadata", "mode", "constraints", "cache", "session", "explain", "dry_run",
        "original", "native", "extra",
    }
)  # fmt: skip
_FIELDS = tuple(name for name in ChatRequest.__struct_fields__ if name not in _ROUTING)
_encode = msgspec.json.Encoder(order="sorted").encode
_decode = msgspec.json.Decoder().decode


def key_material(request: ChatRequest, *, scope: str, mode: str | None, version: str, mock: bool) -> bytes:
    """Canonical JSON (UTF-8) of all that is the same for every candidate; kept in the entry and compared on a hit."""
    said = _of_fields(request) if request.original is None else _of_body(request.original)
    return _encode([KEY_FORMAT, scope, mode, version, mock, *said])


def _of_fields(request: ChatRequest) -> tuple[object, ...]:
    """A call without a body of its own: the typed fields that change what is answered."""
    return "", {name: getattr(request, name) for name in _FIELDS}


def _of_body(original: Original) -> tuple[object, ...]:
    """The caller's own body, decoded so that its spelling does not count."""
    try:
        said = {name: _decode(raw) for name, raw in original.fields.items() if name not in NOT_IN_KEY}
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return original.dialect, *_spelled(original), *original.headers
    return original.dialect, said, *original.headers


def _spelled(original: Original) -> tuple[object, ...]:
    """A body with values that JSON can spell and Python cannot hold (1e999): there the spelling itself counts, byte by byte."""
    return "spelled", {name: bytes(raw).hex() for name, raw in original.fields.items() if name not in NOT_IN_KEY}


def digest(material: bytes) -> bytes:
    """The hash that each candidate's key starts from, 32 bytes."""
    return hashlib.sha256(material).digest()


def entry_key(base: bytes, row: str, hosts: tuple[str, ...]) -> str:
    """The key of one row's answer, 64 hex digits. JSON keeps the pieces from running into each other."""
    return hashlib.sha256(base + _encode([row, hosts])).hexdigest()
