"""Whether a predicted 0.7 is right seven times in ten, and whether it says more than the model's mean. No router is made here."""

import math
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from training.rows import Matrix

from . import bootstrap, plots
from .bootstrap import Index
from .many_models import BEST_SINGLE, OURS, Guesses
from .pool import Pool, Source
from .report import Estimate, Plot, Section, Target, table

Vector = NDArray[np.float64]

BINS: Final = 10
MOST_ERROR: Final = 0.05
RESAMPLES: Final = 200
LEAST_DRAWN: Final = 30


class Bin(Struct, frozen=True):
    """Predictions of one tenth of 0..1: how many, their mean, and the mean score that came."""

    count: int
    predicted: float
    observed: float


def bins(predicted: Vector, observed: Vector) -> list[Bin]:
    """The bins that hold a prediction, in their order. NaN in `observed` = not run, left out."""
    seen = ~np.isnan(observed)
    predicted, observed = predicted[seen], observed[seen]
    place = np.minimum((predicted * BINS).astype(int), BINS - 1)
    count = np.bincount(place, minlength=BINS)
    sums = [np.bincount(place, weights=values, minlength=BINS) for values in (predicted, observed)]
    return [Bin(int(n), float(p / n), float(o / n)) for n, p, o in zip(count, *sums, strict=True) if n]


def error(found: Sequence[Bin]) -> float:
    """Expected calibration error: the mean distance of prediction and outcome, bins weighted by their predictions."""
    total = sum(one.count for one in found)
    return math.fsum(one.count * abs(one.predicted - one.observed) for one in found) / total


def brier_skill(predicted: Matrix, base: Matrix, observed: Matrix) -> float:
    """1 - Brier score / Brier score of the base rate: 0 = no better than each model's mean, 1 = perfect."""
    ours, theirs = (float(np.nanmean((guess - observed) ** 2)) for guess in (predicted, base))
    return 1.0 - ours / theirs


class Judged(Struct, frozen=True):
    """A source's predictions: Brier skill over the training mean of each model, ECE, and the reliability table."""

    skill: Estimate
    error: Estimate
    bins: tuple[Bin, ...]


def judged(source: Source, predicted: Matrix, base: Matrix) -> Judged:
    """With intervals over the source's items."""
    bounded, observed = np.clip(predicted, 0.0, 1.0), source.scores
    drawn = bootstrap.resamples(source.ids, RESAMPLES)

    def skill(rows: Index) -> float:
        return brier_skill(bounded[rows], base[rows], observed[rows])

    def ece(rows: Index) -> float:
        return error(bins(bounded[rows].ravel(), observed[rows].ravel()))

    return Judged(
        skill=bootstrap.of(skill, len(source.ids), drawn),
        error=bootstrap.of(ece, len(source.ids), drawn),
        bins=tuple(bins(bounded.ravel(), observed.ravel())),
    )


def section(pool: Pool, guessed: Mapping[str, Guesses]) -> Section:
    """In-domain, which the target is about, and left-out tasks, where nobody is calibrated."""
    seen = {
        (kind, source.name): judged(source, by[OURS][source.name], by[BEST_SINGLE][source.name])
        for kind, by in guessed.items()
        for source in pool.sources
    }
    rows = [(f"{source}, {kind.replace('_', '-')}", one.skill.text(), one.error.text()) for (kind, source), one in seen.items()]
    inside = {source: one for (kind, source), one in seen.items() if kind == "in_domain"}
    lines = [
        "Every prediction of every model, out of fold. The Brier skill is over the model's mean on the training rows; ECE has ten bins.",
        "",
        *table(("source", "Brier skill", "ECE"), rows),
        "",
        f"Reliability in-domain (predictions; mean predicted; mean score); the picture leaves out bins of fewer than {LEAST_DRAWN}:",
        "",
        *table(("predicted", *inside), _reliability(list(inside.values()))),
    ]
    figures = {f"calibration.{kind}.{source}.brier_skill": one.skill.value for (kind, source), one in seen.items()}
    figures |= {f"calibration.{kind}.{source}.ece": one.error.value for (kind, source), one in seen.items()}
    targets = tuple(
        Target(f"in-domain ECE on {source}: {one.error.text()}, wanted at most {MOST_ERROR}", one.error.value <= MOST_ERROR)
        for source, one in inside.items()
    )
    curves = {source: _curve(one) for source, one in inside.items()}
    plot = Plot("reliability", "Observed mean score over predicted probability, by source", plots.reliability(curves))
    return Section("Calibration", tuple(lines), figures, (plot,), targets)


def _curve(one: Judged) -> tuple[Vector, Vector]:
    """What is drawn: a bin of a few predictions would draw its luck."""
    full = [b for b in one.bins if b.count >= LEAST_DRAWN]
    return np.array([b.predicted for b in full]), np.array([b.observed for b in full])


def _reliability(found: Sequence[Judged]) -> list[tuple[str, ...]]:
    """A row per tenth of 0..1, a cell per source."""
    rows = []
    for place in range(BINS):
        cells = [next((b for b in one.bins if place <= b.predicted * BINS < place + 1), None) for one in found]
        rows.append((f"{place / BINS:.1f}-{(place + 1) / BINS:.1f}", *(_cell(cell) for cell in cells)))
    return rows


def _cell(one: Bin | None) -> str:
    return "-" if one is None else f"{one.count:,}; {one.predicted:.3f}; {one.observed:.3f}"
