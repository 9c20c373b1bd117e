"""What a cache holds in all: untrusted values are only counted, and a purge is noticed by whoever uses the file."""

import asyncio
import sqlite3
import time
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.caching.contents import Contents, of_file, purge_file
from app.caching.local import LocalCache
from app.caching.sqlite_file import ForeignFile

from .clock import until

MIB = 1024 * 1024
ANYTHING = st.one_of(
    st.binary(max_size=200),
    st.builds(
        lambda row, at, cost: msgspec.json.encode({"row": row, "stored_at": at, "cost_nano": cost}),
        st.text(st.characters(exclude_categories=["Cs"])),
        st.floats(allow_nan=False, allow_infinity=False),
        st.one_of(st.none(), st.integers(-(2**62), 2**62), st.just("dear")),
    ),
    st.just(b"[" * 100_000),
)


@given(st.lists(ANYTHING, max_size=10))
def test_any_value_is_counted_and_none_is_trusted(values: list[bytes]) -> None:
    """Redis may hold whatever somebody put there."""
    found = Contents()
    for value in values:
        found.count(value)
    assert (found.answers, found.size) == (len(values), sum(map(len, values)))
    assert sum(model.answers for model in found.models.values()) == len(values) - found.unreadable


async def test_a_purge_is_noticed_by_every_process_and_what_comes_after_is_kept(tmp_path: Path) -> None:
    """Each has its own memory, and none is started again."""
    path = tmp_path / "answers.sqlite"
    one, other = LocalCache(path, MIB, time.time), LocalCache(path, MIB, time.time)
    await one.get_many(["key"])
    one.set("key", b"value", 60)
    one.flush()

    async def other_has_it() -> bool:
        return await other.get_many(["key"]) == [b"value"]

    await until(other_has_it)
    assert await asyncio.to_thread(purge_file, path) == 1

    async def both_forgot() -> bool:
        return [await cache.get_many(["key"]) for cache in (one, other)] == [[None], [None]]

    await until(both_forgot)
    one.set("key", b"newer", 60)
    one.flush()
    assert await one.get_many(["key"]) == [b"newer"]
    for cache in (one, other):
        await cache.close()
    assert of_file(path, time.time(), lambda _: None).answers == 1


def test_a_file_of_another_format_is_left_alone(tmp_path: Path) -> None:
    """It may be another program's."""
    path = tmp_path / "answers.sqlite"
    db = sqlite3.connect(path)
    db.execute("CREATE TABLE answers (everything)")
    db.execute("INSERT INTO answers VALUES (42)")
    db.commit()
    for look in (lambda: of_file(path, 0.0, lambda _: None), lambda: purge_file(path)):
        with pytest.raises(ForeignFile):
            look()
    assert db.execute("SELECT everything FROM answers").fetchall() == [(42,)]
    db.close()
