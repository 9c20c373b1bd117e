"""The decision: a pure function of z, wishes, models, live figures and one draw. No clock, no I/O, no randomness may enter."""

from ..domain.decision import Decision, Standing
from ..domain.request import Wishes
from .choose import drawn, effective_floor, order, utility, within_gap
from .eligible import Case, eligible
from .predict import predict
from .quality import POLICY, WEIGHTS_ID
from .reason import Choice, reason
from .refusal import refusal
from .table import Table


def decide(z: bytes, wishes: Wishes, table: Table, standing: Standing, draw: float) -> Decision:
    """The rows to try, best first. `draw` is uniform in [0, 1) and matters only when exploration is on.

    Raises UnsupportedFeature, ContextTooLong or NoCandidate when nobody may answer, whichever names what to change.
    """
    rows = table.rows
    case = Case(rows, wishes, predict(z, wishes, rows, standing), standing)
    alive = eligible(case)
    if not rows.names or (alive is not None and not alive.any()):
        raise refusal(case)
    weights = table.weights[wishes.mode]
    floor = effective_floor(case.figures.quality, weights.floor, alive)
    value = utility(case.figures, weights, floor, alive, rows.all_priced)
    ranked = order(value, alive)
    place, near, propensity = 0, 1, 1.0
    if table.exploration > 0:
        near = within_gap(value, ranked)
        place, propensity = drawn(draw, table.exploration, near)
    names = [rows.names[i] for i in ranked]
    return Decision(
        policy=POLICY,
        mode=wishes.mode,
        ranking=(names[place], *names[:place], *names[place + 1 :]),
        reason=reason(Choice(wishes.mode, rows.names, case.figures, ranked, place, near, floor)),
        wishes=wishes,
        z=z,
        weights=WEIGHTS_ID,
        standing=standing.id,
        draw=draw,
        propensity=propensity,
    )
