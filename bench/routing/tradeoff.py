"""What the three modes make of predictions: mean cost and score of each mode's choices, by the shipped utility and weights.

The training data says nothing of speed, so every model counts as equally fast: `fast` shows its floor and its weight on cost alone.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from app.config.compile import DEFAULT_WEIGHTS
from app.config.snapshot import Weights
from app.router_engine.choose import effective_floor, utility
from app.router_engine.predict import Figures

Matrix = NDArray[np.float64]
Vector = NDArray[np.float64]

LATENCY_MS: Final = 2000.0


def mode_points(predicted: Matrix, actual: Matrix, cost: Matrix) -> dict[str, tuple[float, float]]:
    """`(mean US dollars, mean score)` by mode; the arguments are (n, m), NaN in `actual` = not run, so not open to choice."""
    bounded, run = np.clip(predicted, 0.0, 1.0), ~np.isnan(actual)
    rows = np.arange(len(actual))
    points = {}
    for mode, weights in DEFAULT_WEIGHTS.items():
        chosen = [_choice(bounded[i], cost[i], run[i], weights) for i in rows]
        points[mode] = (float(cost[rows, chosen].mean()), float(actual[rows, chosen].mean()))
    return points


def _choice(quality: Vector, cost: Vector, run: NDArray[np.bool_], weights: Weights) -> int:
    seen = Figures(difficulty=0.5, output=0.0, quality=quality, cost=cost, latency=np.full(len(cost), LATENCY_MS))
    value = utility(seen, weights, effective_floor(quality, weights.floor, run), run, all_priced=True)
    return int(np.argmax(np.where(run, value, -np.inf)))
