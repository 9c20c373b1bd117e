"""The systemd unit: what it starts is a service, how it stops is how we stop, and systemd itself takes it where it is found."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from support import ROOT, Service, child_env, eventually, free_port, shipped, worker_pids

UNIT = ROOT / "deploy" / "systemd" / "llm-router.service"
ANALYZE = shutil.which("systemd-analyze")
MARGIN = 15
"""Seconds beyond the drain within which a service ends (docs/guides/deploy.md)."""


def settings(name: str) -> list[str]:
    return re.findall(rf"^{name}=(.*)$", UNIT.read_text(), re.M)


def test_its_command_serves_and_its_signal_ends_it_in_order(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(shipped())
    program, *arguments = settings("ExecStart")[0].split()
    assert program.endswith("/.venv/bin/llm-router")
    port = free_port()
    environment = dict(setting.split("=", 1) for setting in settings("Environment"))
    assert environment.keys() == {"LLM_ROUTER_HOME"}
    with (tmp_path / "service.log").open("wb") as log:
        env = child_env(LLM_ROUTER_HOME=str(tmp_path), PORT=str(port))
        process = subprocess.Popen([sys.executable, "-m", "app.cli", *arguments], env=env, stdout=log, stderr=log)
        service = Service(process, port, tmp_path)
        try:
            eventually(lambda: ready(service), 60)
            workers = int(arguments[arguments.index("--workers") + 1])
            eventually(lambda: len(worker_pids(process.pid)) == workers, 60)
            assert service.query("hello").status == 200
        finally:
            process.terminate()
            assert process.wait(30) == 0
    assert settings("KillSignal") == ["SIGTERM"] and settings("KillMode") == ["mixed"]


def ready(service: Service) -> bool:
    try:
        return service.request("/ready").status == 200
    except OSError:
        return False


def test_it_waits_longer_than_a_drain_takes() -> None:
    (seconds,) = re.findall(r"drain_seconds: (\d+)", shipped())
    assert int(settings("TimeoutStopSec")[0]) > int(seconds) + MARGIN


def test_a_wrong_configuration_is_not_started_again_and_again(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("models: 1\n")
    arguments = settings("ExecStart")[0].split()[1:]
    done = subprocess.run(
        [sys.executable, "-m", "app.cli", *arguments],
        env=child_env(LLM_ROUTER_HOME=str(tmp_path)),
        capture_output=True,
        check=False,
    )
    assert settings("RestartPreventExitStatus") == [str(done.returncode)]


@pytest.mark.skipif(ANALYZE is None, reason="not run: systemd-analyze is not on the PATH")
def test_systemd_takes_it(tmp_path: Path) -> None:
    assert ANALYZE is not None
    unit = tmp_path / UNIT.name
    unit.write_text(UNIT.read_text().replace(settings("ExecStart")[0].split()[0], "/bin/true"))
    done = subprocess.run([ANALYZE, "verify", "--man=no", str(unit)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, ""), done
