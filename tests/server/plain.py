"""The application as others serve it: under uvicorn's own command line. And a configuration with other words under `server:`."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from support import Service, child_env, eventually, free_port, shipped


def serving(**keys: Any) -> str:
    """The shipped configuration with these keys of `server:`."""
    *lines, last = shipped().rstrip().split("\n")
    assert last.startswith("server:")
    return "\n".join([*lines, f"server: {json.dumps(keys)}", ""])


@contextmanager
def plain_uvicorn(home: Path, config: str, *options: str, **env: str) -> Iterator[Service]:
    """A running service, started with `uvicorn app.main:app`."""
    (home / "config.yaml").write_text(config)
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", "app.main:app", "--port", str(port), "--log-level", "warning", *options]
    with (home / "service.log").open("wb") as log:
        process = subprocess.Popen(command, env=child_env(LLM_ROUTER_HOME=str(home), **env), cwd=home, stdout=log, stderr=log)
        service = Service(process, port, home)
        try:
            eventually(lambda: process.poll() is not None or _is_up(service), 30)
            assert process.poll() is None, service.log()
            yield service
        finally:
            process.terminate()
            process.wait(10)


def _is_up(service: Service) -> bool:
    try:
        return service.request("/health").status == 200
    except OSError:
        return False
