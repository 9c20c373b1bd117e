"""Figures of every row for one prompt: quality, cost, latency. The same numbers serve the decision and its explanation."""

import numpy as np
from msgspec import Struct

from ..domain.answer import Usage
from ..domain.decision import LiveModel, Standing
from ..domain.request import Wishes
from ..domain.target import Target
from .first_stage import facets, read
from .lengths import thinks_unasked, thoughts
from .quality.learned import Vector
from .quality.places import ability, good_answer, interval
from .table import Rows, rule_of


class Figures(Struct, frozen=True, eq=False):
    """Columns in the order of the rows: P(good answer), US dollars (NaN = unknown price), milliseconds until the whole answer.

    `output` is the number of output tokens all of it was computed for, beside the thoughts of those who think.
    """

    difficulty: float
    output: float
    quality: Vector
    cost: Vector
    latency: Vector


def predict(z: bytes, wishes: Wishes, rows: Rows, standing: Standing) -> Figures:
    """What each row would give. Live figures replace the catalogue's where they are known; `max_tokens` bounds the answer."""
    difficulty, output = read(z)
    if wishes.max_tokens is not None and wishes.max_tokens < output:
        output = float(wishes.max_tokens)
    tokens_in: float | Vector = wishes.tokens_in
    if wishes.pictures:
        tokens_in = np.maximum(tokens_in + np.array(wishes.pictures, dtype=np.float64)[rows.rule], 0.0)
    tokens_out = _tokens_out(rows, wishes, difficulty, output)
    cost = rows.rate_in * tokens_in + rows.rate_out * tokens_out
    if wishes.tokens_in > rows.lowest_tier:
        cost = np.where(tokens_in > rows.tier_above, rows.tier_in * tokens_in + rows.tier_out * tokens_out, cost)
    if wishes.session_tokens:
        _spare_cached(rows, wishes, cost)
    latency = rows.first_ms + rows.ms_per_token * tokens_out
    for name, live in standing.models.items():
        i = rows.index.get(name)
        if i is not None:
            latency[i] = _live_latency(rows, i, live, float(tokens_out[i]))
    return Figures(difficulty, output, expected_quality(z, rows), cost, latency)


def expected_quality(z: bytes, rows: Rows) -> Vector:
    """P(good answer) of each row."""
    return good_answer(ability(rows.places, facets(z, rows.places.shape[1] - 1)), read(z)[0])


def quality_interval(z: bytes, rows: Rows) -> tuple[Vector, Vector]:
    """`(low, high)` that hold P(good answer) of each row in 95 of 100 cases, for those who ask why."""
    found = facets(z, rows.places.shape[1] - 1)
    return interval(ability(rows.places, found), rows.strength, found, read(z)[0])


def expected_usage(z: bytes, wishes: Wishes, target: Target) -> Usage:
    """The tokens of a call to one place, by the figures of `predict` but without a prompt cache."""
    difficulty, output = read(z)
    asked = wishes.effort is not None and "reasoning" in target.capabilities
    if asked or (wishes.effort is None and thinks_unasked(target.capabilities, target.dialect)):
        output += thoughts(difficulty, wishes)
    if wishes.max_tokens is not None:
        output = min(output, wishes.max_tokens)
    beyond = wishes.pictures[rule_of(target.dialect)] if wishes.pictures else 0
    return Usage(input_tokens=max(wishes.tokens_in + beyond, 0), output_tokens=round(output))


def _tokens_out(rows: Rows, wishes: Wishes, difficulty: float, output: float) -> Vector:
    """What each row writes and is paid for: its thoughts and its answer, which `max_tokens` bounds together."""
    thinks = rows.thinks if wishes.effort is None else rows.thinks_asked
    tokens: Vector = thinks * thoughts(difficulty, wishes) + output
    return tokens if wishes.max_tokens is None else np.minimum(tokens, wishes.max_tokens)


def _spare_cached(rows: Rows, wishes: Wishes, cost: Vector) -> None:
    """To the conversation's model the tokens in its provider's prompt cache cost less; to any other they are new."""
    i = rows.index.get(wishes.session_model or "")
    if i is not None:
        tiered = wishes.tokens_in > rows.tier_above[i]
        plain, cached = (rows.tier_in, rows.tier_cached) if tiered else (rows.rate_in, rows.rate_cached)
        spared = (plain[i] - cached[i]) * min(wishes.session_tokens, wishes.tokens_in)
        cost[i] = max(cost[i] - spared, 0.0)  # NaN, a price that nobody knows, stays


def _live_latency(rows: Rows, i: int, live: LiveModel, output: float) -> float:
    first = float(rows.first_ms[i]) if live.first_token_ms is None else live.first_token_ms
    speed = live.tokens_per_second
    per_token = float(rows.ms_per_token[i]) if not speed else 1000.0 / speed
    return first + per_token * output
