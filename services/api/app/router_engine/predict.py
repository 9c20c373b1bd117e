"""Figures of every row for one prompt: quality, cost, latency. The same numbers serve the decision and its explanation."""

import numpy as np
from msgspec import Struct

from ..domain.decision import LiveModel, Standing
from ..domain.request import Wishes
from .first_stage import read
from .quality import Vector, good_answer
from .table import Rows


class Figures(Struct, frozen=True, eq=False):
    """Columns in the order of the rows: P(good answer), US dollars (NaN = unknown price), milliseconds until the whole answer.

    `output` is the number of output tokens all of it was computed for.
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
    tokens_in = wishes.tokens_in
    cost = rows.rate_in * tokens_in + rows.rate_out * output
    if tokens_in > rows.lowest_tier:
        cost = np.where(tokens_in > rows.tier_above, rows.tier_in * tokens_in + rows.tier_out * output, cost)
    if wishes.session_tokens:
        _spare_cached(rows, wishes, cost)
    latency = rows.first_ms + rows.ms_per_token * output
    for name, live in standing.models.items():
        i = rows.index.get(name)
        if i is not None:
            latency[i] = _live_latency(rows, i, live, output)
    return Figures(difficulty, output, good_answer(rows.ability, difficulty), cost, latency)


def _spare_cached(rows: Rows, wishes: Wishes, cost: Vector) -> None:
    """To the conversation's model the tokens in its provider's prompt cache cost less; to any other they are new."""
    i = rows.index.get(wishes.session_model or "")
    if i is not None:
        tiered = wishes.tokens_in > rows.tier_above[i]
        plain, cached = (rows.tier_in, rows.tier_cached) if tiered else (rows.rate_in, rows.rate_cached)
        cost[i] -= (plain[i] - cached[i]) * min(wishes.session_tokens, wishes.tokens_in)


def _live_latency(rows: Rows, i: int, live: LiveModel, output: float) -> float:
    first = float(rows.first_ms[i]) if live.first_token_ms is None else live.first_token_ms
    speed = live.tokens_per_second
    per_token = float(rows.ms_per_token[i]) if not speed else 1000.0 / speed
    return first + per_token * output
