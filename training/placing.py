"""Each trained model's place, from the first stage's judgement of prompts that it was not trained on. No word of a prompt may enter."""

from typing import Final

import numpy as np

from app.router_engine.quality.learned import Vector

from .rows import Matrix

STEPS: Final = 6
OVERALL_PENALTY: Final = 1e-3
LEAST_SEEN: Final = 5.0
"""Prompts, by share, of a facet of which a model must have tried to deviate there."""


def slope_of(difficulty: Vector, scores: Matrix) -> float:
    """How much of the predicted difficulty (n,) shows in the scores (n, m), each model at its own level; 1 = all of it.

    A prior of unit variance keeps it at 1 where no difficulty differs. Half of each Newton step is taken, since levels move with it.
    """
    row, model = np.nonzero(~np.isnan(scores))
    right, hard = scores[row, model], difficulty[row]
    count = np.bincount(model, minlength=scores.shape[1])
    level = np.zeros(scores.shape[1])
    slope = 1.0
    for _ in range(4 * STEPS):
        expected = 1.0 / (1.0 + np.exp(slope * hard - level[model]))
        weight = expected * (1.0 - expected)
        error = right - expected
        level += (
            np.bincount(model, error, scores.shape[1])
            / np.maximum(np.bincount(model, weight, scores.shape[1]), 1e-9)
            * (count > 0)
        )
        slope -= float((error * hard).sum() + slope - 1.0) / float((weight * hard * hard).sum() + 1.0) / 2
    return slope


def places_of(facets: Matrix, difficulty: Vector, scores: Matrix, penalty: float) -> Matrix:
    """Places (m, 1 + f): overall log-odds, then a deviation per facet. A model that was never run is of middling ability.

    A deviation is from the model's own mean over what it was run on, so that a prompt like nothing known gets that mean.
    """
    found = np.zeros((scores.shape[1], 1 + facets.shape[1]))
    for j in range(scores.shape[1]):
        rows = np.flatnonzero(~np.isnan(scores[:, j]))
        if rows.size:
            found[j] = _place(facets[rows], difficulty[rows], scores[rows, j], penalty)
    return found


def _place(facets: Matrix, difficulty: Vector, right: Vector, penalty: float) -> Vector:
    near = facets.sum(axis=1)
    mean = facets.sum(axis=0) / max(float(near.sum()), 1e-9)
    inputs = np.hstack([np.ones((len(right), 1)), facets - near[:, None] * mean])
    penalties = np.r_[OVERALL_PENALTY, np.full(facets.shape[1], penalty)]
    weights = np.zeros(inputs.shape[1])
    for _ in range(STEPS):
        expected = 1.0 / (1.0 + np.exp(difficulty - inputs @ weights))
        curve = (inputs * (expected * (1.0 - expected))[:, None]).T @ inputs + np.diag(penalties)
        weights += np.linalg.solve(curve, inputs.T @ (right - expected) - penalties * weights)
    # facets that are not 1 in sum leave the rest at the overall ability, so the mean moves into the deviations
    seen = facets.sum(axis=0) >= LEAST_SEEN
    weights[1:] = np.where(seen, weights[1:] - weights[1:] @ mean, 0.0)
    return weights
