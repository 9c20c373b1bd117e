"""The few-label head: what a few hundred labels of one's own traffic add to the shipped weights. Offline; the service has no part of it.

Features of a prompt do not depend on the labels: counts of its form, its topics (LSA, learned from the training prompts, no label
needed), its hashed words, and the shipped z. On them three different learners estimate each model's P(good answer) and their mean
is taken. Settings were fixed on pairs of models of the training data; none was chosen on the scoreboard.
"""

import re
from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, hstack
from sklearn.decomposition import TruncatedSVD
from sklearn.ensemble import ExtraTreesRegressor
from sklearn.feature_extraction.text import HashingVectorizer, TfidfTransformer
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import normalize

from training.rows import Matrix

TOPICS: Final = 100
FORM_WEIGHT: Final = 0.15
"""Of a standard deviation of form against unit-length topics or words."""

_NUMBER: Final = re.compile(r"\d[\d,]*\.?\d*")
_OPTIONS: Final = re.compile(r"\nA\. ")
_KINDS: Final = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"\b(?:not|except|never|false|incorrect|least)\b",
        r"\bstatement 1\b",
        r"__",
        r"\b(?:each|every|per)\b",
        r"\b(?:twice|half|third|times|percent|more than|less than|fewer)\b",
        r"\b(?:if|then|after|before|when)\b",
        r"[$%]",
        r"[\\^]",
        r"\b(?:calculate|compute|determine|find|how (?:many|much))\b",
        r"\b(?:which|what|who|where)\b",
    )
)


class Features(Struct, frozen=True, eq=False):
    """Of n prompts: `dense` (n, form and z), `topics` (n, TOPICS; rows of unit length), `words` (n, buckets)."""

    dense: Matrix
    topics: Matrix
    words: csr_matrix

    def at(self, rows: NDArray[np.intp]) -> "Features":
        """Some of the rows."""
        return Features(self.dense[rows], self.topics[rows], self.words[rows])


class Space:
    """Learns topics and the rarity of words from `background` prompts; no label enters. `z` gives the shipped z of prompts."""

    def __init__(self, background: Sequence[str], z: Callable[[Sequence[str]], Matrix]) -> None:
        self._z = z
        self._hash = HashingVectorizer(n_features=2**15, alternate_sign=False, norm=None, token_pattern=r"\w+", dtype=np.float32)
        self._rarity = TfidfTransformer(sublinear_tf=True)
        known = self._rarity.fit_transform(self._hash.transform(background))
        self._topics = TruncatedSVD(TOPICS, random_state=0).fit(known)

    def features(self, prompts: Sequence[str]) -> Features:
        """Features of prompts; those of one do not depend on the others."""
        words = csr_matrix(self._rarity.transform(self._hash.transform(prompts)))
        dense = np.hstack([np.array([form(prompt) for prompt in prompts]), self._z(prompts)])
        return Features(dense, normalize(self._topics.transform(words)), words)


def form(prompt: str) -> list[float]:
    """What a prompt looks like: lengths and counts as logarithms, shares, and how often each kind of phrase occurs."""
    options = _OPTIONS.search(prompt)
    stem = prompt[: options.start()] if options else prompt
    words, numbers = prompt.split(), _NUMBER.findall(stem)
    chars = max(len(prompt), 1)
    counts = (len(prompt), len(words), len(stem), len(prompt) - len(stem), len(numbers), len(set(numbers)))
    return [
        *(float(np.log1p(count)) for count in (*counts, stem.count(". ") + stem.count("?"), prompt.count("\n"))),
        len(prompt) / max(len(words), 1),
        sum(map(str.isdigit, prompt)) / chars,
        sum(map(str.isupper, prompt)) / chars,
        sum(map(str.isalpha, prompt)) / chars,
        len(set(words)) / max(len(words), 1),
        *(float(np.log1p(len(kind.findall(prompt)))) for kind in _KINDS),
    ]


def estimates(known: Features, scores: Matrix, asked: Features, seed: int = 0) -> Matrix:
    """P(good answer) of each model (n asked, m) after learning from `scores` (n known, m), 0 or 1, none missing."""
    center, spread = known.dense.mean(axis=0), known.dense.std(axis=0)
    known, asked = (_standardised(part, center, spread) for part in (known, asked))
    members = (_logistic(known, scores, asked), _kernel(known, scores, asked), _trees(known, scores, asked, seed))
    mean: Matrix = np.mean(members, axis=0)
    return mean


def _standardised(part: Features, center: Matrix, spread: Matrix) -> Features:
    dense = np.clip((part.dense - center) / np.where(spread > 0, spread, 1.0), -4.0, 4.0)
    return Features(dense, part.topics, part.words)


def _logistic(known: Features, scores: Matrix, asked: Features) -> Matrix:
    """One regularised logistic regression per model on words and form."""
    learn, ask = (csr_matrix(hstack([part.words, FORM_WEIGHT * part.dense])) for part in (known, asked))
    columns = [_column(learn, scores[:, j] > 0.5, ask) for j in range(scores.shape[1])]
    return np.stack(columns, axis=1)


def _column(learn: csr_matrix, good: NDArray[np.bool_], ask: csr_matrix) -> Matrix:
    if good.all() or not good.any():
        return np.full(ask.shape[0], float(good[0]))
    chances: Matrix = LogisticRegression(C=0.5, max_iter=500).fit(learn, good).predict_proba(ask)[:, 1]
    return chances


def _kernel(known: Features, scores: Matrix, asked: Features) -> Matrix:
    """Ridge regression with a Gaussian kernel on topics and form: near prompts fare alike."""
    learn, ask = (np.hstack([part.topics, FORM_WEIGHT * part.dense]) for part in (known, asked))
    means = scores.mean(axis=0)
    found: Matrix = means + KernelRidge(alpha=3.0, kernel="rbf", gamma=0.5).fit(learn, scores - means).predict(ask)
    return found


def _trees(known: Features, scores: Matrix, asked: Features, seed: int) -> Matrix:
    """Randomised trees on form and the first topics: thresholds and what holds only together."""
    learn, ask = (np.hstack([part.dense, part.topics[:, :30]]) for part in (known, asked))
    forest = ExtraTreesRegressor(150, min_samples_leaf=15, max_features=0.4, random_state=seed)
    found: Matrix = forest.fit(learn, scores).predict(ask)
    return found
