"""One benchmark of RouteLLM's scoreboard and what a router's P(strong wins) is worth on it, with paired intervals.

No router is made here: the protocols hand in what theirs predicted.
"""

from collections.abc import Mapping, Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from training.rows import Item

from . import bootstrap
from .bootstrap import Index
from .curve import FINE, Curve, apgr, curve, figures
from .report import Estimate

Vector = NDArray[np.float64]


class Board:
    """The items of one benchmark, their labels as columns, and one set of resamples for every router."""

    def __init__(self, items: Sequence[Item], count: int = bootstrap.RESAMPLES) -> None:
        self.items = items
        self.prompts = [item.prompt for item in items]
        self.strong = np.array([item.strong for item in items], dtype=np.float64)
        self.weak = np.array([item.weak for item in items], dtype=np.float64)
        self._count = count

    @cached_property
    def drawn(self) -> list[Index]:
        """Resamples of the rows, by item."""
        return bootstrap.resamples([item.id for item in self.items], self._count)

    def apgr(self, wins: Vector, rows: Index) -> float:
        """APGR on some of the rows."""
        return apgr(wins[rows], self.strong[rows], self.weak[rows])

    def curve(self, wins: Vector) -> Curve:
        """The whole curve."""
        return curve(wins, self.strong, self.weak)


class Line:
    """One router on one board: what stands in its row of the table. Figures are APGR; shares are 0..1."""

    def __init__(self, board: Board, wins: Vector, replicates: Vector) -> None:
        seen = figures(board.curve(wins))
        self.cpt50, self.cpt80 = seen.cpt50, seen.cpt80
        self.apgr = bootstrap.estimate(seen.apgr, replicates)
        self.fine = apgr(wins, board.strong, board.weak, FINE)
        self.replicates = replicates

    def over(self, other: "Line") -> Estimate:
        """The paired difference to another router's APGR."""
        return bootstrap.estimate(self.apgr.value - other.apgr.value, self.replicates - other.replicates)


def lines(board: Board, wins: Mapping[str, Vector]) -> dict[str, Line]:
    """Every router on the same resamples."""
    return {
        name: Line(board, predicted, np.array([board.apgr(predicted, rows) for rows in board.drawn]))
        for name, predicted in wins.items()
    }


def by_length(prompts: Sequence[str]) -> Vector:
    """Prompt length alone: the longer, the more likely the strong model is needed."""
    return np.array([len(prompt) for prompt in prompts], dtype=np.float64)


def by_answers(board: Board) -> Vector:
    """The oracle: items that only the strong model answers, then those where both do the same, then the rest.

    Ties in the middle are broken by chance: with three values alone the quantile bins would be empty.
    """
    noise = np.random.default_rng(0).random(len(board.items)) * 1e-3
    wins: Vector = board.strong - board.weak + noise
    return wins


def by_chance(board: Board, seed: int = 0) -> Vector:
    """A coin for each item."""
    return np.random.default_rng(seed).random(len(board.items))


def boards(items: Sequence[Item], count: int = bootstrap.RESAMPLES) -> dict[str, Board]:
    """By benchmark, `mmlu` first."""
    names = sorted({item.benchmark for item in items}, reverse=True)
    return {name: Board([item for item in items if item.benchmark == name], count) for name in names}
