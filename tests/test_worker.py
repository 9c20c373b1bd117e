"""One worker keeps its configuration fresh by itself: when the file changes, and when a day begins."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from app import worker as worker_module
from app.config.home import read_environment
from app.worker import Worker

CONFIG = """
mock_latency_scale: 0
models:
  old: {provider: openai, id: gpt-4o-mini}
  new: {provider: openai, id: gpt-6-luna}
"""


@pytest.fixture(autouse=True)
def quick_polls(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(worker_module, "POLL_SECONDS", 0.01)
    yield


def at(day: str) -> float:
    return datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp()


async def test_a_day_that_begins_retires_a_model_without_an_edit(tmp_path: Path) -> None:
    """gpt-4o-mini retires on 2027-01-14: on that day `auto` drops it and its successor answers by its name."""
    (tmp_path / "config.yaml").write_text(CONFIG)
    now = [at("2027-01-13T23:59:59")]
    worker = Worker(read_environment({"LLM_ROUTER_HOME": str(tmp_path)}), now=lambda: now[0])
    await worker.start()
    try:
        before = worker.snapshot()
        assert before.models["old"].routable
        assert before.models["old"].targets[0].model_id == "gpt-4o-mini"
        now[0] = at("2027-01-14T00:00:01")
        async with asyncio.timeout(10):
            while worker.snapshot().digest == before.digest:
                await asyncio.sleep(0.01)
        after = worker.snapshot()
        assert not after.models["old"].routable
        assert after.models["old"].targets[0].model_id == "gpt-6-luna"
        assert "2027-01-14" in (after.models["old"].warning or "")
    finally:
        await worker.stop()


async def test_a_request_keeps_the_snapshot_it_began_with(tmp_path: Path) -> None:
    """The house's configuration is swapped as one value; what a call holds does not change under it."""
    path = tmp_path / "config.yaml"
    path.write_text(CONFIG)
    worker = Worker(read_environment({"LLM_ROUTER_HOME": str(tmp_path)}))
    await worker.start()
    try:
        held = worker.house().compiled
        path.write_text(CONFIG + "  third: {provider: mistral, id: mistral-small-2603}\n")
        async with asyncio.timeout(10):
            while worker.house().compiled is held:
                await asyncio.sleep(0.01)
        assert "third" not in held.snapshot.models
        assert "third" in worker.house().compiled.snapshot.models
    finally:
        await worker.stop()
