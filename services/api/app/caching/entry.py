"""What is kept of one answer, as JSON. Reading never fails: what is not an entry of this format for this request is a miss."""

from typing import Self

import msgspec
from msgspec import Struct

from ..domain.answer import Completion

FORMAT = 1


class Entry(Struct, frozen=True, kw_only=True):
    """An answer with who gave it and what it cost. `material` is the request it answers; `raw` the provider's own words."""

    format: int = FORMAT
    material: bytes
    row: str
    provider: str
    model_id: str
    completion: Completion
    raw: bytes = b""
    raw_dialect: str = ""
    form: str = "whole"
    stored_at: float
    cost_nano: int | None
    score: float | None

    def encoded(self) -> bytes:
        """The entry as JSON; the two byte strings as base64."""
        return _encode(self)

    @classmethod
    def decoded(cls, value: bytes, material: bytes) -> Self | None:
        """The entry in `value` if it is one and answers this very request."""
        try:
            entry = _decode(value)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ValueError):
            return None
        return entry if entry.format == FORMAT and entry.material == material else None  # type: ignore[return-value]


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Entry).decode
