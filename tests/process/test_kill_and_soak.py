"""The short forms of `make kill-test` and `make soak`, and the arithmetic of the verdict on memory."""

import importlib.util
import random
import subprocess
import sys
from types import ModuleType

import pytest

from support import ROOT, child_env

FOLDER = ROOT / "faults" / "process"


@pytest.mark.parametrize("name", ["kill_test", "soak"])
def test_the_short_form_keeps_every_promise(name: str) -> None:
    command = [sys.executable, str(FOLDER / f"{name}.py"), "--short", "--seed", "1"]
    done = subprocess.run(command, env=child_env(), capture_output=True, text=True, timeout=400, check=False)
    assert (done.returncode, done.stderr) == (0, ""), done
    assert "FAIL" not in done.stdout and done.stdout.count("  ok    ") >= 9, done.stdout


@pytest.fixture(scope="module")
def trend() -> ModuleType:
    spec = importlib.util.spec_from_file_location("trend", FOLDER / "trend.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["trend"] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("slope", [0.0, 0.2, -3.0])
def test_a_trend_is_found_through_noise(trend: ModuleType, slope: float) -> None:
    chance = random.Random(7)
    points = [(x / 100, 50 + slope * x / 100 + chance.gauss(0, 1)) for x in range(2400)]
    found = trend.trend(points)
    assert abs(found.slope - slope) <= 2 * found.margin and 0 < found.margin < 0.1


def test_the_margin_is_that_of_the_textbook(trend: ModuleType) -> None:
    """One point per block, off a line of slope 2 by 1 and -1 in turn: what the formulas for simple regression give."""
    points = [(float(x), 2.0 * x + (-1) ** x) for x in range(20)]
    found = trend.trend(points)
    assert found.slope == pytest.approx(2 - 10 / 665)
    left = 20 - 100 / 665
    assert found.margin == pytest.approx(2.101 * (left / 18 / 665) ** 0.5)
