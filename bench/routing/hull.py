"""Quality over cost: what a router offers when cost matters more or less, as one area. Arrays in, numbers out.

For each weight of cost the router takes argmax(predicted quality - weight * cost); each weight is a point (mean cost, mean
quality). The upper hull of the points is what mixing them can reach, as in RouterBench (Hu et al. 2024). Its mean height is taken
over a logarithmic cost axis between the cheapest and the dearest single model, because on a linear one the dearest model alone
would be most of the picture; left of the hull nothing is reached, so its first point holds there.
"""

from typing import Final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

Matrix = NDArray[np.float64]
Vector = NDArray[np.float64]

WEIGHTS: Final = np.concatenate([[0.0], np.logspace(-3.5, 3.5, 43)])
"""Of cost in units of the dearest model's mean cost, against quality 0..1: from cost hardly matters to nothing else does."""
_GRID: Final = 200


class Offers(Struct, frozen=True, eq=False):
    """Per prompt and weight, (n, weights): what the chosen model costs and how well it did. `lowest`, `highest` bound the axis."""

    cost: Matrix
    quality: Matrix
    lowest: float
    highest: float


def offers(predicted: Matrix, actual: Matrix, cost: Matrix) -> Offers:
    """What a router chooses at every weight; `predicted`, `actual`, `cost` are (n, m). A model that was not run is not chosen."""
    means = cost.mean(axis=0)
    unit = float(means.max())
    open_to = np.where(np.isnan(actual), -np.inf, predicted)
    rows = np.arange(len(actual))
    chosen = [np.argmax(open_to - weight / unit * cost, axis=1) for weight in WEIGHTS]
    return Offers(
        cost=np.stack([cost[rows, choice] for choice in chosen], axis=1),
        quality=np.stack([actual[rows, choice] for choice in chosen], axis=1),
        lowest=float(means.min()),
        highest=unit,
    )


def area(cost: Vector, quality: Vector, lowest: float, highest: float) -> float:
    """Mean height of the upper hull of the points over log cost between `lowest` and `highest`, in units of quality."""
    x, y = upper_hull(cost, quality)
    grid = np.logspace(np.log10(lowest), np.log10(highest), _GRID)
    return float(np.interp(grid, x, y).mean())


def upper_hull(cost: Vector, quality: Vector) -> tuple[Vector, Vector]:
    """Corners of the smallest concave, rising curve above the points, by rising cost."""
    kept: list[tuple[float, float]] = []
    for point in sorted(zip(cost.tolist(), quality.tolist(), strict=True), key=lambda point: (point[0], -point[1])):
        if kept and point[1] <= kept[-1][1]:
            continue
        while len(kept) > 1 and _below(kept[-2], kept[-1], point):
            kept.pop()
        kept.append(point)
    corners = np.array(kept)
    return corners[:, 0], corners[:, 1]


def _below(left: tuple[float, float], middle: tuple[float, float], right: tuple[float, float]) -> bool:
    """Whether the middle point is on or under the line from left to right."""
    return (middle[1] - left[1]) * (right[0] - left[0]) <= (right[1] - left[1]) * (middle[0] - left[0])
