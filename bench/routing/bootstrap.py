"""95 % intervals by the percentile bootstrap over items. Paired by construction: one set of resamples serves every router.

Nothing of routers or files may enter. An item that stands in several rows (a prompt asked twice) is drawn as a whole.
"""

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from .report import Estimate

Vector = NDArray[np.float64]
Index = NDArray[np.intp]

RESAMPLES: Final = 1000
SEED: Final = 20240


def resamples(items: Sequence[str], count: int = RESAMPLES, seed: int = SEED) -> list[Index]:
    """`count` arrays of row numbers, each from as many items drawn with replacement as there are different ones."""
    rows: dict[str, list[int]] = {}
    for i, item in enumerate(items):
        rows.setdefault(item, []).append(i)
    groups = list(rows.values())
    rng = np.random.default_rng(seed)
    if len(groups) == len(items):
        return [rng.integers(0, len(items), len(items)) for _ in range(count)]
    sizes = np.array([len(group) for group in groups])
    flat = np.concatenate([np.asarray(group) for group in groups])
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    return [_expanded(rng.integers(0, len(groups), len(groups)), flat, starts, sizes) for _ in range(count)]


def _expanded(drawn: Index, flat: Index, starts: Index, sizes: Index) -> Index:
    """Row numbers of the drawn groups."""
    first, size = starts[drawn], sizes[drawn]
    offset = np.arange(size.sum()) - np.repeat(np.cumsum(size) - size, size)
    rows: Index = flat[np.repeat(first, size) + offset]
    return rows


def estimate(value: float, replicates: Sequence[float] | Vector) -> Estimate:
    """A figure with the 2.5 % and 97.5 % quantiles of its replicates."""
    low, high = np.quantile(np.asarray(replicates, dtype=np.float64), [0.025, 0.975])
    return Estimate(float(value), float(low), float(high))


def mean(values: Vector, drawn: Sequence[Index]) -> Estimate:
    """The mean of one value per row."""
    return estimate(float(values.mean()), [float(values[rows].mean()) for rows in drawn])


def of(statistic: Callable[[Index], float], count: int, drawn: Sequence[Index]) -> Estimate:
    """Any statistic of row numbers: on all `count` rows, and on each resample."""
    return estimate(statistic(np.arange(count)), [statistic(rows) for rows in drawn])
