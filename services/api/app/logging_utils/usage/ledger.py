"""Lines of the journal as rows of the projection. Which lines, and when a transaction ends, is decided elsewhere.

The sums are made by SQLite from the rows of single calls, with the very words that `queries` uses for the edges of a span.
"""

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any, Final

from ..lines import CallLine, LateScore, Standing, millis_of
from .histogram import CROWDED, added, lane_of, packed
from .lines import UsageCall, UsageStanding
from .queries import COUNTED_OF_CALLS
from .schema import (
    BY_DAY,
    BY_HOUR,
    BY_QUARTER,
    BY_USER_DAY,
    BY_USER_HOUR,
    COUNTED,
    FIGURES,
    FIXED,
    INDEXES,
    KEYS,
    LEVELS,
    NAMED,
    OF_DAYS,
    OF_HOURS,
    OF_QUARTERS,
    OF_USER_DAYS,
    TABLES,
    VERSION,
    Level,
)

_NANO: Final = 1_000_000_000
_MICRO: Final = 1_000_000
_MOST_NAMES: Final = 50_000
"""Names whose numbers are kept in memory."""
_CALL: Final = ("seq", "at", "id", "file", "start", "size", *NAMED, *COUNTED)
_ADD_CALLS: Final = f"INSERT INTO calls ({', '.join(_CALL)}) VALUES ({', '.join('?' * len(_CALL))})"  # noqa: S608 - names of ours
_LANES: Final = ("latencies", "first_tokens")
_JOINED: Final = ", ".join(f"CAST(coalesce(group_concat({name}, ''), '') AS BLOB) AS {name}" for name in _LANES)
"""SQLite joins lanes itself in a tenth of the time that an aggregate in Python takes; so they are packed last, and only when many."""
_PACKED: Final = ", ".join(f"iif(length({name}) < {CROWDED}, {name}, packed({name}))" for name in _LANES)
_SUMMED: Final = ", ".join(f"sum({name}) AS {name}" for name in FIGURES)
_ADDED: Final = ", ".join(
    [f"{name} = {name} + excluded.{name}" for name in FIGURES]
    + [
        f"{name} = iif(length({name}) + length(excluded.{name}) < {CROWDED},"
        f" CAST({name} || excluded.{name} AS BLOB), added({name}, excluded.{name}))"
        for name in _LANES
    ]
)
_ADD: Final = f"ON CONFLICT DO UPDATE SET {_ADDED}"
_ADD_SCORE: Final = (
    f"INSERT INTO sums VALUES (?, ?, {', '.join('?' * len(KEYS))}, {', '.join('?' * len(FIGURES))}, x'', x'') {_ADD}"  # noqa: S608
)


def _grouped(level: Level, source: str) -> str:
    """Sums of rows that have a `start` (any moment) and the names of the columns of `sums`; their lanes are not packed."""
    size = level.size
    start = f"start - ((start % {size}) + {size}) % {size}"  # `%` is negative before 1970
    keys = ", ".join(key if key in level.keys else f"0 AS {key}" for key in KEYS)
    return f"SELECT {start} AS start, {keys}, {_SUMMED}, {_JOINED} FROM {source} GROUP BY 1, 2, 3, 4, 5, 6"  # noqa: S608


def _into_sums(level: Level, rows: str) -> str:
    columns = f"start, {', '.join((*KEYS, *FIGURES))}, {_PACKED}"
    return f"INSERT INTO sums SELECT {level.number}, {columns} FROM ({rows}) WHERE true {_ADD}"  # noqa: S608 - names of ours


def _filled(table: str, level: Level, source: str, made_of_it: Iterable[Level], *further: str) -> tuple[str, ...]:
    """Fill a temporary table with one level's rows of these calls, and make it, and what is made of it, part of the sums."""
    return (
        f"INSERT INTO {table} {_grouped(level, source)}",
        _into_sums(level, f"SELECT * FROM {table}"),  # noqa: S608 - names of ours
        *(_into_sums(coarse, _grouped(coarse, table)) for coarse in made_of_it),
        *further,
        f"DELETE FROM {table}",  # noqa: S608
    )


