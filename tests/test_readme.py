"""The README as a reader follows it: its commands, as written, in a copy of the checkout; and what it shows of their output.

A `sh` block is left out when the HTML comment above it begins with "not walked through"; one that begins with "a fresh environment"
runs where packages may be installed: with CI or LLM_ROUTER_TEST_INSTALL set. Port 8000 becomes a free one, nothing else changes.
"""

import importlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import sysconfig
import time
import urllib.request
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from app.config.load import load
from app.domain.record import Record
from support import ROOT, Service, child_env, events, eventually, free_port, running, shipped

README = (ROOT / "README.md").read_text()
INSTALL = bool(os.environ.get("CI") or os.environ.get("LLM_ROUTER_TEST_INSTALL"))
SERVES = ("make run", "uvicorn main:app", "llm-router serve")
# what makes an installation work on this machine, beside the variables that every child gets
_FOR_PIP = re.compile(r"(?i)(PIP_|SSL_|REQUESTS_|CURL_|.*_PROXY$)")

needs_make = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
installs = pytest.mark.skipif(not INSTALL, reason="installs packages: set LLM_ROUTER_TEST_INSTALL=1")


class Block:
    """A fenced block of the README with the comment above it and what it printed."""

    def __init__(self, match: "re.Match[str]") -> None:
        self.mark = match["mark"] or ""
        self.language = match["language"]
        self.text = match["text"]
        self.printed = ""

    @property
    def serves(self) -> bool:
        return self.text.strip().endswith(SERVES) or "uvicorn main:app" in self.text

    @property
    def walked(self) -> bool:
        if self.mark == "needs jq":
            return shutil.which("jq") is not None
        return not self.mark


def blocks() -> list[Block]:
    """All fenced blocks in order."""
    fence = re.compile(r"(?:^<!-- (?P<mark>[^\n]*) -->\n)?^```(?P<language>\w+)\n(?P<text>.*?)^```$", re.M | re.S)
    return [Block(match) for match in fence.finditer(README)]


