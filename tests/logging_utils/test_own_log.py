"""The service's own log: what a line looks like, whose call it names, and what it never tells."""

import json
import logging
import os
import pty
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.config.home import read_environment
from app.logging_utils import wording
from app.logging_utils.outlet import Outlet
from app.logging_utils.wording import CALL, JsonLine, Manner, OneLine, hide, lost_line, manner
from server.plain import plain_uvicorn
from support import Service, child_env, eventually, free_port, running, shipped

CANARY = "canary-secret-of-the-environment"
READABLE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (DEBUG|INFO|WARNING|ERROR) \[\d+\] .+")


@pytest.fixture(autouse=True)
def nothing_hidden() -> Iterator[None]:
    yield
    wording._secrets.clear()


def record(text: str, *args: object, level: int = logging.WARNING) -> logging.LogRecord:
    return logging.LogRecord("llm_router", level, "", 1, text, args, None)


def raised(error: Exception) -> logging.LogRecord:
    made = record("it failed")
    try:
        raise error
    except type(error):
        made.exc_info = sys.exc_info()
    return made


@given(st.text())
def test_any_text_is_one_line_in_either_form_and_json_gives_it_back(text: str) -> None:
    for form in (OneLine(), JsonLine()):
        line = form.format(record("%s", text))
        assert len(line.splitlines()) == 1 and not any(ord(char) < 32 and char != "\t" for char in line)
    assert json.loads(JsonLine().format(record("%s", text)))["message"] == text


@pytest.mark.parametrize(
    "text", ["a\nb", "a\r\nb", "\x1b]0;title\x07", "\x9b2J", "\u202egnp.exe", "\u2028", "\u2066x\u2069", "\x7f"]
)
def test_hostile_text_moves_no_cursor_and_turns_no_direction(text: str) -> None:
    told = OneLine().format(record("model %s is unknown", text))
    assert told.isprintable() and "model " in told
    assert JsonLine().format(record("model %s is unknown", text)).isascii()


def test_a_traceback_is_part_of_its_json_line() -> None:
    facts = json.loads(JsonLine().format(raised(ValueError("first\n{}"))))
    assert facts["exception"].startswith("Traceback") and "ValueError: first\n{}" in facts["exception"]
    assert (facts["level"], facts["logger"], facts["message"]) == ("warning", "llm_router", "it failed")


def test_a_line_of_a_call_names_it() -> None:
    token = CALL.set("0190abc")
    try:
        assert OneLine().format(record("slow")).endswith(" slow x-request-id=0190abc")
        assert json.loads(JsonLine().format(record("slow")))["x-request-id"] == "0190abc"
    finally:
        CALL.reset(token)
    assert "x-request-id" not in OneLine().format(record("slow")) + JsonLine().format(record("slow"))


def test_no_line_tells_a_secret_of_the_environment(tmp_path: Path) -> None:
    values = {
        "OPENAI_API_KEY": CANARY + "-1",
        "LLM_ROUTER_API_KEYS": f"{CANARY}-2, {CANARY}-3",
        "OTEL_EXPORTER_OTLP_HEADERS": f"authorization=Bearer%20{CANARY}-4,x-team=blue",
        "REDIS_URL": f"redis://me:{CANARY}-5@here:6379/0",
        "MY_WORD": CANARY + "-6",
        "PORT": "8000",
    }
    hide(read_environment({"LLM_ROUTER_HOME": str(tmp_path), **values}).secrets(["MY_WORD"]))
    words = " ".join([*values.values(), *(f"{CANARY}-{number}" for number in range(1, 7)), f"Bearer {CANARY}-4"])
    for form in (OneLine(), JsonLine()):
        told = form.format(record("%s", words)) + form.format(raised(ValueError(words)))
        assert CANARY not in told and "8000" in told and "redis" not in told
    assert "authorization" in OneLine().format(record("authorization")), "a header's name is no secret"


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, Manner(logging.INFO, None)),
        ({"LLM_ROUTER_LOG_LEVEL": "DEBUG", "LLM_ROUTER_LOG_FORMAT": "json"}, Manner(logging.DEBUG, True)),
        ({"LLM_ROUTER_LOG_LEVEL": "error", "LLM_ROUTER_LOG_FORMAT": " Text "}, Manner(logging.ERROR, False)),
    ],
)
def test_the_manner_is_what_the_environment_says(values: dict[str, str], expected: Manner) -> None:
    assert manner(values) == (expected, None)


@pytest.mark.parametrize("name", ["LLM_ROUTER_LOG_LEVEL", "LLM_ROUTER_LOG_FORMAT"])
def test_a_manner_that_is_not_understood_is_the_default_and_a_warning(name: str) -> None:
    found, fault = manner({name: "loud"})
    assert found == Manner() and fault is not None and fault.startswith(name)


