"""What the rollup knows: sums per day and model, and how far each journal file was read; as two files, `daily.json` for people
and `daily.json.state` to go on from. Reads no journal.

Both are replaced as a whole (temporary file, fsync, rename): a day whose journal is gone has nothing else to come from. The
state is written first and holds offsets and sums together, so a process killed in between has lost nothing.
"""

import os
from pathlib import Path

import msgspec
from msgspec import Raw, Struct

from .lines import CallLine, LateScore, Standing, day_of
from .sums import Row, Sums

_VERSION = 1
_KNOWN_FILES = 10_000
"""Files whose offsets are remembered, gone ones included: a file restored from a backup is not counted again."""

_ENCODER = msgspec.json.Encoder()


class _Saved(Struct, forbid_unknown_fields=True):
    """The state file."""

    version: int
    files: dict[str, int]
    days: dict[str, dict[str, Sums]]


class _Written(Struct):
    """The same with days that are encoded already."""

    version: int
    files: dict[str, int]
    days: dict[str, Raw]


class State:
    """Sums by day and model, offsets by file identity. Days that did not change are not encoded again."""

    def __init__(self, days: dict[str, dict[str, Sums]] | None = None, files: dict[str, int] | None = None) -> None:
        self.days = days or {}
        self.files = files or {}
        self._shown: dict[str, bytes] = {}
        self._saved: dict[str, Raw] = {}

    def turn_to(self, identity: str, label: str) -> None:
        """Where a line stands does not matter to sums."""

    def pass_over(self, line: Standing, offset: int, size: int) -> None:
        """It says nothing of a day."""

    def book(self, line: CallLine | LateScore, _offset: int = 0, _size: int = 0) -> None:
        """Add a line to the day and the model it belongs to. Raises ValueError if it names no day."""
        if isinstance(line, CallLine):
            day = day_of(line.at)
            self.sums(day, line.served or line.decided or line.asked).add_call(line)
        else:
            day = day_of(line.call_at)
            self.sums(day, line.model).add_score(line)
        self._shown.pop(day, None)

    def sums(self, day: str, model: str) -> Sums:
        """The sums of one row, new ones if there were none."""
        row = self.days.setdefault(day, {}).get(model)
        if row is None:
            row = self.days[day][model] = Sums()
        return row

    def calls(self, day: str) -> int:
        """Calls booked on a day."""
        return sum(row.calls for row in self.days.get(day, {}).values())

    def keep_fuller(self, stored: dict[str, dict[str, Sums]]) -> list[str]:
        """Take over each stored day that has more calls than the same day here; which days those are."""
        kept = [day for day, rows in sorted(stored.items()) if sum(row.calls for row in rows.values()) > self.calls(day)]
        for day in kept:
            self.days[day] = stored[day]
            self._shown.pop(day, None)
        return kept

    def daily(self) -> bytes:
        """`daily.json`: days and models in order, a model a line. A row without a call (its call is still to come) is not shown."""
        self._encode_changed()
        days = [self._shown[day] for day in sorted(self.days) if self._shown[day]]
        return b"{\n" + b",\n".join(days) + b"\n}\n" if days else b"{}\n"

    def saved(self) -> bytes:
        """The state file."""
        self._encode_changed()
        if len(self.files) > _KNOWN_FILES:
            self.files = dict(list(self.files.items())[-_KNOWN_FILES:])
        return _ENCODER.encode(_Written(_VERSION, self.files, {day: self._saved[day] for day in sorted(self.days)})) + b"\n"

    def _encode_changed(self) -> None:
        for day, rows in self.days.items():
            if day not in self._shown:
                shown = [
                    b"    " + _ENCODER.encode(model) + b": " + _ENCODER.encode(rows[model].row())
                    for model in sorted(rows)
                    if rows[model].calls
                ]
                self._shown[day] = b'  "' + day.encode() + b'": {\n' + b",\n".join(shown) + b"\n  }" if shown else b""
                self._saved[day] = Raw(_ENCODER.encode(rows))


def load_state(path: Path) -> State | None:
    """The state as it was saved; None if there is none or it is not one of ours. Raises OSError."""
    try:
        saved = msgspec.json.decode(path.read_bytes(), type=_Saved)
    except (FileNotFoundError, ValueError, RecursionError):
        return None
    return State(saved.days, saved.files) if saved.version == _VERSION else None


def load_daily(path: Path) -> dict[str, dict[str, Sums]] | None:
    """The sums that a `daily.json` shows; {} if there is none, None if it is not one of ours. Raises OSError."""
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        return {}
    try:
        shown = msgspec.json.decode(text.removeprefix(b"\xef\xbb\xbf"), type=dict[str, dict[str, Row]])
        return {day_of(day + "T00:00:00Z"): {m: Sums.of_row(r) for m, r in rows.items()} for day, rows in shown.items()}
    except (ValueError, RecursionError, OverflowError):
        return None


def replace_file(path: Path, content: bytes) -> None:
    """Put `content` at `path` in one step: readers see the old file or the new one, also after a power cut. Raises OSError."""
    part = path.with_name(path.name + ".part")
    fd = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(fd, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(fd)
    part.replace(path)
