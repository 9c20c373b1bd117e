"""What the projection reads of a line: all that a list or a sum may be asked for. Only decoding.

A line that the rollup counts must count here too: what only the projection reads may not make it refuse one, so a field of a foreign
type is left out with the others of its line.
"""

from typing import Annotated

import msgspec
from msgspec import Meta

from ..lines import Amount, CallLine, LateScore, Standing
from ..lines import decode as decode_counted

Small = Annotated[int, Meta(ge=0, le=2**31)]


class UsageCall(CallLine, tag_field="kind", tag="call", gc=False):
    """A call, as far as it is listed or summed."""

    provider: str | None = None
    model_id: str | None = None
    mode: str | None = None
    user: str | None = None
    error: str | None = None
    face: str | None = None
    purpose: str | None = None
    finish_reason: str | None = None
    scorer: str | None = None
    status: Small | None = None
    stream: bool = False
    mock: bool = False
    baseline_usd: Amount | None = None
    first_token_ms: Amount | None = None


class UsageStanding(Standing, tag_field="kind", tag="standing", gc=False):
    """Live figures, by their id."""

    id: str


_DECODER: msgspec.json.Decoder[UsageCall | LateScore | UsageStanding] = msgspec.json.Decoder(
    UsageCall | LateScore | UsageStanding
)


def decode(line: bytes) -> CallLine | LateScore | Standing:
    """Read one line; with fields of foreign types no more of it than the rollup does. Raises as that one's `decode`."""
    try:
        return _DECODER.decode(line)
    except msgspec.ValidationError:
        return decode_counted(line)