def test_the_word_about_lost_lines_has_the_form_of_the_others() -> None:
    heard, told = os.pipe()
    outlet = Outlet(told, lost_line(as_json=True))
    outlet._untold = 3
    outlet.put("{}\n")
    assert outlet.flush(10)
    first, second, _ = os.read(heard, 4096).decode().split("\n")
    assert json.loads(first) == {"level": "warning", "message": "3 lines were lost: nobody read them"} and second == "{}"
    os.close(heard)
    os.close(told)


def lines(service: Service) -> list[dict[str, Any]]:
    """The lines of the log behind those of the start."""
    return [json.loads(line) for line in service.log().splitlines() if line.startswith("{")]


def test_a_service_without_a_terminal_logs_json_and_names_each_call(tmp_path: Path) -> None:
    with running(tmp_path, shipped(), 2, LLM_ROUTER_LOG_LEVEL="debug", OPENAI_API_KEY="") as service:
        answers = [service.query("hello"), service.query("hello again", stream=True), service.chat(model="auto")]
        ids = {answer.headers["x-request-id"] for answer in answers}
        (tmp_path / "config.yaml").write_text("models: 1\n")
        eventually(lambda: "was not taken over" in service.log())
        eventually(lambda: ids <= {line.get("x-request-id") for line in lines(service)})
        told = lines(service)
        readable = [line for line in service.log().splitlines() if not line.startswith("{")]
        assert readable[0].startswith("LLM Router ") and all(line.startswith("  ") for line in readable[1:])
    about = [line for line in told if line.get("x-request-id") in ids]
    assert len(about) == 3 and all("answered" in line["message"] and line["level"] == "debug" for line in about)
    assert all("x-request-id" not in line for line in told if "was not taken over" in line["message"])
    assert all(set(line) >= {"time", "level", "process", "logger", "message"} for line in told)


def test_a_service_at_a_terminal_logs_readable_lines(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(shipped())
    ours, theirs = pty.openpty()
    port = free_port()
    command = [sys.executable, "-m", "app.cli", "serve", "--port", str(port)]
    env = child_env(LLM_ROUTER_HOME=str(tmp_path), LLM_ROUTER_LOG_LEVEL="debug")
    process = subprocess.Popen(command, env=env, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True)
    os.close(theirs)
    heard: list[bytes] = []
    reader = threading.Thread(target=read_all, args=(ours, heard))
    reader.start()
    try:
        service = Service(process, port, tmp_path)
        eventually(lambda: b"journal:" in b"".join(heard) and answers(service), 30)
        call_id = service.query("hello").json()["id"]
        eventually(lambda: f"x-request-id={call_id}".encode() in b"".join(heard))
    finally:
        process.terminate()
        process.wait(20)
        reader.join(10)
        os.close(ours)
    said = [line for line in b"".join(heard).decode().splitlines() if "x-request-id" in line]
    assert len(said) == 1 and READABLE.fullmatch(said[0])


def read_all(end: int, heard: list[bytes]) -> None:
    try:
        while piece := os.read(end, 65536):
            heard.append(piece)
    except OSError:  # the other side of a terminal is gone
        return


def answers(service: Service) -> bool:
    try:
        return service.request("/ready").status == 200
    except OSError:
        return False


def test_under_plain_uvicorn_its_lines_have_the_same_form(tmp_path: Path) -> None:
    with plain_uvicorn(tmp_path, shipped(), "--log-level", "info") as service:
        call_id = service.query("hello").json()["id"]
        eventually(lambda: "POST /query" in service.log())
        told = lines(service)
    assert [line["message"] for line in told if "startup complete" in line["message"]] == ["Application startup complete."]
    (access,) = [line for line in told if "POST /query" in line["message"]]
    assert access["logger"] == "uvicorn.access" and access["x-request-id"] == call_id


def test_the_form_can_be_chosen(tmp_path: Path) -> None:
    with running(tmp_path, shipped(), LLM_ROUTER_LOG_FORMAT="text", LLM_ROUTER_LOG_LEVEL="debug") as service:
        call_id = service.query("hello").json()["id"]
        eventually(lambda: call_id in service.log())
        (line,) = [line for line in service.log().splitlines() if call_id in line]
    assert READABLE.fullmatch(line)


def test_a_service_that_greets_in_json_logs_its_warnings(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(shipped())
    env = child_env(LLM_ROUTER_HOME=str(tmp_path), OTEL_EXPORTER_OTLP_ENDPOINT="nowhere", LLM_ROUTER_LOG_LEVEL="loud")
    command = [sys.executable, "-m", "app.cli", "serve", "--port", str(free_port()), "--json"]
    process = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None and "address" in json.loads(process.stdout.readline())
    process.terminate()
    _, told = process.communicate(timeout=30)
    assert process.returncode == 0
    messages = [json.loads(line)["message"] for line in told.splitlines()]
    assert any("OTEL_EXPORTER_OTLP_ENDPOINT" in one for one in messages) and any(
        "LLM_ROUTER_LOG_LEVEL" in one for one in messages
    )