_BATCHES: Final = tuple(
    f"CREATE TEMP TABLE IF NOT EXISTS {name} (start, {', '.join((*KEYS, *FIGURES))}, latencies, first_tokens)"
    for name in ("batch", "day_batch")
)
_CALLS: Final = f"(SELECT at AS start, {COUNTED_OF_CALLS} FROM calls WHERE seq >= ?)"  # noqa: S608 - names of ours
_SUM_UP: Final = (
    _into_sums(BY_USER_HOUR, _grouped(BY_USER_HOUR, _CALLS)),
    *_filled("batch", BY_QUARTER, _CALLS, OF_QUARTERS),
    *_filled("batch", BY_HOUR, _CALLS, OF_HOURS, *_filled("day_batch", BY_DAY, "batch", OF_DAYS)),
    *_filled("batch", BY_USER_DAY, _CALLS, OF_USER_DAYS),
)


def create(db: sqlite3.Connection) -> None:
    """Make the tables, in the transaction that is open."""
    for statement in (*TABLES, *INDEXES):
        db.execute(statement)
    db.executemany("INSERT INTO names (name) VALUES (?)", [(name,) for name in FIXED])
    db.execute("INSERT INTO state VALUES (0, 0, 0, 0, 0)")
    db.execute(f"PRAGMA user_version = {VERSION}")


def drop(db: sqlite3.Connection) -> None:
    """Take every table away, in the transaction that is open."""
    for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
        db.execute(f'DROP TABLE "{name}"')


class _Names(dict[str | None, int]):
    """The numbers of texts; a new text gets one at its first need."""

    def __init__(self, db: sqlite3.Connection) -> None:
        super().__init__()
        self._db = db

    def __missing__(self, name: str | None) -> int:
        if name is None or not name:
            return 0
        self._db.execute("INSERT OR IGNORE INTO names (name) VALUES (?)", (name,))
        number: int = self._db.execute("SELECT id FROM names WHERE name = ?", (name,)).fetchone()[0]
        if len(self) > _MOST_NAMES:
            self.clear()
        self[name] = number
        return number


