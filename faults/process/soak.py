"""`make soak`: ten minutes of calls of which most meet a fault, and nothing grows: not memory, not descriptors, not tasks.

Two workers, a toxic upstream, callers on every face, whole and streamed, a tenth of whom leave. `--short`: 20 s, whose memory is
shown but not judged (it is still warming up). The status is 1 when a promise was broken.
"""

import argparse
import asyncio
import json
import random
import sys
import tempfile
import time
import urllib.request
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests"))

from callers import Caller, Told, together
from ledger import Ledger
from trend import Trend, trend

from app.toxic.server import ToxicUpstream
from support import Service, running, worker_pids

WORKERS = 2
CALLERS = 16
PAUSE_SECONDS = 0.03
LEAVERS = 0.1
WARM_UP = 0.25
"""The share of the time in which memory is not looked at."""
MOST_GROWTH = 0.5
"""Megabytes a minute; more of it would be a leak even if chance could explain it."""
SETTLE_SECONDS = 40.0
FAULTS = (
    "500", "503", "429-retry-after:1", "429-quota", "500-once", "brown-out", "529", "reset-on-connect", "slow-first-token:200",
    "cut-mid-stream", "rst-mid-stream", "stall-mid-stream", "drip", "malformed-chunk", "no-terminator", "error-event-first",
    "error-event-late", "truncated-json", "error-in-200", "html-200", "empty-200", "context-length", "content-filter", "redirect",
    "silence", "no-usage", "usage-negative", "huge-header", "gzip-bomb:5", "huge-event:2", "tiny-events:2000", "sse-split",
)  # fmt: skip


def config_of(base_url: str) -> str:
    """A row for each fault, every other one with a fallback, and two that are sound; bounds that are reached in the warm-up."""
    rows = ["  good: {provider: toxic, id: ok}", "  better: {provider: toxic, id: gpt-4o}"]
    for number, fault in enumerate(FAULTS):
        fallbacks = ", fallbacks: [good]" if number % 2 else ""
        rows.append(f'  bad_{number}: {{provider: toxic, id: "{fault}"{fallbacks}}}')
    return "\n".join(
        [
            f'providers: {{toxic: {{base_url: "{base_url}", key_env: null}}}}',
            "models:",
            *rows,
            "timeouts: {connect: 1, first_token: 0.5, idle: 0.5, attempt: 1, total: 3}",
            "cache: {backend: local, max_mb: 2, faces: [query, chat]}",
            "logging: {max_bytes: 2000000}",
            "limits: {drain_seconds: 5}",
        ]
    )


@dataclass
class Worker:
    """One worker process as it looked over time: seconds and megabytes of memory that is its own."""

    pid: int
    samples: list[tuple[float, float]] = field(default_factory=list)

    def look(self, now: float) -> None:
        """Note how much memory it has."""
        lines = (Path("/proc") / str(self.pid) / "status").read_text().split("\n")
        kilobytes = next(int(line.split()[1]) for line in lines if line.startswith("RssAnon:"))
        self.samples.append((now, kilobytes / 1024))

    def descriptors(self, provider: int) -> int:
        """Its open files and sockets, but for connections to the provider at that port: idle ones are kept for a while."""
        rows = [line.split() for line in Path("/proc/net/tcp").read_text().split("\n")[1:-1]]
        kept = {f"socket:[{row[9]}]" for row in rows if int(row[2].rpartition(":")[2], 16) == provider}
        found = 0
        for path in (Path("/proc") / str(self.pid) / "fd").iterdir():
            with suppress(FileNotFoundError):
                found += str(path.readlink()) not in kept
        return found


@dataclass
class Soak:
    """A run: its callers' answers and its workers."""

    service: Service
    workers: list[Worker]
    provider: int
    chance: random.Random
    told: list[Told] = field(default_factory=list)
    asked: int = 0

    def health(self) -> dict[int, dict[str, Any]]:
        """What each worker says of itself."""
        found: dict[int, dict[str, Any]] = {}
        for _ in range(200):
            with urllib.request.urlopen(self.service.url + "/health", timeout=30) as answer:
                said = json.load(answer)
            found[said["pid"]] = said
            if len(found) == len(self.workers):
                break
        return found

    def at_rest(self) -> dict[int, tuple[int, int]]:
        """Descriptors and tasks of each worker, once they no longer change."""
        end = time.monotonic() + SETTLE_SECONDS
        before: dict[int, tuple[int, int]] = {}
        same = 0
        while same < 6 and time.monotonic() < end:
            time.sleep(0.5)
            tasks = {pid: said["tasks"] for pid, said in self.health().items()}
            now = {worker.pid: (worker.descriptors(self.provider), tasks.get(worker.pid, -1)) for worker in self.workers}
            same = same + 1 if now == before else 0
            before = now
        return before


def asked(chance: random.Random) -> tuple[str, dict[str, Any]]:
    """A call of one kind."""
    model = chance.choice(["good", "better", "auto", *(f"bad_{number}" for number in range(len(FAULTS)))])
    said = f"Question {chance.randrange(200)}: " + "why? " * chance.choice((1, 10, 1000))
    stream = chance.random() < 0.5
    turns = [{"role": "user", "content": said}]
    return chance.choice(
        [
            ("/query", {"prompt": said, "model": model, "stream": stream}),
            ("/v1/chat/completions", {"model": model, "messages": turns, "stream": stream}),
            ("/v1/messages", {"model": model, "max_tokens": 100, "messages": turns, "stream": stream}),
            ("/v1/responses", {"model": model, "input": said, "stream": stream}),
        ]
    )


