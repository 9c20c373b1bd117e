"""The project's own predictor runs through the benchmark as every baseline does, and the modes spend what their weights say."""

import numpy as np
import pytest

from bench.routing import ours, pool, timing, tradeoff
from bench_routing.synthetic import rows
from training.rows import Row

KNOWN = rows(240, "one", seed=1)


@pytest.fixture(scope="module")
def data() -> pool.Pool:
    return pool.pool_of(KNOWN)


def router(data: pool.Pool, *more: str) -> ours.Ours:
    return ours.Ours([*pool.columns_of(data), *more], pool.facets_of(data))


def test_ours_learns_which_model_a_prompt_needs(data: pool.Pool) -> None:
    asked = pool.pool_of(rows(120, "one", seed=7)).sources[0]
    learned = router(data)
    learned.fit(data.prompts, data.scores)
    predicted = learned.predict([row.prompt for row in rows(120, "one", seed=7)])
    assert predicted.shape == asked.scores.shape and ((predicted > 0) & (predicted < 1)).all()
    hard = np.array(["theorem" in row.prompt or "tensor" in row.prompt for row in rows(120, "one", seed=7)])
    assert predicted[hard].mean() < predicted[~hard].mean()


def test_a_model_that_nothing_is_known_of_is_not_picked(data: pool.Pool) -> None:
    learned = router(data, "one:stranger")
    learned.fit(data.prompts, np.hstack([data.scores, np.full((len(data.prompts), 1), np.nan)]))
    predicted = learned.predict(data.prompts[:20])
    assert (predicted[:, -1] == 0).all()
    assert (np.argmax(predicted, axis=1) < 2).all()


def test_wrong_teaching_changes_the_weights_and_not_the_rows() -> None:
    before = list(KNOWN)
    wrong = ours.taught_wrongly(KNOWN, seed=3)
    assert before == KNOWN
    assert wrong.facets == ("one/a", "one/b", "one/c")
    assert (
        (ours.wins([row.prompt for row in KNOWN[:5]], wrong) > 0) & (ours.wins([row.prompt for row in KNOWN[:5]], wrong) < 1)
    ).all()


def test_the_shipped_weights_judge_the_strong_model_ahead_of_the_weak_one() -> None:
    prompts = ["Prove that the sum of two odd integers is even.", "What is the capital of Peru?", "2 + 2 = ?"]
    assert (ours.wins(prompts) > 0).all()
    assert ours.z(prompts).shape[0] == 3


def test_accurate_buys_at_least_the_quality_of_balanced_and_balanced_costs_less() -> None:
    """On predictions that hold, with one model twenty times as dear and a little better."""
    predicted = np.tile([0.70, 0.75], (50, 1))
    actual, cost = predicted.copy(), np.tile([1e-4, 2e-3], (50, 1))
    points = tradeoff.mode_points(predicted, actual, cost)
    assert set(points) == {"fast", "balanced", "accurate"}
    assert points["accurate"][1] >= points["balanced"][1] and points["accurate"][0] >= points["balanced"][0]
    assert points["accurate"] == pytest.approx((2e-3, 0.75)) and points["balanced"] == pytest.approx((1e-4, 0.70))


def test_a_model_without_a_score_is_not_chosen_in_any_mode() -> None:
    points = tradeoff.mode_points(np.array([[0.9, 0.2]]), np.array([[np.nan, 1.0]]), np.array([[1e-4, 1e-4]]))
    assert all(score == 1.0 for _, score in points.values())


def test_prompts_for_timing_have_the_length_they_say() -> None:
    for words in timing.LENGTHS:
        found = timing.prompt_of(words)
        assert len(found) > 20 and {len(prompt.split()) for prompt in found} == {words}


def test_facets_and_columns_name_every_row_and_model() -> None:
    both = pool.pool_of([*rows(9, "one"), *rows(6, "two", seed=2), Row("f" * 16, "two", "z", "alone", {"gemma-2-2b-it": 1.0})])
    assert pool.columns_of(both) == ["one:gemma-2-2b-it", "one:gpt-4o-mini", "two:gemma-2-2b-it", "two:gpt-4o-mini"]
    assert pool.facets_of(both)["two", "alone"] == "z"
    assert len(set(pool.tasks_left_out(both).tolist())) == len(set(both.tasks)) == 7