class Ledger:
    """Books lines into the projection behind `db`, whose transaction is open; `put` makes rows of what was booked.

    `files`: how far each file was read, by identity. After an error nothing here holds any more: begin again with a new one.
    """

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self.files: dict[str, int] = dict(db.execute("SELECT identity, read FROM files"))
        self._numbers: dict[str, int] = dict(db.execute("SELECT identity, id FROM files"))
        self._told = dict(self.files)
        self._names = _Names(db)
        (self._seq,) = db.execute("SELECT coalesce(max(seq), 0) + 1 FROM calls").fetchone()
        self._rows: list[tuple[Any, ...]] = []
        self._scores: list[tuple[int, LateScore, int, int, int]] = []
        self._standings: list[tuple[Any, ...]] = []
        self._file = 0
        db.create_function("added", 2, added, deterministic=True)
        db.create_function("packed", 1, packed, deterministic=True)
        for table in _BATCHES:
            db.execute(table)

    @property
    def waiting(self) -> int:
        """Calls that were booked and are no rows yet."""
        return len(self._rows)

    def turn_to(self, identity: str, label: str) -> None:
        """The lines that follow stand in this file; its name is the latest it was seen under."""
        number = self._numbers.get(identity)
        if number is None:
            sql = "INSERT INTO files (identity, name, read) VALUES (?, ?, 0)"
            number = self._numbers[identity] = self._db.execute(sql, (identity, label)).lastrowid or 0
            self._told[identity] = 0
        else:
            self._db.execute("UPDATE files SET name = ? WHERE id = ? AND name != ?", (label, number, label))
        self._file = number

    def pass_over(self, line: Standing, offset: int, size: int) -> None:
        """Note where live figures stand."""
        if isinstance(line, UsageStanding):
            self._standings.append((line.id, self._file, offset, size))

    def book(self, line: CallLine | LateScore, offset: int, size: int) -> None:
        """A call, or a score that came later. Raises ValueError if it names no day."""
        if isinstance(line, CallLine):
            self._rows.append(self._row(line, offset, size))
        else:
            self._scores.append((millis_of(line.call_at), line, self._file, offset, size))

    def _row(self, line: CallLine, offset: int, size: int) -> tuple[Any, ...]:
        at = millis_of(line.at)
        names = self._names
        seq = self._seq + len(self._rows)
        model = line.served or line.decided or line.asked
        head = (
            seq,
            at,
            line.id,
            self._file,
            offset,
            size,
            names[model],
            names[line.asked],
            names[line.decided],
            names[line.served],
        )
        counts = (line.tokens_in, line.tokens_out, line.cached_tokens, line.reasoning_tokens, line.cost_nano_usd)
        saved, latency = round(line.saved_usd * _NANO), round(line.latency_ms * 1000)
        score = (round((line.score or 0.0) * _MICRO), int(line.score is not None), line.score)
        cache = names[line.cache]
        if not isinstance(line, UsageCall):
            named = (0, 0, 0, 0, names[line.outcome], 0, 0, 0, 0, cache, 0)
            return (*head, *named, None, 0, 0, *counts, saved, None, latency, None, lane_of(latency), None, *score)
        named = (
            names[line.provider],
            names[line.model_id],
            names[line.mode],
            names[line.user],
            names[line.outcome],
            names[line.error],
            names[line.face],
            names[line.purpose],
            names[line.finish_reason],
            cache,
            names[line.scorer],
        )
        baseline = None if line.baseline_usd is None else round(line.baseline_usd * _NANO)
        first = None if line.first_token_ms is None else round(line.first_token_ms * 1000)
        first_lane = None if first is None else lane_of(first)
        return (
            *head,
            *named,
            line.status,
            line.stream,
            line.mock,
            *counts,
            saved,
            baseline,
            latency,
            first,
            lane_of(latency),
            first_lane,
            *score,
        )

    def put(self) -> None:
        """Make rows and sums of what was booked, and note how far the files were read."""
        if self._rows:
            first, self._seq = self._seq, self._seq + len(self._rows)
            self._db.executemany(_ADD_CALLS, self._rows)
            self._rows.clear()
            for statement in _SUM_UP:
                self._db.execute(statement, (first,) if "?" in statement else ())
        for score in self._scores:
            self._put_score(*score)
        self._scores.clear()
        if self._standings:
            self._db.executemany("INSERT INTO standings VALUES (?, ?, ?, ?)", self._standings)
            self._standings.clear()
        moved = [(read, self._numbers[name]) for name, read in self.files.items() if self._told.get(name) != read]
        if moved:
            self._db.executemany("UPDATE files SET read = ? WHERE id = ?", moved)
            self._told = dict(self.files)

    def _put_score(self, at: int, line: LateScore, *place: int) -> None:
        """Add a score in the place of the one that it replaces, to the sums of its call, or of its model alone without one."""
        sql = "INSERT INTO scores VALUES (?, ?, ?, ?, ?, ?, ?)"
        self._db.execute(sql, (line.call, line.at, line.scorer, line.score, *place))
        more = round(line.score * _MICRO) - (0 if line.replaces is None else round(line.replaces * _MICRO))
        counted = int(line.replaces is None)
        model = self._names[line.model]
        sql = f"SELECT seq, {', '.join(KEYS)} FROM calls WHERE id = ? AND at = ? AND model = ? ORDER BY seq LIMIT 1"  # noqa: S608
        found = self._db.execute(sql, (line.call, at, model)).fetchone()
        keys: Sequence[int] = (model, 0, 0, 0, 0)
        if found is not None:
            seq, *keys = found
            self._db.execute(
                "UPDATE calls SET score_millionths = score_millionths + ?, scored = scored + ?, score = ?, scorer = ? WHERE seq = ?",
                (more, counted, line.score, self._names[line.scorer], seq),
            )
        figures = [more if name == "score_millionths" else counted if name == "scored" else 0 for name in FIGURES]
        for level in LEVELS:
            of_level = [number if key in level.keys else 0 for key, number in zip(KEYS, keys, strict=True)]
            self._db.execute(_ADD_SCORE, (level.number, at // level.size * level.size, *of_level, *figures))
