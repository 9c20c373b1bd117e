"""The project's own predictor for the benchmark: the shipped weights as they are, and the same training on a part of the rows.

What ships is measured and nothing is tuned here. The pair of RouteLLM's scoreboard gets its places as any model of a config gets
one: from published figures, none of which is of these items' labels.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from app.catalogue.abilities import by_domain, overall
from app.router_engine.quality.learned import Weights
from app.router_engine.quality.places import place
from app.router_engine.quality.weights import SHIPPED
from training.model import Fitted, answered, fit
from training.prompts import served_z
from training.rows import Matrix, Row

Vector = NDArray[np.float64]

STRONG: Final = {"mmlu": 0.847, "gpqa": 0.425, "math": 0.643, "humaneval": 0.837}
"""gpt-4-1106-preview: the table in the README of openai/simple-evals."""
WEAK: Final = {"mmlu": 0.706, "math": 0.284, "humaneval": 0.402}
"""Mixtral-8x7B: its paper (arXiv 2401.04088, table 2)."""


class Ours:
    """`training.model.fit` as a `Router`. `columns` are `source:model`; `facets` names the task of a prompt of a source."""

    def __init__(self, columns: Sequence[str], facets: Mapping[tuple[str, str], str]) -> None:
        self._columns, self._facets = columns, facets
        self._fitted: Fitted

    def fit(self, prompts: Sequence[str], scores: Matrix) -> None:
        """Learn from the rows that the columns with a score make of each prompt, one per source."""
        self._fitted = fit([row for prompt, line in zip(prompts, scores, strict=True) for row in self._rows(prompt, line)])

    def predict(self, prompts: Sequence[str]) -> Matrix:
        """0 for a model that no row to learn from was run on: nothing is known that would speak for it."""
        found = np.zeros((len(prompts), len(self._columns)))
        known = [j for j, name in enumerate(self._columns) if name in self._fitted.models]
        found[:, known] = self._fitted.quality(prompts, [self._columns[j] for j in known])
        return found

    def _rows(self, prompt: str, scores: Vector) -> list[Row]:
        by_source: dict[str, dict[str, float]] = {}
        for j in np.flatnonzero(~np.isnan(scores)).tolist():
            source, _, model = self._columns[j].partition(":")
            by_source.setdefault(source, {})[model] = float(scores[j])
        return [Row("", source, self._facets[source, prompt], prompt, own) for source, own in by_source.items()]


def z(prompts: Sequence[str]) -> Matrix:
    """The shipped z of prompts (n, d)."""
    return served_z(prompts, SHIPPED).astype(np.float64)


def wins(prompts: Sequence[str], weights: Weights = SHIPPED) -> Vector:
    """P(strong wins) on the scoreboard: the strong model answers well and the weak one does not, 0..1."""
    predicted = _pair(prompts, weights)
    found: Vector = predicted[:, 0] * (1.0 - predicted[:, 1])
    return found


def weak_fails(prompts: Sequence[str]) -> Vector:
    """P(the weak model of the scoreboard does not answer well), 0..1: difficulty alone, whatever the strong one can."""
    found: Vector = 1.0 - _pair(prompts, SHIPPED)[:, 1]
    return found


def _pair(prompts: Sequence[str], weights: Weights) -> Matrix:
    places = np.array([place(overall(own), own, weights.domains) for own in map(by_domain, (STRONG, WEAK))])
    return answered(served_z(prompts, weights), places)


def taught_wrongly(rows: Sequence[Row], seed: int = 0) -> Weights:
    """Weights of the same training on rows whose scores were dealt out anew within each source."""
    rng = np.random.default_rng(seed)
    scores: list[dict[str, float]] = [row.scores for row in rows]
    for source in sorted({row.source for row in rows}):
        places = [i for i, row in enumerate(rows) if row.source == source]
        dealt = [rows[i].scores for i in rng.permutation(places)]
        for i, own in zip(places, dealt, strict=True):
            scores[i] = own
    wrong = [Row(row.id, row.source, row.task, row.prompt, own) for row, own in zip(rows, scores, strict=True)]
    return fit(wrong).weights
