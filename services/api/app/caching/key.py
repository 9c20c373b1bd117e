"""The exact key of an answer: SHA-256 over everything that can change it, by deny-list. Pure.

Held: the key format, the caller's scope, the mode, `cache.version`, mock or real, and the request. Of a body that the caller wrote
in a provider's dialect every field counts but those that cannot change the answer's words, so a field nobody has heard of yet
separates entries by construction. White space, the order of keys and the spelling of escapes do not matter; absent is not null.
Then, per candidate: the row that answers and its hosts. Not the config digest: an unrelated edit must not forget everything.
"""

import hashlib
from typing import Any

import msgspec

from ..domain.request import ChatRequest

KEY_FORMAT = 1
# model: the row and its hosts stand for it; stream: both forms share an entry; the rest labels a call without changing its answer
NOT_IN_KEY = frozenset(
    {"model", "stream", "stream_options", "user", "metadata", "router", "store", "safety_identifier", "prompt_cache_key"}
)
_encode = msgspec.json.Encoder(order="sorted").encode
_decode = msgspec.json.Decoder().decode


def key_material(request: ChatRequest, *, scope: str, mode: str | None, version: str, mock: bool) -> bytes:
    """Canonical JSON of all that is the same for every candidate; kept in the entry and compared on a hit."""
    original = request.original
    said: dict[str, Any]
    if original is not None:
        said = {name: _decode(raw) for name, raw in original.fields.items() if name not in NOT_IN_KEY}
        dialect = original.dialect
    else:
        said = {
            "messages": request.messages,
            "max_tokens": request.max_tokens,
            "temperature": request.temperature,
            "top_p": request.top_p,
            "stop": request.stop,
            "seed": request.seed,
            "json_mode": request.json_mode,
        }
        dialect = ""
    return _encode([KEY_FORMAT, scope, mode, version, mock, dialect, said])


def digest(material: bytes) -> bytes:
    """The hash that each candidate's key starts from."""
    return hashlib.sha256(material).digest()


def entry_key(base: bytes, row: str, hosts: tuple[str, ...]) -> str:
    """The key of one row's answer, 64 hex digits. JSON keeps the pieces from running into each other."""
    return hashlib.sha256(base + _encode([row, hosts])).hexdigest()
