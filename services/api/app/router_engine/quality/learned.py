"""The first stage's learned half: a reading becomes facets (which of the trained tasks it is like) and difficulty. Weights are handed in;
no file is read here, and no model's name, no price may enter.

One linear map gives a score per facet, one of everyday talk and one of difficulty. Ridge regression on 0 and 1 taught the facets'
scores, so what is like nothing known has no high one: a facet counts from a
score on (`reach`) and not below. What is left of 1 is the
distance to the training data, and for that part every model keeps its overall ability.
"""

from typing import Final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from .reading import Reading

Table = NDArray[np.float32]
Vector = NDArray[np.float64]

TALK_LEAST, TALK_FULL = 0.1, 0.3
"""The same for everyday talk: below, the learned difficulty holds; above, the one by hand-set words."""
CLIP: Final = 3.0
"""Numbers count up to so many standard deviations: no prompt is further out than any that was trained on."""


class Weights(Struct, frozen=True, eq=False):
    """What training found. With f facets the f + 3 columns are the facets' scores, everyday talk's, the difficulty, and what is added to
    it for a prompt like nothing known: the trained tasks were kept for being hard, and among others length says more.

    `words` (buckets, f + 3): all columns but the last, times the bucket's rarity; then the squared rarity. `numbers` (k, f + 3) act on
    numbers less `center` (k,) over `scale` (k,), inside CLIP. `bias` (f + 3,). `domains` (f,): the place among `places.DOMAINS` of
    what each facet asks for. `reach`: the scores from which on a facet counts, and counts fully; lower ones follow tasks
    that only look alike, higher ones see too little of those that are known.
    """

    facets: tuple[str, ...]
    domains: tuple[int, ...]
    words: Table
    numbers: Table
    center: Table
    scale: Table
    bias: Table
    reach: tuple[float, float] = (0.3, 0.6)


class Judged(Struct, frozen=True, eq=False, gc=False):
    """`facets`: how much the prompt is of each, 0..1 and at most 1 in sum. `talk`: how much it is everyday talk, 0..1.

    `difficulty` is on the scale of log-odds, 0 = middling.
    """

    facets: list[float]
    talk: float
    difficulty: float


def judge(read: Reading, weights: Weights) -> Judged:
    """What the weights say of a reading."""
    *scores, talk, difficulty, far_difficulty = scores_of(read, weights).tolist()
    facets, near = facets_of(scores, *weights.reach)
    talk = (talk - TALK_LEAST) / (TALK_FULL - TALK_LEAST)
    return Judged(facets, min(max(talk, 0.0), 1.0), difficulty + (1.0 - near) * far_difficulty)


def scores_of(read: Reading, weights: Weights) -> Table:
    """The columns (f + 3,) of a reading."""
    numbers = read.numbers - weights.center
    numbers /= weights.scale
    np.maximum(numbers, -CLIP, out=numbers)
    np.minimum(numbers, CLIP, out=numbers)
    scores: Table = np.dot(numbers, weights.numbers)
    scores += weights.bias
    if read.buckets.size:
        found = np.add.reduce(weights.words.take(read.buckets, axis=0), axis=0)
        scores[:-1] += found[:-1] / np.sqrt(found[-1])
    return scores


def facets_of(scores: list[float], least: float, full: float) -> tuple[list[float], float]:
    """Scores as facets, and their sum, which is at most 1."""
    width = full - least
    found = [0.0 if score <= least else 1.0 if score >= full else (score - least) / width for score in scores]
    total = sum(found)
    return (found, total) if total <= 1.0 else ([facet / total for facet in found], 1.0)
