"""The protocols keep what is tested apart from what is learned, give knowledge its due and ignorance none."""

from collections.abc import Sequence

import numpy as np
import pytest

from bench.routing import baselines, board, calibration, few_label, many_models, zero_shot
from bench.routing import pool as pools
from bench.routing.head import Space
from bench.routing.many_models import Entrant
from bench_routing.synthetic import items, prompts, rows
from training.model import Router
from training.rows import Matrix

RESAMPLES = 60


def no_z(texts: Sequence[str]) -> Matrix:
    return np.zeros((len(texts), 2))


@pytest.fixture(scope="module")
def mmlu() -> board.Board:
    return board.Board(items(300), RESAMPLES)


@pytest.fixture(scope="module")
def space() -> Space:
    return Space(prompts(400, seed=9)[0], no_z)


def test_a_split_labels_the_number_it_says_and_tests_no_labelled_item() -> None:
    ids = [f"item{i % 90}" for i in range(100)]
    known, tested = few_label.split(ids, 40, seed=3)
    assert len(known) == 40
    assert not {ids[i] for i in known} & {ids[i] for i in tested}
    assert set(known.tolist()).isdisjoint(tested.tolist())


def test_every_seed_is_another_split_and_the_same_one_each_time() -> None:
    ids = [str(i) for i in range(50)]
    one, other = few_label.split(ids, 20, 0), few_label.split(ids, 20, 1)
    assert set(one[0].tolist()) != set(other[0].tolist())
    assert few_label.split(ids, 20, 0)[0].tolist() == one[0].tolist()


def test_a_head_learns_from_labels_and_nothing_from_wrong_ones(mmlu: board.Board, space: Space) -> None:
    made = few_label.splits(mmlu, space.features(mmlu.prompts), 150, lambda: None, seeds=range(1))
    seen = few_label.outcomes(mmlu, made, RESAMPLES)
    assert seen["few-label head"].gain.low > 0.05
    assert seen["shuffled labels"].apgr.value < seen["few-label head"].apgr.value
    assert seen["prompt length"].gain.value == 0.0 == seen["prompt length"].gain.high
    assert max(seen, key=lambda name: seen[name].apgr.value) == "oracle"


def test_features_of_a_prompt_do_not_depend_on_the_others(space: Space) -> None:
    texts = prompts(6, seed=4)[0]
    whole, alone = space.features(texts), space.features(texts[2:3])
    assert np.allclose(whole.dense[2], alone.dense[0]) and np.allclose(whole.topics[2], alone.topics[0])


def test_the_scoreboard_says_whether_a_target_is_met_or_missed(mmlu: board.Board) -> None:
    knowing = {"shuffled labels": board.by_chance(mmlu, 5), zero_shot.OURS: board.by_answers(mmlu)}
    guessing = knowing | {zero_shot.OURS: -board.by_answers(mmlu)}
    assert [one.met for one in zero_shot.section({"mmlu": mmlu}, {"mmlu": knowing}, "").targets] == [True]
    missed = zero_shot.section({"mmlu": mmlu}, {"mmlu": guessing}, "")
    assert [one.met for one in missed.targets] == [False]


def test_a_figure_that_is_too_good_is_called_a_suspected_leak(mmlu: board.Board) -> None:
    knowing = {"mmlu": {zero_shot.OURS: board.by_answers(mmlu)}}
    assert "Suspect a leak" in "\n".join(zero_shot.section({"mmlu": mmlu}, knowing, "").lines)
    guessing = {"mmlu": {zero_shot.OURS: board.by_chance(mmlu)}}
    assert "Suspect a leak" not in "\n".join(zero_shot.section({"mmlu": mmlu}, guessing, "").lines)


ROUTERS = {
    "random": baselines.Random,
    "length": baselines.Length,
    "single": baselines.BestSingle,
    "kNN": baselines.KNearest,
    "k-means": baselines.Clusters,
    "shuffled": lambda: baselines.Shuffled(baselines.KNearest),
}


@pytest.mark.parametrize("name", ROUTERS)
def test_a_baseline_predicts_every_model_from_scores_with_gaps(name: str) -> None:
    texts, _ = prompts(120)
    scores = (np.random.default_rng(0).random((120, 3)) < 0.5) * 1.0
    scores[:40, 1] = np.nan
    router: Router = ROUTERS[name]()
    router.fit(texts, scores)
    predicted = router.predict(texts[:7])
    assert predicted.shape == (7, 3)
    assert ((predicted >= 0) & (predicted <= 1)).all()


