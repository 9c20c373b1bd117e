"""What somebody wants summed, from the texts that they wrote: a range, a time zone, groups. Reads no clock and no file of ours.

    from, to    a day (2026-11-23), a moment (2026-11-23T14:00, with an offset or of the zone), or how long ago (45m, 36h, 7d)
    tz          a name of the zone database (Europe/Berlin), UTC, or an offset (+05:30)
    group_by    day or hour, and any of model, provider, mode, user, outcome; empty = one sum

A day as the end is included whole; a moment is not. A day as the beginning, and how many days ago, mean the zone's midnight.
"""

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from msgspec import Struct

from .pieces import day_start, millis, moment
from .schema import DAY, HOUR
from .values import GROUPS, Group, Window

DEFAULT_DAYS: Final = 30
MOST_SPANS: Final = 10_000
"""Days or hours in one answer."""
_FIRST: Final = date(1970, 1, 2)
_LAST: Final = date(9000, 1, 1)
_BEYOND: Final = 2**62
"""A moment that no calendar has."""
_AGO: Final = re.compile(r"(\d{1,6})([mhd])")
_OFFSET: Final = re.compile(r"([+ -])(\d{2}):?(\d{2})")
_UNITS: Final = {"m": timedelta(minutes=1), "h": timedelta(hours=1)}
_SIZES: Final = {"day": DAY, "hour": HOUR}


class WrongQuestion(ValueError):
    """What was asked makes no sense; the message says what would. `param` is the field at fault."""

    def __init__(self, param: str, message: str) -> None:
        super().__init__(message)
        self.param = param


class Asked(Struct, frozen=True):
    """What is wanted, understood."""

    window: Window
    zone: tzinfo
    zone_name: str
    by: tuple[Group, ...]


def understood(texts: Mapping[str, str], now: float) -> Asked:
    """From the fields `from`, `to`, `tz` and `group_by`, each of which may be missing. Raises WrongQuestion."""
    zone_name = texts.get("tz") or "UTC"
    zone = zone_of(zone_name)
    at = datetime.fromtimestamp(now, UTC)
    by = groups_of(texts.get("group_by", "day"))
    until = _edge("to", texts["to"], zone, at, end=True) if texts.get("to") else millis(at) + 1
    since = _edge("from", texts.get("from") or f"{DEFAULT_DAYS - 1}d", zone, at, end=False)
    if since >= until:
        raise WrongQuestion("from", f"the range is empty: {_shown(since, zone)} is not before {_shown(until, zone)}")
    for one in by:
        size = _SIZES.get(one)
        if size is not None and (until - since) // size > MOST_SPANS:
            spans = (until - since) // size
            raise WrongQuestion("from", f"the range has {spans} {one}s, at most {MOST_SPANS} can be told apart: narrow it")
    return Asked(Window(since, until), zone, zone_name.replace(" ", "+"), by)


def groups_of(text: str) -> tuple[Group, ...]:
    """From a comma list. Raises WrongQuestion."""
    names = [name.strip() for name in text.split(",") if name.strip()]
    unknown = [name for name in names if name not in GROUPS]
    if unknown:
        raise WrongQuestion("group_by", f"{unknown[0][:40]!r} is no grouping: choose of {', '.join(GROUPS)}")
    if len(set(names)) < len(names):
        raise WrongQuestion("group_by", "names a grouping twice")
    if "day" in names and "hour" in names:
        raise WrongQuestion("group_by", "takes day or hour, not both: an hour names its day")
    return tuple(group for name in names for group in GROUPS if group == name)


def zone_of(name: str) -> tzinfo:
    """The time zone of a name or an offset. Raises WrongQuestion."""
    if name == "UTC":
        return UTC
    offset = _OFFSET.fullmatch(name)
    if offset is not None and int(offset[2]) < 24 and int(offset[3]) < 60:
        # in a URL an unescaped plus is a blank
        east = -1 if offset[1] == "-" else 1
        return timezone(east * timedelta(hours=int(offset[2]), minutes=int(offset[3])))
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        known = available_timezones()
    hint = "Europe/Berlin, UTC or +05:30" if known else "UTC or +05:30; the names need the package tzdata on this machine"
    raise WrongQuestion("tz", f"{name[:40]!r} is no time zone: write it as {hint}")


def _edge(param: str, text: str, zone: tzinfo, now: datetime, *, end: bool) -> int:
    text = text.strip()
    ago = _AGO.fullmatch(text)
    try:
        if ago is not None:
            found = _ago(int(ago[1]), ago[2], zone, now, end)
        elif len(text) == len("2026-11-23"):
            found = day_start(date.fromisoformat(text) + timedelta(days=int(end)), zone)
        else:
            local = datetime.fromisoformat(text if " " not in text else text.replace(" ", "+" if "T" in text else "T", 1))
            found = millis((local if local.tzinfo is not None else local.replace(tzinfo=zone)).astimezone(UTC))
    except OverflowError:
        found = _BEYOND
    except ValueError:
        raise WrongQuestion(
            param, f"{text[:40]!r} is no day (2026-11-23), no moment (2026-11-23T14:00) and no time ago (45m, 36h, 7d)"
        ) from None
    if not day_start(_FIRST, UTC) <= found <= day_start(_LAST, UTC):
        raise WrongQuestion(param, f"lies outside the years {_FIRST.year} to {_LAST.year - 1}")
    return found


def _ago(count: int, unit: str, zone: tzinfo, now: datetime, end: bool) -> int:
    if unit == "d":
        return day_start(now.astimezone(zone).date() - timedelta(days=count - int(end)), zone)
    return millis(now - count * _UNITS[unit])


def _shown(at: int, zone: tzinfo) -> str:
    return moment(at).astimezone(zone).isoformat(timespec="seconds")
