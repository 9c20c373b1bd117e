"""How the router routes: who gets which share, what quality costs here, whether predictions hold. Figures come from `sample` and sums."""

import asyncio
import sqlite3
from collections.abc import Sequence
from math import log10
from typing import Any, Final

from ..domain.request import MODES
from ..logging_utils.usage.queries import grouped, one_state
from ..logging_utils.usage.values import GroupRow
from .answers import Page
from .asked import Asked
from .charts import bar, scatter
from .kit import Kit
from .overview import ranges, span_of
from .sample import MOST, Point, Sample, sampled
from .wording import NANO, count, percent, usd

BINS: Final = ((0.0, 0.5), (0.5, 0.6), (0.6, 0.7), (0.7, 0.8), (0.8, 0.9), (0.9, 1.01))
FIFTHS: Final = tuple((n / 5, (n + 1) / 5 + (0.001 if n == 4 else 0)) for n in range(5))
MOST_FACETS: Final = 8
LEAST_FACET: Final = 0.005
LEAST_COST: Final = 1e-7


async def shown(kit: Kit, asked: Asked) -> Page:
    """The page."""
    span = await span_of(kit, asked)
    snapshot = kit.here.snapshot()
    played = not snapshot.any_real
    _, journal = kit.figures.paths()

    def question(db: sqlite3.Connection) -> tuple[list[GroupRow], Sample]:
        with one_state(db):
            return grouped(db, span.window, ("mode", "model"), span.zone), sampled(db, journal, span.window, played)

    rows, sample = await kit.figures.ask(question)
    points = sample.points
    values = {
        "title": "Routing",
        "ranges": ranges(asked, "routing", span),
        "range_told": span.told,
        "any": bool(rows),
        "modes": _shares(rows),
        "weights": [(mode, snapshot.routing.weights[mode]) for mode in MODES if mode in snapshot.routing.weights],
        "exploration": snapshot.routing.exploration,
        "curve": await asyncio.to_thread(_curve, rows),
        "calibration": _calibration(points),
        "spreads": [
            _spread("Difficulty (0 = easy, 1 = hard)", [point.difficulty for point in points]),
            _spread(
                "Distance to the training data (0 = like it, 1 = far)",
                [one.distance for one in points if one.distance is not None],
            ),
        ],
        "facets": _facets(points),
        "sampled": len(points),
        "not_computed": sample.reason,
        "most": MOST,
        "simulated": played,
    }
    return Page("routing.html", values)


def _shares(rows: Sequence[GroupRow]) -> list[dict[str, Any]]:
    """For each mode its models by share of its calls, most first."""
    found = []
    for mode in (*MODES, None):
        own = sorted((row for row in rows if row.key[0] == mode), key=lambda row: -row.totals.calls)
        calls = sum(row.totals.calls for row in own)
        if calls:
            shares = [
                {
                    "name": row.key[1] or "asked by nobody",
                    "share": percent(row.totals.calls, calls),
                    "bar": bar(row.totals.calls / calls, f"{count(row.totals.calls)} of {count(calls)} calls"),
                    "calls": count(row.totals.calls),
                }
                for row in own
            ]
            found.append({"mode": mode or "asked by name", "calls": count(calls), "models": shares})
    return found


def _curve(rows: Sequence[GroupRow]) -> dict[str, Any] | None:
    """Each model's mean score over its mean cost for this traffic; None where no call was paid for and scored."""
    by_model: dict[str, list[GroupRow]] = {}
    for row in rows:
        by_model.setdefault(row.key[1] or "", []).append(row)
    measured = []
    for name, own in by_model.items():
        scored, priced = sum(row.totals.scored for row in own), sum(row.totals.priced for row in own)
        cost = sum(row.totals.cost_nano_usd for row in own)
        if scored and priced and cost:
            score = sum(row.totals.score_millionths for row in own) / scored / 1e6
            measured.append((name, score, cost / priced, sum(row.totals.calls for row in own)))
    if not measured:
        return None
    costs = [log10(max(cost / NANO, LEAST_COST)) for _, _, cost, _ in measured]
    low, high = min(costs), max(costs)
    points = [
        (0.5 if high == low else (at - low) / (high - low), score, "bar", f"{name}: score {score:.2f}, {usd(round(cost))} a call")
        for at, (name, score, cost, _) in zip(costs, measured, strict=True)
    ]
    table = sorted(measured, key=lambda one: one[2])
    return {
        "svg": scatter("Mean score over mean cost of a call, by model", points),
        "low": usd(round(table[0][2])),
        "high": usd(round(table[-1][2])),
        "rows": [(name, f"{score:.2f}", usd(round(cost)), count(calls)) for name, score, cost, calls in table],
    }


def _calibration(points: Sequence[Point]) -> list[dict[str, Any]]:
    """Predicted quality in bins beside the mean score that the answers got."""
    found = []
    for low, high in BINS:
        own = [point for point in points if low <= point.predicted < high]
        if own:
            predicted, score = sum(point.predicted for point in own) / len(own), sum(point.score for point in own) / len(own)
            found.append(
                {
                    "bin": f"{low:.1f} to {min(high, 1):.1f}",
                    "calls": count(len(own)),
                    "predicted": f"{predicted:.2f}",
                    "predicted_bar": bar(predicted, f"predicted {predicted:.2f}"),
                    "score": f"{score:.2f}",
                    "score_bar": bar(score, f"scored {score:.2f}", "win"),
                }
            )
    return found


def _spread(title: str, values: Sequence[float]) -> dict[str, Any]:
    """How many prompts lie in each fifth of 0..1."""
    counts = [sum(low <= value < high for value in values) for low, high in FIFTHS]
    most = max(counts) or 1
    rows = [
        {"bin": f"{low:.1f} to {min(high, 1):.1f}", "calls": count(number), "bar": bar(number / most, f"{number} prompts")}
        for (low, high), number in zip(FIFTHS, counts, strict=True)
    ]
    return {"title": title, "rows": rows if values else []}


def _facets(points: Sequence[Point]) -> list[dict[str, Any]]:
    """What part of the training data the prompts are most like, on average."""
    known = [point.facets for point in points if point.facets]
    means = {name: sum(one[name] for one in known) / len(known) for name in (known[0] if known else ())}
    ordered = sorted(((name, mean) for name, mean in means.items() if mean >= LEAST_FACET), key=lambda one: -one[1])[:MOST_FACETS]
    return [{"name": name, "share": percent(value, 1), "bar": bar(value, f"{name}: {value:.2f}")} for name, value in ordered]