def test_similar_prompts_teach_neighbours_and_clusters_but_not_shuffled_ones() -> None:
    known, asked = rows(300, seed=1), rows(200, seed=2)
    models = sorted(known[0].scores)
    learn, truth = (np.array([[row.scores[m] for m in models] for row in part]) for part in (known, asked))

    def reached(router: Router) -> float:
        router.fit([row.prompt for row in known], learn)
        return float(many_models.picked(router.predict([row.prompt for row in asked]), truth).mean())

    single = reached(baselines.BestSingle())
    assert reached(baselines.KNearest()) > single + 0.1
    assert reached(baselines.Clusters()) > single + 0.1
    assert reached(baselines.Shuffled(baselines.KNearest)) < single + 0.1


@pytest.fixture(scope="module")
def pool() -> pools.Pool:
    doubled = [*rows(90, "one"), *rows(60, "two", seed=5), *rows(10, "one")]
    return pools.pool_of(doubled)


def test_rows_of_one_prompt_share_a_fold(pool: pools.Pool) -> None:
    parts = pools.folds(pool.ids)
    assert set(parts.tolist()) == set(range(pools.FOLDS))
    for one in set(pool.ids):
        assert len({parts[i] for i in range(len(pool.ids)) if pool.ids[i] == one}) == 1


@pytest.mark.parametrize("joint", [True, False])
def test_nobody_is_asked_about_a_prompt_that_he_learned(pool: pools.Pool, joint: bool) -> None:
    learned: list[set[str]] = []
    asked: list[set[str]] = []

    class Spy(baselines.BestSingle):
        def fit(self, prompts: Sequence[str], scores: Matrix) -> None:
            learned.append(set(prompts))
            super().fit(prompts, scores)

        def predict(self, prompts: Sequence[str]) -> Matrix:
            asked.append(set(prompts))
            return super().predict(prompts)

    found = many_models.predictions(pool, pools.folds(pool.ids), Entrant(Spy, joint), lambda: None)
    assert all(a.isdisjoint(b) for a, b in zip(learned, asked, strict=True))
    assert set.union(*asked) == set(pool.prompts)
    assert {name: one.shape for name, one in found.items()} == {"one": (100, 2), "two": (60, 2)}


def test_a_left_out_task_teaches_nothing(pool: pools.Pool) -> None:
    learned: list[int] = []

    class Spy(baselines.BestSingle):
        def fit(self, prompts: Sequence[str], scores: Matrix) -> None:
            learned.append(len(prompts))
            super().fit(prompts, scores)

    many_models.guesses(pool, {"spy": Entrant(Spy, joint=True)}, lambda: None)
    assert len(learned) == pools.FOLDS + 6
    sizes = [pool.tasks.count(task) for task in sorted(set(pool.tasks))]
    assert learned[pools.FOLDS :] == [len(pool.tasks) - size for size in sizes]


def test_the_whole_comparison_ranks_knowledge_above_ignorance(pool: pools.Pool) -> None:
    known = pools.answers(pool)
    entrants = {
        "random": Entrant(baselines.Random),
        many_models.BEST_SINGLE: Entrant(baselines.BestSingle),
        "kNN": Entrant(baselines.KNearest),
        "k-means": Entrant(baselines.Length),
        many_models.OURS: Entrant(baselines.KNearest, joint=True),
        "oracle": Entrant(lambda: baselines.Oracle(known), joint=True),
    }
    guessed = many_models.guesses(pool, entrants, lambda: None)
    seen = many_models.section(pool, guessed)
    reached = [
        seen.figures[f"many.in_domain.one.{name}.accuracy"] for name in ("random", many_models.BEST_SINGLE, "kNN", "oracle")
    ]
    assert reached == sorted(reached)
    assert len(seen.targets) == 5 and {plot.name for plot in seen.plots} == {"quality-cost-one", "quality-cost-two"}
    judged = calibration.section(pool, guessed)
    assert judged.figures["calibration.in_domain.one.brier_skill"] > 0
    assert seen.plots == many_models.section(pool, guessed).plots, "the same figures give the same pictures, byte for byte"
