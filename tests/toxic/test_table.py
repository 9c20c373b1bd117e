"""The table of faults: complete, unambiguous, and the same wherever it is printed."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.toxic.control import listed
from app.toxic.doors import DOORS
from app.toxic.table import FAULTS, UnknownFault, chosen, named
from support import ROOT

NAMES = {fault.name for fault in FAULTS}
ISSUE = [
    "429-retry-after", "429-quota", "500-once", "503", "529", "reset-on-connect", "silence", "slow-first-token", "cut-mid-stream",
    "stall-mid-stream", "drip", "malformed-chunk", "no-terminator", "error-event-first", "error-event-late", "truncated-json",
    "error-in-200", "html-200", "empty-200", "context-length", "content-filter", "redirect", "gzip-bomb", "huge-header", "flap-60s",
]  # fmt: skip
# no upstream can play these: name resolution and dead addresses
ELSEWHERE = {"A22", "A24"}


def test_every_fault_has_a_name_of_its_own() -> None:
    assert len(NAMES) == len(FAULTS)


@pytest.mark.parametrize("name", ISSUE)
def test_the_faults_that_users_were_promised_are_there(name: str) -> None:
    found = chosen(name)
    assert found is not None and found.fault.name == name


def test_every_case_that_an_upstream_can_play_is_played() -> None:
    told = {case for row in (*FAULTS, *DOORS) for case in row.cases}
    wanted = {f"A{i}" for i in range(1, 25)} | {f"B{i}" for i in range(1, 25)} | {f"C{i}" for i in range(1, 17)}
    assert wanted - told == ELSEWHERE


def test_the_guide_prints_the_same_table() -> None:
    page = (ROOT / "docs" / "guides" / "rehearse-outages.md").read_text()
    rows = [line.split(" | ") for line in page.splitlines() if line.startswith("| `")]
    shown = [(name.strip("| `"), takes.strip("` "), says, tuple(re.findall(r"\w+", cases))) for name, takes, says, cases in rows]
    assert shown == [(row.name, row.takes, row.says, row.cases) for row in listed()]


@pytest.mark.parametrize(
    ("model", "fault", "given"),
    [
        ("ok", "ok", ""),
        ("429-retry-after:30", "429-retry-after", "30"),
        ("429-retry-after:Mon, 01 Jan: x", "429-retry-after", "Mon, 01 Jan: x"),
        ("flap-60s", "flap-60s", ""),
        ("flap-2s", "flap-60s", "2000"),
        ("flap:50", "flap-60s", "50"),
        ("slow-first-token-500ms", "slow-first-token", "500"),
        ("drip:0.5", "drip", "0.5"),
    ],
)
def test_a_model_name_chooses_a_fault_and_its_parameter(model: str, fault: str, given: str) -> None:
    found = chosen(model)
    assert found is not None and (found.fault.name, found.given) == (fault, given)


@pytest.mark.parametrize("model", ["gpt-4o-mini", "", "50", "llama3.1:8b", "503-500ms", "claude-haiku-4-5", "OK", "no-such-60s"])
def test_every_other_name_is_no_fault(model: str) -> None:
    assert chosen(model) is None


@pytest.mark.parametrize("model", ["drip:", "drip:x", "drip:-1", "drip:0", "drip:nan", "drip:inf", "drip:1e12", "503:2", "ok:1"])
def test_a_parameter_that_makes_no_sense_is_told(model: str) -> None:
    with pytest.raises(UnknownFault, match=model.partition(":")[0]):
        chosen(model)


def test_a_fault_that_is_asked_for_by_name_must_exist() -> None:
    with pytest.raises(UnknownFault, match="gpt-4o"):
        named("gpt-4o")


@given(st.text() | st.builds("{}{}{}".format, st.sampled_from(sorted(NAMES)), st.sampled_from([":", "-"]), st.text()))
def test_no_name_is_more_than_a_name(model: str) -> None:
    try:
        found = chosen(model)
    except UnknownFault:
        return
    assert found is None or found.fault in FAULTS
