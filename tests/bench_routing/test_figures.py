"""The arithmetic of the proof: RouteLLM's figures, the bootstrap, the quality-cost hull and calibration, on cases known by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.routing import bootstrap, calibration, curve, hull

WORLD = np.random.default_rng(1)


def test_the_curve_starts_at_the_weak_model_and_ends_at_the_strong_one() -> None:
    strong, weak = np.array([1.0, 1, 1, 0]), np.array([0.0, 1, 0, 0])
    seen = curve.curve(np.array([0.9, 0.1, 0.8, 0.2]), strong, weak, bins=4)
    assert (seen.share[0], seen.accuracy[0]) == (0.0, 0.25)
    assert (seen.share[-1], seen.accuracy[-1]) == (1.0, 0.75)


def test_figures_of_four_items_are_those_computed_by_hand() -> None:
    """Shares 0, 1/4, 1/2, 3/4, 1 reach .25, .5, .75, .75, .75: area .625 of .25 .. .75."""
    strong, weak = np.array([1.0, 1, 1, 0]), np.array([0.0, 1, 0, 0])
    seen = curve.figures(curve.curve(np.array([0.9, 0.1, 0.8, 0.2]), strong, weak, bins=4))
    assert seen.apgr == pytest.approx(0.75)
    assert seen.cpt50 == pytest.approx(0.25)
    assert seen.cpt80 == pytest.approx(0.4)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_only_the_order_of_the_predictions_counts(seed: int) -> None:
    """With as many items as fill the bins evenly, any rising function of P(strong wins) gives the same curve."""
    rng = np.random.default_rng(seed)
    wins, strong, weak = rng.permutation(101) / 101.0, (rng.random(101) < 0.9) * 1.0, (rng.random(101) < 0.5) * 1.0
    assert curve.apgr(wins, strong, weak) == pytest.approx(curve.apgr(np.exp(5 * wins), strong, weak))


def test_a_coin_has_an_apgr_of_one_half() -> None:
    strong, weak = (WORLD.random(20000) < 0.8) * 1.0, (WORLD.random(20000) < 0.6) * 1.0
    assert curve.apgr(WORLD.random(20000), strong, weak) == pytest.approx(0.5, abs=0.04)


def test_a_constant_prediction_is_scored_without_an_error() -> None:
    strong, weak = np.array([1.0, 1, 0, 1]), np.array([0.0, 1, 0, 0])
    assert curve.apgr(np.full(4, 0.5), strong, weak) == pytest.approx(0.5)


def test_a_resample_draws_the_rows_of_an_item_together() -> None:
    for rows in bootstrap.resamples(["a", "b", "a", "c"], 50):
        times = np.bincount(rows, minlength=4)
        assert times[0] == times[2] and times[0] + times[1] + times[3] == 3


def test_resamples_are_the_same_for_everyone_who_asks() -> None:
    one, other = (bootstrap.resamples([str(i) for i in range(30)], 5) for _ in range(2))
    assert all((a == b).all() for a, b in zip(one, other, strict=True))


def test_the_interval_of_a_mean_covers_it_as_often_as_it_says() -> None:
    hits = 0
    for trial in range(200):
        values = np.random.default_rng(trial).normal(3.0, 1.0, 60)
        seen = bootstrap.mean(values, bootstrap.resamples([str(i) for i in range(60)], 200, seed=trial))
        hits += seen.low <= 3.0 <= seen.high
    assert 175 <= hits <= 199


def test_the_hull_keeps_only_corners_that_no_mix_reaches() -> None:
    x, y = hull.upper_hull(np.array([1.0, 2, 3, 4, 2.5]), np.array([0.2, 0.6, 0.7, 0.65, 0.3]))
    assert x.tolist() == [1.0, 2.0, 3.0] and y.tolist() == [0.2, 0.6, 0.7]


def test_the_hull_of_mean_offers_runs_from_the_cheapest_to_the_best_choice() -> None:
    """Two models, the dear one better: without weight on cost it is taken, with much weight the cheap one."""
    predicted = actual = np.tile([0.4, 0.8], (10, 1))
    seen = hull.offers(predicted, actual, np.tile([1.0, 10.0], (10, 1)))
    assert seen.quality[:, 0].mean() == pytest.approx(0.8) and seen.quality[:, -1].mean() == pytest.approx(0.4)
    height = hull.area(seen.cost.mean(axis=0), seen.quality.mean(axis=0), seen.lowest, seen.highest)
    assert 0.4 < height < 0.8


def test_a_model_that_was_not_run_is_never_chosen() -> None:
    seen = hull.offers(np.array([[0.9, 0.1]]), np.array([[np.nan, 1.0]]), np.array([[1.0, 2.0]]))
    assert not np.isnan(seen.quality).any()


def test_a_calibrated_forecast_has_no_error_and_a_boaster_has_his_boast() -> None:
    chance = WORLD.random(40000)
    came = (WORLD.random(40000) < chance) * 1.0
    assert calibration.error(calibration.bins(chance, came)) < 0.02
    assert calibration.error(calibration.bins(np.full(40000, 0.9), (WORLD.random(40000) < 0.5) * 1.0)) == pytest.approx(
        0.4, abs=0.02
    )


def test_skill_is_none_for_the_base_rate_and_one_for_the_truth() -> None:
    observed = (WORLD.random((100, 3)) < 0.5) * 1.0
    base = np.full((100, 3), 0.5)
    assert calibration.brier_skill(base, base, observed) == 0.0
    assert calibration.brier_skill(observed, base, observed) == 1.0


def test_answers_that_are_missing_count_for_nothing() -> None:
    observed = np.array([[1.0, np.nan], [0.0, 1.0]])
    found = calibration.bins(np.full(4, 0.55), observed.ravel())
    assert [one.count for one in found] == [3]
