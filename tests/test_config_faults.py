"""A bad configuration as an operator meets it: one line and status 2 at the start, nothing worse than a message later."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from app.cli.configuration import check
from config.cases import CONTRACT
from support import ROOT, Service, Upstream, child_env, eventually, free_port, running, well_behaved, worker_pids

ROW = "models:\n  a: {provider: openai, id: gpt-4o-mini%s}\n"
SOUND = ROW % ""
FAULTS: list[tuple[str, str, str, str]] = [
    ("unknown key", "mod: fast\n" + SOUND, "mod", "did you mean mode?"),
    ("unknown key deep down", ROW % ", price_inn: 1", "models.a.price_inn", "did you mean price_in?"),
    ("key twice", SOUND + "mode: fast\nmode: fast\n", "mode", "twice"),
    ("model twice", SOUND + "  b: {provider: openai, id: gpt-4o-mini}\n", "models.b.id", "already models.a"),
    ("negative price", ROW % ", price_in: -1, price_out: 1", "models.a.price_in", ""),
    ("NaN price", ROW % ", price_in: .nan, price_out: 1", "models.a.price_in", ""),
    ("infinite price", ROW % ", price_in: .inf, price_out: 1", "models.a.price_in", ""),
    ("number as text", ROW % ", price_in: '1', price_out: 1", "models.a.price_in", "without quotes"),
    ("missing variable", "mock: never\n" + SOUND, "mock", "OPENAI_API_KEY is not set"),
    ("alias of itself", SOUND + "aliases: {x: x}\n", "aliases.x", "circle"),
    ("aliases in a circle", SOUND + "aliases: {x: y, y: x}\n", "aliases.x", "x -> y -> x"),
    ("fallback to itself", ROW % ", fallbacks: [a]", "models.a.fallbacks", "a -> a"),
    (
        "fallbacks in a circle",
        ROW % ", fallbacks: [b]" + "  b: {provider: openai, id: b, fallbacks: [a]}\n",
        "models.a.fallbacks",
        "circle",
    ),
    ("unknown mode", "mode: quick\n" + SOUND, "mode", ""),
    ("no models", "mode: fast\n", "models", "is required"),
    ("no YAML", "models: [unclosed\n", "", ""),
]
COMMANDS: dict[str, list[str]] = {
    "config check": ["-m", "app.cli", "config", "check"],
    "serve": ["-m", "app.cli", "serve", "--port", "0"],
    "uvicorn": ["-m", "uvicorn", "app.main:app", "--port", "0"],
}
STARTS = [(fault, command) for fault in FAULTS[:1] for command in COMMANDS]


def run(command: list[str], **env: str) -> "subprocess.CompletedProcess[str]":
    home = env["LLM_ROUTER_HOME"]
    return subprocess.run(
        [sys.executable, *command], env=child_env(**env), capture_output=True, text=True, timeout=30, cwd=home, check=False
    )


@pytest.mark.parametrize(("name", "text", "key", "reason"), FAULTS, ids=[fault[0] for fault in FAULTS])
def test_a_bad_file_is_one_line_with_file_key_and_reason(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    text: str,
    key: str,
    reason: str,
) -> None:
    for variable in ("OPENAI_API_KEY", "LLM_ROUTER_CONFIG"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("LLM_ROUTER_HOME", str(tmp_path))
    (tmp_path / "config.yaml").write_text(text)
    assert check(None, as_json=False) == 2
    said = capsys.readouterr()
    line, *more = said.err.splitlines()
    assert more == [] and said.out == ""
    assert "config.yaml" in line and key in line and reason in line, line


@pytest.mark.parametrize(("fault", "command"), STARTS, ids=[command for _, command in STARTS])
def test_a_bad_file_ends_a_start_with_that_line_and_status_2(
    tmp_path: Path, fault: tuple[str, str, str, str], command: str
) -> None:
    (tmp_path / "config.yaml").write_text(fault[1])
    done = run(COMMANDS[command], LLM_ROUTER_HOME=str(tmp_path))
    assert done.returncode == 2, done
    line, *more = done.stderr.splitlines()
    assert more == [] and done.stdout == "", done
    assert "config.yaml" in line and fault[2] in line and fault[3] in line, line


def test_a_missing_file_is_one_line_and_status_2(tmp_path: Path) -> None:
    done = run(COMMANDS["serve"], LLM_ROUTER_HOME=str(tmp_path), LLM_ROUTER_CONFIG=str(tmp_path / "nowhere.yaml"))
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1), done
    assert "nowhere.yaml" in done.stderr and "cannot be read" in done.stderr


@pytest.mark.parametrize(("variable", "value"), [("CACHE_TTL_SECONDS", "soon"), ("PORT", "99999999"), ("REDIS_URL", "http://x")])
def test_a_bad_variable_is_named_instead_of_the_file(tmp_path: Path, variable: str, value: str) -> None:
    done = run(COMMANDS["config check"], LLM_ROUTER_HOME=str(tmp_path), **{variable: value})
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1 and done.stderr.startswith(variable), done


@pytest.mark.parametrize("command", ["serve", "uvicorn"])
def test_a_short_caller_key_is_refused_without_being_shown(tmp_path: Path, command: str) -> None:
    done = run(COMMANDS[command], LLM_ROUTER_HOME=str(tmp_path), LLM_ROUTER_API_KEYS="short-secret")
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1), done
    assert "LLM_ROUTER_API_KEYS" in done.stderr and "short-secret" not in done.stderr


def test_config_check_as_json_says_the_same_to_machines(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("mod: fast\n" + SOUND)
    done = run([*COMMANDS["config check"], "--json"], LLM_ROUTER_HOME=str(tmp_path))
    assert done.returncode == 2 and '"ok":false' in done.stdout and "did you mean mode?" in done.stdout and done.stderr == ""


def test_a_taken_port_is_one_line_and_not_a_traceback(tmp_path: Path) -> None:
    with running(tmp_path, SOUND) as service:
        other = tmp_path / "other"
        other.mkdir()
        done = run(["-m", "app.cli", "serve", "--port", str(service.port)], LLM_ROUTER_HOME=str(other))
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1) and str(service.port) in done.stderr


def test_the_contracts_example_alone_is_a_sound_config(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_bytes(b"\xef\xbb\xbf" + CONTRACT.replace("\n", "\r\n").rstrip().encode())
    done = run(COMMANDS["config check"], LLM_ROUTER_HOME=str(tmp_path))
    assert done.returncode == 0 and "sound, 1 models" in done.stdout, done


# child processes


@contextmanager
def uvicorn_workers(home: Path) -> Iterator[Service]:
    """`uvicorn --workers 2`, whatever the state of the configuration; up when `/health` answers."""
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", "app.main:app", "--workers", "2", "--port", str(port)]
    with (home / "service.log").open("wb") as log:
        process = subprocess.Popen(command, env=child_env(LLM_ROUTER_HOME=str(home)), cwd=ROOT, stdout=log, stderr=log)
        service = Service(process, port, home)
        try:
            eventually(lambda: _alive(service), 30)
            yield service
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(20)


def _alive(service: Service) -> bool:
    try:
        return service.request("/health").status == 200
    except OSError:
        return False


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="counts processes in /proc")
def test_a_child_with_a_bad_file_stays_up_says_why_and_recovers_when_it_is_mended(tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text("mod: fast\n" + SOUND)
    with uvicorn_workers(tmp_path) as service:
        workers = eventually(lambda: len(found := worker_pids(service.process.pid)) == 2 and found)
        eventually(lambda: service.log().count("did you mean mode?") == 2)
        ready = service.request("/ready")
        assert ready.status == 503 and "did you mean mode?" in ready.json()["reason"]
        refused = service.query("hello")
        assert (refused.status, refused.json()["error"]["code"]) == (503, "not_ready") and refused.headers["retry-after"]
        assert "did you mean mode?" in service.request("/health").json()["config"]["error"]
        config.write_text("mock_latency_scale: 0\n" + SOUND)
        eventually(lambda: all(service.request("/ready").status == 200 for _ in range(20)))
        assert service.query("hello").status == 200 and service.request("/health").json()["config"]["error"] is None
        assert worker_pids(service.process.pid) == workers, "nothing was started again"


# while it runs


PRICED = """
mock_latency_scale: 0
providers: {hosted: {base_url: "%s", key_env: null}}
models:
  a: {provider: hosted, id: a-1, price_in: %s, price_out: 0}
