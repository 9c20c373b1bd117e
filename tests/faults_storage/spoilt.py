"""Faults that are done to a running service from outside, without being root: limits of its processes, and a look at its health."""

import re
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from support import Service, worker_pids


def processes(service: Service) -> set[int]:
    """The service's process and its workers."""
    return {service.process.pid} | worker_pids(service.process.pid)


@contextmanager
def limited(service: Service, what: int, most: int) -> Iterator[None]:
    """For a while no process of the service may have more than `most` of a resource (`resource.RLIMIT_...`)."""
    before = {pid: resource.prlimit(pid, what) for pid in processes(service)}
    for pid, (_, hard) in before.items():
        resource.prlimit(pid, what, (most, hard))
    try:
        yield
    finally:
        for pid, limits in before.items():
            resource.prlimit(pid, what, limits)


def open_files(pid: int) -> int:
    """How many descriptors a process has open."""
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def health(service: Service) -> Any:
    return service.request("/health").json()


def metric(service: Service, name: str) -> float:
    """The sum of a metric over its labels, as `GET /metrics` shows it."""
    lines = [line for line in service.request("/metrics").body.decode().splitlines() if re.match(rf"{name}(\{{| )", line)]
    return sum(float(line.rpartition(" ")[2]) for line in lines)
