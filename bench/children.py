"""The processes of a benchmark run: started with a clean environment, measured through /proc, ended whatever happens."""

import contextlib
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path

HERE = Path(__file__).parent
_TICKS = os.sysconf("SC_CLK_TCK")
_CPUS = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else [0]
# the measured process has a core to itself where there are two, so that the load does not evict its caches
MEASURED, OTHERS = (_CPUS[:1], _CPUS[1:]) if len(_CPUS) > 1 else (_CPUS, _CPUS)
PROJECTOR = b"logging_utils.usage.child"
_STRANGERS = ("LLM_ROUTER_", "PYTHON", "UVICORN_", "REDIS_URL", "CACHE_TTL_SECONDS", "HOST", "PORT")


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """This process's variables without keys, proxies and settings of the router, so that every run measures the same."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(_STRANGERS) and not name.lower().endswith(("_api_key", "_proxy"))
    }
    return kept | dict(extra or {})


@contextlib.contextmanager
def child(*command: str, cpus: list[int], env: dict[str, str] | None = None, **popen: object) -> Iterator[subprocess.Popen[str]]:
    """A running process in a group of its own, pinned to `cpus`; at the end its whole group is gone."""
    process = subprocess.Popen(command, env=env or environment(), text=True, start_new_session=True, **popen)  # type: ignore[call-overload]
    try:
        if hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(process.pid, cpus)
        yield process
    finally:
        _end(process)


def _end(process: subprocess.Popen[str]) -> None:
    process.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(timeout=5)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)  # whatever the process left behind; its group lives as long as a member does
    process.wait(timeout=5)
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe is not None:
            pipe.close()


@contextlib.contextmanager
def announced(script: str, *args: str, cpus: list[int]) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """One of this folder's servers, with the port that it printed once it listened."""
    with child(sys.executable, str(HERE / script), *args, cpus=cpus, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line.strip().isdigit():
            raise SystemExit(f"{script} did not start")
        yield process, int(line)


def wait_for(url: str, process: subprocess.Popen[str], seconds: float) -> None:
    """Poll `url` until it answers below 400. Raises SystemExit when the process ends or the time is over."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise SystemExit(f"{process.args!r} ended with status {process.returncode} before it was ready")
        with contextlib.suppress(urllib.error.URLError, OSError), opener.open(url, timeout=1):
            return
        time.sleep(0.02)
    raise SystemExit(f"{url} was not ready after {seconds} s")


def _tree(root: int) -> Iterator[tuple[int, list[str]]]:
    """(pid, fields of /proc/<pid>/stat from the state on) of a process and its living descendants."""
    stats: dict[int, list[str]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it ended meanwhile
            stats[int(path.parent.name)] = path.read_text().rpartition(")")[2].split()
    members = {root}
    while grown := {pid for pid, fields in stats.items() if int(fields[1]) in members} - members:
        members |= grown
    return ((pid, stats[pid]) for pid in members if pid in stats)


def _projects(pid: int) -> bool:
    """Whether this is the process that keeps the usage projection: no call waits for it, so it is told apart."""
    try:
        return PROJECTOR in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def cpu_seconds(root: int, *, projecting: bool = False) -> float:
    """User and system time that a process, its living descendants and its ended, waited-for children have used.

    Without the projector of a service, or (`projecting`) that one's alone.
    """
    return sum(sum(map(int, fields[11:15])) for pid, fields in _tree(root) if _projects(pid) is projecting) / _TICKS


def resident_mb(root: int, *, projecting: bool = False) -> float:
    """Resident memory of the same processes in MiB; pages that members share count once for each."""
    total = 0
    for pid, _ in _tree(root):
        if _projects(pid) is not projecting:
            continue
        with contextlib.suppress(OSError):
            for line in Path(f"/proc/{pid}/status").read_text().splitlines():
                if line.startswith("VmRSS:"):
                    total += int(line.split()[1])
    return total / 1024
