"""The shipped config gives the modes their meaning: over 200 varied prompts they choose, cost and promise different things."""

import importlib
import json
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from types import ModuleType

import pytest

from app.config.compile import DEFAULT_WEIGHTS

BENCH = Path(__file__).parents[2] / "bench"
DAY = date(2026, 11, 25)


@pytest.fixture(scope="module")
def modes() -> Iterator[ModuleType]:
    """bench/modes.py, a script and no package."""
    sys.path.insert(0, str(BENCH))
    yield importlib.import_module("modes")
    sys.path.remove(str(BENCH))
    sys.modules.pop("modes", None)


def test_the_prompts_are_ten_kinds_of_twenty_and_the_long_ones_are_long(modes: ModuleType) -> None:
    """No prompt twice; long documents have at least a thousand words."""
    prompts = modes.read_prompts()
    assert set(Counter(prompt.kind for prompt in prompts).values()) == {20}
    assert len({prompt.kind for prompt in prompts}) == 10
    assert len({prompt.id for prompt in prompts}) == len({prompt.prompt for prompt in prompts}) == 200
    assert min(len(prompt.prompt.split()) for prompt in prompts if prompt.kind == "long") > 1000


def test_the_modes_of_the_shipped_config_differ_as_they_promise(modes: ModuleType) -> None:
    """Balanced spreads over models, fast and accurate disagree, quality rises and cost and latency do with it."""
    seen = modes.report(modes.snapshot_of(modes.SHIPPED, DAY), modes.read_prompts())
    fast, balanced, accurate = seen.rows
    assert (fast.mode, balanced.mode, accurate.mode) == ("fast", "balanced", "accurate")
    assert len(balanced.shares) >= 3
    assert seen.differ >= 100
    assert accurate.quality >= balanced.quality >= fast.quality
    assert max(fast.cost_usd_per_1000, balanced.cost_usd_per_1000) < accurate.cost_usd_per_1000
    assert fast.latency_ms < min(balanced.latency_ms, accurate.latency_ms)
    assert all(sum(row.shares.values()) == pytest.approx(1) for row in seen.rows)


def test_the_command_prints_a_table_or_json(modes: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    """Both hold every mode."""
    assert modes.main([]) == 0
    assert "fast and accurate differ on" in capsys.readouterr().out
    assert modes.main(["--json"]) == 0
    assert [row["mode"] for row in json.loads(capsys.readouterr().out)["rows"]] == ["fast", "balanced", "accurate"]


def test_a_config_that_cannot_be_used_is_said_in_a_line(
    modes: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As the service itself would say it."""
    config = tmp_path / "config.yaml"
    config.write_text("mode: quick\n")
    assert modes.main(["--config", str(config)]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_a_higher_weight_on_cost_buys_less(modes: ModuleType) -> None:
    """The curve falls in cost and in predicted quality, and the shipped weight's point is the balanced mode itself."""
    seen = modes.report(modes.snapshot_of(modes.SHIPPED, DAY), modes.read_prompts())
    costs, qualities = [p.cost_usd_per_1000 for p in seen.curve], [p.quality for p in seen.curve]
    assert costs == sorted(costs, reverse=True)
    assert qualities[0] > qualities[-1]
    balanced = next(row for row in seen.rows if row.mode == "balanced")
    shipped = DEFAULT_WEIGHTS["balanced"].cost
    assert [p.quality for p in seen.curve if p.name == f"{shipped:g}"] == [balanced.quality]
    assert max(one.quality for one in seen.singles) >= max(qualities) - 0.05


def test_the_curve_can_be_drawn(modes: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The same bytes each time."""
    for name in ("one", "two"):
        assert modes.main(["--plot", str(tmp_path / "plots" / f"{name}.svg")]) == 0
    drawn = [(tmp_path / "plots" / f"{name}.svg").read_bytes() for name in ("one", "two")]
    assert drawn[0] == drawn[1]
    assert drawn[0].startswith(b"<?xml")
