"""Many models: how good the model is that a router picks, in-domain and on a task that it has never seen.

Each source of the training data has models of its own and is judged by itself. In-domain is 5-fold cross-validation in which all
rows of one prompt lie in one fold; leave-one-task-out trains on every other task. The same routers with the same settings run
in both. The best single model is chosen on the training rows, as a user would have to.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from training.model import Router
from training.rows import Matrix

from . import bootstrap, hull, plots
from .bootstrap import Index
from .pool import Pool, Source, folds, tasks_left_out
from .report import Estimate, Plot, Section, Target, table
from .tradeoff import mode_points

Vector = NDArray[np.float64]
Tick = Callable[[], None]
Make = Callable[[], Router]
Guesses = Mapping[str, Mapping[str, Matrix]]
"""Out-of-part predictions (n, m) by router, then source."""
Points = Mapping[str, tuple[float, float]]
"""`(mean US dollars, mean score)` by mode."""

RESAMPLES: Final = 500
BEST_SINGLE: Final = "best single"
OURS: Final = "ours"
MOST_LOSS: Final = 0.01
TITLES: Final = {"in_domain": "In-domain: 5-fold cross-validation", "left_out": "Leave one task out"}
DRAWN: Final = (OURS, "k-means", "kNN", BEST_SINGLE)


class Entrant(Struct, frozen=True):
    """A router of the comparison. `joint` = it learns from the rows of all sources at once, as the shipped weights did."""

    make: Make
    joint: bool = False


def predictions(pool: Pool, parts: Index, entrant: Entrant, tick: Tick) -> dict[str, Matrix]:
    """Out-of-part predictions (n, m) by source: for every part a router that learned from all other parts alone."""
    found = {source.name: np.empty(source.scores.shape) for source in pool.sources}
    for part in np.unique(parts):
        if entrant.joint:
            _predict_jointly(pool, parts == part, entrant.make(), found)
        else:
            _predict_by_source(pool, parts == part, entrant.make, found)
        tick()
    return found


def _predict_jointly(pool: Pool, out: NDArray[np.bool_], router: Router, found: dict[str, Matrix]) -> None:
    learn, asked = np.flatnonzero(~out), np.flatnonzero(out)
    router.fit([pool.prompts[i] for i in learn], pool.scores[learn])
    predicted = np.full(pool.scores.shape, np.nan)
    predicted[asked] = router.predict([pool.prompts[i] for i in asked])
    for source in pool.sources:
        own = out[source.rows]
        found[source.name][own] = predicted[np.ix_(source.rows[own], pool.columns[source.name])]


def _predict_by_source(pool: Pool, out: NDArray[np.bool_], make: Make, found: dict[str, Matrix]) -> None:
    for source in pool.sources:
        own = out[source.rows]
        if not own.any():
            continue
        router = make()
        router.fit([pool.prompts[i] for i in source.rows[~own]], source.scores[~own])
        found[source.name][own] = router.predict([pool.prompts[i] for i in source.rows[own]])


def picked(predicted: Matrix, actual: Matrix) -> Vector:
    """What the chosen model scored on each prompt; a model that was not run there is not chosen."""
    choice = np.argmax(np.where(np.isnan(actual), -np.inf, predicted), axis=1)
    scored: Vector = actual[np.arange(len(actual)), choice]
    return scored


class Result(Struct, frozen=True):
    """A router on one source: mean score of its picks, that over the best single model's, and the hull's area."""

    accuracy: Estimate
    ratio: Estimate
    area: Estimate


def results(source: Source, predicted: Mapping[str, Matrix], resamples: int = RESAMPLES) -> dict[str, Result]:
    """Every router on the same resamples of the source's items."""
    drawn = bootstrap.resamples(source.ids, resamples)
    best = picked(predicted[BEST_SINGLE], source.scores)
    return {name: _result(source, matrix_, best, drawn) for name, matrix_ in predicted.items()}


def _result(source: Source, predicted: Matrix, best: Vector, drawn: Sequence[Index]) -> Result:
    scored = picked(predicted, source.scores)
    seen = hull.offers(predicted, source.scores, source.costs)

    def area(rows: Index) -> float:
        return hull.area(seen.cost[rows].mean(axis=0), seen.quality[rows].mean(axis=0), seen.lowest, seen.highest)

    return Result(
        accuracy=bootstrap.mean(scored, drawn),
        ratio=bootstrap.of(lambda rows: float(scored[rows].mean() / best[rows].mean()), len(scored), drawn),
        area=bootstrap.of(area, len(scored), drawn),
    )


def guesses(pool: Pool, entrants: Mapping[str, Entrant], tick: Tick) -> dict[str, Guesses]:
    """Predictions of every router, by kind of the parts that were left out, then router, then source."""
    parts = {"in_domain": folds(pool.ids), "left_out": tasks_left_out(pool)}
    return {kind: {name: predictions(pool, part, one, tick) for name, one in entrants.items()} for kind, part in parts.items()}


