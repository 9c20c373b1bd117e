"""How the service starts: what is wrong is one line and status 2, and who comes too early is served or told to wait."""

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from app.config.home import read_environment
from app.config.load import ConfigError
from app.config.places import refuse_unwritable
from app.current import Current
from app.server.listening import listen
from support import child_env, free_port, running

MINIMAL = "models:\n  a: {provider: openai, id: gpt-4o-mini}\n"


def start(home: Path, *options: str, config: str = MINIMAL, **env: str) -> "subprocess.CompletedProcess[str]":
    """`llm-router serve` of a configuration that cannot be served."""
    (home / "config.yaml").write_text(config)
    command = [sys.executable, "-m", "app.cli", "serve", "--port", str(free_port()), *options]
    env = child_env(LLM_ROUTER_HOME=str(home), **env)
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)


def line_of(done: "subprocess.CompletedProcess[str]") -> str:
    """The one line that it said."""
    assert (done.returncode, done.stdout) == (2, ""), done
    assert done.stderr.count("\n") == 1, done.stderr
    return done.stderr.removesuffix("\n")


def test_an_address_that_is_taken_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = line_of(start(tmp_path, "--port", str(port), "--workers", "2"))
    assert said == f"server: cannot listen on 127.0.0.1:{port} (Address already in use)"


@pytest.mark.parametrize(
    ("host", "reason"),
    [("no-such-host.invalid", "[Nn]ame"), ("192.0.2.1", "Cannot assign requested address"), ("a..b", "no name of a host")],
)
def test_a_host_that_is_none_of_ours_is_refused(host: str, reason: str) -> None:
    with pytest.raises(OSError, match=reason):
        listen(host, 0)


def test_a_host_that_is_none_of_ours_is_named(tmp_path: Path) -> None:
    said = line_of(start(tmp_path, "--host", "a..b", LLM_ROUTER_API_KEYS="k" * 32))
    assert said.startswith("server: cannot listen on a..b:") and said.endswith("(no name of a host)")


@pytest.mark.parametrize(
    ("section", "key"),
    [
        ('logging: {per_call_path: "%s/per_call.jsonl"}', "logging.per_call_path"),
        ('logging: {daily_rollup_path: "%s/daily.json"}', "logging.daily_rollup_path"),
        ('cache: {path: "%s/answers.sqlite"}', "cache.path"),
    ],
)
def test_a_folder_that_cannot_be_written_is_refused_with_its_key(tmp_path: Path, section: str, key: str) -> None:
    """A file stands where the folder should be: nobody can write below it, root included."""
    folder = tmp_path / "nowhere"
    folder.write_text("")
    (tmp_path / "config.yaml").write_text(MINIMAL + section % folder)
    current = Current(read_environment({"LLM_ROUTER_HOME": str(tmp_path)}), time.time)
    with pytest.raises(
        ConfigError, match=rf"config.yaml: {key}: cannot write {folder}/\w+\.\w+ \((File exists|Not a directory)\)$"
    ):
        refuse_unwritable(current.snapshot())


def test_places_that_can_be_written_are_left_as_they_were(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(MINIMAL + "logging: {per_call_path: /dev/null}\n")
    current = Current(read_environment({"LLM_ROUTER_HOME": str(tmp_path)}), time.time)
    refuse_unwritable(current.snapshot())
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["cache", "config.yaml", "logs"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
@pytest.mark.parametrize("name", ["logs", "cache"])
def test_a_missing_permission_is_named(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir(mode=0o500)
    assert line_of(start(tmp_path)).endswith("(Permission denied)")


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "logs").write_text("")
    said = line_of(start(tmp_path))
    assert said.startswith(f"{tmp_path}/config.yaml: logging.per_call_path: cannot write {tmp_path}/logs/per_call.jsonl (")


def test_a_lone_uvicorn_says_the_same(tmp_path: Path) -> None:
    (tmp_path / "logs").write_text("")
    command = [sys.executable, "-m", "uvicorn", "app.main:app", "--port", str(free_port())]
    env = child_env(LLM_ROUTER_HOME=str(tmp_path))
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)
    assert "logging.per_call_path: cannot write" in line_of(done)


def test_who_comes_during_the_start_is_served_when_it_is_over(tmp_path: Path) -> None:
    """The port is open before any worker can answer: a connection waits, it is not refused and not lost."""
    (tmp_path / "config.yaml").write_text(MINIMAL)
    port = free_port()
    command = [sys.executable, "-m", "app.cli", "serve", "--port", str(port), "--workers", "2"]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(command, env=child_env(LLM_ROUTER_HOME=str(tmp_path)), stdout=log, stderr=log)
    try:
        while True:
            try:
                early = socket.create_connection(("127.0.0.1", port), 5)
                break
            except ConnectionRefusedError:
                assert process.poll() is None
        with early:
            early.settimeout(30)
            early.sendall(b"GET /ready HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            assert early.recv(65536).startswith(b"HTTP/1.1 200 ")
    finally:
        process.terminate()
        assert process.wait(20) == 0


def test_any_free_port_is_said_by_its_number(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(MINIMAL)
    command = [sys.executable, "-m", "app.cli", "serve", "--port", "0", "--json"]
    process = subprocess.Popen(command, env=child_env(LLM_ROUTER_HOME=str(tmp_path)), stdout=subprocess.PIPE)
    assert process.stdout is not None
    try:
        said = process.stdout.readline().decode()
        port = int(said.split('"')[3].rpartition(":")[2])
        assert port > 0
        socket.create_connection(("127.0.0.1", port), 5).close()
    finally:
        process.terminate()
        assert process.wait(20) == 0
        process.stdout.close()


def test_a_name_of_several_addresses_is_served_on_all(tmp_path: Path) -> None:
    with running(tmp_path, MINIMAL, HOST="localhost") as service:
        for *_, place in socket.getaddrinfo("localhost", service.port, type=socket.SOCK_STREAM):
            try:
                with socket.create_connection(place[:2], 5) as connection:
                    connection.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                    assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")
            except OSError as error:
                assert error.errno == 99, "an address that this machine has not"
