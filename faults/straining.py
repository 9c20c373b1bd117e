"""Scenarios of a service short of something: descriptors, memory, a reader of its output; and of long work."""

import os
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from pathlib import Path
from typing import Any

import yaml
from calls import Call, ask
from cases import FACES, Seen
from rig import Rig, row_of
from scenarios import scenario
from watch import memory

from support import Service, child_env, eventually, free_port

CALLERS, DESCRIPTORS = 300, 256
MIXED = ("503", "cut-mid-stream", "malformed-chunk", "429", "truncated-length", "error-event-late:3", "slow-stream:5")
SOAK = 15.0


@scenario(
    f"{CALLERS} streams at a service that may have {DESCRIPTORS} descriptors: each caller is answered or told 503, then all is well again"
)
def no_descriptors(seen: Seen, rig: Rig) -> None:
    rig.upstream.reset()
    model = {"provider": "usual", "id": "usual", "price_in": 0.001, "price_out": 0.002, "avg_latency_ms": 300}
    provider = {"dialect": "openai", "base_url": rig.upstream.base_url("openai", "slow-stream:300"), "key_env": None}
    config = yaml.safe_dump({"providers": {"usual": provider}, "models": {"usual": model}, "cache": {"backend": "none"}})
    with tempfile.TemporaryDirectory(prefix="llm-router-faults-") as home:
        Path(home, "config.yaml").write_text(config)
        port = free_port()
        shell = f"ulimit -n {DESCRIPTORS}; exec {sys.executable} -m app.cli serve --port {port}"
        with Path(home, "service.log").open("wb") as log:
            env = child_env(LLM_ROUTER_HOME=home)
            process = subprocess.Popen(["/bin/sh", "-c", shell], env=env, cwd=home, stdout=log, stderr=log)
        service = Service(process, port, Path(home))
        try:
            eventually(lambda: _is_up(service), 20)
            _crowd(seen, service)
        finally:
            process.terminate()
            process.wait(20)


def _crowd(seen: Seen, service: Service) -> None:
    with ThreadPoolExecutor(CALLERS) as pool:
        statuses = Counter(pool.map(lambda _: _status(service.port), range(CALLERS)))
    seen.times.append(f"{CALLERS} callers at once: {dict(statuses)}")
    if set(statuses) - {200, 503}:
        seen.faults.append(f"callers got {dict(statuses)}")
    eventually(lambda: _status(service.port) == HTTPStatus.OK, 20)


def _status(port: int) -> int | str:
    try:
        call = ask(port, "chat", "usual", "stream")
    except OSError as error:
        return type(error).__name__
    return call.status or call.broke or "closed"


@scenario(
    "prompts of a million letters, one word of a million letters and 10,000 turns: answered or refused, /health answers meanwhile"
)
def long_prompts(seen: Seen, rig: Rig) -> None:
    rig.upstream.reset()
    turns = [{"role": ("user", "assistant")[number % 2], "content": "Go on."} for number in range(10_001)]
    prompts: list[list[dict[str, Any]]] = [
        [{"role": "user", "content": "word " * 200_000}],
        [{"role": "user", "content": "x" * 1_000_000}],
        turns,
    ]
    calls = [ask(rig.patient.port, face, model, "whole", messages=prompt)
             for face in FACES for prompt in prompts for model in (f"sound_{FACES[face]}", "auto")]  # fmt: skip
    seen.faults += [f"{call.face}: {call.status} {call.body[:200]!r}" for call in calls if call.status not in (200, 400, 413)]
    seen.times.append(f"slowest {max(call.seconds for call in calls) * 1000:.0f} ms")
    rig.patient.settle(seen, [call for call in calls if call.status == 200])


@scenario("a service whose output is a full pipe, or nobody's: it starts, answers and stops with status 0")
def closed_output(seen: Seen, rig: Rig) -> None:
    for name in ("full", "closed"):
        with tempfile.TemporaryDirectory(prefix="llm-router-faults-") as home:
            reading, writing = os.pipe()
            if name == "full":
                os.set_blocking(writing, False)
                _fill(writing)
                os.set_blocking(writing, True)
            else:
                os.close(reading)
            port = free_port()
            command = [sys.executable, "-m", "app.cli", "serve", "--port", str(port)]
            process = subprocess.Popen(command, env=child_env(LLM_ROUTER_HOME=home), cwd=home, stdout=writing, stderr=writing)
            os.close(writing)
            try:
                _serves(seen, name, Service(process, port, Path(home)))
            finally:
                process.kill()
                process.wait(10)
                if name == "full":
                    os.close(reading)


def _serves(seen: Seen, name: str, service: Service) -> None:
    try:
        eventually(lambda: _is_up(service), 20)
        call = ask(service.port, "chat", "auto", "whole")
        status = service.stop()
    except (AssertionError, OSError, subprocess.TimeoutExpired) as error:
        seen.faults.append(f"output {name}: {type(error).__name__} {error}")
        return
    if call.status != 200 or status != 0:
        seen.faults.append(f"output {name}: the call was {call.status}, the end {status}")


def _is_up(service: Service) -> bool:
    try:
        return service.request("/ready").status == 200
    except OSError:
        return False


def _fill(pipe: int) -> None:
    try:
        while True:
            os.write(pipe, b"x" * 65536)
    except BlockingIOError:
        return


@scenario("a body that does not fit into what memory is left: that request alone fails, the next is answered")
def no_memory(seen: Seen, rig: Rig) -> None:
    watch = rig.patient
    rig.upstream.reset()
    pid = watch.service.process.pid
    old = resource.prlimit(pid, resource.RLIMIT_AS)
    size = int(Path(f"/proc/{pid}/statm").read_text().split()[0]) * resource.getpagesize()
    resource.prlimit(pid, resource.RLIMIT_AS, (size + 8_000_000, old[1]))
    try:
        call = ask(watch.port, "chat", "sound_openai", "whole", messages=[{"role": "user", "content": "x" * 30_000_000}])
    finally:
        resource.prlimit(pid, resource.RLIMIT_AS, old)
    seen.times.append(f"the large call was {call.status or call.broke or 'closed'}")
    if watch.service.process.poll() is not None:
        seen.faults.append("the service ended")
        return
    after = ask(watch.port, "chat", "sound_openai", "whole")
    if not after.finished:
        seen.faults.append(f"the next call was {after.status}")
    watch.said()  # our own traceback has its place in the log here
    watch.settle_some(seen, [after])


@scenario("calls that fail in many ways, again and again: memory and descriptors stay", *MIXED)
def soak(seen: Seen, rig: Rig) -> None:
    """A glimpse; `make soak` goes on for ten minutes."""
    watch = rig.patient
    rig.upstream.reset()
    jobs = [(face, row_of(fault, face), form) for fault in MIXED for face in FACES for form in ("whole", "stream")]
    calls: list[Call] = []
    end = time.monotonic() + SOAK
    sizes: list[int] = []
    with ThreadPoolExecutor(8) as pool:
        while time.monotonic() < end:
            calls += pool.map(lambda job: ask(watch.port, *job), jobs)
            sizes.append(memory(watch.service))
    half = sizes[len(sizes) // 2]
    if sizes[-1] > half + 15:
        seen.faults.append(f"memory grew from {half} to {sizes[-1]} MB in the second half")
    seen.times.append(f"{len(calls)} calls, memory {sizes[0]}, {half}, {sizes[-1]} MB")
    watch.settle(seen, calls)
