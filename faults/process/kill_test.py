"""`make kill-test`: kill -9 of random workers under load, and no call that a caller saw to its end is missing from the journal.

200 kills of 4 workers while 16 callers ask, whole and streamed, with records of 1 KB to 1 MB; then everything is killed at once
and started again. `--short`: 20 kills. `--seed N` repeats a choice of victims. The status is 1 when a promise was broken.
"""

import argparse
import asyncio
import os
import random
import signal
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests"))

from callers import Caller, Told, together
from ledger import Ledger, daily_calls, rebuilt

from support import Service, child_env, running, shipped, worker_pids

WORKERS = 4
CALLERS = 16
AT_MOST_SECONDS = 600.0
KILOBYTES = (*[1] * 14, *[8] * 4, 64, 1024)
"""Sizes of prompts, and so of records, in the proportion in which they are asked."""


@dataclass
class Run:
    """What was done and seen."""

    kills: int
    chance: random.Random
    acknowledged: list[str] = field(default_factory=list)
    unacknowledged: int = 0
    killed: int = 0
    over: bool = False

    def told(self, told: Told) -> None:
        """One caller's answer ended."""
        if told.whole and told.status == 200 and told.id is not None:
            self.acknowledged.append(told.id)
        else:
            self.unacknowledged += 1


def asked(chance: random.Random) -> tuple[str, dict[str, Any]]:
    """A call of one kind and size."""
    prompt = "Tell me of tides. " * (chance.choice(KILOBYTES) * 1024 // 18)
    stream = chance.random() < 0.3
    if chance.random() < 0.5:
        return "/query", {"prompt": prompt, "stream": stream, "cache": "off"}
    return "/v1/chat/completions", {"model": "auto", "stream": stream, "messages": [{"role": "user", "content": prompt}]}


async def call_on(run: Run, port: int, number: int) -> None:
    """Ask until it is over."""
    chance = random.Random(run.chance.random() + number)
    caller = Caller(port, run.told)
    while not run.over:
        await caller.call(*asked(chance))
    caller.close()


async def kill_on(run: Run, service: Service) -> None:
    """Kill one worker after the other, each while calls are answered."""
    end = time.monotonic() + AT_MOST_SECONDS
    while run.killed < run.kills and time.monotonic() < end:
        seen = len(run.acknowledged)
        await asyncio.sleep(run.chance.expovariate(1 / 0.3))
        while len(run.acknowledged) < seen + 5 and time.monotonic() < end:
            await asyncio.sleep(0.02)
        workers = sorted(worker_pids(service.process.pid))
        if workers:
            os.kill(run.chance.choice(workers), signal.SIGKILL)
            run.killed += 1
    run.over = True


async def strain(run: Run, service: Service) -> None:
    """The callers and the killer, together."""
    killer = asyncio.create_task(kill_on(run, service))
    await together(CALLERS, lambda number: call_on(run, service.port, number))
    await killer


def kill_all(service: Service) -> None:
    """The service as a whole, its supervisor first, so that it replaces nobody."""
    for pid in [service.process.pid, *worker_pids(service.process.pid)]:
        os.kill(pid, signal.SIGKILL)
    service.process.wait(10)


def verdicts(run: Run, ledger: Ledger, live: bytes, again: bytes) -> list[tuple[str, str, bool]]:
    """What was promised, what was found, and whether it held."""
    missing = sum(1 for call in run.acknowledged if call not in ledger.calls)
    calls = ledger.calls.total()
    return [
        ("kills, and calls acknowledged", f"{run.killed}, {len(run.acknowledged)}", run.killed == run.kills),
        ("calls that died with a worker", str(run.unacknowledged), True),
        ("acknowledged calls missing from the journal: 0", str(missing), missing == 0),
        ("calls written twice: 0", str(ledger.twice), ledger.twice == 0),
        (f"lines that are no JSON: at most {run.killed}", str(ledger.fragments), ledger.fragments <= run.killed),
        ("the live rollup counts every line", f"{daily_calls(live)} of {calls}", daily_calls(live) == calls),
        ("a rebuild gives the same bytes", "yes" if live == again else "no", live == again),
    ]


def main() -> int:
    """Run, print the table, say whether every promise held."""
    options = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    options.add_argument("--short", action="store_true", help="20 kills instead of 200")
    options.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6), help="for the same victims again")
    chosen = options.parse_args()
    run = Run(20 if chosen.short else 200, random.Random(chosen.seed))
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        config = shipped().replace("prompts: hash", "prompts: full")
        with running(home, config, workers=WORKERS) as service:
            asyncio.run(strain(run, service))
            kill_all(service)
        stopped = time.monotonic()
        with running(home, config, workers=WORKERS) as service:
            back = time.monotonic() - stopped
            service.query("the last call")
            status = service.stop()
        live = (home / "logs" / "daily.json").read_bytes()
        rows = verdicts(run, Ledger.read(home / "logs"), live, rebuilt(home, child_env(LLM_ROUTER_HOME=folder)))
    rows.append(("ready again after a kill of everything", f"{back:.1f} s", True))
    rows.append(("status of the stop after it: 0", str(status), status == 0))
    seconds = time.monotonic() - began
    print(f"kill-test: {run.killed} kills of {WORKERS} workers under {CALLERS} callers, {seconds:.0f} s, seed {chosen.seed}")
    for promise, found, held in rows:
        print(f"  {'ok  ' if held else 'FAIL'}  {promise.ljust(50)}  {found}")
    return 0 if all(held for *_, held in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
