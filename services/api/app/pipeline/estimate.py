"""What a call would cost before it has been made, and the table of candidates for whoever asks. No accounting: that is `settle`."""

from ..domain.decision import Candidate
from ..domain.target import price
from ..router_engine.explain import Explanation, explain, explain_fully
from ..router_engine.first_stage import first_stage
from ..router_engine.predict import expected_usage
from .begin import wishes_of
from .walk import Walk


def estimated_nano(walk: Walk) -> int | None:
    """The list price of the expected call in nano-dollars, in mock mode too; None when the price is unknown."""
    target = walk.served or walk.targets[0]
    if target.rates is None:
        return None
    decision, request = walk.decision, walk.request
    if decision is not None:
        return price(expected_usage(decision.z, decision.wishes, target), target.rates)
    wishes = wishes_of(request, walk.compiled.snapshot.mode, walk.tokens_in)
    return price(expected_usage(first_stage(request), wishes, target), target.rates)


def candidates(walk: Walk) -> tuple[Candidate, ...]:
    """Every row as the decision saw it, computed again from what it kept; nothing for a model asked by name."""
    if walk.decision is None:
        return ()
    return explain(walk.decision, walk.compiled.table, walk.standing)


def explanation(walk: Walk) -> Explanation | None:
    """The candidates and what would have flipped the decision; None for a model asked by name."""
    if walk.decision is None:
        return None
    return explain_fully(walk.decision, walk.compiled.table, walk.standing)
