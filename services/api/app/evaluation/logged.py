"""Logged calls, one by one, from a journal and what it was rotated to, in bounded memory. Decides nothing, judges nothing.

Files come in the order of their first records. A standing line stands before the calls that name it, with other workers' lines at
most in between, so the latest few are all that is ever asked for.
"""

import re
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

import msgspec
from msgspec import Struct

from ..domain.decision import LiveModel, Standing
from ..domain.record import DecisionNote
from ..logging_utils.lines import Amount, Share
from ..logging_utils.reading import blocks, identity, open_journal
from ..logging_utils.rotation import journal_files

_AT = re.compile(rb'"at":"([0-9T:.Z+-]+)"')
_HEAD: Final = 65_536
_SCORE: Final = b'"kind":"score"'
Progress = Callable[[int], None]
"""Told how many bytes more were read."""


class Call(Struct, tag_field="kind", tag="call", gc=False):
    """A call's line, as far as a replay needs it. US dollars, milliseconds, 0..1."""

    id: str
    at: str
    outcome: str
    purpose: str = "caller"
    cost_usd: Amount | None = None
    latency_ms: Amount = 0.0
    score: Share | None = None
    mock: bool = False
    decision: DecisionNote | None = None
    config_digest: str = ""


class LiveFigures(Struct, tag_field="kind", tag="standing", gc=False):
    """The live figures behind the decisions that name this id."""

    id: str
    models: dict[str, tuple[float | None, float | None, bool]]

    def standing(self) -> Standing:
        """As the decision had them."""
        return Standing(self.id, {name: LiveModel(*figures) for name, figures in self.models.items()})


class LateScore(Struct, tag_field="kind", tag="score", gc=False):
    """A score that came after its call and takes the place of what stood there."""

    call: str
    score: Share


Line = Call | LiveFigures | LateScore
_DECODER: msgspec.json.Decoder[Line] = msgspec.json.Decoder(Line)


class JournalUnreadable(Exception):
    """A file of the journal cannot be read, or not to its end; the message names it and the reason."""


class Found(Struct, frozen=True):
    """A line and where it stands; `line` None = it is damaged, or of a kind that we do not know."""

    file: Path
    number: int
    line: Line | None


def files_of(path: Path) -> list[Path]:
    """The journal and what it was rotated to, oldest first. Of a file and a copy of its beginning the longer one.

    Raises JournalUnreadable.
    """
    kept: dict[str, tuple[int, bytes, Path]] = {}
    for file in journal_files(path):
        with _opened(file) as opened:
            name = identity(opened) or f"empty:{file}"
            opened.seek(0)
            first = _AT.search(opened.read(_HEAD))
            size = sum(len(data) for _, data in blocks(opened, 0)) if _is_packed(file) else file.stat().st_size
        if name not in kept or kept[name][0] < size:
            kept[name] = size, first.group(1) if first else b"~", file
    return [file for _, _, file in sorted(kept.values(), key=lambda one: (one[1], one[2]))]


def found_lines(files: list[Path], progress: Progress) -> Iterator[Found]:
    """Every line of every file. Raises JournalUnreadable."""
    for file in files:
        number = 0
        for data in _pieces(file, progress):
            for text in data.removesuffix(b"\n").split(b"\n"):
                number += 1
                if text.strip():
                    yield Found(file, number, _decoded(text))


def late_scores(files: list[Path]) -> dict[str, float]:
    """The last score that came later for each call, by its id: what grows with the journal, some 150 bytes for each.

    Raises JournalUnreadable.
    """
    scores: dict[str, float] = {}
    for file in files:
        for data in _pieces(file, lambda _: None):
            if _SCORE in data:
                for text in data.split(b"\n"):
                    line = _decoded(text) if _SCORE in text else None
                    if isinstance(line, LateScore):
                        scores[line.call] = line.score
    return scores


def _pieces(file: Path, progress: Progress) -> Iterator[bytes]:
    """Whole lines, several at once, and at the end what was left without a newline."""
    packed = _is_packed(file)
    with _opened(file) as opened:
        end = 0
        for start, data in blocks(opened, 0):
            end = start + len(data)
            progress(0 if packed else len(data))
            yield data
        opened.seek(end)
        rest = opened.read()
    if rest:
        yield rest
    progress(file.stat().st_size if packed else len(rest))


def _decoded(text: bytes) -> Line | None:
    try:
        return _DECODER.decode(text)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


@contextmanager
def _opened(file: Path) -> Iterator[BinaryIO]:
    try:
        with open_journal(file) as opened:
            yield opened
    except OSError as error:
        raise JournalUnreadable(f"{file}: {error.strerror or error}") from error
    except (EOFError, zlib.error) as error:  # what gzip says of a file that is cut off or damaged
        raise JournalUnreadable(f"{file}: {error}") from error


def _is_packed(file: Path) -> bool:
    return file.suffix == ".gz"
