"""A folder with a journal and a projection of it, and what both say."""

import json
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from app.domain.record import ScoreLine
from app.logging_utils.journal import encode
from app.logging_utils.rollup import Rollup
from app.logging_utils.usage.projection import Projection
from app.logging_utils.usage.schema import open_usage


class Place:
    """The files in one folder."""

    def __init__(self, folder: Path) -> None:
        self.journal = folder / "logs" / "per_call.jsonl"
        self.daily = folder / "logs" / "daily.json"
        self.usage = folder / "cache" / "usage.sqlite"
        self.journal.parent.mkdir()
        self.told: list[str] = []

    def write(self, *lines: bytes, file: Path | None = None) -> None:
        with (file or self.journal).open("ab") as out:
            out.write(b"".join(lines))

    def projection(self, **more: Any) -> Projection:
        return Projection(self.journal, self.usage, report=self.told.append, **more)

    def project(self) -> None:
        """One step, as the projector makes it when it starts."""
        projection = self.projection()
        assert projection.step()
        projection.close()

    def roll_up(self) -> dict[str, Any]:
        """`daily.json`, rebuilt."""
        rollup = Rollup(self.journal, self.daily, report=lambda _: None)
        rollup.rebuild()
        rollup.close()
        shown: dict[str, Any] = json.loads(self.daily.read_bytes())
        return shown

    @contextmanager
    def asked(self) -> Iterator[sqlite3.Connection]:
        db = open_usage(self.usage)
        try:
            yield db
        finally:
            db.close()


def late(number: int, score: float, replaces: float | None, **fields: Any) -> bytes:
    """A score that comes after the call of this number (see `lines.call`)."""
    facts = {"call": f"call-{number}", "call_at": "2026-11-23T12:00:00.000Z", "model": "small", "at": f"later {score}"}
    return encode(ScoreLine(**(facts | {"scorer": "judge-1", "score": score, "replaces": replaces} | fields)))


def nano_of(journal: Path) -> Counter[str]:
    """Nano-dollars by UTC day and model, straight from the lines of the journal and its rotated files."""
    found: Counter[str] = Counter()
    for file in journal.parent.glob(journal.name + "*"):
        for line in file.read_bytes().split(b"\n"):
            try:
                call = json.loads(line)
            except ValueError:
                continue
            if isinstance(call, dict) and call.get("kind") == "call":
                model = call["served"] or call["decided"] or call["asked"]
                found[f"{call['at'][:10]} {model}"] += call["cost_nano_usd"] or 0
    return found
