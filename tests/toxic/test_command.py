"""`llm-router toxic-upstream` and its guide, as a user follows them: real processes, the page's own commands."""

import contextlib
import io
import json
import re
import shlex
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from support import ROOT, Service, child_env, free_port, running

PAGE = (ROOT / "docs" / "guides" / "rehearse-outages.md").read_text()
COMMAND = [sys.executable, "-m", "app.cli", "toxic-upstream"]


def blocks(kind: str) -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


@contextmanager
def toxic(*options: str) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    """The command as a process, and the first line it printed."""
    process = subprocess.Popen([*COMMAND, *options], env=child_env(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stderr is not None
    try:
        yield process, process.stdout.readline()
    finally:
        process.terminate()
        process.wait(10)
        process.stdout.close()
        process.stderr.close()


def run(*options: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([*COMMAND, *options], env=child_env(), capture_output=True, text=True, timeout=30, check=False)


def get(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=10) as answer:
        body: bytes = answer.read()
        return body


def test_it_says_where_it_is_logs_to_a_file_and_ends_when_told(tmp_path: Path) -> None:
    log = tmp_path / "toxic.jsonl"
    with toxic("--port", "0", "--json", "--log", str(log)) as (process, line):
        told = json.loads(line)
        assert set(told) == {"port", "base_urls", "doors"} and set(told["doors"]) == {"refused", "reset", "silent", "full"}
        asked = urllib.request.Request(told["base_urls"]["openai"] + "/chat/completions", b'{"model": "503"}')
        with pytest.raises(urllib.error.HTTPError, match="503"):
            urllib.request.urlopen(asked, timeout=10)
        with socket.create_connection(("127.0.0.1", told["port"])):  # a caller who stays does not hold it up
            process.terminate()
            assert process.wait(10) == 0
    steps = [json.loads(line)["step"] for line in log.read_text().splitlines()]
    assert steps[:2] == ["asked", "ended"]


def test_it_is_open_to_this_machine_alone_unless_told_otherwise() -> None:
    with toxic("--port", "0") as (_, line):
        assert line.startswith("A provider that fails on purpose")
    page = run("--help").stdout
    assert "[default: 127.0.0.1]" in page


@pytest.mark.parametrize(("options", "word"), [(["--port", "{taken}"], "in use"), (["--log", "/nowhere/log"], "/nowhere/log")])
def test_what_cannot_be_had_is_one_line(options: list[str], word: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = run("--port", "0", *[option.format(taken=taken.getsockname()[1]) for option in options])
    assert done.returncode == 1 and word in done.stderr and done.stderr.count("\n") == 1, done.stderr


def test_it_lists_its_faults_for_people_and_for_programs() -> None:
    rows = json.loads(run("--list", "--json").stdout)
    lines = run("--list").stdout.splitlines()
    assert [line.partition("  ")[0].strip() for line in lines] == [row["name"] for row in rows]
    assert {"name", "takes", "says", "cases"} == set(rows[0])


class Rehearsal:
    """The page's two processes, and its commands with the ports that this test has."""

    def __init__(self, service: Service, port: int) -> None:
        self.service = service
        self.port = port

    def sh(self, mark: str) -> str:
        """Run the one command of the page that holds `mark`."""
        (command,) = [block for block in blocks("sh") if mark in block]
        words = shlex.split(command.replace("127.0.0.1:8000", f"127.0.0.1:{self.service.port}").replace(":8099", f":{self.port}"))
        return subprocess.run(words, capture_output=True, text=True, timeout=30, check=True).stdout


@pytest.fixture(scope="module")
def rehearsal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rehearsal]:
    port = free_port()
    (config,) = blocks("yaml")
    with (
        toxic("--port", str(port)),
        running(tmp_path_factory.mktemp("rehearsal"), config.replace(":8099", f":{port}")) as service,
    ):
        yield Rehearsal(service, port)


def seen(rehearsal: Rehearsal, model: str) -> list[dict[str, Any]]:
    """What the provider saw of this model."""
    return [line for line in map(json.loads, rehearsal.sh("_toxic/log").splitlines()) if line["model"] == model]


def test_a_model_that_is_down_is_stood_in_for(rehearsal: Rehearsal) -> None:
    reply = json.loads(rehearsal.sh('"model": "flaky"'))
    assert reply["response"].startswith("[MOCK] ok on: Hello")
    assert {attempt["model"]: attempt["status"] for attempt in reply["attempts"]} == {"flaky": 503, "steady": 200}
    assert seen(rehearsal, "503") and seen(rehearsal, "ok")[-1]["complete"]


def test_a_limit_is_stood_in_for(rehearsal: Rehearsal) -> None:
    reply = rehearsal.service.query("Hello", model="limited").json()
    assert reply["attempts"][-1]["model"] == "steady" and seen(rehearsal, "429-retry-after:2")


def test_a_stream_that_breaks_ends_with_one_error(rehearsal: Rehearsal) -> None:
    text = rehearsal.sh('"stream": true')
    assert (text.count("event: error"), text.count("event: done")) == (1, 0)
    assert [line["complete"] for line in seen(rehearsal, "cut-mid-stream:3")] == [False]


def test_a_model_of_another_name_is_broken_and_mended(rehearsal: Rehearsal) -> None:
    rehearsal.sh("_toxic/play")
    get(f"http://127.0.0.1:{rehearsal.port}/_toxic/state")
    request = urllib.request.Request(
        f"http://127.0.0.1:{rehearsal.port}/v1/chat/completions",
        json.dumps({"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Hello"}]}).encode(),
    )
    with urllib.request.urlopen(request, timeout=10) as stalled:
        assert stalled.read(20) and seen(rehearsal, "gpt-4o-mini")[-1]["ended"] is None
    assert json.loads(get(f"http://127.0.0.1:{rehearsal.port}/_toxic/faults"))[0]["name"] == "ok"


def test_the_pages_program_prints_what_the_page_shows() -> None:
    (program,) = blocks("python")
    (shown,) = blocks("text")
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(program, "rehearse-outages.md", "exec"), {"__name__": "page"})
    assert printed.getvalue() == shown
