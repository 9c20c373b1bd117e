"""Lines and little programs for the tests of the journal and the rollup."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from app.domain.record import Record
from app.logging_utils.journal import encode


def call(number: int, **fields: Any) -> bytes:
    """One encoded call line with an id of its own."""
    facts = {"id": f"call-{number}", "at": "2026-11-23T12:00:00.000Z", "face": "query", "asked": "auto", "served": "small"}
    return encode(Record(**({**facts, "status": 200, "outcome": "answered"} | fields)))


def ids(path: Path) -> list[str]:
    """The ids of all whole call lines in the journal and its rotated files, in no special order."""
    found = []
    for file in path.parent.glob(path.name + "*"):
        for line in file.read_bytes().split(b"\n"):
            try:
                found.append(json.loads(line)["id"])
            except (ValueError, KeyError):
                continue
    return found


def child(program: str, *words: str) -> "subprocess.Popen[bytes]":
    """A Python process that runs `program` with `words` as its arguments; its output is a pipe."""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    return subprocess.Popen([sys.executable, "-c", program, *words], stdout=subprocess.PIPE, env=environment, bufsize=0)


def until(true: Callable[[], bool], seconds: float = 10.0) -> None:
    """Wait for something that another process brings about."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.005)
