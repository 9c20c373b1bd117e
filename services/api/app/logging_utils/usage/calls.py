"""What the projection is asked for calls: pages of them, one of them, what belongs to one. Sums are in `queries`.

The row of a call is a copy; `line_of` reads the line itself from the journal, the truth.
"""

import re
import sqlite3
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from ..reading import identity, open_journal
from ..rotation import journal_files
from .queries import ANY, narrowed, one_state
from .schema import BY_HOUR, COUNTED, KEYS, NAMED
from .values import CallRow, Filters, Page, Place, Window

MOST_ROWS: Final = 1000
_CURSOR: Final = re.compile(r"(-?\d{1,16})\.(\d{1,16})")
_ONE_BY_ONE: Final = ("error", "cache", "face")
_COLUMNS: Final = (
    f"seq, calls.id, at, {', '.join(f'(SELECT name FROM names WHERE names.id = calls.{name})' for name in NAMED)},"  # noqa: S608 - names of ours
    f" {', '.join(COUNTED)}, files.name, files.identity, start, size"
)
_FROM: Final = "FROM calls JOIN files ON files.id = calls.file"
_END: Final = (2**63 - 1, 2**63 - 1)


class BadCursor(ValueError):
    """A cursor that no page gave."""


class NoLine(Exception):
    """The line of a call cannot be read any more: its file was deleted or cut. The message says so."""


def calls(db: sqlite3.Connection, window: Window, only: Filters = ANY, cursor: str | None = None, limit: int = 50) -> Page:
    """A page of at most `limit` (1..MOST_ROWS) calls that ended in the window, newest first. Raises BadCursor."""
    before = _END if cursor is None else _read_cursor(cursor)
    limit = min(max(limit, 1), MOST_ROWS)
    found: list[CallRow] = []
    with one_state(db):
        condition = _condition(db, only)
        for span in _spans(db, Window(window.since, min(window.until, before[0] + 1)), only):
            found += _page(db, span, before, condition, limit + 1 - len(found))
            if len(found) > limit:
                break
    following = f"{found[limit - 1].at}.{found[limit - 1].seq}" if len(found) > limit else None
    return Page(tuple(found[:limit]), following)


def newer(db: sqlite3.Connection, seq: int, only: Filters = ANY, limit: int = 200) -> list[CallRow]:
    """At most `limit` calls that were projected behind `seq`, in that order: what a live list asks for again and again."""
    with one_state(db):
        condition = _condition(db, only)
        sql = f"SELECT {_COLUMNS} {_FROM} WHERE seq > :seq{condition} ORDER BY seq LIMIT :limit"
        return [_call_row(row) for row in db.execute(sql, {"seq": seq, "limit": limit})]


def newest_seq(db: sqlite3.Connection) -> int:
    """Where a live list begins: the `seq` of the call that was projected last, 0 without any."""
    (seq,) = db.execute("SELECT max(seq) FROM calls").fetchone()
    return seq or 0


def call(db: sqlite3.Connection, call_id: str) -> CallRow | None:
    """The call of this id; the first, should the journal hold it twice."""
    sql = f"SELECT {_COLUMNS} {_FROM} WHERE calls.id = ? ORDER BY seq LIMIT 1"
    row = db.execute(sql, (call_id,)).fetchone()
    return _call_row(row) if row is not None else None


def standing(db: sqlite3.Connection, standing_id: str) -> Place | None:
    """Where the line of the live figures stands that decisions call by this id; None when it is not in the journal."""
    sql = "SELECT name, identity, start, size FROM standings JOIN files ON files.id = file WHERE standings.id = ?"
    row = db.execute(sql, (standing_id,)).fetchone()
    return Place(*row) if row is not None else None


def late_scores(db: sqlite3.Connection, call_id: str) -> list[Place]:
    """Where the lines of the scores stand that came after this call, in the order of the journal."""
    sql = "SELECT name, identity, start, size FROM scores JOIN files ON files.id = file WHERE call = ? ORDER BY scores.rowid"
    return [Place(*row) for row in db.execute(sql, (call_id,))]


def line_of(journal: str | Path, place: Place) -> bytes:
    """The line itself, without its newline, from the journal at this path or what it was rotated to. Raises NoLine, OSError."""
    files = journal_files(Path(journal))
    for path in sorted(files, key=lambda one: one.name != place.name):
        try:
            with open_journal(path) as file:
                if identity(file) == place.identity:
                    file.seek(place.offset)
                    line = file.read(place.size)
                    if len(line) == place.size:
                        return line
        except (FileNotFoundError, EOFError, zlib.error):
            continue
    raise NoLine(f"the line is no longer in the journal: {place.name} was deleted or cut")


def _read_cursor(text: str) -> tuple[int, int]:
    parts = _CURSOR.fullmatch(text)
    if parts is None:
        raise BadCursor("this cursor is none that a page gave")
    return int(parts[1]), int(parts[2])


def _condition(db: sqlite3.Connection, only: Filters) -> str:
    condition = narrowed(db, only, (*KEYS, *_ONE_BY_ONE))
    return condition if only.mock is None else f"{condition} AND mock = {int(only.mock)}"


def _spans(db: sqlite3.Connection, window: Window, only: Filters) -> Iterator[Window]:
    """Where to look, newest first. For a rare model the sums tell in which hours it was called: no need to pass all others' calls."""
    condition = narrowed(db, only, KEYS)
    if not condition or only.user is not None or only.error is not None:  # these have an index
        yield window
        return
    hour = BY_HOUR.size
    sql = (
        f"SELECT DISTINCT start FROM sums WHERE level = {BY_HOUR.number} AND start > :since - {hour} AND start < :until{condition}"  # noqa: S608
        " ORDER BY start DESC"
    )
    for (start,) in db.execute(sql, {"since": window.since, "until": window.until}):
        yield Window(max(start, window.since), min(start + hour, window.until))


def _page(db: sqlite3.Connection, span: Window, before: tuple[int, int], condition: str, limit: int) -> list[CallRow]:
    sql = (
        f"SELECT {_COLUMNS} {_FROM} WHERE at >= :since AND at < :until AND (at < :at OR seq < :seq){condition}"
        " ORDER BY at DESC, seq DESC LIMIT :limit"
    )
    edges = {"since": span.since, "until": span.until, "at": before[0], "seq": before[1], "limit": limit}
    return [_call_row(row) for row in db.execute(sql, edges)]


def _call_row(row: tuple[Any, ...]) -> CallRow:
    named = dict(zip(NAMED, row[3:], strict=False))
    counted = dict(zip(COUNTED, row[3 + len(NAMED) :], strict=False))
    return CallRow(
        seq=row[0],
        id=row[1],
        at=row[2],
        **named,
        status=counted["status"],
        stream=bool(counted["stream"]),
        mock=bool(counted["mock"]),
        tokens_in=counted["tokens_in"],
        tokens_out=counted["tokens_out"],
        cached_tokens=counted["cached_tokens"],
        reasoning_tokens=counted["reasoning_tokens"],
        cost_nano_usd=counted["cost_nano"],
        saved_nano_usd=counted["saved_nano"],
        baseline_nano_usd=counted["baseline_nano"],
        latency_us=counted["latency_us"],
        first_token_us=counted["first_token_us"],
        score=counted["score"],
        place=Place(*row[-4:]),
    )
