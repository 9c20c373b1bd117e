"""The error when no model may answer: the one cause that explains it best, and what to change."""

from collections.abc import Callable
from typing import Final

import numpy as np

from ..errors import CallerError, ContextTooLong, NoCandidate, UnsupportedFeature, shown
from .eligible import HARD, Case, Mask, Rule, kept_by

FIELD_OF: Final = {
    "vision": "messages",
    "pdf": "messages",
    "audio": "messages",
    "json_schema": "response_format",
    "tools": "tools",
}
"""The request's field behind a capability, where they have different names."""


def refusal(case: Case) -> CallerError:
    """Why nobody is left under the hard rules. The case must be one where nobody is."""
    if not case.rows.names:
        return NoCandidate("no model can be chosen: every model of the configuration is switched off or retired", param="model")
    rules = [rule for rule in HARD if rule.applies(case)]
    cause = _cause(rules, case)
    if cause is None:
        names = " and ".join(_FIELDS.get(rule.name, rule.name) for rule in rules)
        return NoCandidate(f"no model satisfies {names} together: relax one of them", param="constraints")
    rest = kept_by([rule for rule in rules if rule is not cause], case)
    return _COMPLAINTS[cause.name](case, rest if rest is not None and rest.any() else np.ones(len(case.rows.names), np.bool_))


def _cause(rules: list[Rule], case: Case) -> Rule | None:
    """The first rule that nobody satisfies, else the first without which somebody would be left."""
    for rule in rules:
        if not any(rule.keeps(case)):
            return rule
    for rule in rules:
        rest = kept_by([other for other in rules if other is not rule], case)
        if rest is None or rest.any():
            return rule
    return None


def _providers(case: Case, rest: Mask) -> CallerError:
    return NoCandidate(
        "constraints.providers leaves no model that auto may choose: name a provider of the configuration, or leave it out",
        param="constraints.providers",
    )


def _exclude(case: Case, rest: Mask) -> CallerError:
    return NoCandidate("constraints.exclude leaves no model: exclude fewer", param="constraints.exclude")


def _needs(case: Case, rest: Mask) -> CallerError:
    needs = sorted(case.wishes.needs)
    lacking = [need for need in needs if not any(need in caps for caps in case.rows.capabilities)] or needs
    return UnsupportedFeature(
        f"no model that auto may choose is capable of {' with '.join(lacking)}: leave it out, or configure a model that is",
        param=FIELD_OF.get(lacking[0], lacking[0]),
    )


def _dialect(case: Case, rest: Mask) -> CallerError:
    wishes = case.wishes
    fields = shown(", ".join(wishes.native[:5]), 120) or "some of its fields"
    return UnsupportedFeature(
        f"{fields}: only a model that speaks the {wishes.dialect} dialect can be given this, and none may be chosen",
        param=wishes.native[0] if wishes.native else None,
    )


def _window(case: Case, rest: Mask) -> CallerError:
    tokens_in, largest = case.wishes.tokens_in, float(case.rows.window[rest].max())
    if case.wishes.max_tokens and tokens_in < largest:
        message = (
            f"about {tokens_in} tokens of prompt and max_tokens {case.wishes.max_tokens} exceed the largest context window of "
        )
        return ContextTooLong(
            f"{message}{largest:.0f}: lower max_tokens or shorten the prompt",
            param="max_tokens",
            tokens=tokens_in + case.wishes.max_tokens,
            limit=round(largest),
        )
    message = f"the prompt has about {tokens_in} tokens, the largest context window is {largest:.0f}: shorten it"
    return ContextTooLong(message, param="messages", tokens=tokens_in, limit=round(largest))


def _max_output(case: Case, rest: Mask) -> CallerError:
    largest = float(case.rows.max_output[rest].max())
    return NoCandidate(
        f"max_tokens is {case.wishes.max_tokens}, but the longest answer of any model is {largest:.0f} tokens: lower it",
        param="max_tokens",
    )


def _max_cost(case: Case, rest: Mask) -> CallerError:
    costs = case.figures.cost[rest]
    known = costs[~np.isnan(costs)]
    least = f"the cheapest model would cost about {known.min():.6f}" if known.size else "no model's price is known"
    return NoCandidate(f"constraints.max_cost_usd is too low: {least}", param="constraints.max_cost_usd")


def _max_latency(case: Case, rest: Mask) -> CallerError:
    least = float(case.figures.latency[rest].min())
    answer = f"an answer of {case.figures.output:.0f} tokens"
    return NoCandidate(
        f"constraints.max_latency_ms is too low: the fastest model takes about {least:.0f} for {answer}",
        param="constraints.max_latency_ms",
    )


def _min_quality(case: Case, rest: Mask) -> CallerError:
    best = float(case.figures.quality[rest].max())
    return NoCandidate(
        f"constraints.min_quality is too high: the best predicted quality for this prompt is {best:.2f}",
        param="constraints.min_quality",
    )


_COMPLAINTS: Final[dict[str, Callable[[Case, Mask], CallerError]]] = {
    "providers": _providers,
    "exclude": _exclude,
    "needs": _needs,
    "dialect": _dialect,
    "window": _window,
    "max_output": _max_output,
    "max_cost_usd": _max_cost,
    "max_latency_ms": _max_latency,
    "min_quality": _min_quality,
}
"""One per hard rule, given the rows that the other rules leave (all rows when they leave none)."""

_FIELDS: Final = {
    "providers": "constraints.providers",
    "exclude": "constraints.exclude",
    "needs": "the needed capabilities",
    "dialect": "the fields of one dialect",
    "window": "the length of the prompt",
    "max_output": "max_tokens",
    "max_cost_usd": "constraints.max_cost_usd",
    "max_latency_ms": "constraints.max_latency_ms",
    "min_quality": "constraints.min_quality",
}