def copied(folder: Path) -> Path:
    """The checkout's files, as a clone would have them, with what is not yet committed."""
    told = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(told, cwd=ROOT, capture_output=True, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout")
    for name in filter(None, listed.stdout.decode().split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    return folder


def with_environment(checkout: Path) -> Path:
    """Give the copy a `.venv` like the one that `make run` builds, from the packages of this test's own environment."""
    home = checkout / ".venv"
    venv.create(home, with_pip=False, symlinks=True)
    scripts = home / "bin"
    site = Path(sysconfig.get_path("purelib", "venv", {"base": str(home), "platbase": str(home)}))
    lines = [str(checkout / "services" / "api"), sysconfig.get_path("purelib"), sysconfig.get_path("platlib")]
    (site / "copy.pth").write_text("\n".join(lines) + "\n")
    for name, module in (("llm-router", "app.cli"), ("uvicorn", "uvicorn")):
        script = scripts / name
        script.write_text(f"#!{scripts / 'python'}\nfrom {module} import main\nif __name__ == '__main__':\n    main()\n")
        script.chmod(0o755)
    (home / ".run").touch()
    return checkout


class Shell:
    """A reader's terminal in the checkout: it runs blocks, and holds the one service that runs meanwhile."""

    def __init__(self, checkout: Path, *path: Path, **env: str) -> None:
        self.checkout = checkout
        self.port = free_port()
        found = os.pathsep.join([*map(str, path), os.environ["PATH"]])
        ports = {"PORT": str(self.port), "UVICORN_PORT": str(self.port)}
        self.env = child_env(**{**env, **ports, "PATH": found})
        self._serving: subprocess.Popen[bytes] | None = None

    def run(self, text: str) -> str:
        """Run a block to its end; what it printed. It has to succeed."""
        text = text.replace("8000", str(self.port))
        done = subprocess.run(["sh", "-ec", text], cwd=self.checkout, env=self.env, capture_output=True, timeout=300, check=False)
        assert done.returncode == 0, f"{text}\n{done.stdout.decode()}\n{done.stderr.decode()}"
        return done.stdout.decode()

    def serve(self, text: str, seconds: float = 30) -> str:
        """Start a block that serves, in the place of the one before, and wait until it takes calls; what it printed."""
        self.stop()
        log = self.checkout.parent / f"serve-{time.monotonic_ns()}.log"
        with log.open("wb") as out:
            self._serving = subprocess.Popen(
                ["sh", "-ec", text], cwd=self.checkout, env=self.env, stdout=out, stderr=out, start_new_session=True
            )
        serving = self._serving
        eventually(lambda: serving.poll() is not None or self._ready(), seconds)
        assert serving.poll() is None, f"{text}\n{log.read_text()}"
        return log.read_text()

    def _ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/ready", timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def stop(self) -> None:
        """Ctrl-C for the service, if one runs."""
        if self._serving is None:
            return
        os.killpg(self._serving.pid, signal.SIGINT)
        try:
            self._serving.wait(15)
        except subprocess.TimeoutExpired:
            os.killpg(self._serving.pid, signal.SIGKILL)
            self._serving.wait(15)
        self._serving = None


@contextmanager
def terminal(checkout: Path, *path: Path, **env: str) -> Iterator[Shell]:
    """A shell whose service ends with it."""
    shell = Shell(checkout, *path, **env)
    try:
        yield shell
    finally:
        shell.stop()


@pytest.fixture(scope="module")
def walk(tmp_path_factory: pytest.TempPathFactory) -> list[Block]:
    """The README's blocks after a walk through those that are to be run, in order."""
    checkout = with_environment(copied(tmp_path_factory.mktemp("readme") / "llm-router"))
    walked = blocks()
    with terminal(checkout, checkout / ".venv" / "bin") as shell:
        for block in walked:
            if block.language == "sh" and block.walked:
                block.printed = shell.serve(block.text) if block.serves else shell.run(block.text)
            elif block.language == "python":
                script = block.text.replace("8000", str(shell.port))
                ran = [sys.executable, "-c", script]
                block.printed = subprocess.run(ran, env=child_env(), capture_output=True, timeout=60, check=True).stdout.decode()
    return walked


def printed_by(walk: list[Block], beginning: str) -> str:
    found = [block.printed for block in walk if block.text.startswith(beginning)]
    assert len(found) == 1 and found[0], beginning
    return found[0]


def shown_after(walk: list[Block], beginning: str) -> dict[str, Any]:
    """The JSON that the README shows below a block."""
    place = next(i for i, block in enumerate(walk) if block.text.startswith(beginning))
    shown = walk[place + 1]
    assert shown.language == "json"
    told: dict[str, Any] = json.loads(shown.text)
    return told


@needs_make
def test_every_command_of_the_readme_succeeds_as_written(walk: list[Block]) -> None:
    run = [block for block in walk if block.language == "sh" and block.walked]
    assert len(run) >= 10 and all(block.printed or block.text.startswith("cp ") for block in run)


@needs_make
def test_only_what_the_rules_allow_is_left_out(walk: list[Block]) -> None:
    skipped = [block.text for block in walk if block.language == "sh" and block.mark.startswith("not walked through: ")]
    assert ["git clone" in text or "-m pytest" in text or "make demo-local" in text for text in skipped] == [True] * 3
    marks = {block.mark for block in walk if block.language == "sh" and block.mark and not block.mark.startswith("not walked")}
    assert marks == {"a fresh environment: walked through only where a package index may be used", "needs jq"}


@needs_make
def test_the_start_says_what_runs(walk: list[Block]) -> None:
    for beginning in ("make run", "cd services/api/app"):
        said = printed_by(walk, beginning)
        assert "mode balanced" in said and "openai mock" in said and "logs/per_call.jsonl" in said, said


@needs_make
def test_the_reply_has_the_fields_and_the_lasting_values_that_are_shown(walk: list[Block]) -> None:
    reply, shown = json.loads(printed_by(walk, "curl")), shown_after(walk, "curl")
    assert set(shown) == set(reply)
    for part in ("selected_model", "decision", "usage"):
        assert set(shown[part]) == set(reply[part]), part
    assert set(shown["decision"]["candidates"][0]) == set(reply["decision"]["candidates"][0])
    assert set(shown["attempts"][0]) == set(reply["attempts"][0])
    lasting = (
        "prompt", "mode", "mock", "warnings", "finish_reason", "tool_calls", "cost_usd", "saved_usd", "cached", "score",
        "score_reasons", "scorer",
    )  # fmt: skip
    assert {name: shown[name] for name in lasting} == {name: reply[name] for name in lasting}
    assert reply["response"].startswith("[MOCK] ") and shown["response"].startswith("[MOCK] ")


@needs_make
def test_the_record_has_the_fields_and_the_lasting_values_that_are_shown(walk: list[Block]) -> None:
    record, shown = json.loads(printed_by(walk, "tail -n 1 ")), shown_after(walk, "tail -n 1 ")
    assert set(shown) <= set(record)
    lasting = (
        "kind", "face", "purpose", "mode", "asked", "stream", "status", "outcome", "cost_usd", "cache", "score", "mock", "prompt_hash",
    )  # fmt: skip
    assert {name: shown[name] for name in lasting} == {name: record[name] for name in lasting}
    assert record["id"] == json.loads(printed_by(walk, "curl"))["id"]


@needs_make
def test_what_is_shown_of_the_real_model_has_the_same_fields(walk: list[Block]) -> None:
    place = next(i for i, block in enumerate(walk) if block.text.startswith("make demo-local"))
    reply, record = (json.loads(block.text) for block in walk[place + 1 : place + 3])
    assert set(reply) <= set(shown_after(walk, "curl"))
    assert set(record) - {"kind"} <= set(Record.__struct_fields__)
    assert reply["id"] == record["id"] and reply["mock"] is record["mock"] is False


@needs_make
def test_the_sdk_example_prints_an_answer(walk: list[Block]) -> None:
    assert printed_by(walk, "from openai").startswith("[MOCK] ")


@needs_make
def test_the_commands_print_what_is_said_of_them(walk: list[Block]) -> None:
    assert printed_by(walk, "llm-router query").startswith("[MOCK] ")
    assert printed_by(walk, "llm-router explain").count("\n") > 10
    assert "sound" in printed_by(walk, "llm-router config check")
    assert "cache.ttl_seconds" in printed_by(walk, "llm-router config show")
    days = json.loads(printed_by(walk, "cat logs/daily.json"))
    assert sum(row["calls"] for rows in days.values() for row in rows.values()) >= 3


def test_the_example_configuration_is_sound(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(next(block.text for block in blocks() if block.language == "yaml"))
    assert set(load(path, {}).models) == {"openai_gpt4o_mini", "local"}


def test_every_file_that_is_linked_exists() -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)", README)
    assert len(links) > 5 and [link for link in links if not (ROOT / link).exists()] == []


def test_every_room_that_is_named_can_be_imported_by_that_name() -> None:
    rooms = re.findall(r"`([\w/]+)`", "".join(re.findall(r"^\| (`.*?) \|", README, re.M)))
    assert len(rooms) == 12
    for room in rooms:
        importlib.import_module("app." + room.replace("/", "."))


def test_the_readme_fits_its_length() -> None:
    assert README.count("\n") <= 250


@needs_make
@installs
def test_make_run_builds_the_environment_and_starts_again_without_a_network(tmp_path: Path) -> None:
    checkout = copied(tmp_path / "llm-router")
    pip = {name: value for name, value in os.environ.items() if _FOR_PIP.match(name)}
    python = f"make run PYTHON={sys.executable}"
    with terminal(checkout, **pip) as shell:
        shell.serve(python, 600)
        assert (checkout / ".venv" / ".run").exists()
        shell.env |= {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(tmp_path)}
        assert "pip" not in shell.serve(python, 30), "a second start installs nothing"


@installs
def test_the_lines_without_make_build_the_same_and_serve(tmp_path: Path) -> None:
    checkout = copied(tmp_path / "llm-router")
    fresh = [block.text for block in blocks() if block.mark.startswith("a fresh environment")]
    pip = {name: value for name, value in os.environ.items() if _FOR_PIP.match(name)}
    with terminal(checkout, checkout / ".venv" / "bin", Path(sys.executable).parent, **pip) as shell:
        shell.serve(fresh[0], 600)
        shell.run(fresh[1])
        shell.serve("cd services/api/app && uvicorn main:app --reload")


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with running(tmp_path_factory.mktemp("scripts"), shipped()) as started:
        yield started


@pytest.mark.parametrize("script", sorted(path.name for path in (ROOT / "scripts").glob("*.sh") if path.name != "demo-local.sh"))
def test_each_script_gets_a_good_answer(service: Service, script: str) -> None:
    env = child_env(LLM_ROUTER_URL=service.url)
    done = subprocess.run(["sh", ROOT / "scripts" / script], env=env, capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr.decode()
    if done.stdout.startswith((b"event:", b"data:")):
        assert [event.name for event in events(done.stdout)].count("error") == 0
        last = events(done.stdout)[-1]
        assert last.data == "[DONE]" or last.name in ("done", "response.completed")
        return
    answers = [msgspec.json.decode(line) for line in done.stdout.splitlines() if line]
    assert answers and all("error" not in answer for answer in answers)
