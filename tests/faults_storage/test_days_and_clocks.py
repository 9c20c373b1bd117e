"""Midnight, time zones, leap seconds, clocks that jump: no call is booked twice, on a wrong day or with a time below zero (F10 to F12)."""

import asyncio
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
import pytest

from app.caching.memory import LONGEST_LIFE, MemoryCache
from app.config.home import read_environment
from app.logging_utils.journal import Journal
from app.logging_utils.lines import day_of
from app.logging_utils.rollup import Rollup
from app.service import create_app
from app.worker import Worker
from logging_utils.lines import call

CONFIG = """
mock: always
mock_latency_scale: 0
providers: {here: {base_url: "http://localhost:1", key_env: null}}
models: {a: {provider: here, id: a-1}}
"""


def at(moment: str) -> float:
    return datetime.fromisoformat(moment).replace(tzinfo=UTC).timestamp()


@asynccontextmanager
async def house(home: Path, now: Callable[[], float]) -> AsyncIterator[httpx2.AsyncClient]:
    """A worker by a clock of the test's own, and a client of it."""
    (home / "config.yaml").write_text(CONFIG)
    worker = Worker(read_environment({"LLM_ROUTER_HOME": str(home), "LLM_ROUTER_QUIET": "1"}), now=now)
    app = create_app(worker)
    await worker.start()
    try:
        async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://127.0.0.1") as client:
            yield client
    finally:
        await worker.stop()


def journalled(home: Path) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in (home / "logs" / "per_call.jsonl").read_bytes().split(b"\n") if line]
    return [line for line in lines if line["kind"] == "call"]


async def test_calls_around_midnight_are_each_booked_once_to_the_day_they_ended(tmp_path: Path) -> None:
    """Four hundred calls at once while the day begins, so that many start before midnight and end after it."""
    clock = at("2026-11-23T23:59:59.500")

    def now() -> float:
        nonlocal clock
        clock += 0.002
        return clock

    async with house(tmp_path, now) as client:
        answers = await asyncio.gather(
            *(client.post("/query", json={"prompt": f"p{n}", "cache": "off", "model": "a"}) for n in range(400))
        )
    assert {answer.status_code for answer in answers} == {200}
    records = journalled(tmp_path)
    ended = Counter(record["at"][:10] for record in records)
    assert set(ended) == {"2026-11-23", "2026-11-24"} and sum(ended.values()) == 400
    days = json.loads((tmp_path / "logs" / "daily.json").read_bytes())
    assert {day: rows["a"]["calls"] for day, rows in days.items()} == ended


_ROLLUP = """
import sys
from app.logging_utils.rollup import Rollup
from app.pipeline.settle import utc
print(utc(1774747800.25), utc(0.0), utc(2147483648.0))
Rollup(sys.argv[1], sys.argv[2]).rebuild()
"""


def test_a_day_is_the_same_in_every_time_zone(tmp_path: Path) -> None:
    """Days of 23, 24 and 25 hours elsewhere, and zones a day apart: one and the same rollup, one and the same time in the journal."""
    journal = tmp_path / "per_call.jsonl"
    moments = [
        f"2026-{day}T{hour:02}:{minute}:00.000Z"
        for day in ("03-29", "10-25", "11-01")
        for hour in range(24)
        for minute in (15, 45)
    ]
    journal.write_bytes(b"".join(call(number, at=moment) for number, moment in enumerate(moments)))
    told = set()
    for zone in (
        "UTC",
        "Europe/Berlin",
        "America/St_Johns",
        "Pacific/Kiritimati",
        "Pacific/Niue",
        "Australia/Lord_Howe",
        "Nowhere/None",
    ):
        daily = tmp_path / zone.replace("/", "-") / "daily.json"
        done = subprocess.run(
            [sys.executable, "-c", _ROLLUP, str(journal), str(daily)],
            env={**os.environ, "TZ": zone}, capture_output=True, check=True, timeout=60,
        )  # fmt: skip
        told.add((done.stdout, daily.read_bytes()))
    [(said, rolled)] = told
    assert said.split() == [b"2026-03-29T01:30:00.250Z", b"1970-01-01T00:00:00.000Z", b"2038-01-19T03:14:08.000Z"]
    assert {day: rows["small"]["calls"] for day, rows in json.loads(rolled).items()} == dict.fromkeys(
        ("2026-03-29", "2026-10-25", "2026-11-01"), 48
    )


