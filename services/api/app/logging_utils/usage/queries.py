"""What the projection is asked for sums: pure functions of an open, read-only connection (`schema.open_usage`) and plain values.

Each question sees one state of the file. All may raise sqlite3.Error when the file is damaged, or busy beyond the connection's
patience. Lists of calls are in `calls`, nothing is written here.
"""

import sqlite3
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, tzinfo
from typing import Any, Final

import msgspec

from .histogram import CROWDED, added, packed
from .pieces import CALLS, Piece, cover, days, hours, levels_of
from .schema import FIGURES, KEYS
from .values import NONE_NAMED, Filters, Group, GroupRow, Projected, Totals, Window

ANY: Final = Filters()
_PIECES: Final = (
    "WITH pieces AS MATERIALIZED (SELECT json_extract(value, '$[0]') AS label, json_extract(value, '$[1]') AS level,"
    " json_extract(value, '$[2]') AS since, json_extract(value, '$[3]') AS until FROM json_each(:pieces))"
)
_OF_A_CALL: Final = {
    "calls": "1",
    "failures": "outcome = 2",
    "abandoned": "outcome = 3",
    "priced": "cost_nano IS NOT NULL",
    "cost_nano": "coalesce(cost_nano, 0)",
    "compared": "cost_nano IS NOT NULL AND baseline_nano IS NOT NULL",
    "baseline_nano": "iif(cost_nano IS NULL, 0, coalesce(baseline_nano, 0))",
    "compared_nano": "iif(baseline_nano IS NULL, 0, coalesce(cost_nano, 0))",
    "cache_hits": "cache = 4",
    "cache_misses": "cache = 5",
    "cache_off": "cache NOT IN (4, 5)",
}
"""Figures that a single call's row does not hold under their own names; the numbers are `schema.FIXED`."""
_LANES: Final = ", ".join(
    # SQLite joins short histograms by itself, in a tenth of the time that the aggregate in Python takes for the long ones
    f"merged({name}) FILTER (WHERE length({name}) >= {CROWDED}),"
    f" CAST(group_concat({name}, '') FILTER (WHERE length({name}) < {CROWDED}) AS BLOB)"
    for name in ("latencies", "first_tokens")
)
_SUMMED: Final = f"{', '.join(f'sum({name})' for name in FIGURES)}, {_LANES}"
_HELD: Final = f"{', '.join((*KEYS, *FIGURES))}, latencies, first_tokens"
COUNTED_OF_CALLS: Final = (
    ", ".join((*KEYS, *(f"{_OF_A_CALL[name]} AS {name}" if name in _OF_A_CALL else name for name in FIGURES)))
    + ", latency_lane AS latencies, first_token_lane AS first_tokens"
)
"""A single call's keys and figures, as `sums` holds them of many."""


@contextmanager
def one_state(db: sqlite3.Connection) -> Iterator[None]:
    """Several questions to one state of the file."""
    if db.in_transaction:
        yield
        return
    db.execute("BEGIN")
    try:
        yield
    finally:
        db.execute("ROLLBACK")


def totals(db: sqlite3.Connection, window: Window, only: Filters = ANY) -> Totals:
    """The sums over a window."""
    found = grouped(db, window, (), UTC, only)
    return found[0].totals if found else Totals()


def grouped(
    db: sqlite3.Connection, window: Window, by: tuple[Group, ...], zone: tzinfo, only: Filters = ANY, limit: int = -1
) -> list[GroupRow]:
    """Sums by group, ordered by key; groups without a call are left out. Of `only` the fields that are groups count.

    At most `limit` rows (-1: all). `day` and `hour` are those of `zone`; not both.
    """
    filtered = {key for key in KEYS if getattr(only, key) is not None}
    pieces = _cut(window, by, zone, filtered | {one for one in by if one in KEYS})
    columns = ["label" if one in ("day", "hour") else one for one in by]
    grouping = f"GROUP BY {', '.join(columns)}" if by else ""
    with one_state(db):
        condition = narrowed(db, only, KEYS)
        sql = (
            f"{_PIECES} SELECT {', '.join([*columns, _SUMMED])} FROM ({_rows_of(pieces, condition)})"  # noqa: S608 - names of ours
            f" {grouping} HAVING sum(calls) > 0 LIMIT {limit:d}"
        )
        rows = db.execute(sql, {"pieces": msgspec.json.encode(pieces).decode()}).fetchall()
        names = names_of(db, {row[at] for row in rows for at, one in enumerate(columns) if one != "label"})
    return sorted((_group_row(row, columns, names) for row in rows), key=_in_order)


