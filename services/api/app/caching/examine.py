"""A look at a cache file from outside, whoever uses it meanwhile: is it ours, is it whole, what does it hold. Changes nothing."""

import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

from msgspec import Struct

from .sqlite_file import SCHEMA_VERSION

MOST_FAULTS = 20


class Examined(Struct, frozen=True):
    """What a file is: how many answers and bytes it holds, and in words what is wrong with it (nothing = it is sound)."""

    answers: int = 0
    size: int = 0
    faults: tuple[str, ...] = ()


def examine(path: Path) -> Examined:
    """Read the whole file at `path` and check every page of it. A file that is not there yet is sound and empty."""
    try:
        size = path.stat().st_size
    except FileNotFoundError:
        return Examined()
    except OSError as error:
        return Examined(faults=(error.strerror or str(error),))
    try:
        with closing(sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True, timeout=2.0)) as connection:
            return _examined(connection, size)
    except sqlite3.Error as error:
        return Examined(size=size, faults=(str(error),))


def _examined(connection: sqlite3.Connection, size: int) -> Examined:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version != SCHEMA_VERSION:
        return Examined(size=size, faults=(f"its format is {version}, not {SCHEMA_VERSION}",))
    told = [line for (line,) in connection.execute(f"PRAGMA integrity_check({MOST_FAULTS})")]
    if told != ["ok"]:
        return Examined(size=size, faults=tuple(told))
    (answers,) = connection.execute("SELECT count(*) FROM answers").fetchone()
    return Examined(answers, size)
