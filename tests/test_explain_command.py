"""`llm-router explain`: the same decision for people on a terminal, for a pipe and for programs."""

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from support import child_env

PROMPT = "Compare renting and buying a flat and analyse which is better for four years."


def explained(home: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "app.cli", "explain", PROMPT, *arguments]
    return subprocess.run(
        command, env=child_env(LLM_ROUTER_HOME=str(home)), capture_output=True, text=True, timeout=60, check=False
    )


def on_a_terminal(home: Path, columns: int) -> str:
    """What a terminal of that width is shown."""
    ours, theirs = pty.openpty()
    env = child_env(LLM_ROUTER_HOME=str(home), COLUMNS=str(columns), TERM="xterm-256color")
    process = subprocess.Popen([sys.executable, "-m", "app.cli", "explain", PROMPT], env=env, stdout=theirs, stderr=theirs)
    os.close(theirs)
    shown = b""
    while True:
        try:
            piece = os.read(ours, 65_536)
        except OSError:  # the other side is closed
            break
        if not piece:
            break
        shown += piece
    os.close(ours)
    assert process.wait(30) == 0
    return shown.decode()


def test_json_is_the_dry_reply_as_it_is(tmp_path: Path) -> None:
    """For programs."""
    told = explained(tmp_path, "--json", "--mode", "accurate")
    assert told.returncode == 0, told.stderr
    reply = json.loads(told.stdout)
    assert reply["mode"] == "accurate"
    assert {"candidates", "modes", "saving", "flips"} < set(reply["decision"])


def test_in_a_pipe_it_is_plain_columns(tmp_path: Path) -> None:
    """A sentence, the head, a line for each candidate, then what would have flipped it; no escape sequence."""
    told = explained(tmp_path)
    assert told.returncode == 0, told.stderr
    reply = json.loads(explained(tmp_path, "--json").stdout)["decision"]
    lines = told.stdout.splitlines()
    assert lines[0] == reply["reason"]
    assert lines[1].split("  ")[0] == "model"
    rows = lines[2 : 2 + len(reply["candidates"])]
    assert [row.split()[0] for row in rows] == [one["name"] for one in reply["candidates"]]
    assert lines[-len(reply["flips"]) :] == reply["flips"]
    assert any(line.startswith("saves ") and line.endswith("beside openai_gpt4o") for line in lines)
    assert "\x1b" not in told.stdout


@pytest.mark.parametrize("columns", [80, 200])
def test_on_a_terminal_it_is_a_table_with_the_choice_marked(tmp_path: Path, columns: int) -> None:
    """As wide as the terminal allows, whatever is cut for it."""
    shown = on_a_terminal(tmp_path, columns)
    assert "\x1b[32m" in shown
    assert "would win" in shown
    assert "[bold]" not in shown
