"""What a decision saw, computed again from its z and wishes: nothing is kept on the hot path for those who never ask."""

from math import isnan

from msgspec import Struct
from msgspec.structs import replace

from ..domain.answer import Usage
from ..domain.decision import EMPTY_STANDING, Candidate, Decision, Saving, Standing
from ..domain.request import Mode
from ..domain.target import price
from .choose import stay, utility
from .decide import Ranked, ranked
from .eligible import HARD, Case, exclusion, kept_by, unrestricted
from .flip import choices, flips, saving, told
from .predict import Figures, expected_quality, predict, quality_interval
from .table import Rows, Table

_NANO = 1e9


class Explanation(Struct, frozen=True):
    """All that is told of a decision to those who ask why: `candidates` with what each lacks, the best row of each mode, the saving
    against the baseline (None without one), and the same as `sentences`.
    """

    candidates: tuple[Candidate, ...]
    modes: dict[Mode, str]
    saving: Saving | None
    sentences: tuple[str, ...]


def explain(decision: Decision, table: Table, standing: Standing) -> tuple[Candidate, ...]:
    """Every chat model of the snapshot with the very numbers of the decision: the ranking first, then who was excluded and why.

    `table` and `standing` must be the ones that the decision was made with.
    """
    return _candidates(decision, ranked(decision.z, decision.wishes, table, standing), table)


def explain_fully(decision: Decision, table: Table, standing: Standing) -> Explanation:
    """The candidates of `explain` with their intervals, and what would have flipped the decision."""
    found = ranked(decision.z, decision.wishes, table, standing)
    lacking, modes = flips(found, table), choices(decision, table, standing)
    bounds = _intervals(decision.z, table.rows) | _intervals(decision.z, table.others)
    candidates = tuple(
        [replace(one, flip=lacking.get(one.name), interval=bounds[one.name]) for one in _candidates(decision, found, table)]
    )
    sentences = told(decision, lacking, found.case.figures, table, modes)
    return Explanation(candidates, modes, saving(decision, table, standing), sentences)


def _intervals(z: bytes, rows: Rows) -> dict[str, tuple[float, float]]:
    low, high = quality_interval(z, rows)
    bounds = zip(low.tolist(), high.tolist(), strict=True)
    return {name: (round(least, 4), round(most, 4)) for name, (least, most) in zip(rows.names, bounds, strict=True)}


def _candidates(decision: Decision, found: Ranked, table: Table) -> tuple[Candidate, ...]:
    rows, case, standing = table.rows, found.case, found.case.standing
    may = set(decision.ranking)
    out = [(i, exclusion(case, i)) for i, name in enumerate(rows.names) if name not in may]
    others = predict(decision.z, decision.wishes, table.others, standing)
    value = utility(case.figures, table.weights[decision.mode], 0.0, found.alive, rows.all_priced)
    stay(value, rows.index.get(decision.wishes.session_model or ""))
    utilities, qualities, floor = value.tolist(), case.figures.quality.tolist(), found.floor
    places = [rows.index[name] for name in decision.ranking]
    return (
        *(_candidate(rows, case.figures, i, None, round(utilities[i], 6), qualities[i] < floor) for i in places),
        *(_candidate(rows, case.figures, i, why) for i, why in out),
        *(_candidate(table.others, others, i, why) for i, why in enumerate(table.why)),
    )


def near_best(decision: Decision, table: Table, slack: float) -> tuple[str, ...]:
    """The chosen row, then the other rows that the wishes allow whose predicted quality is within `slack` of its, best first.

    Live figures play no part, so an answer kept from one of them is found whoever is healthy just now.
    """
    rows, wishes = table.rows, decision.wishes
    quality: list[float] = expected_quality(decision.z, rows).tolist()
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


def _candidate(
    rows: Rows, figures: Figures, i: int, excluded: str | None, value: float | None = None, below: bool = False
) -> Candidate:
    cost = float(figures.cost[i])
    return Candidate(
        name=rows.names[i],
        quality=round(float(figures.quality[i]), 4),
        cost_usd=None if isnan(cost) else round(cost, 9),
        latency_ms=round(float(figures.latency[i]), 1),
        excluded=excluded,
        utility=value,
        below_floor=below,
    )
