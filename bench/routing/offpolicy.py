"""Whether off-policy estimates hold: logs are simulated on items that both of two models answered, so that the truth is known.

The shipped `balanced` policy logs, with exploration spread over both models; the estimators of the product say from its log what
`accurate` and a router by prompt length would have reached, and are compared with what they do reach. Nothing is tuned here.
"""

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from app.config.compile import compile_snapshot
from app.config.home import Environment
from app.config.settings import Settings
from app.domain.decision import EMPTY_STANDING
from app.domain.request import ChatRequest, Message, Mode, Text, Wishes
from app.evaluation.estimators import Estimate as Interval
from app.evaluation.estimators import estimates, sums
from app.evaluation.svg import Panel, picture
from app.router_engine.decide import ranked
from app.router_engine.first_stage import first_stage
from app.router_engine.table import Table, compile_table
from app.text.tokens import estimate_request
from training.rows import Row, load_train

from .report import Plot, Section, Target, table

Vector = NDArray[np.float64]
Choices = NDArray[np.int64]

SOURCE: Final = "mmlu-pro"
QUARTER: Final = 4
"""Items whose id is 1 modulo 4 are logged; the accuracies that the rows' `quality` says come from the others."""
LOGS: Final = 500
SHARES: Final = (0.05, 0.1)
JUDGED: Final = 0.1
NAMES: Final = {"ips": "IPS", "snips": "SNIPS", "doubly_robust": "doubly robust", "direct": "model alone"}
VERDICT: Final = "doubly_robust"
MOST_ERROR, MOST_WIDTH, LEAST_COVER = 0.035, 0.08, 0.90
DAY: Final = date(2026, 11, 25)


class Pair(Struct, frozen=True):
    """Two models of the data with list prices, US dollars per million tokens in and out. `cheap` is arm 0."""

    name: str
    cheap: str
    strong: str
    cheap_price: tuple[float, float]
    strong_price: tuple[float, float]


PAIRS: Final = (
    Pair("other vendor", "Meta-Llama-3_1-70B-Instruct", "gemini-1.5-pro-002", (0.88, 0.88), (1.25, 5.0)),
    Pair("same vendor", "gemini-1.5-flash-002", "gemini-1.5-pro-002", (0.075, 0.3), (1.25, 5.0)),
)
"""The best model that ran on all items, beside the best open one and beside its small sibling. The first is judged by the targets."""


class World(Struct, frozen=True, eq=False):
    """Items of one pair: `scores` and `predicted` (n, 2); the arm that `balanced` takes and the arms of the target policies (n)."""

    scores: Vector
    predicted: Vector
    logging: Choices
    targets: dict[str, Choices]


class Quality(Struct, frozen=True):
    """How an estimator did over the logs. `cover` = share of 95 % intervals that hold the truth."""

    bias: float
    rmse: float
    width: float
    cover: float


class Trial(Struct, frozen=True):
    """One target policy judged from many logs of one share of exploration. `seen`: how often its differing choice was drawn."""

    share: float
    target: str
    truth: float
    differs: float
    effective_size: float
    seen: float
    quality: dict[str, Quality]


def world(rows: Sequence[Row], pair: Pair) -> World:
    """What both models scored, what the router predicts, and who chooses what."""
    both = [row for row in rows if row.source == SOURCE and pair.cheap in row.scores and pair.strong in row.scores]
    items = [row for row in both if int(row.id, 16) % QUARTER == 1]
    others = [row for row in both if int(row.id, 16) % QUARTER != 1]
    known = {name: float(np.mean([row.scores[name] for row in others])) for name in (pair.cheap, pair.strong)}
    compiled = _table(pair, known)
    balanced, predicted = _choices(items, compiled, "balanced")
    accurate, _ = _choices(items, compiled, "accurate")
    length = np.array([len(row.prompt) for row in items])
    longest = np.argsort(-length, kind="stable")[: int((balanced == 1).sum())]
    by_length = np.zeros(len(items), dtype=np.int64)
    by_length[longest] = 1
    scores = np.array([[row.scores[pair.cheap], row.scores[pair.strong]] for row in items])
    return World(scores, predicted, balanced, {"accurate": accurate, "length router": by_length})


def _table(pair: Pair, known: dict[str, float]) -> Table:
    """The two as rows of a configuration; everything else is as shipped."""
    models = {
        arm: {
            "provider": "openai",
            "id": name,
            "quality": round(known[name], 3),
            "price_in_per_million": price[0],
            "price_out_per_million": price[1],
        }
        for arm, name, price in (("0", pair.cheap, pair.cheap_price), ("1", pair.strong, pair.strong_price))
    }
    settings = Settings.model_validate({"models": models})
    return compile_table(compile_snapshot(settings, Environment(Path(), {}, frozenset()), "bench", DAY))


def _choices(items: Sequence[Row], compiled: Table, mode: Mode) -> tuple[Choices, Vector]:
    arms, predicted = [], []
    for row in items:
        request = ChatRequest(model="auto", messages=(Message("user", (Text(row.prompt),)),))
        wishes = Wishes(mode=mode, tokens_in=estimate_request(request))
        found = ranked(first_stage(request), wishes, compiled, EMPTY_STANDING)
        arms.append(int(compiled.rows.names[found.rows[0]]))
        predicted.append([float(found.case.figures.quality[compiled.rows.index[arm]]) for arm in ("0", "1")])
    return np.array(arms), np.array(predicted)


