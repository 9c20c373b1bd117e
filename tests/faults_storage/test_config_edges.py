"""What a configuration may hold, become or lie in while people edit it: refused in a line, or the old one stays (G1, G5, G9 to G12)."""

import http.client
import json
import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from app.cli.configuration import check
from support import STREAM_END, STREAM_HEAD, Heard, Service, Upstream, child_env, chunk, eventually, framed, running, usage_chunk

ROW = "models:\n  a: {provider: openai, id: gpt-4o-mini}\n"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LLM_ROUTER_HOME", str(tmp_path))
    for variable in ("OPENAI_API_KEY", "LLM_ROUTER_CONFIG", "REDIS_URL"):
        monkeypatch.delenv(variable, raising=False)
    return tmp_path


def refused(capsys: pytest.CaptureFixture[str]) -> str:
    """The one line that `config check` says, with status 2."""
    assert check(None, as_json=False) == 2
    said = capsys.readouterr()
    [line] = said.err.splitlines()
    assert said.out == "" and line.isprintable()
    return line


# what stands in it


@pytest.mark.parametrize("filled", [False, True], ids=["with nothing", "with text"])
def test_a_file_of_50_megabytes_is_refused_without_being_read(
    home: Path, capsys: pytest.CaptureFixture[str], filled: bool
) -> None:
    with (home / "config.yaml").open("wb") as file:
        if filled:
            file.write(b"# a comment of fifty bytes, over and over again....\n" * 1_000_000)
        file.truncate(50_000_000)
    began = time.process_time()
    assert refused(capsys).endswith("is larger than 1048576 bytes")
    assert time.process_time() - began < 1


