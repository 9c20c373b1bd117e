"""A worker that has no place counts for itself, and for all once it gets one."""

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from app.metrics import meter
from app.metrics.meter import Meter
from app.metrics.names import IN_FLIGHT, RETRIES
from app.metrics.shelf import Shelf, run_of
from metrics_text import Metrics

RUN = run_of(os.getpid())


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(meter, "TICK_SECONDS", 0.005)


async def started(folder: Path, calls: int) -> Meter:
    one = Meter("1", Shelf(folder, RUN))
    await one.start(lambda tally: tally.put(IN_FLIGHT, value=1))
    one.tally.add(RETRIES, "gpt", "openai", "x", amount=calls)
    return one


async def told(one: Meter) -> tuple[float, ...]:
    seen = Metrics((await one.exposed()).decode())
    return tuple(seen.total(name) for name in ("workers", "retries_total", "in_flight_requests"))


async def until(told_by: list[Meter], expected: tuple[float, ...]) -> None:
    end = time.monotonic() + 20
    while [await told(one) for one in told_by] != [expected] * len(told_by):
        assert time.monotonic() < end, [await told(one) for one in told_by]


@contextmanager
def in_the_way(path: Path) -> Iterator[None]:
    path.write_text("")
    yield
    path.unlink()


async def test_who_finds_no_folder_answers_for_itself_says_so_once_and_joins_when_there_is_one(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "metrics"
    with in_the_way(folder):
        one, other = await started(folder, 3), await started(folder, 4)
        assert (await told(one), await told(other)) == ((1, 3, 1), (1, 4, 1))
        assert caplog.text.count("cannot be put together now") == 2
    await until([one, other], (2, 7, 2))
    one.tally.add(RETRIES, "gpt", "openai", "x")
    assert await told(other) == (2, 8, 2)
    await one.stop()
    await other.stop()


async def test_living_workers_go_on_when_somebody_removes_their_files(tmp_path: Path) -> None:
    one, other = await started(tmp_path, 3), await started(tmp_path, 4)
    assert await told(one) == await told(other) == (2, 7, 2)
    shutil.rmtree(tmp_path / RUN)
    await until([one, other], (2, 7, 2))
    await one.stop()
    await other.stop()
