"""Which time a page is about: from its parameters, as links to others. Pure; no figure is asked for here."""

from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from msgspec import Struct

from ..logging_utils.usage.pieces import days, hours
from ..logging_utils.usage.values import Group, Window
from .answers import NoPage

HOUR: Final = 3_600_000
CHOICES: Final = {"24h": ("24 hours", 24), "7d": ("7 days", 168), "30d": ("30 days", 720), "90d": ("90 days", 2160)}
DEFAULT: Final = "24h"
ALL: Final = "all"
LONGEST_ZONE: Final = 64
_BY_HOUR: Final = 49
"""Hours up to which a chart has one column for each."""
MOST_COLUMNS: Final = 400


class Range(Struct, frozen=True):
    """`name` is the choice, `window` what it means now, `step` what a column of a chart stands for. `zone_name` empty = UTC."""

    name: str
    window: Window
    step: Group
    zone: tzinfo
    zone_name: str

    @property
    def query(self) -> dict[str, str | int | None]:
        """The parameters that lead here again."""
        return {"range": self.name if self.name != DEFAULT else None, "tz": self.zone_name or None}

    @property
    def told(self) -> str:
        """In words."""
        return "all that the journal holds" if self.name == ALL else f"the last {CHOICES[self.name][0]}"

    def labels(self) -> list[str]:
        """The key of each column, as the figures are grouped, from the first to the last; none when there would be too many."""
        if self.window.until - self.window.since > MOST_COLUMNS * 24 * HOUR:
            return []
        spans = hours if self.step == "hour" else days
        return [label for label, _, _ in spans(self.window, self.zone)]


def chosen(name: str, zone_name: str, now: float, edges: tuple[int, int] | None = None) -> Range:
    """Raises NoPage for a range or a time zone that does not exist. `edges` of "all": the first and the last call, UTC milliseconds."""
    zone = read_zone(zone_name)
    until = int(now * 1000) + 1000  # what ends in this very second belongs to it
    name = name or DEFAULT
    if name == ALL:
        since, until = (min(edges[0], until - HOUR), max(edges[1] + 1, until)) if edges is not None else (until - HOUR, until)
    elif name in CHOICES:
        span = CHOICES[name][1]
        since = until - span * HOUR
        if span >= _BY_HOUR:
            begin = datetime.fromtimestamp(since / 1000, zone) + timedelta(days=1)
            since = int(begin.replace(hour=0, minute=0, second=0, microsecond=0).timestamp() * 1000)
    else:
        raise NoPage(400, "There is no such range", f"Choose one of {', '.join((*CHOICES, ALL))}.")
    step: Group = "hour" if until - since < _BY_HOUR * HOUR else "day"
    return Range(name, Window(since, until), step, zone, zone_name)


def read_zone(name: str) -> tzinfo:
    """Raises NoPage for a zone that this machine does not know."""
    if not name:
        return UTC
    try:
        if len(name) > LONGEST_ZONE:
            raise ValueError(name)
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise NoPage(400, "There is no such time zone", "Use a name such as Europe/Berlin or America/New_York.") from None
