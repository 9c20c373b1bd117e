"""A worker whose wall clock jumps: days begin and end, and no service ends with them."""

import asyncio
import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from app import current as current_module
from app import worker as worker_module
from app.config.home import read_environment
from app.current import Current
from app.errors import NotReady
from app.worker import Worker

CONFIG = "mock_latency_scale: 0\nmodels:\n  a: {provider: openai, id: gpt-4o-mini}\n"


def at(day: str) -> float:
    return datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp()


@pytest.fixture(autouse=True)
def quick_polls(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(worker_module, "POLL_SECONDS", 0.01)
    yield


def home(folder: Path) -> dict[str, str]:
    (folder / "config.yaml").write_text(CONFIG)
    return {"LLM_ROUTER_HOME": str(folder)}


@pytest.mark.parametrize("jump", ["2026-11-24T23:00:00", "1970-01-01T00:00:01", "2038-01-20T00:00:00", "2155-06-01T00:00:00"])
def test_the_configuration_follows_the_clock_wherever_it_goes(tmp_path: Path, jump: str) -> None:
    now = [at("2026-11-25T00:00:01")]
    current = Current(read_environment(home(tmp_path)), lambda: now[0])
    first = current.snapshot().digest
    assert not current.due() and not current.refresh()
    now[0] = at(jump)
    assert current.due() and current.refresh()
    assert current.snapshot().day == jump[:10]
    now[0] = at("2026-11-25T00:30:00")
    assert current.due() and current.refresh() and current.snapshot().digest == first


def test_a_day_that_begins_while_the_file_is_bad_begins_all_the_same(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """From the last sound settings, and the fault of the file is said once, not once a day or once a second."""
    now = [at("2027-01-13T23:59:59")]
    current = Current(read_environment(home(tmp_path)), lambda: now[0])
    (tmp_path / "config.yaml").write_text("models: 1\n")
    with caplog.at_level(logging.ERROR, "llm_router"):
        for _ in range(3):
            if current.due():
                current.refresh()
        now[0] = at("2027-01-14T00:00:01")
        for _ in range(3):
            if current.due():
                current.refresh()
    assert current.snapshot().day == "2027-01-14" and current.fault is not None
    assert caplog.text.count("was not taken over") == 1


async def test_the_watch_survives_what_nobody_thought_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bug, or no memory, in reading a change ends neither the watch nor the service."""
    worker = Worker(read_environment(home(tmp_path)))
    await worker.start()
    try:
        sound = current_module.load
        monkeypatch.setattr(current_module, "load", lambda *_: (_ for _ in ()).throw(MemoryError))
        (tmp_path / "config.yaml").write_text(CONFIG + "  b: {provider: openai, id: gpt-4o}\n")
        await asyncio.sleep(0.1)
        assert worker.not_ready() is None
        monkeypatch.setattr(current_module, "load", sound)
        (tmp_path / "config.yaml").write_text(CONFIG + "  c: {provider: openai, id: gpt-4o}\n")
        async with asyncio.timeout(10):
            while "c" not in worker.snapshot().models:
                await asyncio.sleep(0.01)
    finally:
        await worker.stop()


async def test_a_journal_that_comes_back_makes_the_worker_ready(tmp_path: Path) -> None:
    """A worker that is started while the disk is away waits for it, says so, and needs nobody's help."""
    worker = Worker(read_environment(home(tmp_path)))
    (tmp_path / "logs").write_text("a file where the folder should be")
    await worker.start()
    try:
        assert "cannot append to the journal" in (worker.not_ready() or "")
        with pytest.raises(NotReady):
            worker.house()
        (tmp_path / "logs").unlink()
        async with asyncio.timeout(10):
            while worker.not_ready() is not None:
                await asyncio.sleep(0.01)
        assert worker.house() is worker.house() and worker.health()["config"]["error"] is None
    finally:
        await worker.stop()
