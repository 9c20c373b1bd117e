"""What a call would cost before it has been made, and the table of candidates for whoever asks. No accounting: that is `settle`."""

from ..domain.answer import Usage
from ..domain.decision import Candidate
from ..domain.target import price
from ..router_engine.explain import explain
from ..router_engine.first_stage import first_stage, read
from .walk import Walk


def estimated_nano(walk: Walk) -> int | None:
    """The list price of the expected call in nano-dollars, in mock mode too; None when the price is unknown."""
    rates = (walk.served or walk.targets[0]).rates
    if rates is None:
        return None
    z = walk.decision.z if walk.decision is not None else first_stage(walk.request)
    _, expected = read(z)
    limit = walk.request.max_tokens
    output = round(expected if limit is None else min(expected, limit))
    return price(Usage(input_tokens=walk.tokens_in, output_tokens=output), rates)


def candidates(walk: Walk) -> tuple[Candidate, ...]:
    """Every row as the decision saw it, computed again from what it kept; nothing for a model asked by name."""
    if walk.decision is None:
        return ()
    return explain(walk.decision, walk.compiled.table, walk.standing)
