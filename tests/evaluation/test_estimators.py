"""The estimators against brute force: exact expectations over every possible log, textbook formulas, and coverage in simulation."""

from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from app.evaluation.estimators import FOLDS, effective_size, estimates, no_sums, quantile, sums

Vector = NDArray[np.float64]
# four prompts, two or three arms: what each arm is worth, how likely it is drawn, what the target chooses, what a bad model predicts
WORTH = [[0.1, 0.9, 0.4], [0.8, 0.3], [0.0, 1.0, 0.6], [0.7, 0.2]]
DRAWN = [[0.8, 0.1, 0.1], [0.95, 0.05], [0.6, 0.2, 0.2], [0.5, 0.5]]
TARGET = [1, 1, 2, 0]
GUESSED = [[0.9, 0.1, 0.3], [0.2, 0.7], [0.5, 0.4, 0.0], [0.3, 0.9]]
TRUTH = float(np.mean([worth[arm] for worth, arm in zip(WORTH, TARGET, strict=True)]))


def columns(drawn: tuple[int, ...], guessed: list[list[float]]) -> tuple[Vector, Vector, Vector, Vector]:
    """The vectors of one possible log."""
    rows = range(len(drawn))
    weights = [(drawn[i] == TARGET[i]) / DRAWN[i][drawn[i]] for i in rows]
    rewards = [WORTH[i][drawn[i]] for i in rows]
    return (
        np.array(weights),
        np.array(rewards),
        np.array([guessed[i][TARGET[i]] for i in rows]),
        np.array([guessed[i][drawn[i]] for i in rows]),
    )


def expectation(name: str, guessed: list[list[float]]) -> float:
    """Of an estimator, exactly: over all 36 logs that could have been, each with its probability."""
    total = 0.0
    for drawn in product(*(range(len(chances)) for chances in DRAWN)):
        chance = np.prod([DRAWN[i][arm] for i, arm in enumerate(drawn)])
        total += chance * estimates(sums(*columns(drawn, guessed))).values[name].value
    return float(total)


@pytest.mark.parametrize("guessed", [GUESSED, WORTH, [[0.0] * 3, [0.0] * 2, [0.0] * 3, [0.0] * 2]])
@pytest.mark.parametrize("name", ["ips", "doubly_robust"])
def test_ips_and_doubly_robust_are_unbiased_whatever_the_model(name: str, guessed: list[list[float]]) -> None:
    """Also when the model's two numbers are fitted on the same log: on its other folds."""
    assert expectation(name, guessed) == pytest.approx(TRUTH, abs=1e-12)


def test_the_direct_method_is_as_biased_as_its_model() -> None:
    """And exact with a perfect one."""
    assert expectation("direct", WORTH) == pytest.approx(TRUTH)
    guess = np.mean([guessed[arm] for guessed, arm in zip(GUESSED, TARGET, strict=True)])
    assert expectation("direct", GUESSED) == pytest.approx(guess)


def some_log(rows: int, seed: int = 3) -> tuple[Vector, Vector, Vector, Vector]:
    rng = np.random.default_rng(seed)
    weights = np.where(rng.random(rows) < 0.4, 1 / rng.uniform(0.1, 1, rows), 0.0)
    return weights, rng.random(rows), rng.random(rows), rng.random(rows)


def test_values_and_intervals_are_the_textbooks() -> None:
    """IPS and SNIPS from the vectors themselves, with Student's quantile for as many degrees of freedom as the weights are worth."""
    weights, rewards, target, logged = some_log(400)
    found = estimates(sums(weights, rewards, target, logged))
    worth = weights.sum() ** 2 / (weights**2).sum()
    t = quantile(worth - 1)
    ips = found.values["ips"]
    assert ips.value == pytest.approx((weights * rewards).mean())
    assert ips.high - ips.value == pytest.approx(t * (weights * rewards).std() / 20)
    snips = found.values["snips"]
    assert snips.value == pytest.approx((weights * rewards).sum() / weights.sum())
    spread = np.sqrt((weights**2 * (rewards - snips.value) ** 2).sum()) / weights.sum()
    assert snips.high - snips.value == pytest.approx(t * spread)
    assert found.values["direct"].value == pytest.approx(target.mean())
    assert found.logged.value == pytest.approx(rewards.mean())
    assert found.effective_size == pytest.approx(worth) and found.rows == 400
    for name, gain in found.gains.items():
        assert gain.value == pytest.approx(found.values[name].value - rewards.mean())


