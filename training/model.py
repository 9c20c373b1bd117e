"""The predictor as it is trained: the first stage's weights and every trained model's place. Also what each predictor is to the
benchmark. Nothing that knows a benchmark's items may enter; files are read in `rows` and written in `export`.

1. Item response (`rasch`): scores of many models on one prompt say how hard it is, on one scale for all prompts.
2. First stage (`ridge`): words and numbers of a prompt -> which task it is like, and that difficulty.
3. Places (`placing`): a logistic regression per model on the first stage's judgement of prompts that it was not trained on.
"""

from collections.abc import Mapping, Sequence
from typing import Final, Protocol

import numpy as np
from msgspec import Struct
from msgspec.structs import replace
from numpy.typing import NDArray

from app.router_engine.quality.learned import CLIP, Vector, Weights
from app.router_engine.quality.places import SPREAD, ability, as_share, good_answer
from app.router_engine.quality.reading import NUMBERS

from . import ridge
from .everyday import everyday_prompts
from .items import rasch
from .placing import places_of, slope_of
from .prompts import Prompts, read_all, served_z
from .ridge import Labels, Penalties
from .rows import Matrix, Row, matrix, models_of

ALIASES: Final = {
    "Meta-Llama-3_1-70B-Instruct": "Meta-Llama-3.1-70B-Instruct",
    "Meta-Llama-3_1-8B-Instruct": "Meta-Llama-3.1-8B-Instruct",
    "llama-3.1-8b-instruct": "Meta-Llama-3.1-8B-Instruct",
    "qwen2.5-7b-instruct": "Qwen2.5-7B-Instruct",
}
"""One model under the names of several sources: what ties their prompts' difficulties to one scale."""
LENGTHS: Final = ("log_chars", "log_stem_words")
TALK: Final = -1
UNLABELLED: Final = -2


class Router(Protocol):
    """Learns from prompts and what models scored on them; predicts what the same models would score on others."""

    def fit(self, prompts: Sequence[str], scores: Matrix) -> None:
        """Learn from `scores` (n prompts, m models), 0..1, NaN where a model was not run."""
        ...

    def predict(self, prompts: Sequence[str]) -> Matrix:
        """P(good answer), 0..1, (n prompts, m models) in the order of the columns of `fit`."""
        ...


class Settings(Struct, frozen=True):
    """Chosen by cross-validation and by leaving one task out of the training rows; the scoreboard chose none.

    `center`: how hard, in log-odds beside the mean training prompt, a prompt of middling difficulty is.
    """

    penalties: Penalties = Penalties()
    deviation_penalty: float = 3.0
    reach: tuple[float, float] = (0.3, 0.6)
    parts: int = 3
    center: float = 0.6
    far_easier: float = 0.8
    far_length: float = 0.8
    seed: int = 0


SHIPPED: Final = Settings()


class Fitted(Struct, frozen=True, eq=False):
    """Weights of the first stage, and the place (m, 1 + f) of each trained model by `source:model`."""

    weights: Weights
    models: tuple[str, ...]
    places: Matrix

    def z(self, prompts: Sequence[str]) -> NDArray[np.float32]:
        """The service's z (n, d) of single prompts, by the service's own code."""
        return served_z(prompts, self.weights)

    def quality(self, prompts: Sequence[str], models: Sequence[str]) -> Matrix:
        """P(good answer) (n, m). `models` are names in `models`, or bare ones, whose places under several sources are averaged."""
        return answered(self.z(prompts), np.array([self.place(name) for name in models]))

    def place(self, name: str) -> Vector:
        """The place (1 + f,) of one model. Raises KeyError."""
        found = [i for i, known in enumerate(self.models) if name in (known, known.partition(":")[2])]
        if not found:
            raise KeyError(name)
        mean: Vector = self.places[found].mean(axis=0)
        return mean


class Learned:
    """Ours as a `Router`. `facets` names the task of a prompt; prompts without one teach difficulty alone."""

    def __init__(self, facets: Mapping[str, str], settings: Settings = SHIPPED) -> None:
        self._facets, self._settings = facets, settings

    def fit(self, prompts: Sequence[str], scores: Matrix) -> None:
        """As `Router.fit`."""
        names = [self._facets.get(prompt, "") for prompt in prompts]
        _, difficulty = rasch(scores)
        self._weights, self._places = learn(prompts, names, difficulty, scores, self._settings)

    def predict(self, prompts: Sequence[str]) -> Matrix:
        """As `Router.predict`."""
        return answered(served_z(prompts, self._weights), self._places)


