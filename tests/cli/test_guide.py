"""The tour of the command line does what it says, command by command."""

import re
import shlex
import subprocess
import sys

import pytest

from cli.using import SECONDS, environment, terminal
from support import ROOT, Service

PAGE = (ROOT / "docs" / "guides" / "command-line.md").read_text()
BLOCKS = [block.strip() for block in re.findall(r"^```sh\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)]
ENDLESS = re.compile(r"llm-router (top|tail)\b")


@pytest.mark.parametrize("block", [block for block in BLOCKS if not ENDLESS.search(block)])
def test_each_command_of_the_tour_does_its_work(service: Service, block: str) -> None:
    """As written, with the service of this configuration."""
    command = block.replace("llm-router", f"{sys.executable} -m app.cli")
    env = environment(service.home, PORT=str(service.port))
    ended = subprocess.run(["/bin/sh", "-c", command], env=env, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert ended.returncode == 0 and ended.stdout, ended.stderr


@pytest.mark.parametrize("block", [block for block in BLOCKS if ENDLESS.search(block)])
def test_what_never_ends_shows_its_head_and_ends_by_ctrl_c(service: Service, block: str) -> None:
    """On a terminal, where people watch."""
    with terminal(service.home, *shlex.split(block)[1:], PORT=str(service.port)) as screen:
        screen.until("calls/s" if " top" in block else "outcome")
        screen.type(b"\x03")
        assert screen.end() == 130


def test_what_the_tour_names_is_there() -> None:
    """Its options and the sections of the reference."""
    reference = (ROOT / "docs" / "reference" / "cli.md").read_text()
    for option in set(re.findall(r"(?<![\w-])--[a-z-]+", PAGE)) - {"--help"}:
        assert f"`{option}`" in reference, option