def section(pool: Pool, guessed: Mapping[str, Guesses]) -> Section:
    """In-domain and leave-one-task-out, by source, and what was aimed at."""
    lines: list[str] = [
        "The model with the highest prediction is picked; `accuracy` is the mean score of the picks, `of best single` its ratio to the",
        "best single model's. `area` is the mean height of the quality-cost hull over log cost; prices are in `bench/routing/costs.py`.",
    ]
    figures: dict[str, float] = {}
    targets: list[Target] = []
    for kind, title in TITLES.items():
        together = _together(pool, guessed[kind])
        figures[f"many.{kind}.together.of_best_single"] = together.value
        lines += ["", f"### {title}", "", f"All sources together: ours reaches {together.text()} of the best single models."]
        for source in pool.sources:
            seen = results(source, {name: by_source[source.name] for name, by_source in guessed[kind].items()})
            lines += ["", f"**{source.name}**: {len(source.ids):,} prompts, {len(source.models)} models", ""]
            lines += table(("router", "accuracy", "of best single", "area"), [_cells(*one) for one in seen.items()])
            figures |= {f"many.{kind}.{source.name}.{name}.accuracy": one.accuracy.value for name, one in seen.items()}
            figures |= {f"many.{kind}.{source.name}.{name}.area": one.area.value for name, one in seen.items()}
            targets.append(_aim(kind, source.name, seen))
        if kind == "left_out":
            targets.append(_left_out("all sources together", together))
    lines += ["", *_by_task(pool, guessed["left_out"])]
    modes = {source.name: _modes(source, guessed["in_domain"]) for source in pool.sources}
    lines += ["", *_mode_lines(modes)]
    pictures = tuple(_picture(source, guessed["in_domain"], modes[source.name]) for source in pool.sources)
    return Section("Many models", tuple(lines), figures, pictures, tuple(targets))


def _modes(source: Source, guessed: Guesses) -> Points:
    return mode_points(guessed[OURS][source.name], source.scores, source.costs)


def _mode_lines(modes: Mapping[str, Points]) -> list[str]:
    """What each mode costs and reaches, source by source."""
    rows = [
        (f"{source}, {mode}", f"{dollars * 1000:.3f}", f"{score:.3f}")
        for source, points in modes.items()
        for mode, (dollars, score) in points.items()
    ]
    return [
        "### The modes' trade-off",
        "",
        "The shipped weights of each mode on ours' in-domain predictions, every model taken as equally fast (the data does not say):",
        "",
        *table(("source, mode", "US dollars per 1,000", "mean score"), rows),
    ]


def _picture(source: Source, guessed: Guesses, modes: Points) -> Plot:
    """The hulls of some routers, every single model a dot, the modes as marks."""
    curves = {}
    for name in DRAWN:
        seen = hull.offers(guessed[name][source.name], source.scores, source.costs)
        curves[name] = hull.upper_hull(seen.cost.mean(axis=0), seen.quality.mean(axis=0))
    singles = (source.costs.mean(axis=0), np.nanmean(source.scores, axis=0))
    alt = f"Mean score over mean cost on {source.name}: the hulls of {', '.join(DRAWN)}, single models, and the three modes"
    return Plot(f"quality-cost-{source.name}", alt, plots.quality_over_cost(source.name, curves, singles, modes))


def _together(pool: Pool, guessed: Guesses) -> Estimate:
    """Ours over the best single model of each prompt's source, on all rows; resampled by prompt."""
    ours, best = np.empty(len(pool.ids)), np.empty(len(pool.ids))
    for source in pool.sources:
        ours[source.rows] = picked(guessed[OURS][source.name], source.scores)
        best[source.rows] = picked(guessed[BEST_SINGLE][source.name], source.scores)
    drawn = bootstrap.resamples(pool.ids, RESAMPLES)
    return bootstrap.of(lambda rows: float(ours[rows].mean() / best[rows].mean()), len(ours), drawn)


def _aim(kind: str, source: str, seen: Mapping[str, Result]) -> Target:
    ours = seen[OURS]
    if kind == "left_out":
        return _left_out(source, ours.ratio)
    other = seen["k-means"].accuracy.value
    text = f"in-domain {source}: accuracy {ours.accuracy.text()}, wanted at least k-means' {other:.3f}"
    return Target(text, ours.accuracy.value >= other)


def _left_out(name: str, ratio: Estimate) -> Target:
    text = f"left-out tasks, {name}: {ratio.text()} of the best single model, wanted at least {1 - MOST_LOSS:.2f}"
    return Target(text, ratio.value >= 1 - MOST_LOSS)


def _cells(name: str, one: Result) -> tuple[str, ...]:
    return name, one.accuracy.text(), one.ratio.text(), one.area.text()


def _by_task(pool: Pool, guessed: Guesses) -> list[str]:
    """Accuracy of every left-out task."""
    rows = []
    for source in pool.sources:
        for task in sorted(set(source.tasks)):
            own = np.array([one == task for one in source.tasks])
            means = [picked(by[source.name][own], source.scores[own]).mean() for by in guessed.values()]
            rows.append((f"{source.name}/{task}", *(f"{mean:.3f}" for mean in means)))
    return ["Accuracy by left-out task:", "", *table(("task", *guessed), rows)]
