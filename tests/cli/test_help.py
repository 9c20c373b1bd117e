"""`--help` is quick and has examples that work; shells complete commands, options and names."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import typer

from app.cli.commands import app
from cli.using import COMMAND, SECONDS, environment, piped

HEAVY = {
    "aiohttp", "asyncio", "dotenv", "fastapi", "genai_prices", "httptools", "jinja2", "numpy", "pydantic", "redis", "rich",
    "sqlite3", "starlette", "uvicorn", "uvloop", "yaml",
}  # fmt: skip
"""What takes time to load; none of it is needed to say what there is."""


def commands(group: Any = None, before: tuple[str, ...] = ()) -> dict[tuple[str, ...], Any]:
    """Every command by its words."""
    found: dict[tuple[str, ...], Any] = {}
    for name, command in (group or typer.main.get_command(app)).commands.items():
        found |= commands(command, (*before, name)) if hasattr(command, "commands") else {(*before, name): command}
    return found


ALL = sorted(commands())


def loaded_by(*arguments: str) -> set[str]:
    """The top-level modules that a process of the command line has loaded at its end."""
    code = (
        "import atexit, json, sys\n"
        "atexit.register(lambda: print(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})), file=sys.stderr))\n"
        "from app.cli import main\n"
        f"sys.argv[1:] = {list(arguments)!r}\n"
        "main()\n"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=SECONDS, check=False)
    assert ended.returncode == 0, ended.stderr
    return set(json.loads(ended.stderr))


def test_help_loads_nothing_heavy() -> None:
    """Judged by what is loaded, since a busy machine's time says nothing."""
    assert loaded_by("--help") & HEAVY == set()
    # typer itself reads options by pydantic, where that is installed
    assert loaded_by("query", "--help") & HEAVY <= {"pydantic"}
    assert loaded_by("stats", "--help") & HEAVY <= {"pydantic"}


def test_every_command_says_what_it_does_and_has_examples() -> None:
    """Whoever asks for help gets something to copy."""
    for words, command in commands().items():
        assert command.help, words
        assert "Examples:" in (command.epilog or ""), words


def test_every_example_is_one_of_its_own_command_and_is_understood() -> None:
    """Its options exist and its values are taken."""
    root: Any = typer.main.get_command(app)
    for words, command in commands().items():
        examples = re.findall(r"^  llm-router (.*)$", command.epilog or "", re.MULTILINE)
        assert examples, words
        for example in examples:
            given = shlex.split(re.split(r" [|<>] ", example)[0])
            assert tuple(given[: len(words)]) == words, example
            assert command.make_context("llm-router", given[len(words) :], parent=None) is not None
    for example in re.findall(r"^  llm-router (\w+)", root.epilog or root.callback.__doc__ or "", re.MULTILINE):
        assert (example,) in commands()


def test_help_in_a_pipe_has_no_colour(tmp_path: Path) -> None:
    """It can be searched and kept."""
    for words in ((), ("query",), ("config", "show")):
        ended = piped(tmp_path, *words, "--help")
        assert ended.returncode == 0 and "\x1b" not in ended.stdout and "Examples:" in ended.stdout


def completed(home: Path, typed: str) -> set[str]:
    """What bash is told for a line, with the cursor at its end."""
    words = typed.split(" ")
    env = environment(home) | {
        "_LLM_ROUTER_COMPLETE": "complete_bash",
        "COMP_WORDS": typed,
        "COMP_CWORD": str(len(words) - 1),
    }
    ended = subprocess.run(COMMAND, env=env, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert ended.stderr == "", ended.stderr
    return set(ended.stdout.split())


def test_a_shell_completes_commands_options_values_and_model_names(tmp_path: Path) -> None:
    """Names come from the configuration in use."""
    assert {"compare", "config", "cache"} <= completed(tmp_path, "llm-router c")
    assert {"--mode", "--model"} <= completed(tmp_path, "llm-router query --mo")
    assert completed(tmp_path, "llm-router query --mode f") == {"fast"}
    assert "openai_gpt4o_mini" in completed(tmp_path, "llm-router query -m openai_gpt4o")


def test_a_wrong_configuration_does_not_disturb_completion(tmp_path: Path) -> None:
    """There are just no names."""
    (tmp_path / "config.yaml").write_text("mode: sideways\n")
    assert completed(tmp_path, "llm-router query -m open") == set()


def test_completion_can_be_shown(tmp_path: Path) -> None:
    """Also for whoever does not want it to be installed."""
    ended = piped(tmp_path, "--show-completion", "bash", SHELL="/bin/bash", _TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION="1")
    assert ended.returncode == 0 and "_LLM_ROUTER_COMPLETE" in ended.stdout


def test_version_is_printed_by_word_and_by_option(tmp_path: Path) -> None:
    """One line, for people and for programs."""
    assert piped(tmp_path, "--version").stdout == piped(tmp_path, "version").stdout
    assert json.loads(piped(tmp_path, "version", "--json").stdout)["version"] in piped(tmp_path, "--version").stdout
    assert os.linesep not in piped(tmp_path, "--version").stdout.strip()
