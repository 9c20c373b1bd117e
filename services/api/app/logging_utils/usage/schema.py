"""The projection's tables and how they are opened. No question and no line of the journal.

`sums` holds each figure several times, at the LEVELS: by spans of time and by few keys or many, so that a question finds one with
little more rows than its answer. What no level holds whole (the edges of a span, an hour of a zone that is half an hour off by user)
is summed from `calls`. `names` holds every text once; 0 stands for none.
"""

import sqlite3
from pathlib import Path
from typing import Final

from msgspec import Struct

from .histogram import Merging

VERSION: Final = 3
QUARTER, HOUR, DAY = 900_000, 3_600_000, 86_400_000
"""Milliseconds."""
ANSWERED, FAILED, ABANDONED = 1, 2, 3
HITS, MISSES, OFF = 4, 5, 6
"""Names whose numbers are fixed, so that nobody needs to look them up."""
FIXED: Final = ("answered", "failed", "abandoned", "hit", "miss", "off")

KEYS: Final = ("model", "provider", "mode", "outcome", "user")
OF_ROUTING: Final = KEYS[:4]
"""Without users, who may be many."""


class Level(Struct, frozen=True):
    """Sums over spans of `size` by these keys; in rows of this level the other keys are 0."""

    number: int
    size: int
    keys: tuple[str, ...]


_ONE_OR_NONE: Final = ((), *((key,) for key in OF_ROUTING))
BY_QUARTER: Final = Level(1, QUARTER, ("model",))
BY_HOUR: Final = Level(2, HOUR, OF_ROUTING)
BY_DAY: Final = Level(3, DAY, OF_ROUTING)
BY_USER_HOUR: Final = Level(4, HOUR, ("user",))
BY_USER_DAY: Final = Level(5, DAY, KEYS)
# made of the level before of the same calls, whose rows are fewer than the calls
OF_QUARTERS: Final = (Level(6, QUARTER, ()),)
OF_HOURS: Final = tuple(Level(7 + at, HOUR, keys) for at, keys in enumerate(_ONE_OR_NONE))
OF_DAYS: Final = tuple(Level(12 + at, DAY, keys) for at, keys in enumerate(_ONE_OR_NONE))
OF_USER_DAYS: Final = (Level(17, DAY, ("user",)), Level(18, DAY, ("user", "model")))
LEVELS: Final = (
    BY_QUARTER, BY_HOUR, BY_DAY, BY_USER_HOUR, BY_USER_DAY, *OF_QUARTERS, *OF_HOURS, *OF_DAYS, *OF_USER_DAYS,
)  # fmt: skip

FIGURES: Final = (
    "calls", "failures", "abandoned", "tokens_in", "tokens_out", "cached_tokens", "reasoning_tokens", "priced", "cost_nano",
    "saved_nano", "compared", "baseline_nano", "compared_nano", "cache_hits", "cache_misses", "cache_off", "score_millionths",
    "scored", "latency_us",
)  # fmt: skip
"""Whole numbers that are added; `latencies` and `first_tokens` come behind them, as histograms."""
NAMED: Final = (
    "model", "asked", "decided", "served", "provider", "model_id", "mode", "user", "outcome", "error", "face", "purpose",
    "finish_reason", "cache", "scorer",
)  # fmt: skip
"""Columns of `calls` that hold a number of `names`."""
COUNTED: Final = (
    "status", "stream", "mock", "tokens_in", "tokens_out", "cached_tokens", "reasoning_tokens", "cost_nano", "saved_nano",
    "baseline_nano", "latency_us", "first_token_us", "latency_lane", "first_token_lane", "score_millionths", "scored", "score",
)  # fmt: skip

TABLES: Final = (
    "CREATE TABLE files (id INTEGER PRIMARY KEY, identity TEXT NOT NULL UNIQUE, name TEXT NOT NULL, read INTEGER NOT NULL)",
    "CREATE TABLE names (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE)",
    "CREATE TABLE calls (seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, id TEXT NOT NULL, file INTEGER NOT NULL,"
    " start INTEGER NOT NULL, size INTEGER NOT NULL,"
    f" {', '.join(f'{name} INTEGER NOT NULL' for name in NAMED)}, {', '.join(f'{name} INTEGER' for name in COUNTED)})",
    "CREATE TABLE sums (level INTEGER NOT NULL, start INTEGER NOT NULL,"
    f" {', '.join(f'{name} INTEGER NOT NULL' for name in KEYS)}, {', '.join(f'{name} INTEGER NOT NULL' for name in FIGURES)},"
    f" latencies BLOB NOT NULL, first_tokens BLOB NOT NULL, PRIMARY KEY (level, start, {', '.join(KEYS)})) WITHOUT ROWID",
    "CREATE TABLE scores (call TEXT NOT NULL, at TEXT NOT NULL, scorer TEXT NOT NULL, score REAL NOT NULL, file INTEGER NOT NULL,"
    " start INTEGER NOT NULL, size INTEGER NOT NULL)",
    "CREATE TABLE standings (id TEXT NOT NULL, file INTEGER NOT NULL, start INTEGER NOT NULL, size INTEGER NOT NULL)",
    # `whole`: every file of the journal was read to its end once, packed ones too
    "CREATE TABLE state (calls INTEGER NOT NULL, scores INTEGER NOT NULL, repeated INTEGER NOT NULL, damaged INTEGER NOT NULL,"
    " whole INTEGER NOT NULL)",
)
INDEXES: Final = (
    "CREATE INDEX calls_at ON calls (at)",
    "CREATE INDEX calls_id ON calls (id)",
    "CREATE INDEX calls_user ON calls (user, at) WHERE user > 0",
    "CREATE INDEX calls_error ON calls (error, at) WHERE error > 0",
    "CREATE INDEX scores_call ON scores (call)",
    "CREATE INDEX standings_id ON standings (id)",
)


class NoProjection(Exception):
    """There is no projection that can be asked: none yet, damaged, or of another format. The message says which and what to do."""


class NothingYet(NoProjection):
    """Nothing was projected so far: no file, or one that is being made."""


def open_usage(path: str | Path, wait_seconds: float = 2.0) -> sqlite3.Connection:
    """Open the projection for questions alone; one connection is for one thread. Raises NoProjection."""
    place = Path(path)
    if not place.is_file():
        raise NothingYet(f"there is no projection of the journal at {place} yet: it comes with the first call that is served")
    try:
        db = sqlite3.connect(f"{place.resolve().as_uri()}?mode=ro", uri=True, timeout=wait_seconds, isolation_level=None)
    except sqlite3.Error as error:
        raise NoProjection(f"{place} cannot be opened: {error}") from None
    try:
        (version,) = db.execute("PRAGMA user_version").fetchone()
    except sqlite3.Error as error:
        db.close()
        raise NoProjection(f"{place} cannot be read: {error}") from None
    if version != VERSION:
        db.close()
        if version == 0:
            raise NothingYet(f"the projection at {place} is being made")
        raise NoProjection(
            f"{place} has format {version} instead of {VERSION}: the service, or `llm-router rollup`, makes it anew"
        )
    # sqlite3 wants a class for each aggregate and typeshed knows no step() of one argument alone
    db.create_aggregate("merged", 1, Merging)  # type: ignore[arg-type]
    db.execute("PRAGMA cache_size = -16000")
    db.execute("PRAGMA automatic_index = OFF")  # it would index a million calls for a question about a few
    return db
