"""What a decision saw, computed again from its z and wishes: nothing is kept on the hot path for those who never ask."""

import numpy as np

from ..domain.answer import Usage
from ..domain.decision import EMPTY_STANDING, Candidate, Decision, Standing
from ..domain.target import price
from .eligible import HARD, Case, exclusion, kept_by, unrestricted
from .first_stage import read
from .predict import Figures, predict
from .quality import good_answer
from .table import Rows, Table

_NANO = 1e9


def explain(decision: Decision, table: Table, standing: Standing) -> tuple[Candidate, ...]:
    """Every chat model of the snapshot with the very numbers of the decision: the ranking first, then who was excluded and why.

    `table` and `standing` must be the ones that the decision was made with.
    """
    rows = table.rows
    case = Case(rows, decision.wishes, predict(decision.z, decision.wishes, rows, standing), standing)
    ranked = set(decision.ranking)
    out = [(i, exclusion(case, i)) for i, name in enumerate(rows.names) if name not in ranked]
    others = predict(decision.z, decision.wishes, table.others, standing)
    return (
        *(_candidate(rows, case.figures, rows.index[name], None) for name in decision.ranking),
        *(_candidate(rows, case.figures, i, why) for i, why in out),
        *(_candidate(table.others, others, i, why) for i, why in enumerate(table.why)),
    )


def near_best(decision: Decision, table: Table, slack: float) -> tuple[str, ...]:
    """The chosen row, then the other rows that the wishes allow whose predicted quality is within `slack` of its, best first.

    Live figures play no part, so an answer kept from one of them is found whoever is healthy just now.
    """
    rows, wishes = table.rows, decision.wishes
    quality: list[float] = good_answer(rows.ability, read(decision.z)[0]).tolist()
    chosen = rows.index[decision.chosen]
    low, high = quality[chosen] - slack, quality[chosen] + slack
    close = [i for i, value in enumerate(quality) if low <= value <= high]
    if len(close) == 1:
        return (decision.chosen,)
    alive = (
        None
        if unrestricted(wishes, rows)
        else kept_by(HARD, Case(rows, wishes, predict(decision.z, wishes, rows, EMPTY_STANDING), EMPTY_STANDING))
    )
    found = [i for i in close if i != chosen and (alive is None or alive[i])]
    found.sort(key=lambda i: (-quality[i], i))
    return (decision.chosen, *(rows.names[i] for i in found))


def baseline_cost(usage: Usage, table: Table) -> float | None:
    """US dollars that `routing.baseline` would have cost for this usage; None without a baseline or a known price of it."""
    return None if table.baseline is None else price(usage, table.baseline) / _NANO


def _candidate(rows: Rows, figures: Figures, i: int, excluded: str | None) -> Candidate:
    cost = float(figures.cost[i])
    return Candidate(
        name=rows.names[i],
        quality=round(float(figures.quality[i]), 4),
        cost_usd=None if np.isnan(cost) else round(cost, 9),
        latency_ms=round(float(figures.latency[i]), 1),
        excluded=excluded,
    )
