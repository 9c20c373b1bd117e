"""The service as shipped, in a home folder of its own: `llm-router serve`, every part on, and a reader of the records it leaves.

Its config has one provider, the local upstream, and MODELS rows there, so that `auto` has a real choice. The key is a dummy
variable in the child's environment alone.
"""

import contextlib
import json
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from children import MEASURED, child, environment, wait_for

MODELS = 15
KEY_NAME = "BENCH_UPSTREAM_KEY"
PROVIDER = """\
mode: balanced
providers:
  bench:
    dialect: openai
    base_url: http://127.0.0.1:{port}/v1
    key_env: {key}
cache:
  backend: local
logging:
  per_call_path: ./logs/per_call.jsonl
  daily_rollup_path: ./logs/daily.json
models:
"""
ROW = """\
  bench_{number:02d}:
    provider: bench
    id: bench-model-{number:02d}
    price_in: {price_in:.5f}
    price_out: {price_out:.5f}
    avg_latency_ms: {latency}
    context_window: 128000
    quality: {quality:.2f}
    capabilities: [streaming, sampling]
"""
BY_NAME = "bench_07"


def write_config(home: Path, upstream_port: int, projected: bool = True) -> Path:
    """A config whose rows differ as real ones do: dearer is better and slower. `projected` = with the usage projection."""
    rows = [
        ROW.format(
            number=number,
            price_in=0.0001 * 1.4**number,
            price_out=0.0004 * 1.4**number,
            latency=300 + 120 * number,
            quality=0.5 + 0.03 * number,
        )
        for number in range(MODELS)
    ]
    path = home / "config.yaml"
    shape = PROVIDER if projected else PROVIDER.replace("logging:\n", "logging:\n  usage_path: null\n")
    path.write_text(shape.format(port=upstream_port, key=KEY_NAME) + "".join(rows))
    return path


def service_environment(home: Path, config: Path) -> dict[str, str]:
    """What the service (and the import measurement) see."""
    return environment({"LLM_ROUTER_HOME": str(home), "LLM_ROUTER_CONFIG": str(config), KEY_NAME: "not-a-secret"})


def free_port() -> int:
    """A port of loopback that is free now."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


@contextlib.contextmanager
def served(home: Path, upstream_port: int, projected: bool = True) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """The running service and its port. What it prints goes to `service.log` in its home."""
    home.mkdir(parents=True)
    port = free_port()
    env = service_environment(home, write_config(home, upstream_port, projected)) | {"HOST": "127.0.0.1", "PORT": str(port)}
    command = str(Path(sys.executable).with_name("llm-router"))
    with (home / "service.log").open("w") as log:
        try:
            with child(command, "serve", cpus=MEASURED, env=env, cwd=home, stdout=log, stderr=subprocess.STDOUT) as process:
                wait_for(f"http://127.0.0.1:{port}/ready", process, seconds=20)
                yield process, port
        except SystemExit:
            print((home / "service.log").read_text()[-2000:], file=sys.stderr)
            raise


class Journal:
    """Reads each record of `per_call.jsonl` once, also after a rotation."""

    def __init__(self, home: Path) -> None:
        self._folder = home / "logs"
        self._seen: dict[int, int] = {}

    def _new_lines(self) -> Iterator[bytes]:
        for path in self._folder.glob("per_call.jsonl*"):
            with path.open("rb") as file:
                inode = path.stat().st_ino
                file.seek(self._seen.get(inode, 0))
                yield from file
                self._seen[inode] = file.tell()

    def skip(self) -> None:
        """Leave out the records written so far."""
        for _ in self._new_lines():
            pass

    def complaint(self, calls: int, cache: str) -> str | None:
        """What is wrong with the records since the last look, where `calls` answered ones with this `cache` word are due."""
        due = {"outcome": "answered", "cache": cache, "mock": False}
        found: Counter[str] = Counter()
        for line in self._new_lines():
            record = json.loads(line) if line.strip() else {}
            if record.get("kind") == "call":
                found["records"] += 1
                found.update(f"with {field} {record[field]}" for field, value in due.items() if record[field] != value)
        if found == Counter(records=calls):
            return None
        return f"{calls} calls left " + ", ".join(f"{count} {what}" for what, count in found.items())
