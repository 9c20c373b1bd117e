"""How commands end: with a status, without a traceback, whatever their user does."""

import signal
import subprocess
from pathlib import Path

import pytest

from cli.using import COMMAND, SECONDS, environment, inside, terminal
from support import Service, shipped


def assert_quiet(text: str) -> None:
    assert "Traceback" not in text and "Error" not in text and "Aborted" not in text, text


def test_ctrl_c_ends_what_follows_quietly_with_130(service: Service) -> None:
    """`tail` and `top` are ended by nothing else."""
    with terminal(service.home, "tail") as screen:
        screen.until("ana")
        screen.type(b"\x03")
        assert screen.end() == 130
        assert_quiet(screen.shown)
    with terminal(service.home, "top", "--url", service.url, "--every", "0.2") as screen:
        screen.until("calls/s")
        screen.type(b"\x03")
        assert screen.end() == 130
        assert_quiet(screen.shown)
        assert screen.shown.rstrip().endswith("\x1b[?25h")  # the cursor is back


def test_ctrl_c_ends_a_question_quietly_with_130(tmp_path: Path) -> None:
    """Also where the answer is made in this very process."""
    (tmp_path / "config.yaml").write_text(shipped(latency_scale=100))
    with terminal(tmp_path, "query", "Prove it.", "-m", "gpt-4o-mini") as screen:
        screen.until("waiting")
        screen.type(b"\x03")
        assert screen.end() == 130
        assert_quiet(screen.shown.replace("^C", ""))


@pytest.mark.parametrize("arguments", [("config", "show"), ("models",), ("--help",), ("toxic-upstream", "--list"), ("tail",)])
def test_a_pipe_that_nobody_reads_ends_it_quietly_with_141(service: Service, arguments: tuple[str, ...]) -> None:
    """As `llm-router config show | head -1` does, in a shell with pipefail."""
    process = subprocess.Popen(
        [*COMMAND, *arguments], env=environment(service.home), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None and process.stderr is not None
    process.stdout.close()
    said = process.stderr.read().decode()
    assert process.wait(SECONDS) == 141, said
    assert said == ""
    process.stderr.close()


@pytest.mark.parametrize(
    "arguments",
    [
        ("query",),
        ("query", "x", "--mode", "slow"),
        ("query", "x", "--url", "ftp://there"),
        ("query", "x", "--key", "a\nb"),
        ("compare", "x", "-m", "one"),
        ("compare", "x", *(word for number in range(9) for word in ("-m", f"m{number}"))),
        ("stats", "--since", "yesterday"),
        ("stats", "--by", "colour"),
        ("stats", "--by", "day", "--by", "hour"),
        ("stats", "--tz", "Mars/Olympus"),
        ("tail", "--outcome", "good"),
        ("cache", "purge"),
        ("nonsense",),
    ],
)
def test_wrong_use_is_said_on_standard_error_with_status_2(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    """Nothing was asked, so nothing is answered."""
    ended = inside(tmp_path, *arguments)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr and "Traceback" not in ended.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("doctor",),
        ("config", "show"),
        ("cache", "stats"),
        ("cache", "purge", "--yes"),
        ("tail",),
        ("stats",),
        ("top",),
        ("demo",),
    ],
)
def test_a_wrong_configuration_is_one_line(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    """Status 2; `doctor` makes a finding of it, status 1."""
    (tmp_path / "config.yaml").write_text("mode: sideways\n")
    ended = inside(tmp_path, *arguments)
    if arguments == ("doctor",):
        assert ended.returncode == 1
        assert "error   configuration" in ended.stdout and "mode" in ended.stdout
        return
    assert ended.returncode == 2
    assert len(ended.stderr.splitlines()) == 1 and "config.yaml:1: mode" in ended.stderr


@pytest.mark.parametrize(
    "arguments", [("query", "x"), ("models",), ("top",), ("demo",), ("stats",), ("compare", "x", "-m", "a", "-m", "b")]
)
def test_a_service_that_is_not_there_is_said_in_one_line_or_two(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    """Status 1: it was asked rightly, and it failed."""
    ended = inside(tmp_path, *arguments, LLM_ROUTER_URL="http://127.0.0.1:1")
    assert ended.returncode == 1
    assert "no service answers at http://127.0.0.1:1: Connection refused" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_stop_of_a_pipe_ends_it_quietly(service: Service) -> None:
    """SIGINT to a script's child is like Ctrl-C."""
    process = subprocess.Popen([*COMMAND, "tail"], env=environment(service.home), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=SECONDS)
    assert (process.returncode, said) == (130, b"")


@pytest.mark.parametrize("command", ["version", "config show", "doctor", "tail --no-follow"])
def test_closed_outputs_end_nothing_badly(tmp_path: Path, command: str) -> None:
    """A cron job that closed its descriptors gets the status all the same."""
    line = f"exec {' '.join(COMMAND)} {command} <&- >&- 2>&-"
    env = environment(tmp_path, PORT="0")
    assert subprocess.run(["/bin/sh", "-c", line], env=env, timeout=SECONDS, check=False).returncode == 0
