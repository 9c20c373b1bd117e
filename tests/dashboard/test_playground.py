"""The playground without script: a plain form whose answers come from `/query`; and what its module asks."""

import json
import shlex
import subprocess
import sys

import pytest
from starlette.testclient import TestClient

from app.dashboard.snippets import snippets

from .conftest import ADMIN, Make, Site

HOSTILE = "</textarea><script>alert(1)</script>'\"\\ \u202e `x` ${y} '''\n"


@pytest.fixture
def site(make: Make) -> Site:
    return make()


def ask(site: Site, **fields: object) -> "object":
    sent = {"token": site.token("/playground"), "prompt": "hello", "model": "auto", **fields}
    return site.client.post("/dashboard/playground", data=sent)


def test_a_question_is_answered_in_the_page(site: Site) -> None:
    answer = ask(site)
    assert answer.status_code == 200 and "[MOCK]" in answer.text and "Everything about this call" in answer.text


def test_models_answer_side_by_side(site: Site) -> None:
    text = ask(site, model=["openai_gpt4o", "anthropic_claude_haiku"]).text
    assert "<h2>openai_gpt4o</h2>" in text and "<h2>anthropic_claude_haiku</h2>" in text and text.count("[MOCK]") == 2


def test_the_decision_can_be_had_without_a_call(site: Site) -> None:
    text = ask(site, only="decision").text
    assert "would cost" in text and "[MOCK]" not in text and "would win" in text
    assert not (site.home / "logs" / "per_call.jsonl").exists() or not (site.home / "logs" / "per_call.jsonl").read_bytes()


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"prompt": "  "}, "Write a prompt first"),
        ({"model": []}, "Choose at least one model"),
        ({"model": ["a", "b", "c", "d", "e"]}, "Choose at most 4"),
        ({"prompt": "x" * 100_001}, "at most 100,000 characters"),
    ],
)
def test_what_cannot_be_asked_is_told_in_the_form(site: Site, fields: dict[str, object], told: str) -> None:
    answer = ask(site, **fields)
    assert answer.status_code == 400 and told in answer.text


def test_a_refusal_stands_where_the_answer_would(site: Site) -> None:
    answer = ask(site, model="nobody_of_this_name" * 500, mode="strange")
    assert answer.status_code == 200 and "model_not_found" in answer.text
    assert "bad_request" in ask(site, mode="strange").text


def test_a_hostile_prompt_is_text_everywhere(site: Site) -> None:
    answer = ask(site, prompt=HOSTILE, system=HOSTILE, model=["auto", HOSTILE])
    assert answer.status_code == 200 and "<script>alert" not in answer.text and "</textarea><script" not in answer.text


@pytest.mark.parametrize("path", ["/ask/query", "/ask/route", "/snippets"])
def test_the_module_needs_its_token(site: Site, path: str) -> None:
    token = site.token("/playground")
    for headers, status in (({}, 403), ({"x-csrf-token": "0" * 64}, 403), ({"x-csrf-token": token}, 200)):
        answer = site.client.post(f"/dashboard{path}", json={"prompt": "hello"}, headers=headers)
        assert answer.status_code == status, answer.text
        assert "content-security-policy" in answer.headers


def test_the_module_gets_a_stream(site: Site) -> None:
    headers = {"x-csrf-token": site.token("/playground")}
    answer = site.client.post("/dashboard/ask/query", json={"prompt": "hello", "stream": True}, headers=headers)
    assert answer.text.startswith("event: delta") and "event: done" in answer.text
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("body", [b"", b"[1]", b"{", b"\xff", b"[" * 100_000])
def test_a_bad_body_is_a_refusal(site: Site, body: bytes) -> None:
    headers = {"x-csrf-token": site.token("/playground"), "content-type": "application/json"}
    for path in ("/snippets", "/ask/query", "/ask/route"):
        assert site.client.post(f"/dashboard{path}", content=body, headers=headers).status_code == 400, path


def test_the_operator_asks_without_a_caller_key_and_a_stranger_does_not(make: Make) -> None:
    site = make("10.0.0.9", LLM_ROUTER_ADMIN_KEY=ADMIN, LLM_ROUTER_API_KEYS="c" * 32)
    assert site.client.post("/dashboard/ask/query", json={"prompt": "x"}).status_code == 401
    site.log_in()
    assert "[MOCK]" in ask(site).text


def test_copied_python_is_python_and_its_body_the_question() -> None:
    code = snippets("http://h:1", {"prompt": HOSTILE}, True)["Python"]
    body = next(line for line in code.split("\n\n") if line.startswith("body = "))
    shown = subprocess.run(
        [sys.executable, "-c", body.partition("\nheaders")[0] + "\nprint(body)"], capture_output=True, check=True
    )
    assert json.loads(shown.stdout) == {"prompt": HOSTILE}
    compile(code, "snippet", "exec")


def test_copied_curl_is_one_command_of_a_shell() -> None:
    words = shlex.split(snippets("http://h:1", {"prompt": HOSTILE}, False)["curl"].replace("\\\n", ""))
    assert json.loads(words[-1]) == {"prompt": HOSTILE}


def test_copied_javascript_holds_json() -> None:
    code = snippets("http://h:1", {"prompt": HOSTILE}, False)["JavaScript"]
    assert json.loads(code.partition(";\nconst answer")[0].removeprefix("const body = ")) == {"prompt": HOSTILE}


def test_a_link_fills_the_form(site: Site) -> None:
    assert "&lt;b&gt;" in site.page("/playground?prompt=%3Cb%3E").text
    assert isinstance(site.client, TestClient)
