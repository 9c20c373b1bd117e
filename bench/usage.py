"""What the usage projection costs: the workers' CPU with it and without it in turns, its own, and the time of every question.

`python bench/usage.py 1000000` alone prints each question's median over a generated journal of so many records.
"""

import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import journals
from children import OTHERS, announced, cpu_seconds
from measure import LINGER, Side
from shipped import BY_NAME, Journal, served

from app.logging_utils.usage import calls
from app.logging_utils.usage.projection import Projection
from app.logging_utils.usage.queries import grouped, projected, totals
from app.logging_utils.usage.schema import open_usage
from app.logging_utils.usage.values import Filters, Group, Window

RATIO_TARGET = 1.1
RECORD_TARGET_US = 40.0  # 25,000 records a second
QUESTION_TARGET_MS = 300.0
CALLS = 8000
WARM_UP = 1000
RECORDS = 1_000_000
TIMES = 5
_BEGIN = int(journals.START.timestamp() * 1000)
_END = _BEGIN + journals.DAYS * 86_400_000
WHOLE = Window(_BEGIN, _END)
RAGGED = Window(_BEGIN + 1_234_567, _END - 7_654_321)
DAY = Window(_END - 86_400_000 - 1_234_567, _END - 1_234_567)
GROUPINGS: tuple[tuple[Group, ...], ...] = (
    ("day",), ("hour",), ("model",), ("provider",), ("mode",), ("user",), ("outcome",), ("day", "model"), ("day", "mode"),
    ("day", "user"), ("hour", "model"), ("user", "model"), ("model", "mode", "outcome"),
)  # fmt: skip
ZONES = ("UTC", "America/New_York", "Asia/Kolkata")
FILTERS = (
    Filters(), Filters(model="openai_nano"), Filters(model="llama_large"), Filters(user="team-03"), Filters(outcome="failed"),
    Filters(error="provider_error"), Filters(cache="hit"), Filters(mode=""), Filters(model="llama_large", outcome="abandoned"),
)  # fmt: skip


def projection_row(home: Path, rounds: int, count: int) -> dict[str, Any]:
    """The line of the workers' CPU. Raises Failed."""
    home.mkdir(parents=True, exist_ok=True)
    own: list[float] = []
    with ExitStack() as running:
        _, upstream = running.enter_context(announced("upstream.py", cpus=OTHERS))
        sides = []
        for word, on in (("with", True), ("without", False)):
            service, port = running.enter_context(served(home / word, upstream, projected=on))
            sides.append(Side(service.pid, port, ["--model", BY_NAME], Journal(home / word)))
            sides[-1].warm_up(WARM_UP)
        time.sleep(LINGER)
        for turn in range(rounds):
            before = cpu_seconds(sides[0].pid, projecting=True)
            for side in reversed(sides) if turn % 2 else sides:
                side.round(count, LINGER)
            own.append((cpu_seconds(sides[0].pid, projecting=True) - before) / count * 1e6)
    ratios = [on / off for on, off in zip(sides[0].figures, sides[1].figures, strict=True)]
    return {
        "name": "projection",
        "title": f"with projection / without (projector {statistics.median(own):.0f} us)",
        "service_us": sides[0].figures,
        "proxy_us": sides[1].figures,
        "projector_us": own,
        "ratios": ratios,
        "value": round(statistics.median(ratios), 3),
        "target": RATIO_TARGET,
        "calls": count,
    }


def usage_rows(home: Path, records: int) -> list[dict[str, Any]]:
    """The lines of a journal of so many records: CPU to project one, and the slowest question's median."""
    journals.write(home / "logs" / "per_call.jsonl", records)
    micros = projected_us(home, records)
    medians = dict(asked(home / "usage.sqlite"))
    slowest = max(medians, key=lambda name: medians[name])
    return [
        {
            "name": "usage",
            "title": f"us to project one of {records:,} records",
            "value": round(micros, 1),
            "target": RECORD_TARGET_US,
        },
        {
            "name": "questions",
            "title": f"ms, slowest question: {slowest}",
            "value": round(medians[slowest], 1),
            "target": QUESTION_TARGET_MS,
            "medians_ms": medians,
        },
    ]


def projected_us(home: Path, records: int) -> float:
    """CPU microseconds a record, from an empty projection to a whole one."""
    projection = Projection(home / "logs" / "per_call.jsonl", home / "usage.sqlite")
    before = time.process_time()
    projection.step()
    spent = time.process_time() - before
    projection.close()
    return spent / records * 1e6


def asked(path: Path) -> Iterator[tuple[str, float]]:
    """Every question, on a connection of its own as a page has it, and its median in milliseconds of CPU.

    The file is in memory, so there is hardly anything else that takes time.
    """
    for name, question in _questions():
        yield name, statistics.median(_timed(path, question) for _ in range(TIMES))


def _questions() -> Iterator[tuple[str, Callable[[Any], object]]]:
    yield "how far", projected
    for name, window in (("30 days", WHOLE), ("29 days and a bit", RAGGED), ("24 hours", DAY)):
        yield f"totals of {name}", lambda db, window=window: totals(db, window)
    yield "totals of a model", lambda db: totals(db, RAGGED, Filters(model="openai_nano"))
    yield "totals of a user", lambda db: totals(db, RAGGED, Filters(user="team-03"))
    for by in GROUPINGS:
        for zone in ZONES:
            yield f"{','.join(by)} {zone}", lambda db, by=by, zone=zone: grouped(db, RAGGED, by, ZoneInfo(zone))
    for only in FILTERS:
        told = " ".join(f"{name}={value}" for name in only.__struct_fields__ if (value := getattr(only, name)) is not None)
        yield f"calls {told}".strip(), lambda db, only=only: calls.calls(db, WHOLE, only)
    yield "a call", lambda db: calls.call(db, f"{1:06x}{777:018x}")


def _timed(path: Path, question: Callable[[Any], object]) -> float:
    began = time.process_time()
    db = open_usage(path)
    question(db)
    db.close()
    return (time.process_time() - began) * 1000


def main() -> None:
    records = int(sys.argv[1]) if len(sys.argv) > 1 else RECORDS
    with tempfile.TemporaryDirectory(prefix="llm-router-usage-") as folder:
        home = Path(folder)
        journals.write(home / "logs" / "per_call.jsonl", records)
        print(f"{1e6 / projected_us(home, records):,.0f} records per CPU second, {records:,} records")
        for name, median in asked(home / "usage.sqlite"):
            print(f"{median:9.1f} ms  {name}", flush=True)


if __name__ == "__main__":
    main()
