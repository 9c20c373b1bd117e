"""How hard each prompt is, from what many models scored on it: the Rasch model of item response. No word of a prompt may enter."""

from typing import Final

import numpy as np

from app.router_engine.quality.learned import Vector

from .rows import Matrix

ROUNDS: Final = 60
PRIOR: Final = 1.5
"""Standard deviation of difficulties in log-odds before anything is known: a prompt that few models tried is not called extreme."""
ABILITY_PRIOR: Final = 3.0


def rasch(scores: Matrix) -> tuple[Vector, Vector]:
    """`(abilities (m,), difficulties (n,))` of `scores` (n, m), NaN where not run: `logit P(good) = ability - difficulty`.

    Maximum a posteriori under normal priors by Newton steps in turn; the priors centre both scales.
    """
    seen = ~np.isnan(scores)
    right = np.where(seen, scores, 0.0)
    abilities, difficulties = np.zeros(scores.shape[1]), np.zeros(scores.shape[0])
    for _ in range(ROUNDS):
        error, weight = _errors(right, seen, abilities, difficulties)
        difficulties -= (error.sum(axis=1) + difficulties / PRIOR**2) / (weight.sum(axis=1) + 1 / PRIOR**2)
        error, weight = _errors(right, seen, abilities, difficulties)
        abilities += (error.sum(axis=0) - abilities / ABILITY_PRIOR**2) / (weight.sum(axis=0) + 1 / ABILITY_PRIOR**2)
    return abilities, difficulties


def _errors(right: Matrix, seen: Matrix, abilities: Vector, difficulties: Vector) -> tuple[Matrix, Matrix]:
    expected = 1.0 / (1.0 + np.exp(difficulties[:, None] - abilities))
    return (right - expected) * seen, expected * (1.0 - expected) * seen