def trial(one: World, target: str, share: float, seed: int, logs: int = LOGS) -> Trial:
    """Many logs of the same items: only the draws differ, as they would in the product."""
    rng = np.random.default_rng(seed)
    chosen, items = one.targets[target], np.arange(len(one.scores))
    truth = float(one.scores[items, chosen].mean())
    explored = rng.random((logs, len(items))) < share / 2
    found = []
    for swapped in explored:
        drawn = np.where(swapped, 1 - one.logging, one.logging)
        chance = np.where(swapped, share / 2, 1 - share / 2)
        weights = (drawn == chosen) / chance
        total = sums(weights, one.scores[items, drawn], one.predicted[items, chosen], one.predicted[items, drawn])
        found.append(estimates(total))
    return Trial(
        share=share,
        target=target,
        truth=truth,
        differs=float((chosen != one.logging).mean()),
        effective_size=float(np.mean([each.effective_size for each in found])),
        seen=float((explored & (chosen != one.logging)).sum(axis=1).mean()),
        quality={name: _quality([each.values[name] for each in found], truth) for name in NAMES},
    )


def _quality(found: Sequence[Interval], truth: float) -> Quality:
    values, lows, highs = np.array([(each.value, each.low, each.high) for each in found]).T
    return Quality(
        bias=float(values.mean() - truth),
        rmse=float(np.sqrt(((values - truth) ** 2).mean())),
        width=float((highs - lows).mean() / 2),
        cover=float(((lows <= truth) & (truth <= highs)).mean()),
    )


def section(folder: Path, seed: int = 0, logs: int = LOGS) -> Section:
    """The whole check, on the training rows of a data folder."""
    return section_of(load_train(folder), seed, logs)


def section_of(rows: Sequence[Row], seed: int = 0, logs: int = LOGS) -> Section:
    """The same, for who has read them."""
    lines: list[str] = []
    figures: dict[str, float] = {}
    targets: list[Target] = []
    panels: list[Panel] = []
    for pair in PAIRS:
        one = world(rows, pair)
        trials = [trial(one, target, share, seed, logs) for share in SHARES for target in one.targets]
        lines += _told(pair, one, trials)
        for each in trials:
            figures |= _figures(pair, each)
        judged = [each for each in trials if each.share == JUDGED]
        if pair is PAIRS[0]:
            targets = _targets(judged)
        panels += [_panel(pair, each) for each in judged]
    alt = "For each target policy the truth as a line, and each estimator's mean with its mean 95 % interval."
    drawn = picture(f"Estimates from {logs} logs with 10 % exploration", panels).encode()
    return Section(
        "Off-policy estimates", tuple(_intro(logs) + lines), figures, (Plot("off-policy", alt, drawn),), tuple(targets)
    )


def _intro(logs: int) -> list[str]:
    return [
        "Logs are simulated on MMLU-Pro items that both models of a pair answered: `balanced` chooses, a share of the decisions is drawn",
        "evenly from both models, and only the drawn model's score is seen. From such a log the estimators of `llm-router replay` say what",
        "`accurate`, and a router that sends the longest prompts to the strong model (as many as `balanced` does), would have scored.",
        f"Error, half-width and coverage are over {logs} logs of the same items; the truth is what the target does score on them. `seen`",
        "is how often a differing choice was drawn in a log: below 10, or with an effective sample size (ESS) below 100, replay gives no",
        "verdict.",
    ]


def _told(pair: Pair, one: World, trials: Sequence[Trial]) -> list[str]:
    means = one.scores.mean(axis=0)
    lines = [
        "",
        f"**{pair.strong} ({means[1]:.3f}) beside {pair.cheap} ({means[0]:.3f})**, {len(one.scores)} items; `balanced` sends "
        f"{100 * one.logging.mean():.0f} % to the strong one.",
        "",
    ]
    head = ("exploration", "target", "differs", "seen", "truth", "ESS", "estimator", "bias", "RMSE", "half-width", "coverage")
    return lines + table(head, (_cells(each, name) for each in trials for name in NAMES))


def _cells(each: Trial, name: str) -> list[str]:
    found = each.quality[name]
    return [
        f"{100 * each.share:.0f} %",
        each.target,
        f"{100 * each.differs:.0f} %",
        f"{each.seen:.0f}",
        f"{each.truth:.3f}",
        f"{each.effective_size:.0f}",
        NAMES[name],
        f"{found.bias:+.3f}",
        f"{found.rmse:.3f}",
        f"{found.width:.3f}",
        f"{100 * found.cover:.1f} %",
    ]


def _figures(pair: Pair, each: Trial) -> dict[str, float]:
    stem = f"{pair.name}.{100 * each.share:.0f}.{each.target}".replace(" ", "_")
    told = {
        f"{stem}.truth": each.truth,
        f"{stem}.differs": each.differs,
        f"{stem}.seen": each.seen,
        f"{stem}.ess": each.effective_size,
    }
    for name, found in each.quality.items():
        told |= {f"{stem}.{name}.{field}": getattr(found, field) for field in Quality.__struct_fields__}
    return told


def _targets(judged: Sequence[Trial]) -> list[Target]:
    told = []
    for each in judged:
        found = each.quality[VERDICT]
        what = f"{each.target} at 10 % exploration, doubly robust"
        told += [
            Target(f"{what}: RMSE {found.rmse:.3f}, at most {MOST_ERROR}", found.rmse <= MOST_ERROR),
            Target(f"{what}: mean half-width {found.width:.3f}, at most {MOST_WIDTH}", found.width <= MOST_WIDTH),
            Target(f"{what}: {100 * found.cover:.1f} % of the intervals cover, at least 90 %", found.cover >= LEAST_COVER),
        ]
    return told


def _panel(pair: Pair, each: Trial) -> Panel:
    rows = []
    for name, label in NAMES.items():
        value, half = each.truth + each.quality[name].bias, each.quality[name].width
        rows.append((label, Interval(value, value - half, value + half)))
    return Panel(f"{pair.name}: {each.target}", each.truth, rows, "truth")
