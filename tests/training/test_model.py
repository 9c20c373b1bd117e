"""What is trained is what is served: the same z to the last bit, the same weights from the same rows, nothing of the scoreboard."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from app.router_engine.first_stage import facets, first_stage, read
from app.router_engine.quality.weights import parse
from support import child_env
from training.export import packed
from training.items import rasch
from training.model import Fitted, Learned, Settings, answered, fit
from training.placing import places_of
from training.prompts import request_of, served_z
from training.rows import Guarded, Row, guarded, item_id, load_train, matrix, refuse_guarded

ROOT = Path(__file__).parents[2]
KINDS = {
    "sums": ("What is {} plus {}?", "Compute the product of {} and {}.", "Find the remainder of {} divided by {}."),
    "towns": (
        "Which town lies on the river {} near {}?",
        "Who founded the old town {} in the year {}?",
        "Name the mayor of {} before {}.",
    ),
}
"""Task -> its prompts: one in which `adder` is right, one in which `atlas` is."""


def world(n: int = 240) -> list[Row]:
    """Rows of two tasks; every third prompt of a task is hard and long, and then everybody but its own model fails."""
    rows = []
    for i in range(n):
        task = ("sums", "towns")[i % 2]
        prompt = KINDS[task][i // 2 % 3].format(i * 37 % 1009, i * 53 % 997)
        hard = i % 3 == 0
        if hard:
            prompt = "Consider the following long and winding story of several parts, with care. " * 3 + prompt
        own = {"sums": "adder", "towns": "atlas"}[task]
        scores = {name: float(name == own or (name == "both" and not hard)) for name in ("adder", "atlas", "both", "none")}
        rows.append(Row(item_id(prompt), "made", task, prompt, scores))
    return rows


@pytest.fixture(scope="module")
def fitted() -> Fitted:
    """Trained on the made world."""
    return fit(world())


def test_the_z_of_training_is_the_z_of_the_service(fitted: Fitted) -> None:
    """Bit for bit, through the file that ships."""
    served = parse(packed(fitted))
    prompts = [*(row.prompt for row in world(20)), "", "zwölf Sträuße?", "请证明", "\ud800", "x" * 50_000, "a\nA. one\nB. two"]
    for prompt, z in zip(prompts, fitted.z(prompts), strict=True):
        assert first_stage(request_of(prompt), served) == z.tobytes()


def test_the_same_rows_make_the_same_bytes(fitted: Fitted) -> None:
    """So that anybody can check what ships."""
    assert packed(fit(world())) == packed(fitted)


def test_a_model_is_predicted_by_the_kind_of_task(fitted: Fitted) -> None:
    """Each of the two is best at its own, also for prompts that were not trained on."""
    prompts = ["What is 12345 plus 777?", "Which town lies on the river 5050 near 4040?"]
    sums, towns = fitted.quality(prompts, ["adder", "atlas"])
    assert sums[0] > 0.7 > 0.5 > sums[1]
    assert towns[1] > 0.7 > 0.5 > towns[0]


def test_hard_prompts_are_learned_to_be_hard(fitted: Fitted) -> None:
    """By what others failed at."""
    easy, hard = world(12)[1], world(12)[3]
    z = fitted.z([easy.prompt, hard.prompt])
    assert z[0, 0] < z[1, 0]


def test_far_from_all_that_was_trained_a_model_keeps_its_overall_ability(fitted: Fitted) -> None:
    """The order of models is then the same for every such prompt: that of their means."""
    z = fitted.z(["Bonjour, pourriez-vous relire ma lettre de motivation ?"])
    near = facets(z[0].tobytes(), 2)
    assert near.sum() < 0.2
    found = fitted.quality(["Bonjour, pourriez-vous relire ma lettre de motivation ?"], ["adder", "atlas", "both", "none"])[0]
    assert found[2] > max(found[0], found[1]) > found[3]
    assert abs(found[0] - found[1]) < 0.1


def test_our_router_learns_through_the_protocol_of_every_baseline() -> None:
    """A column that was never run is of middling ability instead of an error."""
    rows = world()
    models = ["adder", "atlas", "absent"]
    router = Learned({row.prompt: row.task for row in rows})
    router.fit([row.prompt for row in rows], matrix(rows, models))
    found = router.predict([row.prompt for row in rows[:40]])
    assert found.shape == (40, 3)
    assert np.isfinite(found).all()
    assert ((found[:, 0] > found[:, 1]) == [row.task == "sums" for row in rows[:40]]).mean() > 0.9


def test_prompts_without_a_task_still_teach_difficulty() -> None:
    """A router of unlabelled traffic has no facets, and works."""
    rows = world()
    router = Learned({}, Settings(parts=2))
    router.fit([row.prompt for row in rows], matrix(rows, ["both"]))
    found = router.predict([rows[1].prompt, rows[3].prompt])
    assert found[0, 0] > found[1, 0]


def test_item_response_orders_models_and_prompts() -> None:
    """Prompts that fewer answered are harder, models that answered more are abler, whoever was run on what."""
    scores = np.array([[1, 1, np.nan], [1, 0, 1], [0, 0, 1], [np.nan, 0, 0]], dtype=float)
    abilities, difficulties = rasch(scores)
    assert abilities[2] > abilities[1]
    assert abilities[0] > abilities[1]
    assert difficulties[0] < difficulties[1] < difficulties[3]


def test_a_place_is_calibrated_on_what_it_was_fitted_to() -> None:
    """The mean prediction is the mean score."""
    rng = np.random.default_rng(0)
    near = rng.dirichlet((1, 1, 1), 500)[:, :2]
    right = (rng.random(500) < 0.3 + 0.5 * near[:, 0]).astype(float)
    z = np.hstack([np.full((500, 1), 0.5), np.zeros((500, 1)), near]).astype(np.float32)
    places = places_of(near, np.zeros(500), right[:, None], 3.0)
    assert answered(z, places).mean() == pytest.approx(right.mean(), abs=0.01)


def test_every_process_reads_a_prompt_alike() -> None:
    """Hashes of words may not depend on the process."""
    code = "from training.prompts import request_of; from app.router_engine.first_stage import first_stage; import hashlib, sys; "
    code += "sys.stdout.write(hashlib.sha256(first_stage(request_of('Prove that 7 is prime, naïve reader!'))).hexdigest())"
    seen = set()
    for seed in ("0", "1"):
        child = subprocess.run(
            [sys.executable, "-c", code], env=child_env(PYTHONHASHSEED=seed), cwd=ROOT, capture_output=True, check=True, text=True
        )
        seen.add(child.stdout)
    assert seen == {hashlib.sha256(first_stage(request_of("Prove that 7 is prime, naïve reader!"))).hexdigest()}


def test_an_item_of_the_scoreboard_is_refused() -> None:
    """Under its id, and under a false one."""
    row = Row("0" * 16, "made", "towns", "A question?", {})
    refuse_guarded([row], frozenset())
    for guard in (frozenset({"0" * 16}), frozenset({item_id("a  QUESTION")})):
        with pytest.raises(Guarded, match="made towns"):
            refuse_guarded([row], guard)


def test_the_list_of_the_scoreboard_is_frozen() -> None:
    """A changed list would let an item through, so its hash stands here."""
    ids = sorted(guarded())
    assert len(ids) == 7627
    assert hashlib.sha256("\n".join(ids).encode()).hexdigest()[:16] == "a41e89734b5bc383"


@pytest.mark.skipif("DATA" not in os.environ, reason="reads the public data: DATA=<folder>")
def test_the_shipped_weights_are_those_of_the_public_data() -> None:
    """And no row of it is an item of the scoreboard."""
    from app.router_engine.quality.weights import FILE  # noqa: PLC0415

    rows = load_train(Path(os.environ["DATA"]))
    assert not {row.id for row in rows} & guarded()
    assert packed(fit(rows)) == FILE.read_bytes()


def test_z_of_single_prompts_is_a_row_each() -> None:
    """As many columns as slots, in float32."""
    z = served_z(["a", "b"], parse((ROOT / "services/api/app/router_engine/quality/weights.npz").read_bytes()))
    assert z.dtype == np.float32
    assert read(z[0].tobytes())[0] == pytest.approx(float(z[0, 0]))
