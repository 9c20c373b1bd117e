"""RouteLLM's figures of a router between a strong and a weak model. Arrays in, numbers out; no router and no file may enter.

The method is that of RouteLLM's evaluation (Ong et al. 2024, `routellm/evals`): P(strong wins) is cut into quantile bins, every
edge is a threshold, at or above it the strong model answers (above it at the last edge, so that the curve ends at 0 % strong).
Accuracy over the share sent to the strong model is integrated by trapezoids:
`APGR = (AUC - AUC of weak) / (AUC of strong - AUC of weak)`; `CPT(p)` is the share at which p of the accuracy gap is recovered,
read from the curve as numpy's `interp` reads it.
"""

from typing import Final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

Vector = NDArray[np.float64]

BINS: Final = 10
"""RouteLLM's number of bins."""
FINE: Final = 100
"""Bins of the fine curve printed beside: ten points cut corners, and a hundred do so less."""


class Curve(Struct, frozen=True, eq=False):
    """Accuracy (0..1) at rising shares (0..1) sent to the strong model, and the two models' own accuracy."""

    share: Vector
    accuracy: Vector
    weak: float
    strong: float


class Figures(Struct, frozen=True):
    """APGR (0 = weak alone, .5 = random, 1 = strong alone would be better than any mix of ours) and CPT50, CPT80 as shares 0..1."""

    apgr: float
    cpt50: float
    cpt80: float


def curve(wins: Vector, strong: Vector, weak: Vector, bins: int = BINS) -> Curve:
    """The curve of predicted P(strong wins) over items with the two models' correctness (0 or 1)."""
    edges = np.quantile(wins, np.linspace(0.0, 1.0, bins + 1))
    rank = np.argsort(wins, kind="stable")
    ordered = wins[rank]
    # the number of items below each threshold stays with the weak model
    below = np.concatenate([np.searchsorted(ordered, edges[:-1], "left"), np.searchsorted(ordered, edges[-1:], "right")])
    gained = np.concatenate([[0.0], np.cumsum((weak - strong)[rank])])
    count = len(wins)
    share, accuracy = 1.0 - below / count, strong.mean() + gained[below] / count
    return Curve(share[::-1], accuracy[::-1], float(weak.mean()), float(strong.mean()))


def figures(seen: Curve) -> Figures:
    """The three figures of a curve."""
    width = float(seen.share[-1] - seen.share[0])
    area = float(np.trapezoid(seen.accuracy, seen.share))
    gap = seen.strong - seen.weak
    cpt = [float(np.interp(seen.weak + part * gap, seen.accuracy, seen.share)) for part in (0.5, 0.8)]
    return Figures((area - seen.weak * width) / (gap * width), cpt[0], cpt[1])


def apgr(wins: Vector, strong: Vector, weak: Vector, bins: int = BINS) -> float:
    """APGR alone."""
    return figures(curve(wins, strong, weak, bins)).apgr
