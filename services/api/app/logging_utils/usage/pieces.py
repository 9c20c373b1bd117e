"""A span of time cut into pieces that `sums` holds whole, and local days and hours as such spans. Arithmetic alone.

A local day begins where the clock of its zone first shows that date: 23 or 25 hours are a day, too, where the clock was changed.
"""

from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Final

from msgspec import Struct

from .schema import LEVELS, Level
from .values import Window

CALLS: Final = -1
"""The level of single calls, for what the sums do not hold."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLI = timedelta(milliseconds=1)


class Piece(Struct, frozen=True, array_like=True):
    """Part of a span: which level holds it, from when to before when, and of which day or hour it is."""

    label: str
    level: int
    since: int
    until: int


def levels_of(keys: Collection[str]) -> list[Level]:
    """For each size of span, coarse to fine, the level with the fewest rows that tells these keys apart."""
    fit = [level for level in LEVELS if set(keys) <= set(level.keys)]
    sizes = sorted({level.size for level in fit}, reverse=True)
    return [min((level for level in fit if level.size == size), key=lambda level: len(level.keys)) for size in sizes]


def cover(label: str, since: int, until: int, levels: Sequence[Level]) -> Iterator[Piece]:
    """Pieces that together are exactly this span, as coarse as `levels` (coarse to fine) allow."""
    if since >= until:
        return
    if not levels:
        yield Piece(label, CALLS, since, until)
        return
    size = levels[0].size
    first, last = -(-since // size) * size, until // size * size
    if first >= last:
        yield from cover(label, since, until, levels[1:])
        return
    yield from cover(label, since, first, levels[1:])
    yield Piece(label, levels[0].number, first, last)
    yield from cover(label, last, until, levels[1:])


def millis(moment: datetime) -> int:
    """UTC epoch milliseconds."""
    return (moment - _EPOCH) // _MILLI


def moment(at: int) -> datetime:
    """The UTC moment of epoch milliseconds. Raises OverflowError beyond the years 1..9999."""
    return _EPOCH + at * _MILLI


def day_start(day: date, zone: tzinfo) -> int:
    """When a day begins in a zone, UTC epoch milliseconds."""
    return millis(datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC))


def days(window: Window, zone: tzinfo) -> Iterator[tuple[str, int, int]]:
    """Label, beginning and end of the days of a zone that the window touches, cut to the window."""
    day = moment(window.since).astimezone(zone).date()
    since = window.since
    while since < window.until:
        following = day + timedelta(days=1)
        until = min(max(day_start(following, zone), since), window.until)
        yield day.isoformat(), since, until
        day, since = following, until


def hours(window: Window, zone: tzinfo) -> Iterator[tuple[str, int, int]]:
    """The same for hours: a new one begins where the zone's clock shows a full hour."""
    since = window.since
    while since < window.until:
        local = moment(since).astimezone(zone)
        begun = timedelta(minutes=local.minute, seconds=local.second, microseconds=local.microsecond)
        until = min(since + 3_600_000 - begun // _MILLI, window.until)
        shown = local.replace(microsecond=0).isoformat()
        yield f"{shown[:14]}00{shown[19:25]}", since, until
        since = until