def projected(db: sqlite3.Connection) -> Projected:
    """How far the projection is."""
    with one_state(db):
        counted = db.execute("SELECT calls, scores, repeated, damaged, (SELECT max(at) FROM calls) FROM state").fetchone()
    return Projected(*counted)


def narrowed(db: sqlite3.Connection, only: Filters, fields: Iterable[str]) -> str:
    """An SQL condition for those of the `fields` that the filters name. It holds numbers alone, no text of anybody's."""
    wanted = {field: value for field in fields if (value := getattr(only, field)) is not None}
    numbers = {field: _number_of(db, value) for field, value in wanted.items()}
    if -1 in numbers.values():
        return " AND false"  # nobody ever had that name: no row needs to be looked at
    condition = "".join(f" AND {field} = {number:d}" for field, number in numbers.items())
    # said in the very words of the index, or SQLite does not see that it may use it
    return condition + "".join(f" AND {field} > 0" for field in ("user", "error") if numbers.get(field, 0) > 0)


def names_of(db: sqlite3.Connection, numbers: Iterable[int]) -> dict[int, str]:
    """The texts behind numbers; 0, which stands for none, has none."""
    wanted = msgspec.json.encode(sorted(numbers)).decode()
    return dict(db.execute("SELECT id, name FROM names WHERE id IN (SELECT value FROM json_each(?))", (wanted,)))


def _number_of(db: sqlite3.Connection, name: str) -> int:
    if name == NONE_NAMED:
        return 0
    found = db.execute("SELECT id FROM names WHERE name = ?", (name,)).fetchone()
    return found[0] if found is not None else -1


def _cut(window: Window, by: Collection[Group], zone: tzinfo, keys: Collection[str]) -> list[Piece]:
    if "day" in by:
        spans = days(window, zone)
    elif "hour" in by:
        spans = hours(window, zone)
    else:
        spans = iter([("", window.since, window.until)])
    levels = levels_of(keys)
    return [piece for label, since, until in spans for piece in cover(label, since, until, levels)]


def _rows_of(pieces: Iterable[Piece], condition: str) -> str:
    """The rows of sums, and of single calls where needed, that the pieces name. CROSS JOIN keeps the pieces outside: a seek each."""
    held = (
        f"SELECT label, {_HELD} FROM pieces CROSS JOIN sums ON sums.level = pieces.level"  # noqa: S608 - names of ours
        f" AND sums.start >= since AND sums.start < until WHERE true{condition}"
    )
    if not any(piece.level == CALLS for piece in pieces):
        return held
    single = (
        f"SELECT label, {COUNTED_OF_CALLS} FROM pieces CROSS JOIN calls ON calls.at >= since AND calls.at < until"  # noqa: S608 - as above
        f" WHERE pieces.level = {CALLS}{condition}"
    )
    return f"{held} UNION ALL {single}"


def _group_row(row: Sequence[Any], columns: Sequence[str], names: dict[int, str]) -> GroupRow:
    key = tuple(value if one == "label" else names.get(value) for one, value in zip(columns, row, strict=False))
    *figures, long_latencies, latencies, long_tokens, tokens = row[len(columns) :]
    return GroupRow(key, Totals(*(*figures, _joined(long_latencies, latencies), _joined(long_tokens, tokens))))


def _joined(dense: bytes, lanes: bytes | None) -> bytes:
    short = packed(lanes or b"")
    return added(dense, short) if dense else short


def _in_order(row: GroupRow) -> tuple[tuple[bool, str], ...]:
    """None last."""
    return tuple((part is None, part or "") for part in row.key)
