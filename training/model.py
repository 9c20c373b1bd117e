"""What every predictor of quality is to the benchmark: ours and each baseline. Nothing that loads a file may enter."""

from collections.abc import Sequence
from typing import Protocol

from .rows import Matrix


class Router(Protocol):
    """Learns from prompts and what models scored on them; predicts what the same models would score on others."""

    def fit(self, prompts: Sequence[str], scores: Matrix) -> None:
        """Learn from `scores` (n prompts, m models), 0..1, NaN where a model was not run."""
        ...

    def predict(self, prompts: Sequence[str]) -> Matrix:
        """P(good answer), 0..1, (n prompts, m models) in the order of the columns of `fit`."""
        ...
