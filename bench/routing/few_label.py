"""Protocol few-label: 1,500 MMLU labels tested on the rest, 400 GSM8K labels tested on the other 270, each with 20 splits.

The gain over prompt length is taken within the same split and averaged over the splits. Its interval resamples items: an item
that is drawn twice counts twice in every split that tests it, so the overlap of the splits does not narrow the interval.
"""

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from training.rows import Matrix

from . import bootstrap, head
from .board import Board, by_answers, by_chance, by_length
from .bootstrap import Index
from .curve import curve, figures
from .head import Features, Space
from .report import Estimate, Section, Target, table

Vector = NDArray[np.float64]
Tick = Callable[[], None]

SEEDS: Final = range(20)
LABELS: Final = {"mmlu": 1500, "gsm8k": 400}
LEAST_GAIN: Final = {"mmlu": 0.035, "gsm8k": 0.015}
SUSPECT: Final = {"mmlu": 0.70, "gsm8k": 0.67}
"""Above this knowing the right labels of half a hundred other models would be beaten: more likely a leak than a feat."""
RESAMPLES: Final = 300
ROUTERS: Final = ("random", "prompt length", "shuffled labels", "few-label head", "oracle")


class Split(Struct, frozen=True, eq=False):
    """The tested rows of one split and what each router said of them, in the order of ROUTERS."""

    rows: Index
    wins: dict[str, Vector]


class Outcome(Struct, frozen=True):
    """A router over all splits: mean APGR, its paired gain over length, mean CPT50 and CPT80 (0..1)."""

    apgr: Estimate
    gain: Estimate
    cpt50: float
    cpt80: float


def split(items: Sequence[str], labels: int, seed: int) -> tuple[Index, Index]:
    """`(labelled rows, tested rows)`: exactly `labels` rows, and no tested row that repeats a labelled item."""
    order = np.random.default_rng(seed).permutation(len(items))
    known = order[:labels]
    seen = {items[i] for i in known}
    tested = np.array([i for i in order[labels:] if items[i] not in seen], dtype=np.intp)
    return known, tested


def splits(board: Board, features: Features, labels: int, tick: Tick, seeds: Sequence[int] = SEEDS) -> list[Split]:
    """Every split: the head learns from the labelled rows alone, and once more from the same labels in a wrong order."""
    ids = [item.id for item in board.items]
    scores = np.stack([board.strong, board.weak], axis=1)
    made = []
    for seed in seeds:
        known, tested = split(ids, labels, seed)
        wrong = np.random.default_rng(seed).permutation(known)
        wins = (
            by_chance(board, seed)[tested],
            by_length(board.prompts)[tested],
            _gain(features, known, scores[wrong], tested, seed),
            _gain(features, known, scores[known], tested, seed),
            by_answers(board)[tested],
        )
        made.append(Split(tested, dict(zip(ROUTERS, wins, strict=True))))
        tick()
    return made


def _gain(features: Features, known: Index, scores: Matrix, tested: Index, seed: int) -> Vector:
    found = head.estimates(features.at(known), scores, features.at(tested), seed)
    gain: Vector = found[:, 0] - found[:, 1]
    return gain


def outcomes(board: Board, made: Sequence[Split], resamples: int = RESAMPLES) -> dict[str, Outcome]:
    """Means over the splits, with intervals over items; every router on the same resamples."""
    drawn = [np.bincount(rows, minlength=len(board.items)) for rows in board.drawn[:resamples]]
    whole = {name: _mean_figures(board, made, name) for name in ROUTERS}
    again = {name: np.array([_mean_apgr(board, made, name, counts) for counts in drawn]) for name in ROUTERS}
    length, replicates = whole["prompt length"][0], again["prompt length"]
    return {
        name: Outcome(
            apgr=bootstrap.estimate(whole[name][0], again[name]),
            gain=bootstrap.estimate(whole[name][0] - length, again[name] - replicates),
            cpt50=float(whole[name][1]),
            cpt80=float(whole[name][2]),
        )
        for name in ROUTERS
    }


def _mean_figures(board: Board, made: Sequence[Split], name: str) -> Vector:
    """Mean APGR, CPT50 and CPT80."""
    seen = [figures(curve(one.wins[name], board.strong[one.rows], board.weak[one.rows])) for one in made]
    mean: Vector = np.mean([(one.apgr, one.cpt50, one.cpt80) for one in seen], axis=0)
    return mean


def _mean_apgr(board: Board, made: Sequence[Split], name: str, counts: NDArray[np.intp]) -> float:
    values = []
    for one in made:
        times = counts[one.rows]
        rows = np.repeat(one.rows, times)
        values.append(figures(curve(np.repeat(one.wins[name], times), board.strong[rows], board.weak[rows])).apgr)
    return float(np.mean(values))


def section(boards: dict[str, Board], space: Space, counted: str, tick: Tick) -> Section:
    """Both benchmarks, their targets, and a warning when a figure is too good."""
    lines = [
        "1,500 labels of MMLU tested on the rest, 400 of GSM8K in 400/270 splits, seeds 0-19; means over the splits. The head learns",
        "on top of the shipped z; prompt length is scored on the same tested rows, and the gain is paired.",
        "",
    ]
    found: dict[str, float] = {}
    targets = []
    for name, board in boards.items():
        seen = outcomes(board, splits(board, space.features(board.prompts), LABELS[name], tick))
        lines += [f"**{name.upper()}**, {LABELS[name]:,} labels", ""]
        lines += table(("router", "APGR", "gain over length", "CPT50", "CPT80"), [_cells(*one) for one in seen.items()])
        lines.append("")
        ours = seen["few-label head"]
        if ours.apgr.value > SUSPECT[name]:
            lines += [f"**Suspect a leak**: {ours.apgr.value:.3f} is above {SUSPECT[name]:.2f}.", ""]
        found |= {f"few_label.{name}.{router}.apgr": one.apgr.value for router, one in seen.items()}
        found[f"few_label.{name}.gain"] = ours.gain.value
        said = f"few-label {name.upper()}: paired gain over length {ours.gain.text(signed=True)}, wanted at least +{LEAST_GAIN[name]}"
        targets.append(Target(said, ours.gain.value >= LEAST_GAIN[name]))
    lines += ["RouteLLM's best on the whole board: MMLU .603 (CPT50/80 35.4/71.6), GSM8K .622 (33.6/63.3).", counted]
    return Section("Few labels: RouteLLM's MMLU and GSM8K", tuple(lines), found, targets=tuple(targets))


def _cells(name: str, one: Outcome) -> tuple[str, ...]:
    return name, one.apgr.text(), one.gain.text(signed=True), f"{one.cpt50:.1%}", f"{one.cpt80:.1%}"
