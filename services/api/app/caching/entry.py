"""What is kept of one answer, as JSON. Reading never fails: what is not an entry of this format for this request is a miss.

No clock and no storage here: when an entry ends is the cache's business.
"""

import msgspec
from msgspec import Struct

from ..domain.answer import Completion

FORMAT = 2


class Entry(Struct, frozen=True, kw_only=True):
    """An answer with who gave it and what it cost.

    `material` is the request it answers (canonical JSON). `raw` is the provider's own words in the dialect `raw_dialect`: its
    body, or for `form` "stream" its joined events. `stored_at` is wall time in seconds, `cost_nano` billionths of a US dollar.
    """

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
        """The entry as JSON text. Provider's words that are no text are left out; a completion keeps no second copy of them."""
        return _encode(
            _Kept(
                format=FORMAT,
                material=self.material.decode(),
                row=self.row,
                provider=self.provider,
                model_id=self.model_id,
                completion=msgspec.structs.replace(self.completion, raw=b"") if self.completion.raw else self.completion,
                raw=_text(self.raw),
                raw_dialect=self.raw_dialect,
                form=self.form,
                stored_at=self.stored_at,
                cost_nano=self.cost_nano,
                score=self.score,
            )
        )

    @classmethod
    def decoded(cls, value: bytes, material: bytes) -> "Entry | None":
        """The entry in `value` if it is one of this format and answers this very request. Never raises."""
        try:
            kept = _decode(value)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return None
        if kept.format != FORMAT or kept.material.encode() != material:
            return None
        return cls(
            material=material,
            row=kept.row,
            provider=kept.provider,
            model_id=kept.model_id,
            completion=kept.completion,
            raw=kept.raw.encode(),
            raw_dialect=kept.raw_dialect,
            form=kept.form,
            stored_at=kept.stored_at,
            cost_nano=kept.cost_nano,
            score=kept.score,
        )


class _Kept(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An entry as it lies in a store: bytes are text there, which is smaller than base64 and can be read by people."""

    format: int
    material: str
    row: str
    provider: str
    model_id: str
    completion: Completion
    raw: str = ""
    raw_dialect: str = ""
    form: str
    stored_at: float
    cost_nano: int | None
    score: float | None


def _text(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return ""


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(_Kept).decode
