"""Off-policy estimators: what another policy would have reached, from decisions that were drawn with known probabilities.

Pure: vectors in, values out. No record, no model, no file may enter.

A row is one logged decision: its weight is the target policy's probability of the arm that was drawn over the logging policy's
(0 where the target would have chosen otherwise); its reward is what came of it. `target` is a model's prediction of the reward of
what the target would have chosen, `logged` that of the arm that was drawn; any predictions do, better ones only narrow the
intervals. Weights are not clipped: a propensity is at least exploration / arms, so they are bounded already, and clipping would
trade a bias that no interval shows for variance that the interval does show.

Every estimator is a mean of a linear function of (1, w, wr, target, w * logged, r, logged), so the products of these, summed, are
all that is kept of any number of rows (`sums`; those of parts add up). Intervals come from the influence function: value
+- T * standard error, T being Student's quantile for as many degrees of freedom as the weights are worth.

- IPS: mean of w r (Horvitz and Thompson 1952). Unbiased.
- SNIPS: the same over the mean of w (Swaminathan and Joachims 2015). A small bias, less variance.
- Direct method: mean of `target`. As biased as the model.
- Doubly robust: mean of m(target) + w (r - m(logged)) with m(q) = a + b q (Dudik, Langford, Li 2011). Unbiased whatever a and b are,
  since they are fitted on the other folds: by plain least squares of r on `logged`. Fits that weigh rows by w, or make the variance
  least in the sample, follow the few heavy rows and did worse on `bench/routing/offpolicy.py`.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

Vector = NDArray[np.float64]
Sums = NDArray[np.float64]

FOLDS: Final = 5
MIN_ESS: Final = 100.0
"""Below this effective sample size no verdict is given unless asked for otherwise."""
_ONE, _W, _WR, _TARGET, _W_LOGGED, _R, _LOGGED = range(7)
_COLUMNS: Final = 7
_FLAT: Final = 1e-12
_Z: Final = 1.959963984540054
"""Of the normal distribution: 95 % lie within."""


class Estimate(Struct, frozen=True):
    """A value with its 95 % interval."""

    value: float
    low: float
    high: float


class Estimates(Struct, frozen=True):
    """What the estimators say of one reward. `gains` are differences from what was logged, row by row."""

    logged: Estimate
    values: dict[str, Estimate]
    gains: dict[str, Estimate]
    effective_size: float
    rows: int


def no_sums() -> Sums:
    """The sums of no rows."""
    return np.zeros((FOLDS, _COLUMNS, _COLUMNS))


def sums(weights: Vector, rewards: Vector, target: Vector, logged: Vector, first: int = 0) -> Sums:
    """The sums of these rows, shape (FOLDS, 7, 7); `first` is how many rows came before, so that parts fall into the same folds."""
    rows = np.stack([np.ones_like(weights), weights, weights * rewards, target, weights * logged, rewards, logged], axis=1)
    fold = (first + np.arange(len(rows))) % FOLDS
    return np.stack([rows[fold == k].T @ rows[fold == k] for k in range(FOLDS)])


def effective_size(total: Sums) -> float:
    """How many rows drawn by the target itself would be worth as much: (sum of w)^2 / sum of w^2 (Kish 1965)."""
    together = total.sum(axis=0)
    return float(together[_ONE, _W] ** 2 / together[_W, _W]) if together[_W, _W] > 0 else 0.0


def estimates(total: Sums) -> Estimates:
    """All of them. There must be at least one row."""
    together = total.sum(axis=0)
    rows = float(together[_ONE, _ONE])
    worth = effective_size(total)
    shapes = {"ips": _ips(), "snips": _snips(together), "doubly_robust": _doubly_robust(total), "direct": _direct()}
    plain = _shape({_R: 1.0})
    return Estimates(
        logged=_estimate(total, plain, rows),
        values={name: _estimate(total, shape, worth) for name, shape in shapes.items()},
        gains={name: _estimate(total, shape - plain, worth) for name, shape in shapes.items()},
        effective_size=worth,
        rows=int(rows),
    )


def _ips() -> Vector:
    return _shape({_WR: 1.0})


def _direct() -> Vector:
    return _shape({_TARGET: 1.0})


def _snips(together: Sums) -> Vector:
    """Linear around its value v: v + (w r - v w) / mean of w, whose mean is v."""
    weight = together[_ONE, _W]
    if weight <= 0:
        return _shape({_ONE: np.nan})
    value = together[_ONE, _WR] / weight
    scale = together[_ONE, _ONE] / weight
    return _shape({_ONE: value, _W: -value * scale, _WR: scale})


def _doubly_robust(total: Sums) -> Vector:
    """One row for each fold, with a and b of the others."""
    return np.concatenate([_fitted(total.sum(axis=0) - total[k]) for k in range(FOLDS)])


def _fitted(others: Sums) -> Vector:
    """a and b by least squares on these rows; b is 0 where the predictions do not differ."""
    rows = max(others[_ONE, _ONE], 1.0)
    mean_logged, mean_reward = others[_ONE, _LOGGED] / rows, others[_ONE, _R] / rows
    spread = others[_LOGGED, _LOGGED] / rows - mean_logged**2
    together = others[_LOGGED, _R] / rows - mean_logged * mean_reward
    b = together / spread if spread > _FLAT * mean_logged**2 else 0.0
    a = mean_reward - b * mean_logged
    return _shape({_ONE: a, _W: -a, _WR: 1.0, _TARGET: b, _W_LOGGED: -b})


def _shape(factors: dict[int, float]) -> Vector:
    """A linear function of the columns, shape (1, 7)."""
    shape = np.zeros((1, _COLUMNS))
    shape[0, list(factors)] = list(factors.values())
    return shape


def _estimate(total: Sums, shapes: Vector, worth: float) -> Estimate:
    """The mean of the linear function (one row for all folds, or one for each) and its interval."""
    rows = float(total[:, _ONE, _ONE].sum())
    each = np.broadcast_to(shapes, (FOLDS, _COLUMNS))
    value = float(np.einsum("ki,ki->", each, total[:, _ONE])) / rows
    square = float(np.einsum("ki,kij,kj->", each, total, each)) / rows
    error = np.sqrt(max(square - value * value, 0.0) / rows)
    half = float(error) * quantile(worth - 1)
    return Estimate(value, value - half, value + half)


def quantile(freedom: float) -> float:
    """Student's t at 97.5 %, by the expansion of Cornish and Fisher; within 0.5 % from 4 degrees of freedom on."""
    n = max(freedom, 4.0)
    z = _Z
    first, second = (z**3 + z) / 4, (5 * z**5 + 16 * z**3 + 3 * z) / 96
    return z + first / n + second / n**2 + (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384 / n**3


def mixed(parts: Sequence[Sums]) -> Sums:
    """The sums of several parts."""
    return np.sum(parts, axis=0) if parts else no_sums()
