"""What the journal and the rollup hold, read as any stranger would: whole lines of JSON, whatever else lies between them."""

import json
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass
class Ledger:
    """`calls` by id, the `clients` ids of their callers, and `fragments`: lines that are no JSON."""

    calls: Counter[str] = field(default_factory=Counter)
    clients: Counter[str] = field(default_factory=Counter)
    fragments: int = 0

    @classmethod
    def read(cls, logs: Path) -> "Ledger":
        """The journal in `logs` and the files it was rotated to."""
        found = cls()
        for path in sorted(logs.glob("per_call.jsonl*")):
            for line in path.read_bytes().split(b"\n"):
                found._take(line)
        return found

    def _take(self, line: bytes) -> None:
        if not line:
            return
        try:
            record: dict[str, Any] = json.loads(line)
        except ValueError:
            self.fragments += 1
            return
        if record["kind"] == "call":
            self.calls[record["id"]] += 1
            self.clients[record["client_request_id"] or ""] += 1

    @property
    def twice(self) -> int:
        """Calls that stand there more than once."""
        return sum(1 for count in self.calls.values() if count > 1)


def daily_calls(daily: bytes) -> int:
    """The calls that a `daily.json` counts."""
    rows: dict[str, dict[str, dict[str, int]]] = json.loads(daily)
    return sum(row["calls"] for day in rows.values() for row in day.values())


def rebuilt(home: Path, env: dict[str, str]) -> bytes:
    """`daily.json` as `llm-router rollup` makes it anew from the journal alone."""
    path = home / "logs" / "daily.json"
    path.unlink()
    command = [sys.executable, "-m", "app.cli", "rollup", "--json"]
    subprocess.run(command, env=env, check=True, capture_output=True, timeout=300)
    return path.read_bytes()
