"""Every feature over every face with every wire, judged by the SDKs: the table that `make conformance` writes stays true."""

import importlib
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from judges.wish import Wish
from support import ROOT, Answer

CONFORMANCE = ROOT / "conformance"
WRITTEN = 'one: {map: "1", all: pass, wires: {gemini: dropped}, faces: {query: n/a}, cells: {query/gemini: refused}}'


def test_every_cell_reaches_the_verdict_written_for_it_and_the_page_shows_them_all() -> None:
    """No cell is weaker than expected.yaml says, none stronger without being written down, none lost; the page is current."""
    command = [sys.executable, str(CONFORMANCE / "run.py"), "--check"]
    run = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert run.returncode == 0, run.stderr


@pytest.fixture
def parts(monkeypatch: pytest.MonkeyPatch) -> Iterator[SimpleNamespace]:
    """Modules of conformance/, which are scripts beside each other and no package."""
    monkeypatch.syspath_prepend(str(CONFORMANCE))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what the SDKs warn of at import is theirs
        yield SimpleNamespace(**{name: importlib.import_module(name) for name in ("cells", "shown", "table")})
    for path in CONFORMANCE.glob("*.py"):
        sys.modules.pop(path.stem, None)


def test_the_most_particular_line_says_what_is_expected(parts: SimpleNamespace, tmp_path: Path) -> None:
    (tmp_path / "expected.yaml").write_text(WRITTEN)
    expected = parts.table.Expected(tmp_path / "expected.yaml")
    cells = [("chat", "openai"), ("chat", "gemini"), ("query", "openai"), ("query", "gemini")]
    assert [expected.of("one", face, wire) for face, wire in cells] == ["pass", "dropped", "n/a", "refused"]


@pytest.mark.parametrize(
    ("wire", "verdict", "told"),
    [
        ("openai", "pass", ""),
        ("gemini", "dropped", ""),
        ("openai", "dropped", "dropped where pass is expected"),
        ("openai", "LOST", "LOST where pass is expected"),
        ("gemini", "LOST", "LOST where dropped is expected"),
        ("gemini", "pass", "write it down"),
    ],
)
def test_weaker_and_unwritten_stronger_verdicts_are_misses(
    parts: SimpleNamespace, tmp_path: Path, wire: str, verdict: str, told: str
) -> None:
    (tmp_path / "expected.yaml").write_text(WRITTEN)
    expected = parts.table.Expected(tmp_path / "expected.yaml")
    miss = expected.misses(parts.table.Result("chat", wire, "one", verdict, "why"))
    assert told in miss
    assert bool(miss) == bool(told)


def verdict(parts: SimpleNamespace, arrived: bool, dropped: str) -> str:
    """The verdict of a cell whose wish `top_p` arrived or not, with these names reported as dropped."""
    cells = parts.cells
    cell = cells.Cell("chat", "openai", "one", None, None)
    cell.reported.update(name for name in dropped.split(", ") if name)
    exchange = cells.Exchange(Wish(), "{}", parts.shown.Shown(), Answer(200, {}, b"{}"))
    try:
        cell.arrives(arrived, exchange, "top_p")
    except cells.Ended as ended:
        return str(ended.verdict)
    return str(cell.verdict[0])


@pytest.mark.parametrize(
    ("arrived", "dropped", "expected"),
    [
        (True, "", "pass"),
        (False, "", "LOST"),
        (False, "top_p", "dropped"),
        (True, "top_p", "dropped"),
        (True, "stop", "error"),
        (False, "stop", "LOST"),
    ],
)
def test_a_wish_that_neither_arrives_nor_is_reported_is_lost(
    parts: SimpleNamespace, arrived: bool, dropped: str, expected: str
) -> None:
    assert verdict(parts, arrived, dropped) == expected
