"""The public data that training reads, as rows: loading alone. No feature, no model and no item of the scoreboard's training
may enter. The folder is the one that `training/DATA.md` says how to build; nothing of it is copied into the project.
"""

import gzip
import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

import msgspec
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

Matrix = NDArray[np.float64]

TRAIN: Final = "routing/train.jsonl.gz"
OPEN: Final = "routing/scoreboard_open.jsonl.gz"
GUARD: Final = Path(__file__).with_name("scoreboard_items.txt")
"""Frozen ids of the scoreboard's items, which may never be trained on, one a line."""
_BETWEEN: Final = re.compile(r"\W+")


class Row(Struct, frozen=True):
    """One prompt and what each model that was run on it scored, 0..1. `task` is the benchmark's own name of the subject."""

    id: str
    source: str
    task: str
    prompt: str
    scores: dict[str, float]


class Item(Struct, frozen=True):
    """One question of RouteLLM's evaluation: 1 = the strong (the weak) model answered it correctly."""

    id: str
    benchmark: str
    subject: str
    prompt: str
    strong: int
    weak: int


class Guarded(ValueError):
    """A row to be trained on is an item of the scoreboard."""


def load_train(folder: Path) -> list[Row]:
    """Every training row, in the file's order. Raises Guarded if one is an item of the scoreboard."""
    rows = [msgspec.json.decode(line, type=Row) for line in _lines(Path(folder) / TRAIN)]
    refuse_guarded(rows, guarded())
    return rows


def load_open(folder: Path) -> list[Item]:
    """The open items of the scoreboard, in the file's order; for `bench/routing` alone."""
    return [msgspec.json.decode(line, type=Item) for line in _lines(Path(folder) / OPEN)]


def guarded() -> frozenset[str]:
    """Ids that no training row may have."""
    return frozenset(GUARD.read_text(encoding="ascii").split())


def refuse_guarded(rows: Iterable[Row], guard: frozenset[str]) -> None:
    """Raise Guarded if a row's id, given or computed from its prompt, is guarded."""
    for row in rows:
        if row.id in guard or item_id(row.prompt) in guard:
            raise Guarded(f"{row.source} {row.task}: row {row.id} is an item of the scoreboard")


def item_id(prompt: str) -> str:
    """First 16 hex digits of the SHA-256 of the normalised prompt: lower case, every run of non-word characters one space."""
    return hashlib.sha256(_BETWEEN.sub(" ", prompt.lower()).strip().encode()).hexdigest()[:16]


def models_of(rows: Iterable[Row]) -> list[str]:
    """Every model that was run on some row, by name."""
    return sorted({model for row in rows for model in row.scores})


def matrix(rows: Sequence[Row], models: Sequence[str]) -> Matrix:
    """Scores (n rows, m models), NaN where the model was not run."""
    column = {model: j for j, model in enumerate(models)}
    scores = np.full((len(rows), len(models)), np.nan)
    for i, row in enumerate(rows):
        for model, score in row.scores.items():
            j = column.get(model)
            if j is not None:
                scores[i, j] = score
    return scores


def _lines(path: Path) -> Iterator[bytes]:
    with gzip.open(path, "rb") as file:
        for line in file:
            stripped = line.strip()
            if stripped:
                yield stripped
