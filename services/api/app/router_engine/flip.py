"""What would have made another model win, what other modes pick and what the choice saves: the decision's utility, solved for one figure.

For whoever asks why; a decision itself never looks here. No clock, no I/O.
"""

from math import ceil, floor, inf, isnan, log10
from typing import Final

from msgspec.structs import replace

from ..config.snapshot import Weights
from ..domain.decision import Decision, Flip, Saving, Standing
from ..domain.request import MODES, Mode
from ..errors import CallerError
from .choose import COST_UNIT, LATENCY_UNIT_MS, STAY, dearest
from .decide import Ranked, ranked
from .predict import Figures, predict
from .table import Table

_SURELY: Final = 2e-9
"""Utilities are compared in billionths; a model that is ahead by two of them wins whatever its name."""
MOST_TOLD: Final = 4


def flips(found: Ranked, table: Table) -> dict[str, Flip]:
    """For every row of the ranking but its first: each change of one figure that would put it first, the others left as they are."""
    weights, wishes = table.weights[found.case.wishes.mode], found.case.wishes
    figures, names = found.case.figures, table.rows.names
    kept = table.rows.index.get(wishes.session_model or "")
    costs: list[float] = figures.cost.tolist()
    unknown = dearest(figures.cost, found.alive)
    seen = [
        _Seen(
            float(figures.quality[i]),
            unknown if isnan(costs[i]) else costs[i],
            float(figures.latency[i]),
            STAY if i == kept else 0.0,
        )
        for i in range(len(names))
    ]
    first = found.rows[0]
    return {names[i]: _flip(seen[i], seen[first], weights, found.floor) for i in found.rows[1:]}


class _Seen:
    """One row's figures."""

    __slots__ = ("ahead", "cost", "latency", "quality")

    def __init__(self, quality: float, cost: float, latency: float, ahead: float) -> None:
        self.quality = quality
        self.cost = cost
        self.latency = latency
        self.ahead = ahead

    def utility(self, weights: Weights) -> float:
        cost = weights.cost * log10(1 + self.cost / COST_UNIT)
        return weights.quality * self.quality - cost - weights.latency * log10(1 + self.latency / LATENCY_UNIT_MS) + self.ahead


def _flip(row: _Seen, first: _Seen, weights: Weights, least: float) -> Flip:
    """What `row` lacks to `first`. Below the mode's floor `least` only quality helps."""
    lacks = first.utility(weights) - row.utility(weights) + _SURELY
    if first.quality < least <= row.quality:  # cannot be: who is above the floor is ahead
        lacks = 0.0
    quality = max(row.quality + lacks / weights.quality if weights.quality else inf, least)
    if row.quality < least:
        return Flip(quality=_up(quality))
    return Flip(
        quality=_up(quality),
        cost_usd=_fallen(row.cost, COST_UNIT, lacks, weights.cost),
        latency_ms=_fallen(row.latency, LATENCY_UNIT_MS, lacks, weights.latency),
    )


def _up(quality: float) -> float | None:
    """In ten-thousandths, so that it surely suffices; None where no probability does."""
    told = ceil(quality * 10_000) / 10_000 if quality <= 1 else inf
    return told if told <= 1 else None


def _fallen(figure: float, unit: float, lacks: float, weight: float) -> float | None:
    """The figure at which its logarithmic term is smaller by `lacks`, rounded down to four digits; None where not even 0 suffices."""
    if weight <= 0:
        return None
    fallen = ((1 + figure / unit) * 10 ** (-lacks / weight) - 1) * unit
    if fallen < 0:
        return None
    if fallen == 0:
        return 0.0
    digits = 10.0 ** (3 - floor(log10(fallen)))
    return floor(fallen * digits) / digits


def choices(decision: Decision, table: Table, standing: Standing) -> dict[Mode, str]:
    """Who is best in each mode for the same request."""
    found: dict[Mode, str] = {}
    for mode in MODES:
        try:
            rows = ranked(decision.z, replace(decision.wishes, mode=mode), table, standing).rows
        except CallerError:  # a floor of one mode can leave nobody
            continue
        found[mode] = table.rows.names[rows[0]]
    return found


def saving(decision: Decision, table: Table, standing: Standing) -> Saving | None:
    """What the chosen row is predicted to cost less than `routing.baseline`; None where no baseline is configured."""
    if table.baseline_name is None:
        return None
    wishes = replace(decision.wishes, session_model=None)  # the baseline is what one would have had from the beginning
    paid = _cost(predict(decision.z, decision.wishes, table.rows, standing), table.rows.index[decision.chosen])
    baseline = None
    for rows in (table.rows, table.others):
        i = rows.index.get(table.baseline_name)
        if i is not None:
            baseline = _cost(predict(decision.z, wishes, rows, standing), i)
    saved = None if paid is None or baseline is None else round(baseline - paid, 9)
    return Saving(table.baseline_name, baseline, paid, saved)


def _cost(figures: Figures, i: int) -> float | None:
    cost = float(figures.cost[i])
    return None if isnan(cost) else round(cost, 9)


def told(decision: Decision, lacking: dict[str, Flip], figures: Figures, table: Table, picks: dict[Mode, str]) -> tuple[str, ...]:
    """Sentences for people: what the next in the ranking lack, then other modes' choices."""
    index = table.rows.index
    lacks = [(name, _ways(flip, figures, index[name])) for name, flip in lacking.items()]
    sentences = [f"{name} would win {', or '.join(ways)}" for name, ways in lacks if ways]
    modes = [f"mode {mode} picks {name}" for mode, name in picks.items() if mode != decision.mode]
    return (*sentences[:MOST_TOLD], *modes)


def _ways(flip: Flip, figures: Figures, i: int) -> list[str]:
    """Each change of one figure of row `i` in words."""
    quality, cost, latency = (float(column[i]) for column in (figures.quality, figures.cost, figures.latency))
    ways = []
    if flip.quality is not None:
        ways.append(f"at quality >= {flip.quality:.4f} (now {quality:.4f})")
    if flip.cost_usd is not None and isnan(cost):
        ways.append(f"if its price were known and this call cost at most {flip.cost_usd:.6g} US dollars")
    elif flip.cost_usd is not None and _share(flip.cost_usd, cost) < 100:
        ways.append(f"if its price fell by {_share(flip.cost_usd, cost)} %")
    if flip.latency_ms is not None and _share(flip.latency_ms, latency) < 100:
        ways.append(f"if it took {_share(flip.latency_ms, latency)} % less time")
    return ways


def _share(left: float, now: float) -> int:
    """The whole per cent by which `now` has to fall to be no more than `left`; 100 at most."""
    return ceil(100 * (1 - left / now)) if now else 100
