"""The first stage's weights by ridge regression: words and numbers of a prompt -> scores of facets, of everyday talk, and difficulty.

Conjugate gradients on sparse rows, all columns of a target at once, a fixed number of steps: the same rows give the same bits.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, diags, hstack

from app.router_engine.quality.learned import CLIP, Vector, Weights
from app.text.hashed import BITS

from .domains import domain_index
from .prompts import Prompts
from .rows import Matrix

STEPS: Final = 40
LEAST_ROWS: Final = 2
"""A bucket that fewer rows have teaches nothing but that row."""


class Penalties(Struct, frozen=True):
    """`*_penalty` of squared weights; `*_numbers`: what a standard deviation of a number weighs beside a text of unit length."""

    facet_penalty: float = 1.0
    facet_numbers: float = 0.02
    difficulty_penalty: float = 10.0
    difficulty_numbers: float = 0.3


class Labels(Struct, frozen=True, eq=False):
    """Of n prompts: `facets` (n,) the place among `names`, -1 = everyday talk, -2 = none; `difficulty` (n,) in log-odds, NaN = unknown."""

    names: tuple[str, ...]
    facets: NDArray[np.intp]
    difficulty: Vector


def train(prompts: Prompts, labels: Labels, penalties: Penalties) -> Weights:
    """The weights of the first stage."""
    counts = prompts.words()
    rows_with = np.asarray((counts > 0).sum(axis=0)).ravel()
    rarity = np.log((1 + len(prompts)) / (1 + rows_with)) + 1
    kept = np.flatnonzero(rows_with >= LEAST_ROWS)
    center, scale = _center_and_scale(prompts.numbers())
    words = _unit_rows(counts, rarity, kept)
    numbers = np.clip((prompts.numbers() - center) / scale, -CLIP, CLIP)

    kinds = _kinds(labels)
    facets, facet_bias = _solved(words, numbers * penalties.facet_numbers, kinds, penalties.facet_penalty)
    told = np.flatnonzero(~np.isnan(labels.difficulty))
    target = labels.difficulty[told, None]
    hard, hard_bias = _solved(words[told], numbers[told] * penalties.difficulty_numbers, target, penalties.difficulty_penalty)

    of_words = np.hstack([facets[: len(kept)], hard[: len(kept)]]) * rarity[kept, None]
    of_numbers = np.hstack([facets[len(kept) :] * penalties.facet_numbers, hard[len(kept) :] * penalties.difficulty_numbers])
    table = np.zeros((2**BITS, of_words.shape[1] + 1))
    table[kept, :-1] = of_words
    table[:, -1] = rarity**2
    return Weights(
        facets=labels.names,
        domains=tuple(domain_index(name) for name in labels.names),
        words=table.astype(np.float32),
        numbers=np.hstack([of_numbers, np.zeros((len(of_numbers), 1))]).astype(np.float32),
        center=center.astype(np.float32),
        scale=scale.astype(np.float32),
        bias=np.concatenate([facet_bias, hard_bias, [0.0]]).astype(np.float32),
    )


def _center_and_scale(numbers: Matrix) -> tuple[Vector, Vector]:
    spread: Vector = numbers.std(axis=0)
    center: Vector = numbers.mean(axis=0)
    return center, np.where(spread > 1e-6, spread, 1.0)


def _unit_rows(counts: csr_matrix, rarity: Vector, kept: NDArray[np.intp]) -> csr_matrix:
    length = np.sqrt(np.asarray(counts @ rarity**2).ravel())
    length[length == 0] = 1.0
    return csr_matrix(diags(1.0 / length) @ counts[:, kept] @ diags(rarity[kept]))


def _kinds(labels: Labels) -> Matrix:
    places: Sequence[int] = (*range(len(labels.names)), -1)
    return np.stack([(labels.facets == place).astype(np.float64) for place in places], axis=1)


def _solved(words: csr_matrix, numbers: Matrix, targets: Matrix, penalty: float) -> tuple[Matrix, Vector]:
    """Weights (words' columns, then numbers') and bias that come nearest to `targets` (n, t)."""
    inputs = csr_matrix(hstack([words, csr_matrix(numbers)]))
    back = csr_matrix(inputs.T)
    bias: Vector = targets.mean(axis=0)
    rest = back @ (targets - bias)
    weights, step, size = np.zeros_like(rest), rest.copy(), (rest * rest).sum(axis=0)
    for _ in range(STEPS):
        image = back @ (inputs @ step) + penalty * step
        far = size / np.maximum((step * image).sum(axis=0), 1e-30)
        weights += far * step
        rest -= far * image
        now = (rest * rest).sum(axis=0)
        step = rest + (now / np.maximum(size, 1e-30)) * step
        size = now
    return weights, bias
