"""A pytest plugin for `make faults`: it tells how each test ended, and asks the general oracles of every service a test started."""

import json
import os
import secrets
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

CANARY = f"sk-{secrets.token_urlsafe(36)}"
_PIECE = 8
_OUR_BUGS = ("tests/process/test_resources.py", "tests/process/test_supervision.py")
"""Tests of what becomes of our own bugs, whose tracebacks belong into the log."""
_services: list[Any] = []
_excused: set[Path] = set()
"""Logs of services that such tests started; one is still written when the next test is over."""
_tracebacks: dict[Path, int] = {}


def pytest_configure(config: pytest.Config) -> None:
    """Give every service a secret in its environment, and keep each in mind. Needs tests/ on the path, as pytest.ini sets it."""
    import support  # noqa: PLC0415  - on the path only now

    plain, made = support.child_env, support.Service.__init__

    def with_canary(**more: str) -> dict[str, str]:
        return plain(**more) | {"CANARY_API_KEY": CANARY}

    def remembered(self: Any, *args: Any, **kwargs: Any) -> None:
        made(self, *args, **kwargs)
        _services.append(self)

    support.child_env = with_canary
    support.Service.__init__ = remembered  # type: ignore[method-assign]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep the tests that cases name; whole files were given, so that a name without a test stops nothing else."""
    wanted = {f"tests/{name}" for name in json.loads(os.environ["FAULTS_WANTED"])}
    others = [item for item in items if item.nodeid not in wanted and item.nodeid.partition("[")[0] not in wanted]
    items[:] = [item for item in items if item not in set(others)]
    config.hook.pytest_deselected(items=others)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item) -> Iterator[None]:
    """Ask the oracles before the test's services are stopped."""
    if item.nodeid.startswith(_OUR_BUGS):
        _excused.update(_log_of(service) for service in _services)
    wrong = [fault for service in _services for fault in _faults(service)]
    _services[:] = [service for service in _services if service.process.poll() is None]
    yield
    if wrong:
        pytest.fail(f"after {item.name}: {wrong}")


def _log_of(service: Any) -> Path:
    log: Path = service.home / "service.log"
    return log


def _faults(service: Any) -> Iterator[str]:
    """What is wrong with a service."""
    log = _log_of(service)
    journal = service.home / "logs" / "per_call.jsonl"
    text = "".join([path.read_bytes().decode("latin-1") for path in (log, journal) if path.is_file()])
    tracebacks = text.count("Traceback (most recent call last)")
    if tracebacks > _tracebacks.get(log, 0) and log not in _excused:
        yield "a traceback in the log"
    _tracebacks[log] = tracebacks
    if any(CANARY[at : at + _PIECE] in text for at in range(3, len(CANARY) - _PIECE)):
        yield "a secret in the log or the journal"
    if journal.is_file():
        ids = Counter(line.split('"id":"', 1)[1][:24] for line in text.split("\n") if line.startswith('{"kind":"call"'))
        if ids and max(ids.values()) > 1:
            yield "two records of one call"


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """One line for each step that counts."""
    if os.environ.get("PYTEST_XDIST_WORKER") or (report.when != "call" and report.outcome == "passed"):
        return
    why = str(report.longrepr).strip().split("\n")[-1][:300] if report.outcome == "failed" else ""
    line = {"node": report.nodeid, "when": report.when, "outcome": report.outcome, "seconds": report.duration, "why": why}
    with Path(os.environ["FAULTS_TOLD"]).open("a") as told:
        told.write(json.dumps(line) + "\n")