def test_a_device_that_never_ends_is_refused(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LLM_ROUTER_CONFIG", "/dev/zero")
    assert "/dev/zero: is larger than" in refused(capsys)


@pytest.mark.parametrize(
    "content",
    [random.Random(7).randbytes(4096), bytes(range(256)), b"\x7fELF" + b"\0" * 60, "\ud800".encode("utf-8", "surrogatepass")],
    ids=["noise", "every byte", "a program", "half a character"],
)
def test_a_binary_file_is_refused_in_a_line(home: Path, capsys: pytest.CaptureFixture[str], content: bytes) -> None:
    (home / "config.yaml").write_bytes(content)
    assert str(home / "config.yaml") in refused(capsys)


@pytest.mark.parametrize(
    ("key", "written"),
    [
        ("server.port", "010"), ("server.port", "0x1F90"), ("server.port", "0o17"), ("server.port", "8_000"), ("server.port", "12:30"),
        ("server.port", "8000.0"), ("server.port", "'8000'"), ("server.port", "yes"), ("server.port", "1e3"), ("scoring.gates", "on"),
        ("scoring.gates", "off"), ("scoring.gates", "yes"), ("scoring.gates", "n"), ("scoring.gates", "1"), ("timeouts.total", "1:30"),
        ("timeouts.total", "2026-11-25"), ("timeouts.total", "'60'"), ("timeouts.total", ".nan"), ("timeouts.total", ".inf"),
        ("timeouts.total", "null"), ("cache.ttl_seconds", "1_000"), ("cache.ttl_seconds", "true"), ("cache.version", "010"),
        ("cache.version", "1.10"), ("cache.version", "null"), ("cache.backend", "no"), ("mode", "on"),
    ],
)  # fmt: skip
def test_what_yaml_of_1_1_would_turn_into_something_else_is_refused_or_means_itself(
    home: Path, capsys: pytest.CaptureFixture[str], key: str, written: str
) -> None:
    """`cache.version: 010` is text to YAML 1.2, so that it may stand; everything else here is of the wrong type."""
    section, _, name = key.rpartition(".")
    (home / "config.yaml").write_text(ROW + (f"{section}: {{{name}: {written}}}\n" if section else f"{name}: {written}\n"))
    if (key, written) == ("cache.version", "010"):
        assert check(None, as_json=False) == 0
        return
    assert f"config.yaml:3: {key}: " in refused(capsys)


def test_a_network_that_nobody_vouched_for_is_refused_and_taken_with_a_word(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    row = "models:\n  a: {provider: near, id: x}\nproviders:\n  near: {base_url: 'http://10.0.0.5:8000/v1', key_env: null%s}\n"
    (home / "config.yaml").write_text(row % "")
    assert refused(capsys).endswith(
        "config.yaml:4: providers.near.base_url: is a private address: use https to a public host, or say trusted: true if you mean it"
    )
    (home / "config.yaml").write_text(row % ", trusted: true")
    assert check(None, as_json=False) == 0


# where it lies


def test_a_start_warns_of_files_with_secrets_that_all_may_read_and_shows_none(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("OPENAI_API_KEY=sk-canary-0123456789\n")
    (tmp_path / ".env").chmod(0o644)
    with running(tmp_path, "mock: always\n" + ROW + "cache: {redis_url: 'redis://:canary-pass@localhost:6379/0'}\n") as service:
        (service.home / "config.yaml").chmod(0o644)
        warned = [line for line in service.log().splitlines() if "warning: " in line]
        assert len(warned) == 2 and all("every user of this machine may read it: chmod 600 /" in line for line in warned)
        assert "canary" not in service.log()


@pytest.mark.parametrize("keys", ["", " ", ",", " , "])
def test_a_wide_bind_without_a_key_is_refused_in_a_line_that_names_the_variable(tmp_path: Path, keys: str) -> None:
    (tmp_path / "config.yaml").write_text(ROW)
    done = subprocess.run(
        [sys.executable, "-m", "app.cli", "serve", "--host", "0.0.0.0", "--port", "0"],
        env=child_env(LLM_ROUTER_HOME=str(tmp_path), LLM_ROUTER_API_KEYS=keys), capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (2, "", 1), done
    assert "LLM_ROUTER_API_KEYS" in done.stderr


# while it is edited


SERVED = """
mock_latency_scale: 0
providers: {hosted: {base_url: "%s", key_env: null}}
models:
  a: {provider: hosted, id: a-1, price_in: %s, price_out: 0}
%s
"""


class Slow:
    """A provider whose streams go on for as long as the test likes."""

    def __init__(self) -> None:
        self.go_on = threading.Event()

    def __call__(self, heard: Heard) -> Iterator[bytes]:
        yield STREAM_HEAD + framed(chunk({"role": "assistant", "content": "begun "}))
        self.go_on.wait(30)
        yield (
            framed(chunk({"content": "and ended"}))
            + framed(chunk({}, "stop"))
            + framed(usage_chunk())
            + framed(b"data: [DONE]\n\n")
            + STREAM_END
        )


@contextmanager
def streaming(service: Service) -> Iterator[http.client.HTTPResponse]:
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=30)
    body = {"model": "a", "stream": True, "messages": [{"role": "user", "content": "x"}]}
    connection.request("POST", "/v1/chat/completions", json.dumps(body), {"content-type": "application/json"})
    answer = connection.getresponse()
    assert answer.status == 200 and b"begun" in answer.readline()
    yield answer
    connection.close()


def digest(service: Service) -> str:
    return str(service.request("/health").json()["config"]["digest"])


def test_a_stream_that_runs_through_an_edit_ends_on_the_configuration_it_began_with(tmp_path: Path) -> None:
    """Prices of before, digest of before, although the model is gone from the file by then."""
    script = Slow()
    upstream = Upstream(script)
    with running(tmp_path, SERVED % (upstream.base_url, 1, "")) as service, streaming(service) as answer:
        before = digest(service)
        (tmp_path / "config.yaml").write_text((SERVED % (upstream.base_url, 9, "")).replace("  a:", "  other:"))
        eventually(lambda: digest(service) != before)
        assert service.query("x", model="a").status == 404
        script.go_on.set()
        rest = answer.read()
        assert b"and ended" in rest and rest.rstrip().endswith(b"data: [DONE]")
        record = service.record(answer.headers["x-request-id"])
        assert (record["config_digest"], record["cost_usd"], record["served"]) == (before, pytest.approx(0.011), "a")
    upstream.close()


def test_a_file_that_is_written_in_pieces_is_never_taken_over_in_pieces(tmp_path: Path) -> None:
    """Each piece alone is sound YAML that would take models away; no caller ever finds them missing."""
    rows = "".join(f"  m{n}: {{provider: openai, id: id-{n}}}\n" for n in range(30))
    whole = "mock: always\nmock_latency_scale: 0\nmodels:\n" + rows
    with running(tmp_path, whole) as service:
        before = digest(service)
        new = whole.replace("mock_latency_scale: 0", "mock_latency_scale: 0.0001")
        missing = 0
        for _ in range(3):
            with (tmp_path / "config.yaml").open("w") as file:
                for number, line in enumerate(new.splitlines(keepends=True)):
                    file.write(line)
                    file.flush()
                    if number % 5 == 0:
                        missing += service.query("x", model="m29").status != 200
        eventually(lambda: digest(service) != before)
        assert missing == 0 and service.query("x", model="m29").status == 200
        assert "not taken over" not in service.log()


def test_every_worker_keeps_the_old_through_a_bad_edit_and_takes_the_good_one(tmp_path: Path) -> None:
    with running(tmp_path, "mock: always\nmock_latency_scale: 0\n" + ROW, workers=2) as service:
        before = {digest(service) for _ in range(30)}
        assert len(before) == 1
        (tmp_path / "config.yaml").write_text("mock: alwys\n" + ROW)
        eventually(lambda: service.log().count("not taken over") >= 1)
        eventually(lambda: all(service.request("/health").json()["config"]["error"] for _ in range(20)))
        assert {digest(service) for _ in range(30)} == before
        assert all(service.query("x", model="a").status == 200 for _ in range(10))
        (tmp_path / "config.yaml").write_text("mock: always\nmock_latency_scale: 0\nmode: fast\n" + ROW)
        eventually(lambda: before.isdisjoint({digest(service) for _ in range(30)}))
        assert {service.request("/health").json()["config"]["error"] for _ in range(20)} == {None}
        said = service.log().count("not taken over")
        assert said <= 2, "at most once for each worker"


def test_a_file_whose_reading_is_refused_for_a_while_is_taken_over_when_it_is_allowed(tmp_path: Path) -> None:
    """A folder in its place: the old stays, said once however long it lasts, and what comes then is in force."""
    with running(tmp_path, "mock: always\nmock_latency_scale: 0\n" + ROW) as service:
        before = digest(service)
        path = tmp_path / "config.yaml"
        path.unlink()
        path.mkdir()
        eventually(lambda: "Is a directory" in str(service.request("/health").json()["config"]["error"]))
        assert service.query("x", model="a").status == 200
        path.rmdir()
        path.write_text("mock: always\nmock_latency_scale: 0\nmode: fast\n" + ROW)
        eventually(lambda: digest(service) != before)
        assert service.log().count("Is a directory") == 1
