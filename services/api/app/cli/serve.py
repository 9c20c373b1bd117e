"""`llm-router serve`: check everything, greet once, then hand over to uvicorn."""

import os
import signal
import socket
import sys

from .. import __version__
from ..access.keys import CallerKeys, KeysError, is_loopback
from ..config.home import Environment, read_environment
from ..config.load import ConfigError
from ..config.snapshot import Snapshot
from ..server.greeting import greeting
from .configuration import in_force


def serve(host: str | None, port: int | None, workers: int, as_json: bool) -> int:
    """Run until told to stop. Status 2 for a configuration that must not be served."""
    try:
        environment = _environment(host, port)
        snapshot = in_force(environment, environment.config_path())
        _refuse_wide_bind(environment, snapshot)
        _refuse_taken_port(snapshot)
    except (ConfigError, KeysError) as error:
        print(error, file=sys.stderr)
        return 2
    address = f"http://{_bracketed(snapshot.server.host)}:{snapshot.server.port}"
    if as_json:
        print(f'{{"address": "{address}", "config": "{snapshot.digest}", "version": "{__version__}"}}', flush=True)
    else:
        print(*greeting(environment, snapshot, __version__, address), sep="\n", file=sys.stderr, flush=True)
    _run(snapshot, workers)
    return 0


def _environment(host: str | None, port: int | None) -> Environment:
    """The environment with the options as if they were variables, so that workers see the same."""
    if host is not None:
        os.environ["HOST"] = host
    if port is not None:
        os.environ["PORT"] = str(port)
    os.environ["LLM_ROUTER_QUIET"] = "1"
    return read_environment()


def _refuse_wide_bind(environment: Environment, snapshot: Snapshot) -> None:
    keys = CallerKeys.from_env(environment.values)
    if not keys and not is_loopback(snapshot.server.host):
        raise KeysError(
            f"server.host {snapshot.server.host}: without caller keys the service binds to loopback only; set LLM_ROUTER_API_KEYS"
        )


def _refuse_taken_port(snapshot: Snapshot) -> None:
    """One clear line instead of a traceback from every worker."""
    host, port = snapshot.server.host, snapshot.server.port
    try:
        family, kind, protocol, _, place = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(place)
    except OSError as error:
        raise ConfigError("server", "", f"cannot listen on {host}:{port} ({error.strerror or error})") from None


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _run(snapshot: Snapshot, workers: int) -> None:
    import uvicorn  # noqa: PLC0415 - only here

    # uvicorn drains, then sends itself the signal again: a stop that was asked for ends with status 0
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(0))
    uvicorn.run(
        "app.main:app",
        host=snapshot.server.host,
        port=snapshot.server.port,
        workers=workers,
        root_path=snapshot.server.root_path,
        http="app.server.protocol:WholeProtocol",
        loop="auto",
        ws="none",
        access_log=False,
        log_level="warning",
        proxy_headers=False,
        server_header=False,
        date_header=False,
        timeout_graceful_shutdown=max(1, round(snapshot.limits.drain_seconds)),
    )