async def call_on(soak: Soak, until: float, number: int) -> None:
    """Ask until it is over."""
    chance = random.Random(soak.chance.random() + number)
    caller = Caller(soak.service.port, soak.told.append)
    while time.monotonic() < until:
        soak.asked += 1
        leave_after = chance.random() * 0.4 if chance.random() < LEAVERS else None
        await caller.call(*asked(chance), leave_after, x_request_id=f"soak-{soak.asked}")
        await asyncio.sleep(chance.expovariate(1 / PAUSE_SECONDS))
    caller.close()


async def watch(soak: Soak, until: float) -> None:
    """Look at the workers' memory, four times a second."""
    while time.monotonic() < until:
        for worker in soak.workers:
            worker.look(time.monotonic())
        await asyncio.sleep(0.25)


async def strain(soak: Soak, seconds: float) -> None:
    """Calls and the watch, together."""
    until = time.monotonic() + seconds
    watching = asyncio.create_task(watch(soak, until))
    await together(CALLERS, lambda number: call_on(soak, until, number))
    await watching


def of_memory(worker: Worker, judged: bool) -> tuple[str, str, bool]:
    """The verdict on one worker's memory."""
    first, last = worker.samples[0][0], worker.samples[-1][0]
    late = [(at, size) for at, size in worker.samples if at >= first + (last - first) * WARM_UP]
    found: Trend = trend([(at / 60, size) for at, size in late])
    told = f"{found.slope:+.2f} +- {found.margin:.2f} MB a minute, {late[0][1]:.0f} -> {late[-1][1]:.0f} MB"
    held = found.slope <= MOST_GROWTH and found.slope - found.margin <= 0.1
    return f"memory of worker {worker.pid}: no growth", told + ("" if judged else " (not judged)"), held or not judged


def of_records(soak: Soak, ledger: Ledger) -> list[tuple[str, str, bool]]:
    """The verdicts on the journal."""
    seen = [told.id for told in soak.told if told.id is not None]
    one = sum(1 for call in seen if ledger.calls[call] == 1)
    unseen = soak.asked - len(seen)
    more = ledger.calls.total() - one
    clients = max(ledger.clients.values(), default=0)
    return [
        ("calls, of which answered, and to the end", f"{soak.asked}, {len(seen)}, {sum(told.whole for told in soak.told)}", True),
        ("answered calls with exactly one record", f"{one} of {len(seen)}", one == len(seen)),
        (f"records of the {unseen} whose callers left before: one each", f"{more}", more <= unseen and clients <= 1),
        ("answers that are our own fault (500): 0", str(errors := sum(told.status == 500 for told in soak.told)), errors == 0),
    ]


async def warm(soak: Soak) -> None:
    """Let each worker open what it keeps open."""
    await together(8, lambda number: call_on(soak, time.monotonic() + 2, number))


async def run(seconds: float, seed: int, judged: bool) -> list[tuple[str, str, bool]]:
    """The whole soak; what was promised, what was found, and whether it held."""
    async with ToxicUpstream() as upstream:
        with (
            tempfile.TemporaryDirectory() as folder,
            running(Path(folder), config_of(upstream.base_url("openai")), WORKERS) as service,
        ):
            workers = [Worker(pid) for pid in sorted(worker_pids(service.process.pid))]
            soak = Soak(service, workers, upstream.port, random.Random(seed))
            await warm(soak)
            before = await asyncio.to_thread(soak.at_rest)
            await strain(soak, seconds)
            after = await asyncio.to_thread(soak.at_rest)
            status = await asyncio.to_thread(service.stop)
            rows = of_records(soak, Ledger.read(Path(folder) / "logs"))
            log = service.log()
    rows += [of_memory(worker, judged) for worker in soak.workers]
    for worker in soak.workers:
        (files, tasks), (now_files, now_tasks) = before[worker.pid], after[worker.pid]
        rows.append((f"descriptors of worker {worker.pid}: back to {files}", str(now_files), now_files <= files))
        rows.append((f"tasks of worker {worker.pid}: back to {tasks}", str(now_tasks), now_tasks <= tasks))
    rows.append(("tracebacks in the service's log: 0", str(log.count("Traceback")), "Traceback" not in log))
    rows.append(("status of the stop: 0", str(status), status == 0))
    return rows


def main() -> int:
    """Run, print the table, say whether every promise held."""
    options = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    options.add_argument("--short", action="store_true", help="20 s instead of 600")
    options.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6), help="for the same calls again")
    chosen = options.parse_args()
    seconds = 20.0 if chosen.short else 600.0
    rows = asyncio.run(run(seconds, chosen.seed, judged=not chosen.short))
    print(f"soak: {seconds:.0f} s, {len(FAULTS)} faults, {CALLERS} callers, {WORKERS} workers, seed {chosen.seed}")
    for promise, found, held in rows:
        print(f"  {'ok  ' if held else 'FAIL'}  {promise.ljust(58)}  {found}")
    return 0 if all(held for *_, held in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