aliases: {%s: a}
server: {keepalive_seconds: %s}
"""


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    host = Upstream(well_behaved)
    yield host
    host.close()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, upstream: Upstream) -> Iterator[Service]:
    """One service for all edits; each test gives the model another price and leaves a sound file."""
    with running(tmp_path_factory.mktemp("served"), PRICED % (upstream.base_url, 1, "old", 15)) as service:
        yield service


def _edit(service: Service, text: str) -> None:
    (service.home / "config.yaml").write_text(text)


def _cost(service: Service, model: str = "a") -> Any:
    reply = service.query("cost?", model=model, cache="off")
    return reply.json().get("cost_usd") if reply.status == 200 else None


def test_a_saved_change_of_price_and_alias_is_in_force_within_two_seconds(served: Service, upstream: Upstream) -> None:
    assert _cost(served, "old") == pytest.approx(0.011)
    before = served.request("/health").json()["config"]["digest"]
    _edit(served, PRICED % (upstream.base_url, 2, "new", 15))
    began = time.monotonic()
    eventually(lambda: _cost(served, "new") == pytest.approx(0.022))
    assert time.monotonic() - began < 2.5
    answer = served.query("x", model="old")
    assert answer.status == 404
    after = served.request("/health").json()["config"]["digest"]
    assert after != before and served.query("x", model="new").headers["x-router-config"] == after


def test_a_bad_edit_keeps_the_old_and_says_so_once(served: Service, upstream: Upstream) -> None:
    digest, cost = served.request("/health").json()["config"]["digest"], _cost(served)
    _edit(served, PRICED % (upstream.base_url, -2, "new", 15))
    fault = eventually(lambda: served.request("/health").json()["config"]["error"])
    assert "config.yaml" in fault and "models.a.price_in" in fault and "\n" not in fault
    assert served.request("/ready").status == 200 and _cost(served) == cost
    assert served.request("/health").json()["config"]["digest"] == digest
    # another turn of the poller passes before the good file is taken over
    _edit(served, PRICED % (upstream.base_url, 3, "new", 15))
    eventually(lambda: _cost(served) == pytest.approx(0.033))
    assert served.request("/health").json()["config"]["error"] is None
    assert served.log().count("models.a.price_in") == 1


def test_a_file_that_vanishes_keeps_the_old(served: Service, upstream: Upstream) -> None:
    cost = _cost(served)
    (served.home / "config.yaml").rename(served.home / "away.yaml")
    fault = eventually(lambda: served.request("/health").json()["config"]["error"])
    assert "config.yaml" in fault and _cost(served) == cost
    _edit(served, PRICED % (upstream.base_url, 4, "new", 15))
    eventually(lambda: _cost(served) == pytest.approx(0.044))


def test_a_change_under_many_callers_never_gives_a_price_of_neither_version(served: Service, upstream: Upstream) -> None:
    before, seen = _cost(served), set()
    _edit(served, PRICED % (upstream.base_url, 5, "new", 15))

    def changed() -> bool:
        seen.add(_cost(served))
        return 0.055 in seen

    eventually(changed)
    assert seen == {before, 0.055}


def test_what_needs_a_restart_is_kept_and_told(served: Service, upstream: Upstream) -> None:
    assert served.request("/health").json()["config"]["restart_needed"] == []
    _edit(served, PRICED % (upstream.base_url, 6, "new", 20))
    eventually(lambda: _cost(served) == pytest.approx(0.066))
    assert served.request("/health").json()["config"]["restart_needed"] == ["server"]
    assert "restart is needed for: server" in served.log()