@pytest.mark.parametrize(
    ("moment", "day"),
    [
        ("2016-12-31T23:59:60.000Z", "2016-12-31"),
        ("2026-11-23T23:59:59.999Z", "2026-11-23"),
        ("2026-11-24T00:30:00+02:00", "2026-11-23"),
        ("2026-11-23T23:30:00-03:30", "2026-11-24"),
        ("1970-01-01T00:00:00.000Z", "1970-01-01"),
        ("2038-01-19T03:14:08.000Z", "2038-01-19"),
        ("2028-02-29T00:00:00.000Z", "2028-02-29"),
    ],
)
def test_leap_seconds_offsets_and_far_years_have_their_utc_day(moment: str, day: str) -> None:
    assert day_of(moment) == day


JUMPS = [
    "2026-11-23T12:00:00",
    "2026-11-23T13:00:00",
    "2026-11-23T11:00:00",
    "1970-01-01T00:00:00",
    "2038-01-19T03:14:08",
    "2107-01-01T00:00:00",
]


async def test_a_clock_that_jumps_gives_no_wrong_duration_and_neither_freezes_nor_opens_the_cache(tmp_path: Path) -> None:
    """After every jump: an answer, a record at the jumped time with a duration from the steady clock, a cache that keeps and forgets."""
    clock = [at(JUMPS[0])]
    async with house(tmp_path, lambda: clock[0]) as client:

        async def ask(prompt: str) -> bool:
            answer = await client.post("/query", json={"prompt": prompt, "cache": "use", "model": "a"})
            assert answer.status_code == 200 and 0 <= answer.json()["latency_ms"] < 10_000
            return bool(answer.json()["cached"])

        assert await ask("of the first time") is False
        for number, moment in enumerate([*JUMPS[1:], JUMPS[0]]):
            clock[0] = at(moment)
            assert await ask(f"new {number}") is False
            assert await ask(f"new {number}") is True
        clock[0] = at(JUMPS[3])
        assert await ask("of the first time") is False, "an answer of 56 years later is not kept for 56 years"
        clock[0] = at(JUMPS[4])
        assert await ask("of the first time") is False
    records = journalled(tmp_path)
    assert {record["at"][:4] for record in records} == {"2026", "1970", "2038", "2107"}
    assert all(record["latency_ms"] >= 0 and record["overhead_ms"] >= 0 for record in records)
    days = json.loads((tmp_path / "logs" / "daily.json").read_bytes())
    assert sum(rows["a"]["calls"] for rows in days.values()) == len(records)


def test_an_hour_back_or_forth_moves_an_end_by_that_hour_and_no_more() -> None:
    clock = [at(JUMPS[0])]
    cache = MemoryCache(10_000, lambda: clock[0])
    end = clock[0] + 86_400
    for jump, there in ((-3600, True), (3600, True), (86_400, False)):
        cache.set("a", b"1", end)
        clock[0] = at(JUMPS[0]) + jump
        assert (cache.get("a") is not None) is there
    cache.set("a", b"1", end)
    clock[0] = end - LONGEST_LIFE - 1
    assert cache.get("a") is None


def test_a_rollup_under_a_jumping_clock_deletes_no_unread_file_and_keeps_the_number(tmp_path: Path) -> None:
    """Stamps out of order put files out of order, but what goes was counted, and what stays is bounded."""
    clock = [at(JUMPS[0])]
    path = tmp_path / "per_call.jsonl"
    journal = Journal(path, max_bytes=10, now=lambda: clock[0])
    rollup = Rollup(path, tmp_path / "daily.json", lambda: clock[0], keep=2)
    for number in range(24):
        clock[0] = at(JUMPS[number % len(JUMPS)]) + number * 10
        journal.append(call(number))
        rollup.step()
    days = json.loads((tmp_path / "daily.json").read_bytes())
    assert sum(rows["small"]["calls"] for rows in days.values()) == 24
    clock[0] = at(JUMPS[-1]) + 1000
    rollup.step()
    assert len(list(tmp_path.glob("per_call.jsonl.*Z-*"))) == 2
