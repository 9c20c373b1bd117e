"""`llm-router serve`: check everything, greet once, then serve in this process or supervise several."""

import logging
import multiprocessing
import os
import signal
import socket
import sys
import time
from multiprocessing.context import SpawnProcess

from .. import __version__, running
from ..access.admin import AdminKey
from ..access.keys import CallerKeys, KeysError, is_loopback
from ..config.home import Environment, read_environment
from ..config.load import ConfigError
from ..config.places import refuse_unwritable
from ..config.snapshot import Snapshot
from ..current import Current, Inherited
from ..logging_utils.outlet import hold_standard_files, speak, take_over_output
from ..logging_utils.wording import hide, manner
from ..metrics import shelf
from ..server.descriptors import raise_limit
from ..server.farewell import STOPS
from ..server.greeting import greeting, warnings
from ..server.listening import listen
from ..server.supervisor import Supervisor

_log = logging.getLogger("llm_router")


def serve(host: str | None, port: int | None, workers: int, as_json: bool) -> int:
    """Run until told to stop. Status 2 for what must not or cannot be served."""
    hold_standard_files()
    take_over_output()
    _end_quietly()
    raise_limit()
    try:
        environment = _environment(host, port)
        hide(environment.secrets())
        speak(manner(environment.values)[0])
        current = _sound(environment)
        snapshot = current.snapshot()
        _refuse_wide_bind(environment, snapshot)
        refuse_unwritable(snapshot)
        listeners = _listeners(snapshot)
    except (ConfigError, KeysError) as error:
        print(error, file=sys.stderr)
        return 2
    address = f"http://{_bracketed(snapshot.server.host)}:{listeners[0].getsockname()[1]}"
    if as_json:
        for warning in warnings(environment, snapshot):
            _log.warning("%s", warning)
        print(f'{{"address": "{address}", "config": "{snapshot.digest}", "version": "{__version__}"}}')
    else:
        print(*greeting(environment, snapshot, __version__, address), sep="\n", file=sys.stderr)
    if workers > 1:
        return _supervised(environment, current, listeners, workers)
    running.serve(environment, listeners)
    return 0


def _end_quietly() -> None:
    """A stop before there is anything to stop is an end like any other."""
    for number in STOPS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, lambda _number, _frame: sys.exit(0))


def _environment(host: str | None, port: int | None) -> Environment:
    """The environment with the options as if they were variables, so that workers see the same."""
    if host is not None:
        os.environ["HOST"] = host
    if port is not None:
        os.environ["PORT"] = str(port)
    os.environ["LLM_ROUTER_QUIET"] = "1"
    return read_environment()


def _sound(environment: Environment) -> Current:
    current = Current(environment, time.time)
    if current.refusal is not None:
        raise current.refusal
    return current


def _refuse_wide_bind(environment: Environment, snapshot: Snapshot) -> None:
    keys = CallerKeys.from_env(environment.values)
    AdminKey.from_env(environment.values)  # raises what is wrong with it
    if not keys and not is_loopback(snapshot.server.host):
        raise KeysError(
            f"server.host {snapshot.server.host}: without caller keys the service binds to loopback only; set LLM_ROUTER_API_KEYS"
        )


def _listeners(snapshot: Snapshot) -> list[socket.socket]:
    host, port = snapshot.server.host, snapshot.server.port
    try:
        return listen(host, port)
    except OSError as error:
        raise ConfigError("server", "", f"cannot listen on {host}:{port} ({error.strerror or error})") from None


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _supervised(environment: Environment, current: Current, listeners: list[socket.socket], workers: int) -> int:
    spawning = multiprocessing.get_context("spawn")
    origin = current.settings()

    def spawn(tie: socket.socket) -> SpawnProcess:
        return spawning.Process(
            target=running.work, args=(listeners, tie, Inherited(str(current.path), origin, current.settings()))
        )

    def tick() -> None:
        if current.due() and current.refresh():
            _log.info("configuration %s is in force", current.snapshot().digest)

    supervisor = Supervisor(
        workers,
        spawn,
        listeners,
        lambda: current.snapshot().limits.drain_seconds,
        report=_log.warning,
        tick=tick,
    )
    try:
        return supervisor.run()
    finally:
        shelf.clear(environment.home)
