"""What a learned router has to beat, each a `training.model.Router`, so that all of them run through the same code as ours.

Nothing here reads the shipped weights. `Oracle` knows the answers and `Shuffled` learns from wrong ones: they show that the
harness gives a perfect router its due and a router without information none.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from sklearn.cluster import KMeans
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import Normalizer

from training.model import Router
from training.rows import Matrix

NEIGHBOURS: Final = 40
CLUSTERS: Final = 32
TOPICS: Final = 64
"""Fixed before anything was scored: a neighbourhood of some dozens, about two clusters per task, a usual size of LSA."""


def column_means(scores: Matrix) -> Matrix:
    """Mean score of each model over the prompts it was run on, 0 for one that was never run; (m,)."""
    seen = ~np.isnan(scores)
    means: Matrix = np.where(seen, scores, 0.0).sum(axis=0) / np.maximum(seen.sum(axis=0), 1)
    return means


class BestSingle:
    """Every model's mean over the training prompts: its choice is one model for all prompts."""

    def fit(self, prompts: Sequence[str], scores: Matrix) -> None:
        self._means = column_means(scores)

    def predict(self, prompts: Sequence[str]) -> Matrix:
        return np.tile(self._means, (len(prompts), 1))


class Random:
    """Uniform noise, the same for the same prompts."""

    def __init__(self, seed: int = 0) -> None:
        self._seed = seed

    def fit(self, prompts: Sequence[str], scores: Matrix) -> None:
        self._models = scores.shape[1]

    def predict(self, prompts: Sequence[str]) -> Matrix:
        return np.random.default_rng(self._seed).random((len(prompts), self._models))


class Length:
    """Means of the models in ten bands of prompt length in characters: the least that a router can know of a prompt."""

    BANDS: Final = 10

    def fit(self, prompts: Sequence[str], scores: Matrix) -> None:
        lengths = _lengths(prompts)
        self._edges = np.quantile(lengths, np.linspace(0, 1, self.BANDS + 1)[1:-1])
        self._means = _group_means(np.searchsorted(self._edges, lengths), scores, self.BANDS)

    def predict(self, prompts: Sequence[str]) -> Matrix:
        return self._means[np.searchsorted(self._edges, _lengths(prompts))]


class KNearest:
    """Means over the most similar training prompts by TF-IDF cosine, the model's own mean counting as one neighbour more."""

    def fit(self, prompts: Sequence[str], scores: Matrix) -> None:
        self._words = _tf_idf()
        self._known = csr_matrix(self._words.fit_transform(prompts))
        self._scores, self._means = scores, column_means(scores)

    def predict(self, prompts: Sequence[str]) -> Matrix:
        asked = csr_matrix(self._words.transform(prompts))
        parts = [self._block(asked[i : i + 512]) for i in range(0, len(prompts), 512)]
        return np.concatenate(parts) if parts else np.empty((0, self._scores.shape[1]))

    def _block(self, asked: csr_matrix) -> Matrix:
        near = (asked @ self._known.T).toarray()
        best = np.argpartition(-near, min(NEIGHBOURS, near.shape[1]) - 1, axis=1)[:, :NEIGHBOURS]
        scores = self._scores[best]
        seen = ~np.isnan(scores)
        means: Matrix = (np.where(seen, scores, 0.0).sum(axis=1) + self._means) / (seen.sum(axis=1) + 1)
        return means


class Clusters:
    """Means within k-means clusters of the prompts' topics (TF-IDF, then LSA): "which model is best for this kind of prompt"."""

    def fit(self, prompts: Sequence[str], scores: Matrix) -> None:
        self._topics: Pipeline = make_pipeline(_tf_idf(), TruncatedSVD(TOPICS, random_state=0), Normalizer())
        places = self._topics.fit_transform(prompts)
        self._clusters = KMeans(CLUSTERS, n_init=4, random_state=0).fit(places)
        self._means = _group_means(self._clusters.labels_, scores, CLUSTERS)

    def predict(self, prompts: Sequence[str]) -> Matrix:
        means: Matrix = self._means[self._clusters.predict(self._topics.transform(prompts))]
        return means


class Oracle:
    """Knows what each model scored on each prompt: a ceiling. `known` = scores by prompt, in the order of the columns."""

    def __init__(self, known: Mapping[str, Matrix]) -> None:
        self._known = known

    def fit(self, prompts: Sequence[str], scores: Matrix) -> None:
        pass

    def predict(self, prompts: Sequence[str]) -> Matrix:
        return np.nan_to_num(np.stack([self._known[prompt] for prompt in prompts]))


class Shuffled:
    """Another router, taught with the scores of other prompts that the same models were run on: what it still gains did not come from
    reading the prompt.
    """

    def __init__(self, make: Callable[[], Router], seed: int = 0) -> None:
        self._inner, self._seed = make(), seed

    def fit(self, prompts: Sequence[str], scores: Matrix) -> None:
        rng = np.random.default_rng(self._seed)
        dealt = np.arange(len(scores))
        _, kind = np.unique(np.isnan(scores), axis=0, return_inverse=True)
        for one in np.unique(kind):
            own = np.flatnonzero(kind == one)
            dealt[own] = rng.permutation(own)
        self._inner.fit(prompts, scores[dealt])

    def predict(self, prompts: Sequence[str]) -> Matrix:
        return self._inner.predict(prompts)


def _tf_idf() -> TfidfVectorizer:
    return TfidfVectorizer(sublinear_tf=True, min_df=2, token_pattern=re.compile(r"\w+").pattern, dtype=np.float32)


def _lengths(prompts: Sequence[str]) -> Matrix:
    return np.array([len(prompt) for prompt in prompts], dtype=np.float64)


def _group_means(groups: NDArray[np.intp], scores: Matrix, count: int) -> Matrix:
    """Mean of each model in each group, drawn to the model's own mean with the weight of one prompt; (count, m)."""
    means = column_means(scores)
    seen = ~np.isnan(scores)
    sums, sizes = np.tile(means, (count, 1)), np.ones((count, scores.shape[1]))
    np.add.at(sums, groups, np.where(seen, scores, 0.0))
    np.add.at(sizes, groups, seen.astype(np.float64))
    return sums / sizes
