"""Runs the tests that cases refer to, in one go, and says how each ended. What a case expects stands in the tests themselves."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
LIMIT = 480
"""Seconds for all of them."""


@dataclass
class Ended:
    """How the tests of one reference ended, over all their parameters."""

    passed: int = 0
    failures: list[str] = field(default_factory=list)
    seconds: float = 0.0


class Outcomes:
    """How every test of one run ended."""

    def __init__(self, lines: list[dict[str, Any]]) -> None:
        self._lines = lines

    def of(self, reference: str) -> Ended:
        """What became of the tests that a reference names."""
        name, wanted = parts(reference)
        ended = Ended()
        for line in self._lines:
            node, _, parameters = line["node"].removeprefix("tests/").partition("[")
            if line["node"] != f"tests/{name}" and (node != name or not _fits(parameters.removesuffix("]"), wanted)):
                continue
            ended.seconds += line["seconds"]
            if line["outcome"] == "failed":
                ended.failures.append(f"{line['node']}: {line['why']}")
            elif line["outcome"] == "passed" and line["when"] == "call":
                ended.passed += 1
        return ended


def parts(reference: str) -> tuple[str, list[str]]:
    """A reference's test (`test_x.py::test_y` below tests/) and, behind ` | `, the parameters that count ("a; b"), none = all."""
    name, _, wanted = reference.partition(" | ")
    return name, [one for one in wanted.split("; ") if one]


def _fits(parameters: str, wanted: list[str]) -> bool:
    return not wanted or any(
        parameters == one or parameters.startswith(f"{one}-") or parameters.endswith(f"-{one}") for one in wanted
    )


def run(references: Iterable[str]) -> Outcomes:
    """Run all tests that these references name, in one go; one that is not there is simply not among the outcomes."""
    names = sorted({parts(reference)[0] for reference in references})
    if not names:
        return Outcomes([])
    with tempfile.TemporaryDirectory(prefix="llm-router-faults-tests-") as folder:
        told = Path(folder) / "ended.jsonl"
        command = [sys.executable, "-m", "pytest", "-q", "-n", "2", "-p", "reporter", "--no-header", "--tb=line"]
        files = sorted({f"tests/{name.partition('::')[0]}" for name in names})
        command += [f"--basetemp={folder}/tests", *[file for file in files if (ROOT / file).exists()]]
        paths = os.pathsep.join([str(ROOT / "faults"), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
        own = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}  # this may itself be a test
        env = own | {"PYTHONPATH": paths, "FAULTS_TOLD": str(told), "FAULTS_WANTED": json.dumps(names)}
        done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=LIMIT, check=False)
        lines = [json.loads(line) for line in told.read_text().splitlines()] if told.exists() else []
    if not lines:
        raise AssertionError(f"no test ran: {done.stdout[-2000:]}{done.stderr[-2000:]}")
    return Outcomes(lines)


def as_claim(reference: str) -> str:
    """A test's name as the sentence that it is, and the parameters that count."""
    name, wanted = parts(reference)
    claim, _, parameter = name.rpartition("::")[2].removeprefix("test_").partition("[")
    shown = [parameter.removesuffix("]")] if parameter else wanted
    return claim.replace("_", " ") + (f" ({', '.join(shown)})" if shown else "")