def fit(rows: Sequence[Row], settings: Settings = SHIPPED) -> Fitted:
    """All rows at once, each model of each source by itself."""
    _, difficulty = rasch(_tied(rows))
    columns = sorted({f"{row.source}:{model}" for row in rows for model in row.scores})
    place = {name: j for j, name in enumerate(columns)}
    scores = np.full((len(rows), len(columns)), np.nan)
    for i, row in enumerate(rows):
        for model, score in row.scores.items():
            scores[i, place[f"{row.source}:{model}"]] = score
    names = [f"{row.source}/{row.task}" for row in rows]
    weights, places = learn([row.prompt for row in rows], names, difficulty, scores, settings)
    return Fitted(weights, tuple(columns), places)


def learn(
    prompts: Sequence[str], facets: Sequence[str], difficulty: Vector, scores: Matrix, settings: Settings
) -> tuple[Weights, Matrix]:
    """The first stage's weights and the places (m, 1 + f) of the columns of `scores`. `facets`: a task's name each, "" = unknown."""
    read, labels = read_all(prompts), _labels(facets, difficulty)
    talk = read_all(everyday_prompts())
    judged, hard = _unseen(read, labels, talk, settings)
    slope = slope_of(hard, scores)
    weights = _rescaled(_trained(read, labels, talk, settings), slope, settings)
    hard = slope * hard - settings.center + _far(read, judged, weights)
    hard = SPREAD * (np.array([as_share(value) for value in hard]) - 0.5)  # as the second stage gets it
    places = places_of(judged, hard, scores, settings.deviation_penalty)
    return weights, places


def answered(z: NDArray[np.float32], places: Matrix) -> Matrix:
    """P(good answer) (n, m) of z (n, d) and places (m, 1 + f), by the service's own second stage."""
    facets = places.shape[1] - 1
    seen = z.astype(np.float64)
    rows = [good_answer(ability(places, one[2 : 2 + facets]), float(one[0])) for one in seen]
    return np.array(rows).reshape(len(z), len(places))


def _tied(rows: Sequence[Row]) -> Matrix:
    renamed = [replace(row, scores={ALIASES.get(model, model): score for model, score in row.scores.items()}) for row in rows]
    return matrix(renamed, models_of(renamed))


def _labels(facets: Sequence[str], difficulty: Vector) -> Labels:
    names = tuple(sorted({name for name in facets if name}))
    place = {name: i for i, name in enumerate(names)}
    return Labels(names, np.array([place.get(name, UNLABELLED) for name in facets], dtype=np.intp), difficulty)


def _unseen(read: Prompts, labels: Labels, talk: Prompts, settings: Settings) -> tuple[Matrix, Vector]:
    """`(facets (n, f), difficulty (n,))` of each prompt by weights that were trained on the other parts."""
    facets, hard = np.zeros((len(read), len(labels.names))), np.zeros(len(read))
    part = np.random.default_rng(settings.seed).integers(0, settings.parts, len(read))
    for k in range(settings.parts):
        known, asked = np.flatnonzero(part != k), np.flatnonzero(part == k)
        known_labels = Labels(labels.names, labels.facets[known], labels.difficulty[known])
        weights = _trained(read.at(known), known_labels, talk, settings)
        facets[asked], _, hard[asked] = read.at(asked).judged(weights)
    return facets, hard


def _far(read: Prompts, facets: Matrix, weights: Weights) -> Vector:
    """What the distance (n,) of prompts to the trained tasks adds to their difficulty."""
    numbers = np.clip((read.numbers() - weights.center) / weights.scale, -CLIP, CLIP)
    more: Vector = (1.0 - facets.sum(axis=1)) * (numbers @ weights.numbers[:, -1] + weights.bias[-1])
    return more


def _rescaled(weights: Weights, slope: float, settings: Settings) -> Weights:
    """The difficulty so that it is what lowers a model's log-odds, 0 for a prompt of middling difficulty."""
    numbers, words, bias = weights.numbers.copy(), weights.words.copy(), weights.bias.copy()
    numbers[:, -2] *= slope
    words[:, -2] *= slope
    bias[-2] = slope * bias[-2] - settings.center
    for name in LENGTHS:
        numbers[NUMBERS.index(name), -1] = settings.far_length / len(LENGTHS)
    bias[-1] = -settings.far_easier
    return replace(weights, numbers=numbers, words=words.astype(np.float16).astype(np.float32), bias=bias)


def _trained(read: Prompts, labels: Labels, talk: Prompts, settings: Settings) -> Weights:
    """With the everyday prompts beside the rows; their difficulty is not known."""
    more = Labels(
        labels.names,
        np.concatenate([labels.facets, np.full(len(talk), TALK)]),
        np.concatenate([labels.difficulty, np.full(len(talk), np.nan)]),
    )
    both = Prompts(read.readings + talk.readings, np.concatenate([read.by_words, talk.by_words]))
    return replace(ridge.train(both, more, settings.penalties), reach=settings.reach)
