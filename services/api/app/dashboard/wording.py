"""Figures and foreign texts as people read them. Pure; no markup may be made here, and none may be let through.

Texts of strangers keep their letters, but what would rearrange, hide or control what stands around them is named instead.
"""

import re
from datetime import UTC, datetime, tzinfo
from typing import Final

_HIDDEN: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u115f\u1160\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffc"
    "\U000e0000-\U000e007f\ud800-\udfff]"
)
"""Controls, escapes, bidirectional overrides, letters without a shape, halves of letters. The joiners of scripts and emoji stay."""
_CONTROLS: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
NANO: Final = 1_000_000_000


def plain(text: str) -> str:
    """`text` with every letter of `_HIDDEN` named by its number."""
    return _HIDDEN.sub(lambda found: f"\u27e8U+{ord(found[0]):04X}\u27e9", text)


def without_controls(text: str) -> str:
    """`text` without control characters other than tabs and line ends, and without halves of letters."""
    return _CONTROLS.sub("", text)


def short(text: str | None, most: int = 48) -> str:
    """Its beginning, for a cell of a table."""
    if text is None:
        return ""
    return text if len(text) <= most else f"{text[: most - 1]}\u2026"


def count(number: int | float) -> str:
    """1,234."""
    return f"{number:,.0f}"


def usd(nano: int | None) -> str:
    """Nano-dollars as dollars, with as many digits as say something."""
    if nano is None:
        return "unknown"
    dollars = abs(nano) / NANO
    sign = "-" if nano < 0 else ""
    if nano == 0:
        return "$0"
    if dollars >= 1:
        return f"{sign}${dollars:,.2f}"
    digits = 4 if dollars >= 0.01 else 6 if dollars >= 0.0001 else 9
    return f"{sign}${dollars:.{digits}f}"


def to_the_nano(nano: int) -> str:
    """Nano-dollars as dollars with all of their digits."""
    whole, rest = divmod(abs(nano), NANO)
    return f"{'-' if nano < 0 else ''}${whole:,}.{rest:09d}"


def dollars(value: float | None) -> str:
    """The same of a figure in dollars."""
    return usd(None if value is None else round(value * NANO))


def per_million(pico: int | None) -> str:
    """A price in pico-dollars per token as dollars per million tokens."""
    return "unknown" if pico is None else f"${pico / 1_000_000:,.4g}"


def duration(ms: float | None) -> str:
    """Milliseconds in the unit that fits."""
    if ms is None:
        return "\u2013"
    if ms < 1:
        return f"{ms:.2f} ms"
    if ms < 9.95:
        return f"{ms:.1f} ms"
    if ms < 1000:
        return f"{ms:.0f} ms"
    return f"{ms / 1000:.1f} s" if ms < 120_000 else f"{ms / 60_000:.1f} min"


def percent(part: float, whole: float) -> str:
    """A share; a dash where there is nothing to share."""
    if not whole:
        return "\u2013"
    share = 100 * part / whole
    return f"{share:.0f} %" if share in (0, 100) or 10 <= share <= 99 else f"{share:.1f} %"


def moment(ms: int, zone: tzinfo = UTC) -> str:
    """UTC milliseconds as date and time in `zone`."""
    return datetime.fromtimestamp(ms / 1000, zone).strftime("%Y-%m-%d %H:%M:%S")


def size(count_of_bytes: int) -> str:
    """Bytes in the unit that fits."""
    value = float(count_of_bytes)
    for unit in ("bytes", "KB", "MB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "bytes" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} GB"
