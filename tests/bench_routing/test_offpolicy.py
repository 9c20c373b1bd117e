"""The off-policy check on a world that is known: its truth, its draws and what it reports."""

import gzip
import hashlib
import json
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest

from bench.routing.offpolicy import PAIRS, QUARTER, World, section, trial, world
from training.rows import TRAIN, Row

WORDS = ("which", "of these", "is the derivative", "of a matrix", "in the economy", "of ancient rome", "and why")


def rows(count: int) -> list[Row]:
    """Made-up items that both models of the first pair answered; the strong one knows more."""
    rng = np.random.default_rng(4)
    made = []
    for n in range(count):
        prompt = " ".join(rng.choice(WORDS, rng.integers(5, 80)))
        item = hashlib.sha256(f"{n}{prompt}".encode()).hexdigest()[:16]
        scores = {PAIRS[0].cheap: float(rng.random() < 0.55), PAIRS[0].strong: float(rng.random() < 0.75)}
        made.append(Row(item, "mmlu-pro", "made up", prompt, scores))
    return made


def half_and_half(items: int) -> World:
    """The logging policy takes the cheap arm, the target the strong one for every other item."""
    rng = np.random.default_rng(0)
    scores = (rng.random((items, 2)) < [0.5, 0.8]).astype(float)
    predicted = np.tile([0.6, 0.9], (items, 1))
    target = np.arange(items) % 2
    return World(scores, predicted, np.zeros(items, dtype=np.int64), {"other": target})


def test_only_a_quarter_is_logged_and_the_lengths_send_as_many_as_the_router() -> None:
    made = rows(300)
    one = world(made, PAIRS[0])
    assert len(one.scores) == sum(int(row.id, 16) % QUARTER == 1 for row in made)
    assert one.targets["length router"].sum() == one.logging.sum()
    assert ((one.predicted > 0) & (one.predicted < 1)).all()


def test_estimates_of_many_logs_meet_the_truth_that_no_log_shows() -> None:
    """All but the model's own word, whose bias is that of its predictions."""
    one = half_and_half(1200)
    found = trial(one, "other", 0.1, seed=1, logs=200)
    assert found.truth == pytest.approx(one.scores[np.arange(1200), one.targets["other"]].mean())
    assert found.differs == 0.5 and found.seen == pytest.approx(30, rel=0.1)
    for name in ("ips", "snips", "doubly_robust"):
        quality = found.quality[name]
        assert abs(quality.bias) < 3 * quality.rmse / np.sqrt(200)
        assert quality.cover >= 0.9 and quality.rmse < quality.width
    assert found.quality["doubly_robust"].rmse < found.quality["ips"].rmse
    assert found.quality["direct"].cover < 0.5


def test_the_same_seed_gives_the_same_figures() -> None:
    one = half_and_half(200)
    assert trial(one, "other", 0.1, seed=3, logs=5) == trial(one, "other", 0.1, seed=3, logs=5)
    assert trial(one, "other", 0.1, seed=3, logs=5) != trial(one, "other", 0.1, seed=4, logs=5)


def test_the_section_tells_every_figure_and_draws_a_picture(tmp_path: Path) -> None:
    """Both pairs, both shares of exploration, both targets."""
    path = tmp_path / TRAIN
    path.parent.mkdir()
    both = [
        {"id": row.id, "source": row.source, "task": row.task, "prompt": row.prompt}
        | {"scores": row.scores | {PAIRS[1].cheap: row.scores[PAIRS[0].cheap]}}
        for row in rows(400)
    ]
    path.write_bytes(gzip.compress("".join(json.dumps(row) + "\n" for row in both).encode()))
    told = section(tmp_path, seed=0, logs=10)
    assert sum("doubly robust" in line for line in told.lines if line.startswith("|")) == 8
    assert all(np.isfinite(value) for value in told.figures.values())
    assert "other_vendor.10.accurate.doubly_robust.rmse" in told.figures
    assert len(told.targets) == 6
    ET.fromstring(told.plots[0].svg)
