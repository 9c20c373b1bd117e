"""The mode's utility, the order it gives, and the draw among the near-best. Knows figures, not models.

Utility = `quality` * P(good) - `cost` * log10(1 + dollars / 0.0001) - `latency` * log10(1 + seconds / 0.1): with cost 0.06,
ten times the price has to buy six hundredths more quality. Below the floor nobody is chosen while somebody is above it; the
floor gives way to `FLOOR_SHARE` of the best quality, so that a prompt too hard for all goes to one of the best, not the cheapest.
"""

from typing import Final

import numpy as np

from ..config.snapshot import Weights
from .eligible import Mask
from .predict import Figures
from .quality.learned import Vector

COST_UNIT: Final = 1e-4
LATENCY_UNIT_MS: Final = 100.0
FLOOR_SHARE: Final = 0.8
_BELOW: Final = 1000.0
_GRAIN: Final = 1e9
"""Utilities are compared in billionths: what the last bit of a logarithm decides on one machine is a tie on all."""

STAY: Final = 0.02
"""Utility that a conversation's model has ahead of the others, beside the prompt cache that a change would lose (which is part of its
predicted cost): what a change of voice and of habits is worth avoiding, two hundredths of quality in `balanced` and `accurate`.
"""


def utility(figures: Figures, weights: Weights, floor: float, alive: Mask | None, all_priced: bool) -> Vector:
    """The utility of every row, comparable among those that are alive; `floor` is the effective one, 0 = none."""
    cost, quality = figures.cost, figures.quality
    if not all_priced:
        cost = np.where(np.isnan(cost), dearest(cost, alive), cost)
    value: Vector = (
        weights.quality * quality
        - weights.cost * np.log10(1.0 + cost / COST_UNIT)
        - weights.latency * np.log10(1.0 + figures.latency / LATENCY_UNIT_MS)
    )
    return np.where(quality < floor, quality - _BELOW, value) if floor > 0 else value


def stay(value: Vector, row: int | None) -> None:
    """Put the conversation's model, if it may be chosen, ahead by STAY, in place."""
    if row is not None:
        value[row] += STAY


def effective_floor(quality: Vector, floor: float, alive: Mask | None) -> float:
    """The floor of a mode as it holds for this prompt."""
    if floor <= 0:
        return 0.0
    best = quality.max() if alive is None else quality[alive].max()
    return min(floor, float(best) * FLOOR_SHARE)


def order(value: Vector, alive: Mask | None) -> list[int]:
    """Rows that are alive, best first; ties stay in the order of the rows, which is that of their names."""
    # some dozens of rows are sorted faster by Python than numpy is called
    grains: list[float] = np.rint(value * -_GRAIN).tolist()
    rows = range(len(grains)) if alive is None else np.flatnonzero(alive).tolist()
    return sorted(rows, key=grains.__getitem__)


def within_gap(value: Vector, ranked: list[int], gap: float) -> int:
    """How many of the first in `ranked` are at most `gap` of utility behind the first: the near-best, among whom exploration draws."""
    grains: list[float] = np.rint(value * _GRAIN).tolist()
    least = grains[ranked[0]] - round(gap * _GRAIN)
    return next((n for n, i in enumerate(ranked) if grains[i] < least), len(ranked))


def drawn(draw: float, exploration: float, near: int) -> tuple[int, float]:
    """`(place among the near-best, its propensity)` for a draw uniform in [0, 1).

    A draw below `exploration` is spread evenly over the `near` first places, any other takes the first: so the first has
    propensity 1 - exploration + exploration / near, each other one exploration / near.
    """
    place = min(int(draw / exploration * near), near - 1) if draw < exploration else 0
    share = exploration / near
    return place, share + (1.0 - exploration if place == 0 else 0.0)


def dearest(cost: Vector, alive: Mask | None) -> float:
    """An unknown price counts as the dearest known one among those who may answer."""
    known = cost[~np.isnan(cost)] if alive is None else cost[alive & ~np.isnan(cost)]
    return float(known.max()) if known.size else 0.0
