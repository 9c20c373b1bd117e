"""How each figure is taken: service and proxy in turns, warm-up excluded, records verified. Prints nothing."""

import json
import statistics
import subprocess
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from children import HERE, MEASURED, OTHERS, announced, child, cpu_seconds, resident_mb
from scenarios import Scenario
from shipped import BY_NAME, Journal, served, service_environment, write_config

LONGEST_LOAD = 120  # seconds
# what is put off (the cache's write-behind, the rollup) is paid for in here, so it counts
LINGER = 1.2  # seconds


class Failed(Exception):
    """A call failed or a record is missing: the figures would mean nothing."""


@dataclass
class Side:
    """One of the two servers that take turns, with its CPU microseconds per request, one figure a round."""

    pid: int
    port: int
    flags: list[str]
    journal: Journal | None = None
    cache: str = "miss"
    first: int = 0
    figures: list[float] = field(default_factory=list)

    def send(self, calls: int) -> None:
        """Have the load generator make `calls`. Raises Failed unless each got its own right answer."""
        command = [sys.executable, str(HERE / "load.py"), str(self.port), "--calls", str(calls), "--first", str(self.first)]
        command += [*self.flags, "--seconds", str(LONGEST_LOAD)]
        with child(*command, cpus=OTHERS, stdout=subprocess.PIPE) as load:
            output, _ = load.communicate(timeout=LONGEST_LOAD + 30)
        report = json.loads(output or '{"failures": "all", "example": "the load generator broke"}')
        if report["failures"]:
            raise Failed(f"{report['failures']} of {calls} calls failed; the first: {report['example']}")
        if "--same" not in self.flags:
            self.first += calls

    def warm_up(self, calls: int) -> None:
        """Calls that do not count, and their records."""
        self.send(calls)
        if self.journal is not None:
            self.journal.skip()

    def round(self, calls: int, linger: float) -> None:
        """One measured round. Raises Failed also when the service did not leave one right record for each call."""
        before = cpu_seconds(self.pid)
        self.send(calls)
        complaint = self.journal.complaint(calls, self.cache) if self.journal is not None else None
        if complaint is not None:
            raise Failed(complaint)
        time.sleep(linger)
        self.figures.append((cpu_seconds(self.pid) - before) / calls * 1e6)


@dataclass(frozen=True)
class Figures:
    """CPU microseconds per request of both sides, round by round."""

    service: list[float]
    proxy: list[float]

    @property
    def ratios(self) -> list[float]:
        """Service to proxy, round by round."""
        return [ours / bare for ours, bare in zip(self.service, self.proxy, strict=True)]

    @property
    def ratio(self) -> float:
        """The median of the rounds' ratios."""
        return statistics.median(self.ratios)


def compare(scenario: Scenario, home: Path, rounds: int, linger: float = LINGER) -> Figures:
    """Start upstream, proxy and service afresh, warm both up, and let them take turns. Raises Failed."""
    with ExitStack() as running:
        _, upstream = running.enter_context(announced("upstream.py", cpus=OTHERS))
        url = f"http://127.0.0.1:{upstream}/v1/chat/completions"
        bare, bare_port = running.enter_context(announced("bare.py", url, *scenario.bare_mode, cpus=MEASURED))
        service, port = running.enter_context(served(home, upstream))
        ours = Side(service.pid, port, scenario.load_flags, Journal(home), scenario.cache)
        proxy = Side(bare.pid, bare_port, scenario.bare_flags)
        for side in (proxy, ours):
            side.warm_up(scenario.warm_up)
        for turn in range(rounds):
            for side in (ours, proxy) if turn % 2 else (proxy, ours):
                side.round(scenario.calls, linger)
        return Figures(ours.figures, proxy.figures)


def memory(home: Path, calls: int) -> tuple[float, float]:
    """Resident MiB of a fresh service after `calls` by name, and of its projector. Raises Failed."""
    with announced("upstream.py", cpus=OTHERS) as (_, upstream), served(home, upstream) as (service, port):
        Side(service.pid, port, ["--model", BY_NAME]).send(calls)
        time.sleep(LINGER)
        return resident_mb(service.pid), resident_mb(service.pid, projecting=True)


def import_ms(home: Path, statement: str, rounds: int) -> float:
    """CPU milliseconds of an import in a fresh interpreter, in the service's environment: the median of `rounds`."""
    home.mkdir(parents=True, exist_ok=True)
    env = service_environment(home, write_config(home, upstream_port=9))
    code = f"import time; began = time.process_time(); {statement}; print(time.process_time() - began)"
    figures = [_timed([sys.executable, "-c", code], env, home) for _ in range(rounds)]
    return statistics.median(figures) * 1000


def _timed(command: list[str], env: dict[str, str], home: Path) -> float:
    done = subprocess.run(command, env=env, cwd=home, capture_output=True, text=True, timeout=60, check=False)
    if done.returncode:
        raise Failed(done.stderr[-1000:])
    return float(done.stdout.splitlines()[-1])
