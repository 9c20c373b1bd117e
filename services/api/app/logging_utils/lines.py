"""What the rollup reads of a line, and of which UTC day it is. Only decoding: no sums, no files.

Fields that the rollup does not need are skipped without being built, which is what makes it fast; those it needs are bounded, so
that a line somebody else wrote can never book a negative or an endless amount.
"""

from datetime import UTC, date, datetime, timedelta
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


Line = CallLine | LateScore | Standing
_DECODER: msgspec.json.Decoder[Line] = msgspec.json.Decoder(Line)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLI = timedelta(milliseconds=1)
_MINUTES: dict[str, int] = {}
_DAYS: dict[str, str] = {}
"""Days that were seen, so that a date is checked once and not once a line."""


def decode(line: bytes) -> Line:
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
    return _utc(at).date().isoformat()


def millis_of(at: str) -> int:
    """The same moment in UTC epoch milliseconds, of the same day as `day_of`. Raises ValueError for what that one refuses."""
    if not (at.endswith("Z") and at[10:11] == "T"):
        return (_utc(at) - _EPOCH) // _MILLI
    minute = _MINUTES.get(at[:16])
    if minute is None:
        minute = _minute_of(at)
    try:
        return minute + min(max(int(float(at[17:-1]) * 1000 + 0.5), 0), 59_999) if at[16:17] == ":" else minute
    except (ValueError, OverflowError):
        return minute


def _minute_of(at: str) -> int:
    """The beginning of its minute; of its day, if its time is none."""
    try:
        moment = datetime.fromisoformat(at[:16]).replace(tzinfo=UTC)
    except ValueError:
        return (datetime.fromisoformat(day_of(at)).replace(tzinfo=UTC) - _EPOCH) // _MILLI
    minute = (moment - _EPOCH) // _MILLI
    if len(_MINUTES) > 10_000:
        _MINUTES.clear()
    _MINUTES[at[:16]] = minute
    return minute


def _utc(at: str) -> datetime:
    moment = datetime.fromisoformat(at)
    if moment.tzinfo is None:
        return moment.replace(tzinfo=UTC)
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("this moment lies beyond the calendar") from None
