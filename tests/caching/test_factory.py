"""The factory's promise: the configured backend, and none of them touches anything before its first use."""

from pathlib import Path

import pytest

from app.caching.factory import open_cache
from app.config.snapshot import CachePlan

from .clock import Clock


def plan(backend: str, folder: Path) -> CachePlan:
    path = str(folder / "cache" / "answers.sqlite3")
    return CachePlan(backend, 60, "redis://:secret@localhost:1", path, "1", 1_000_000, 0.02, ())


@pytest.mark.parametrize(("backend", "said"), [("local", "local {path}"), ("redis", "redis"), ("none", "none")])
async def test_the_configured_backend_is_opened_without_touching_anything(backend: str, said: str, tmp_path: Path) -> None:
    wanted = plan(backend, tmp_path)
    cache = open_cache(wanted, Clock())
    assert cache.describe() == said.format(path=wanted.path)
    assert list(tmp_path.iterdir()) == []
    await cache.close()


async def test_no_cache_keeps_nothing(tmp_path: Path) -> None:
    cache = open_cache(plan("none", tmp_path), Clock())
    cache.set("a", b"1", 60)
    assert await cache.get_many(["a", "b"]) == [None, None]
    assert await cache.delete(["a"]) == 0
    await cache.close()
