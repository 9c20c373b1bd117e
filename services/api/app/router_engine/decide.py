"""The decision: a pure function of z, wishes, models, live figures and one draw. No clock, no I/O, no randomness may enter."""

from msgspec import Struct

from ..domain.decision import Decision, Standing
from ..domain.request import Wishes
from .choose import drawn, effective_floor, order, stay, utility, within_gap
from .eligible import Case, Mask, eligible
from .predict import predict
from .quality.weights import POLICY, WEIGHTS_ID
from .reason import Choice, reason
from .refusal import refusal
from .table import Table


class Ranked(Struct, frozen=True, eq=False):
    """What is known before the draw: rows best first, the first `near` of which may be drawn, and the floor in force (0 = none).

    `alive` are those who may answer, None = all.
    """

    case: Case
    rows: list[int]
    near: int
    floor: float
    alive: Mask | None


def decide(z: bytes, wishes: Wishes, table: Table, standing: Standing, draw: float) -> Decision:
    """The rows to try, best first. `draw` is uniform in [0, 1) and matters only when exploration is on.

    Raises UnsupportedFeature, ContextTooLong or NoCandidate when nobody may answer, whichever names what to change.
    """
    return taken(ranked(z, wishes, table, standing), z, table, draw)


def taken(found: Ranked, z: bytes, table: Table, draw: float) -> Decision:
    """The decision that a draw makes of what was known before it."""
    wishes = found.case.wishes
    place, propensity = drawn(draw, table.exploration, found.near) if found.near > 1 else (0, 1.0)
    names = [table.rows.names[i] for i in found.rows]
    figures, session = found.case.figures, wishes.session_model
    choice = Choice(wishes.mode, table.rows.names, figures, found.rows, place, found.near, found.floor, session)
    return Decision(
        policy=POLICY,
        mode=wishes.mode,
        ranking=(names[place], *names[:place], *names[place + 1 :]),
        reason=reason(choice),
        wishes=wishes,
        z=z,
        weights=WEIGHTS_ID,
        standing=found.case.standing.id,
        draw=draw,
        propensity=propensity,
    )


def odds(found: Ranked, table: Table) -> dict[str, float]:
    """How probable each row is as the first choice, over the draw alone; rows that are not named cannot be drawn."""
    ends = [table.exploration * (place + 0.5) / found.near for place in range(found.near)]
    reached = dict(drawn(draw, table.exploration, found.near) for draw in ends) if found.near > 1 else {0: 1.0}
    return {table.rows.names[found.rows[place]]: chance for place, chance in reached.items()}


def ranked(z: bytes, wishes: Wishes, table: Table, standing: Standing) -> Ranked:
    """The part of `decide` that no draw moves. Raises as it does."""
    rows = table.rows
    case = Case(rows, wishes, predict(z, wishes, rows, standing), standing)
    alive = eligible(case)
    if not rows.names or (alive is not None and not alive.any()):
        raise refusal(case)
    weights = table.weights[wishes.mode]
    floor = effective_floor(case.figures.quality, weights.floor, alive)
    value = utility(case.figures, weights, floor, alive, rows.all_priced)
    if wishes.session_model is not None:
        stay(value, rows.index.get(wishes.session_model))
    best_first = order(value, alive)
    near = within_gap(value, best_first, table.gap) if table.exploration > 0 else 1
    return Ranked(case, best_first, near, floor, alive)
