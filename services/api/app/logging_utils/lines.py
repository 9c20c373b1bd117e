"""What the rollup reads of a line, and of which UTC day it is. Only decoding: no sums, no files.

Fields that the rollup does not need are skipped without being built, which is what makes it fast; those it needs are bounded, so
that a line somebody else wrote can never book a negative or an endless amount.
"""

from datetime import UTC, date, datetime
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

Count = Annotated[int, Meta(ge=0, le=2**53)]
Amount = Annotated[float, Meta(ge=0, le=1e9)]
Share = Annotated[float, Meta(ge=0, le=1)]


class CallLine(Struct, tag_field="kind", tag="call", gc=False):
    """A call, as far as the rollup counts it. Dollars and milliseconds are floats here; the sums are integers."""

    id: str
    at: str
    asked: str
    outcome: str
    decided: str | None = None
    served: str | None = None
    tokens_in: Count = 0
    tokens_out: Count = 0
    cached_tokens: Count = 0
    reasoning_tokens: Count = 0
    cost_nano_usd: Count | None = None
    saved_usd: Amount = 0.0
    latency_ms: Amount = 0.0
    cache: str = "off"
    score: Share | None = None


class LateScore(Struct, tag_field="kind", tag="score", gc=False):
    """A score that came after its call; `replaces` is the score it takes the place of."""

    call: str
    call_at: str
    model: str
    at: str
    scorer: str
    score: Share
    replaces: Share | None = None


class Standing(Struct, tag_field="kind", tag="standing", gc=False):
    """A line that the rollup passes over."""


_DECODER: msgspec.json.Decoder[CallLine | LateScore | Standing] = msgspec.json.Decoder(CallLine | LateScore | Standing)
_DAYS: dict[str, str] = {}
"""Days that were seen, so that a date is checked once and not once a line."""


def decode(line: bytes) -> CallLine | LateScore | Standing:
    """Read one line. Raises ValueError or RecursionError (deep nesting) if it is not a line of the journal."""
    return _DECODER.decode(line)


def day_of(at: str) -> str:
    """The UTC day (`2026-11-23`) of an ISO 8601 moment; without an offset it is taken for UTC. Raises ValueError."""
    if at.endswith("Z") and at[10:11] == "T":
        day = _DAYS.get(at[:10])
        if day is None:
            day = date.fromisoformat(at[:10]).isoformat()
            if len(_DAYS) < 10_000:
                _DAYS[at[:10]] = day
        return day
    moment = datetime.fromisoformat(at)
    return (moment if moment.tzinfo is None else moment.astimezone(UTC)).date().isoformat()
