"""Text from outside, made safe to be shown: what would steer a terminal, or turn a line's order around, is shown as an escape.

Nothing here knows a command. What programs read is not bounded and stays the same value: in JSON an escape means the character itself.
"""

import sys
import unicodedata
from typing import IO, TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from rich.console import Console

LONGEST: Final = 200
"""Characters of one name or message; callers with more room say so."""
_INVISIBLE: Final = (*range(0x2028, 0x202F), *range(0x2066, 0x206A), 0x061C, 0x200E, 0x200F, 0xFEFF, *range(0xFFF9, 0xFFFC))
"""Line separators, the bidirectional marks, embeddings, overrides and isolates, the byte order mark, interlinear annotations."""
_TAGS: Final = range(0xE0000, 0xE0080)
"""Invisible copies of ASCII."""
_STEERING: Final = (*range(0x20), *range(0x7F, 0xA0), *_INVISIBLE, *_TAGS, *range(0xD800, 0xE000))


def _escaped(code: int) -> str:
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _in_json(code: int) -> str:
    """JSON's own escape: of UTF-16."""
    units = chr(code).encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))


_ONE_LINE: Final = {code: _escaped(code) for code in _STEERING}
_LINES: Final = {code: shown for code, shown in _ONE_LINE.items() if code not in (0x09, 0x0A)}
_IN_JSON: Final = {code: _in_json(code) for code in _STEERING if code not in (0x09, 0x0A, 0x0D)}
"""In JSON those three stand between values alone."""


def one_line(text: object, most: int = LONGEST) -> str:
    """`text` on one line of at most `most` (1 or more) characters; what was cut leaves an ellipsis."""
    whole = str(text)
    shown = whole[: most + 1].translate(_ONE_LINE)
    return shown if len(shown) <= most and len(whole) <= most else shown[: most - 1] + "…"


def lines(text: str) -> str:
    """`text` with its newlines and tabs, as long as it is; pieces of a text give the same as the whole, but for a cut CR LF."""
    return text.replace("\r\n", "\n").translate(_LINES)


def json_text(data: bytes | str) -> str:
    """JSON that means the same and steers no terminal."""
    text = data if isinstance(data, str) else data.decode("utf-8", "replace")
    return text.translate(_IN_JSON)


def print_json(value: object) -> None:
    """Print a value as one line of JSON."""
    print(json_text(msgspec.json.encode(value)), flush=True)


def width(text: str) -> int:
    """Columns that a line takes on a terminal."""
    return sum(0 if unicodedata.combining(one) else 2 if unicodedata.east_asian_width(one) in "WF" else 1 for one in text)


def say(text: object) -> None:
    """One message, on standard error."""
    print(one_line(text, 2_000), file=sys.stderr, flush=True)


def complain(text: object) -> int:
    """One message on standard error; the exit status of a failure."""
    say(text)
    return 1


def is_watched(stream: IO[str] | None = None) -> bool:
    """Whether somebody looks at the stream (standard output) with a terminal."""
    return (stream or sys.stdout).isatty()


def console(stderr: bool = False) -> "Console":
    """Where tables and bars are drawn; without colour and movement unless somebody looks, and without colour under NO_COLOR."""
    from rich.console import Console  # noqa: PLC0415 - a tenth of a second that a pipe need not wait

    return Console(stderr=stderr, highlight=False, markup=False, emoji=False)