def test_doubly_robust_is_its_formula_with_the_fit_of_the_other_folds() -> None:
    """The fit is least squares of the reward on the prediction."""
    weights, rewards, target, logged = some_log(300)
    fold = np.arange(300) % FOLDS
    each = np.empty(300)
    for k in range(FOLDS):
        own = fold == k
        b, a = np.polyfit(logged[~own], rewards[~own], 1)
        each[own] = (a + b * target + weights * (rewards - a - b * logged))[own]
    found = estimates(sums(weights, rewards, target, logged)).values["doubly_robust"]
    assert found.value == pytest.approx(each.mean())
    assert found.high - found.value == pytest.approx(
        quantile((weights.sum() ** 2 / (weights**2).sum()) - 1) * each.std() / np.sqrt(300)
    )


@given(st.lists(st.integers(0, 40), max_size=5), st.floats(-2, 2), st.floats(0.5, 3))
def test_parts_add_up_and_the_units_of_predictions_do_not_matter(cuts: list[int], shift: float, scale: float) -> None:
    """A journal read in pieces gives what it gives as a whole; a model that is off by a line is as good as the line."""
    whole = some_log(41)
    edges = [0, *sorted(cuts), 41]
    parts = no_sums()
    for start, end in pairwise(edges):
        parts = parts + sums(*(column[start:end] for column in whole), first=start)
    weights, rewards, target, logged = whole
    moved = sums(weights, rewards, shift + scale * target, shift + scale * logged)
    first, second, third = (estimates(total).values["doubly_robust"].value for total in (sums(*whole), parts, moved))
    assert first == pytest.approx(second) and first == pytest.approx(third)


def test_the_effective_size_counts_what_the_target_itself_would_have_drawn() -> None:
    rows = np.ones(50)
    assert effective_size(sums(rows, rows, rows, rows)) == pytest.approx(50)
    half = np.where(np.arange(50) < 10, 5.0, 0.0)
    assert effective_size(sums(half, rows, rows, rows)) == pytest.approx(10)
    assert effective_size(sums(0 * rows, rows, rows, rows)) == 0 == effective_size(no_sums())


def test_nothing_drawn_that_the_target_wants_gives_no_number_for_snips() -> None:
    """Rather than one that means nothing; IPS says 0, and the effective size says why."""
    rows = np.ones(10)
    found = estimates(sums(0 * rows, rows, rows, rows))
    assert np.isnan(found.values["snips"].value) and found.values["ips"].value == 0 == found.effective_size


@pytest.mark.parametrize(("freedom", "expected"), [(4, 2.776), (10, 2.228), (30, 2.042), (1e9, 1.960)])
def test_the_quantile_is_that_of_the_tables(freedom: float, expected: float) -> None:
    assert quantile(freedom) == pytest.approx(expected, rel=0.005)


@pytest.mark.parametrize("reward", ["share", "skewed"])
def test_intervals_cover_the_truth_about_as_often_as_they_say(reward: str) -> None:
    """400 simulated logs of 1,500 decisions with 10 % exploration among two arms; rewards 0/1, or as skewed as costs."""
    rng = np.random.default_rng(11)
    covered = dict.fromkeys(("ips", "snips", "doubly_robust"), 0)
    for _ in range(400):
        hard = rng.random(1500)
        target = (rng.random(1500) < 0.5).astype(int)
        drawn = (rng.random(1500) < 0.05).astype(int)
        worth = np.stack([0.4 + 0.4 * hard, 0.55 + 0.4 * hard], axis=1)
        chance = np.where(drawn == 0, 0.95, 0.05)
        rows = np.arange(1500)
        mean = worth[rows, drawn]
        rewards = (rng.random(1500) < mean).astype(float) if reward == "share" else mean * np.exp(rng.normal(-0.125, 0.5, 1500))
        guess = worth * 0.7
        found = estimates(sums((drawn == target) / chance, rewards, guess[rows, target], guess[rows, drawn]))
        for name in covered:
            covered[name] += found.values[name].low <= 0.675 <= found.values[name].high
    for name, times in covered.items():
        assert 0.90 <= times / 400 <= 0.99, (name, times)
