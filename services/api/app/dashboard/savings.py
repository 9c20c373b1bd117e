"""What the router saved: against always asking the baseline, and by the cache. Figures come summed; none is made here."""

import asyncio
import sqlite3
from collections.abc import Sequence
from typing import Any

from ..logging_utils.usage.queries import grouped, one_state, totals
from ..logging_utils.usage.values import GroupRow, Totals
from .answers import Page
from .asked import Asked
from .charts import Series, bar, columns
from .kit import Kit
from .overview import ranges, span_of
from .ranges import Range
from .wording import NANO, count, percent, usd


async def shown(kit: Kit, asked: Asked) -> Page:
    """The page."""
    span = await span_of(kit, asked)

    def question(db: sqlite3.Connection) -> tuple[Totals, list[GroupRow], list[GroupRow], list[GroupRow]]:
        with one_state(db):
            return (
                totals(db, span.window),
                grouped(db, span.window, (span.step,), span.zone) if span.labels() else [],
                grouped(db, span.window, ("model",), span.zone),
                grouped(db, span.window, ("mode",), span.zone),
            )

    sums, over_time, models, modes = await kit.figures.ask(question)
    values = {
        "title": "Savings",
        "ranges": ranges(asked, "savings", span),
        "range_told": span.told,
        "baseline": kit.here.snapshot().routing.baseline,
        "sums": sums,
        "saved": saved(sums),
        "share": percent(saved(sums), sums.baseline_nano_usd),
        "chart": await asyncio.to_thread(_chart, span, over_time),
        "models": _rows(models, "asked by nobody"),
        "modes": _rows(modes, "by name"),
        "behind": await kit.figures.behind(),
    }
    return Page("savings.html", values)


def saved(sums: Totals) -> int:
    """Nano-dollars less than the baseline would have cost, over the calls where both are known."""
    return sums.baseline_nano_usd - sums.compared_nano_usd


def _chart(span: Range, rows: Sequence[GroupRow]) -> dict[str, Any] | None:
    labels = span.labels()
    if not labels:
        return None
    found = {row.key[0]: row.totals for row in rows}
    each = [found.get(label, Totals()) for label in labels]
    names = [label.replace("T", " ")[:16] for label in labels]
    series = [
        Series("paid", "money", [one.compared_nano_usd / NANO for one in each]),
        Series("saved", "good", [max(saved(one), 0) / NANO for one in each]),
    ]
    told = [f"{name}: paid {usd(one.compared_nano_usd)}, saved {usd(saved(one))}" for name, one in zip(names, each, strict=True)]
    rows_of_table = [
        (name, usd(one.baseline_nano_usd), usd(one.compared_nano_usd), usd(saved(one)))
        for name, one in zip(names, each, strict=True)
        if one.calls
    ]
    return {
        "title": "What the baseline would have cost",
        "top": usd(max(max(one.baseline_nano_usd, one.compared_nano_usd) for one in each)),
        "svg": columns("Paid and saved over time", names, series, told),
        "legend": [("money", "paid"), ("good", "saved")],
        "head": ("baseline", "paid", "saved"),
        "rows": rows_of_table,
        "first": names[0],
        "last": names[-1],
        "step": span.step,
    }


def _rows(rows: Sequence[GroupRow], unnamed: str) -> list[dict[str, Any]]:
    """Groups by what they saved, most first."""
    most = max((abs(saved(row.totals)) for row in rows), default=0) or 1
    ordered = sorted(rows, key=lambda row: -saved(row.totals))
    return [
        {
            "name": row.key[0] or unnamed,
            "calls": count(row.totals.calls),
            "baseline": row.totals.baseline_nano_usd,
            "paid": row.totals.compared_nano_usd,
            "saved": saved(row.totals),
            "bar": bar(abs(saved(row.totals)) / most, usd(saved(row.totals)), "win" if saved(row.totals) >= 0 else "bad"),
        }
        for row in ordered
    ]
