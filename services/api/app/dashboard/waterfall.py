"""What happened to a call, step by step, as bars over its time. Only the record's figures; where it has none, none is invented."""

from typing import Any, Final

from ..domain.record import Attempt, Record
from .charts import span
from .wording import duration

SHORTEST_MS: Final = 0.1
"""A shorter wait is none."""


def steps(record: Record) -> list[dict[str, Any]]:
    """Each step with its bar: waiting, every try, the first token, the end. Tries stand one behind the other, as the record lists them."""
    tried = sum(one.latency_ms for one in record.attempts)
    whole = max(record.latency_ms, record.queue_ms + tried) or 1.0
    found = []
    at = 0.0
    if record.queue_ms >= SHORTEST_MS:
        found.append(_step("waited for a free place", at, at + record.queue_ms, whole, "wait", ""))
        at += record.queue_ms
    if record.cache == "hit":
        found.append(_step("answered from the cache", at, record.latency_ms, whole, "win", "no provider was called"))
    for one in record.attempts:
        kind = "bad" if one.error and one.error != "cancelled" else "out" if one.error else "win"
        found.append(_step(f"called {one.model_id} at {one.provider}", at, at + one.latency_ms, whole, kind, _told(one)))
        at += one.latency_ms
    if record.first_token_ms is not None:
        first = record.first_token_ms
        found.append(_step("first token was here", first, first, whole, "money", "the caller begins to read"))
    found.append(
        _step(
            "answer complete" if record.outcome == "answered" else record.outcome,
            record.latency_ms,
            record.latency_ms,
            whole,
            "bar",
            "",
        )
    )
    return found


def _told(one: Attempt) -> str:
    status = f"HTTP {one.status}" if one.status is not None else "no HTTP answer"
    return f"{status}, {one.error}" if one.error else status


def _step(name: str, begin: float, end: float, whole: float, kind: str, note: str) -> dict[str, Any]:
    lasted = end - begin
    when = f"{duration(lasted)}" if lasted else f"after {duration(end)}"
    return {"name": name, "when": when, "note": note, "bar": span(begin / whole, end / whole, f"{name}: {when}", kind)}
