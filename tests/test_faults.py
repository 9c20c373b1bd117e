"""The table of faults: a part of it is run anew, and the page shows what that run shows."""

import re
import subprocess
import sys

from support import ROOT

FAULTS = ROOT / "faults"
GROUPS = {"A": 24, "B": 24, "C": 16, "D": 24, "E": 28, "F": 24, "G": 12, "H": 11}


def test_a_part_of_every_group_passes_and_the_page_shows_the_same() -> None:
    """Each case that runs here passes from both sides, and its row is the one in docs/faults.md."""
    command = [sys.executable, str(FAULTS / "run.py"), "--short", "--check"]
    run = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    ran = {line[0] for line in run.stdout.splitlines() if re.match(r"[A-H][0-9]+ +pass", line)}
    assert ran == set(GROUPS)


def test_the_page_names_every_case_of_the_catalogue() -> None:
    page = (ROOT / "docs" / "faults.md").read_text()
    rows = set(re.findall(r"^\| ([A-H][0-9]+) \|", page, re.MULTILINE))
    assert rows == {f"{group}{number}" for group, count in GROUPS.items() for number in range(1, count + 1)}


def test_the_page_shows_no_failure() -> None:
    """A case that fails is mended before its row is written down."""
    assert "FAIL" not in (ROOT / "docs" / "faults.md").read_text()
