"""Does something grow? Least squares over block means, so that neighbouring samples do not pass for independent ones."""

import math
from dataclasses import dataclass

BLOCKS = 20
T_95 = 2.101
"""Student's t for 95 % on both sides and BLOCKS - 2 degrees of freedom."""


@dataclass(frozen=True)
class Trend:
    """`slope` in units of y per unit of x; the true one lies within `margin` of it with 95 % confidence."""

    slope: float
    margin: float


def trend(points: list[tuple[float, float]]) -> Trend:
    """The trend of at least 2 * BLOCKS points, in order of x."""
    size = len(points) / BLOCKS
    blocks = [points[round(i * size) : round((i + 1) * size)] for i in range(BLOCKS)]
    xs = [sum(x for x, _ in block) / len(block) for block in blocks]
    ys = [sum(y for _, y in block) / len(block) for block in blocks]
    mid_x, mid_y = sum(xs) / BLOCKS, sum(ys) / BLOCKS
    spread = sum((x - mid_x) ** 2 for x in xs)
    slope = sum((x - mid_x) * (y - mid_y) for x, y in zip(xs, ys, strict=True)) / spread
    left = sum((y - mid_y - slope * (x - mid_x)) ** 2 for x, y in zip(xs, ys, strict=True))
    return Trend(slope, T_95 * math.sqrt(left / (BLOCKS - 2) / spread))
