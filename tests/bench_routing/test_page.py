"""What is printed and written: targets said plainly, looks at the open rows counted, and a way to the data for who has none."""

import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from bench.routing import costs, report, scored
from support import ROOT, child_env


def test_a_missed_target_is_as_loud_as_a_met_one() -> None:
    section = report.Section("Part", ("text",), {}, targets=(report.Target("one", True), report.Target("other", False)))
    text = report.page(["# Page"], [section], ["## After"])
    assert text.count("- **met**: one") == 2 and text.count("- **MISSED**: other") == 2


def test_a_table_has_a_cell_for_every_head() -> None:
    lines = report.table(("a", "b"), [("x", "1"), ("longer", "22")])
    assert {line.count("|") for line in lines} == {3} and len({len(line) for line in lines}) == 1


def test_pictures_are_linked_on_the_page_and_left_out_on_a_terminal() -> None:
    section = report.Section("Part", (), {}, (report.Plot("name", "what is seen", b"<svg/>"),))
    assert "![what is seen](plots/name.svg)" in report.body(section, "plots")
    assert not any("svg" in line for line in report.body(section))


def test_every_look_at_the_open_rows_is_dated_and_said_what_it_was() -> None:
    variants = scored.scored()
    assert len({(one.name, one.protocol) for one in variants}) == len(variants)
    for one in variants:
        assert one.protocol in ("zero-shot", "few-label") and len(one.what) > 20 and one.date.startswith("202")
    assert f"Variants ever scored on these rows: {len(variants)} " in scored.count_line(variants)


def test_a_scored_file_with_a_word_too_many_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "scored.json"
    file.write_text('[{"name": "a", "protocol": "zero-shot", "date": "2026-01-01", "what": "w", "apgr": 1}]')
    with pytest.raises(msgspec.ValidationError):
        scored.scored(file)


@pytest.mark.parametrize(
    ("model", "price"),
    [
        ("gpt-4o-mini-2024-07-18", (0.15, 0.6, False)),
        ("gpt-4o-2024-08-06", (2.5, 10.0, False)),
        ("Meta-Llama-3.1-405B-Instruct@hyperbolic", (3.5, 3.5, True)),
        ("Mixtral-8x7B-Instruct-v0.1", (0.6, 0.6, True)),
        ("gemma-2-2b-it", (0.1, 0.1, True)),
    ],
)
def test_a_price_is_the_list_price_or_the_band_of_the_size(model: str, price: tuple[float, float, bool]) -> None:
    assert costs.price(model) == price


def test_a_model_without_a_price_is_named() -> None:
    with pytest.raises(KeyError, match="nobody-knows"):
        costs.price("nobody-knows")


@pytest.mark.parametrize("arguments", [[], ["--data", "no/such/folder"]])
def test_without_data_it_says_how_to_get_it(arguments: list[str]) -> None:
    command = [sys.executable, "-m", "bench.routing.run", *arguments]
    done = subprocess.run(command, cwd=ROOT, env=child_env(), capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2 and done.stdout == ""
    assert "make bench-routing DATA=<folder>" in done.stderr
