"""A call's page tells the very decision that was made, computed again from its record."""

import subprocess
import sys
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import pytest

from app.dashboard.wording import dollars, duration, moment, percent, plain, short, size, usd
from support import Service, child_env, eventually, running, shipped


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with running(tmp_path_factory.mktemp("why"), shipped(), workers=2) as found:
        yield found


def page_of(service: Service, call_id: str) -> str:
    def found() -> str:
        answer = service.request(f"/dashboard/calls/{call_id}")
        return unescape(answer.body.decode()) if answer.status == 200 else ""

    text: str = eventually(found, 30)
    return text


@pytest.mark.parametrize("mode", ["fast", "balanced", "accurate"])
def test_the_page_has_the_candidates_of_the_reply(service: Service, mode: str) -> None:
    reply = service.query("Prove that the square root of two is irrational.", mode=mode).json()
    text = page_of(service, reply["id"])
    assert reply["decision"]["reason"] in text
    for one in reply["decision"]["candidates"]:
        assert one["name"] in text and dollars(one["cost_usd"]) in text and duration(one["latency_ms"]) in text, one
        assert f"predicted quality {one['quality']:.3f}" in text or one["excluded"], one
        assert one["excluded"] is None or f"not allowed: {one['excluded']}" in text


def test_the_page_tells_what_would_have_changed_the_choice(service: Service) -> None:
    prompt = "Compare renting and buying a flat for four years."
    told = service.request("/route", {"prompt": prompt}).json()["decision"]
    text = page_of(service, service.query(prompt).json()["id"])
    flips = [one["flip"] for one in told["candidates"] if one["flip"]]
    assert flips
    for flip in flips:
        assert flip["quality"] is None or f"quality of {flip['quality']:.3f} or more" in text
    for mode, name in told["modes"].items():
        assert f"{mode} would pick {name}" in text or mode == "balanced"


def test_a_model_asked_by_name_was_not_chosen(service: Service) -> None:
    text = page_of(service, service.query("hello", model="openai_gpt4o").json()["id"])
    assert "asked for this model by name, so nothing was chosen" in text and "called gpt-4o at openai" in text


def test_an_answer_from_the_cache_called_nobody(service: Service) -> None:
    def cached() -> str | None:
        reply = service.query("once and again").json()
        return reply["id"] if reply["cached"] else None

    text = page_of(service, eventually(cached, 30))
    assert "answered from the cache" in text and "no provider was called" in text


def test_the_routing_page_lays_predictions_beside_scores(service: Service) -> None:
    page_of(service, service.query("Compare two sorting algorithms.").json()["id"])
    text = service.request("/dashboard/routing").body.decode()
    assert "mean prediction" in text and "were simulated" in text and "Distance to the training data" in text


def test_the_start_loads_nothing_of_the_dashboard(tmp_path: Path) -> None:
    code = "import sys, app.main; print([name for name in sys.modules if name.startswith(('jinja2', 'app.dashboard.routes'))])"
    env = child_env(LLM_ROUTER_HOME=str(tmp_path))
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "[]\n"


def test_figures_read_well() -> None:
    assert [usd(one) for one in (None, 0, 1, 1_234, 150_000_000, 1_500_000_000, -2_000_000_000, 1_234_567_000_000_000)] == [
        "unknown", "$0", "$0.000000001", "$0.000001234", "$0.1500", "$1.50", "-$2.00", "$1,234,567.00",
    ]  # fmt: skip
    assert [duration(one) for one in (None, 0.2, 3.21, 412.0, 1500.0, 600_000.0)] == [
        "\u2013", "0.20 ms", "3.2 ms", "412 ms", "1.5 s", "10.0 min",
    ]  # fmt: skip
    assert [percent(a, b) for a, b in ((0, 0), (0, 5), (5, 5), (1, 3), (1, 1000))] == ["\u2013", "0 %", "100 %", "33 %", "0.1 %"]
    assert size(999) == "999 bytes" and size(1_500_000) == "1.5 MB" and moment(0) == "1970-01-01 00:00:00"
    assert short("x" * 100, 10) == "x" * 9 + "\u2026" and short(None) == ""


def test_letters_that_hide_or_turn_text_are_named_and_others_stay() -> None:
    assert plain("a\u202eb\x1b[0m\x00") == "a\u27e8U+202E\u27e9b\u27e8U+001B\u27e9[0m\u27e8U+0000\u27e9"
    for kept in (
        "\u4f60\u597d \u0645\u0631\u062d\u0628\u0627 \ud55c\uad6d tab\tline\n",
        "\U0001f469\u200d\U0001f4bb",
        "\u0645\u06cc\u200c\u0631\u0648\u0645",
    ):
        assert plain(kept) == kept
