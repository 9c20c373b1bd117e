"""The training data as a pool of columns: each source's models beside each other, and how the rows are parted. No router may enter."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from training.rows import Matrix, Row, matrix, models_of

from .costs import costs

Index = NDArray[np.intp]

FOLDS: Final = 5


class Source(Struct, frozen=True, eq=False):
    """One source's rows: their places in the pool, ids, tasks, models, scores (n, m) and costs (n, m)."""

    name: str
    rows: Index
    ids: tuple[str, ...]
    tasks: tuple[str, ...]
    models: tuple[str, ...]
    scores: Matrix
    costs: Matrix


class Pool(Struct, frozen=True, eq=False):
    """All rows. Columns of `scores` are `source:model`: the same model under two harnesses has two levels."""

    prompts: tuple[str, ...]
    ids: tuple[str, ...]
    tasks: tuple[str, ...]
    scores: Matrix
    columns: dict[str, Index]
    sources: tuple[Source, ...]


def pool_of(rows: Sequence[Row]) -> Pool:
    """The rows as columns."""
    names = sorted({row.source for row in rows})
    sources = [_source(name, rows) for name in names]
    width = sum(len(source.models) for source in sources)
    scores, columns, start = np.full((len(rows), width), np.nan), {}, 0
    for source in sources:
        columns[source.name] = np.arange(start, start + len(source.models))
        scores[np.ix_(source.rows, columns[source.name])] = source.scores
        start += len(source.models)
    return Pool(
        prompts=tuple(row.prompt for row in rows),
        ids=tuple(row.id for row in rows),
        tasks=tuple(f"{row.source}/{row.task}" for row in rows),
        scores=scores,
        columns=columns,
        sources=tuple(sources),
    )


def _source(name: str, rows: Sequence[Row]) -> Source:
    places = [i for i, row in enumerate(rows) if row.source == name]
    own = [rows[i] for i in places]
    models = models_of(own)
    return Source(
        name=name,
        rows=np.array(places, dtype=np.intp),
        ids=tuple(row.id for row in own),
        tasks=tuple(row.task for row in own),
        models=tuple(models),
        scores=matrix(own, models),
        costs=costs([row.prompt for row in own], models),
    )


def columns_of(pool: Pool) -> list[str]:
    """`source:model` of every column."""
    return [f"{source.name}:{model}" for source in pool.sources for model in source.models]


def facets_of(pool: Pool) -> dict[tuple[str, str], str]:
    """The task of every prompt of a source, by `(source, prompt)`."""
    return {
        (source.name, pool.prompts[i]): task for source in pool.sources for i, task in zip(source.rows, source.tasks, strict=True)
    }


def answers(pool: Pool) -> dict[str, Matrix]:
    """By prompt what every column scored, (columns,): what the oracle knows. A prompt of two rows has the later row's scores."""
    known: dict[str, Matrix] = {}
    for prompt, scores in zip(pool.prompts, pool.scores, strict=True):
        before = known.get(prompt)
        known[prompt] = scores if before is None else np.where(np.isnan(scores), before, scores)
    return known


def folds(ids: Sequence[str], count: int = FOLDS, seed: int = 0) -> Index:
    """A fold for each row; rows of one id share theirs."""
    different = sorted(set(ids))
    order = np.random.default_rng(seed).permutation(len(different))
    of = {different[place]: i % count for i, place in enumerate(order)}
    return np.array([of[one] for one in ids], dtype=np.intp)


def tasks_left_out(pool: Pool) -> Index:
    """A part for each row: that of its task, so that a task is in one part alone."""
    places = {task: i for i, task in enumerate(sorted(set(pool.tasks)))}
    return np.array([places[task] for task in pool.tasks], dtype=np.intp)
