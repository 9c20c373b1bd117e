"""Which rows may answer: one list of rules, read by the decision, by its explanation and by the error when none is left.

Hard rules are never broken. Soft ones (an open breaker, no room for the answer we expect) give way when they would leave nobody.
"""

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from ..domain.decision import Standing
from ..domain.request import NO_CONSTRAINTS, Wishes
from .predict import Figures
from .table import Rows

Mask = NDArray[np.bool_]


class Case(Struct, frozen=True, eq=False):
    """What a rule judges."""

    rows: Rows
    wishes: Wishes
    figures: Figures
    standing: Standing


class Rule(Struct, frozen=True, eq=False):
    """`applies` is cheap and says whether anything can be excluded; `keeps` says who stays; `says` why row `i` does not."""

    name: str
    applies: Callable[[Case], bool]
    keeps: Callable[[Case], Mask | Sequence[bool]]
    says: Callable[[Case, int], str]


def _constraint(case: Case, name: str) -> float:
    value = getattr(case.wishes.constraints, name)
    return float(value)


def _wanted(case: Case) -> float:
    """Tokens of the window that are surely needed: the prompt, and what `max_tokens` reserves (providers count it so)."""
    return case.wishes.tokens_in + (case.wishes.max_tokens or 1)


def _excluded(case: Case, i: int) -> bool:
    named = case.wishes.constraints.exclude
    return case.rows.names[i] in named or not case.rows.providers[i].isdisjoint(named)


def _says_cost(case: Case, i: int) -> str:
    if np.isnan(case.figures.cost[i]):
        return "price unknown, so max_cost_usd cannot be kept"
    return "price above max_cost_usd"


def _opened(case: Case) -> list[bool]:
    models = case.standing.models
    return [name in models and models[name].open for name in case.rows.names]


HARD: Final = (
    Rule(
        "providers",
        lambda case: case.wishes.constraints.providers is not None,
        lambda case: [providers <= set(case.wishes.constraints.providers or ()) for providers in case.rows.providers],
        lambda case, i: "provider not in constraints.providers",
    ),
    Rule(
        "exclude",
        lambda case: bool(case.wishes.constraints.exclude),
        lambda case: [not _excluded(case, i) for i in range(len(case.rows.names))],
        lambda case, i: "named in constraints.exclude",
    ),
    Rule(
        "needs",
        lambda case: bool(case.wishes.needs),
        lambda case: [case.wishes.needs <= capabilities for capabilities in case.rows.capabilities],
        lambda case, i: "cannot carry: " + ", ".join(sorted(case.wishes.needs - case.rows.capabilities[i])),
    ),
    Rule(
        "dialect",
        lambda case: case.wishes.dialect is not None,
        lambda case: [case.wishes.dialect in dialects for dialects in case.rows.dialects],
        lambda case, i: f"does not speak the {case.wishes.dialect} dialect",
    ),
    Rule(
        "window",
        lambda case: _wanted(case) > case.rows.smallest_window,
        lambda case: case.rows.window >= _wanted(case),
        lambda case, i: f"context window {case.rows.window[i]:.0f} < {_wanted(case):.0f} tokens",
    ),
    Rule(
        "max_output",
        lambda case: (case.wishes.max_tokens or 0) > case.rows.smallest_output,
        lambda case: case.rows.max_output >= (case.wishes.max_tokens or 0),
        lambda case, i: f"longest answer {case.rows.max_output[i]:.0f} < max_tokens {case.wishes.max_tokens}",
    ),
    Rule(
        "max_cost_usd",
        lambda case: case.wishes.constraints.max_cost_usd is not None,
        lambda case: case.figures.cost <= _constraint(case, "max_cost_usd"),
        _says_cost,
    ),
    Rule(
        "max_latency_ms",
        lambda case: case.wishes.constraints.max_latency_ms is not None,
        lambda case: case.figures.latency <= _constraint(case, "max_latency_ms"),
        lambda case, i: "slower than max_latency_ms",
    ),
    Rule(
        "min_quality",
        lambda case: case.wishes.constraints.min_quality is not None,
        lambda case: case.figures.quality >= _constraint(case, "min_quality"),
        lambda case, i: "predicted quality below min_quality",
    ),
)

SOFT: Final = (
    Rule(
        "breaker",
        lambda case: any(live.open for live in case.standing.models.values()),
        lambda case: [not opened for opened in _opened(case)],
        lambda case, i: "failing just now (its breaker is open)",
    ),
    Rule(
        "room",
        lambda case: case.wishes.tokens_in + case.figures.output > case.rows.smallest_window,
        lambda case: case.rows.window >= case.wishes.tokens_in + case.figures.output,
        lambda case, i: (
            f"context window {case.rows.window[i]:.0f} leaves no room for an answer of about {case.figures.output:.0f} tokens"
        ),
    ),
)


def unrestricted(wishes: Wishes, rows: Rows) -> bool:
    """Whether no hard rule can exclude anybody, told at a glance: the common case, which need not walk the rules."""
    most = wishes.max_tokens or 0
    return (
        wishes.constraints is NO_CONSTRAINTS
        and not wishes.needs
        and wishes.dialect is None
        and wishes.tokens_in + (most or 1) <= rows.smallest_window
        and most <= rows.smallest_output
    )


def kept_by(rules: Sequence[Rule], case: Case) -> Mask | None:
    """Who stays under all of these rules; None = everybody, nothing applied."""
    mask: Mask | None = None
    for rule in rules:
        if rule.applies(case):
            keeps = np.asarray(rule.keeps(case), dtype=np.bool_)
            mask = keeps if mask is None else mask & keeps
    return mask


def eligible(case: Case) -> Mask | None:
    """Who may answer; None = everybody. All False = nobody, by the hard rules."""
    mask = None if unrestricted(case.wishes, case.rows) else kept_by(HARD, case)
    for rule in SOFT:
        if rule.applies(case):
            keeps = np.asarray(rule.keeps(case), dtype=np.bool_)
            stricter = keeps if mask is None else mask & keeps
            if stricter.any():
                mask = stricter
    return mask


def exclusion(case: Case, i: int) -> str:
    """Why row `i`, which is not eligible, may not answer: the first rule that it breaks."""
    broken = (rule for rule in (*HARD, *SOFT) if rule.applies(case) and not rule.keeps(case)[i])
    rule = next(broken)
    return rule.says(case, i)
