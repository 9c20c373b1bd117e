"""What the machine gives: versions, the clock, open files, the port."""

import importlib.metadata
import platform
import re
import resource
import socket
import sqlite3
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import msgspec

from ... import __version__
from ...logging_utils.rotation import journal_files
from ...server.listening import listen
from ..configuration import Here
from ..exchange import Service, Unreachable
from .finding import Finding, State

PROJECT: Final = "llm-router"
BORN: Final = datetime(2026, 11, 1, tzinfo=UTC).timestamp()
"""No clock that is right shows an earlier moment."""
PATIENCE: Final = 3.0
AHEAD_SECONDS: Final = 60.0
FEW_FILES: Final = 1_024
TOO_FEW_FILES: Final = 128
_REQUIREMENT: Final = re.compile(r"([A-Za-z0-9._-]+)(?:\[[^\]]*\])?>=([0-9.]+)")


def versions() -> Iterator[Finding]:
    """Of ourselves and of what we stand on."""
    says = f"{PROJECT} {__version__}, Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}"
    missing = list(_missing())
    if missing:
        yield Finding("versions", "error", f"{says}; {', '.join(missing)}", "install the locked requirements again")
    else:
        yield Finding("versions", "ok", says)


def _missing() -> Iterator[str]:
    try:
        required = importlib.metadata.requires(PROJECT) or []
    except importlib.metadata.PackageNotFoundError:
        return  # run from a folder that was never installed: what is missing shows by itself
    for line in required:
        parts = _REQUIREMENT.match(line)
        if parts is None or "extra ==" in line:
            continue
        name, least = parts[1], parts[2]
        try:
            found = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            yield f"{name} is not installed"
            continue
        if _numbers(found) < _numbers(least):
            yield f"{name} {found} is older than {least}"


def _numbers(version: str) -> list[int]:
    return [int(part) for part in re.findall(r"\d+", version.partition("+")[0])[:3]]


def clock(here: Here) -> Iterator[Finding]:
    """The day decides on prices and lifecycles, and under which day calls are summed."""
    now = time.time()
    shown = f"{datetime.fromtimestamp(now, UTC):%Y-%m-%d %H:%M:%S} UTC, here {time.strftime('%H:%M %Z', time.localtime(now))}"
    latest = _last_written(Path(here.snapshot.logging.per_call_path))
    if now < BORN:
        yield Finding("clock", "error", f"{shown}, which is before this version was made", "set the clock, best by NTP")
    elif latest > now + AHEAD_SECONDS:
        yield Finding("clock", "warning", f"{shown}, but the journal was written later", "see whether the clock was set back")
    else:
        yield Finding("clock", "ok", shown)


def _last_written(journal: Path) -> float:
    try:
        return max((path.stat().st_mtime for path in journal_files(journal)), default=0.0)
    except OSError:  # what is wrong with the folder is told of the folders
        return 0.0


def descriptors(_here: Here) -> Iterator[Finding]:
    """`serve` raises the soft limit as far as the hard one allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = "any number of" if hard == resource.RLIM_INFINITY else str(hard)
    says = f"{soft} may be open, {most} when the service asks for more"
    few = hard != resource.RLIM_INFINITY and hard < FEW_FILES
    state: State = "error" if few and hard < TOO_FEW_FILES else "warning" if few else "ok"
    yield Finding("file limit", state, says, "raise it: ulimit -Hn, or LimitNOFILE= of a systemd unit" if few else "")


def port(here: Here) -> Iterator[Finding]:
    """A service of ours answers there, or the port is free."""
    server = here.snapshot.server
    where = f"{server.host}:{server.port}"
    if server.port == 0:
        yield Finding("port", "ok", "any free one")
        return
    try:
        told = _health(here.url)
    except Unreachable:
        yield _free(server.host, server.port)
        return
    if told is None:
        remedy = "stop it, or set another PORT or server.port"
        yield Finding("port", "error", f"{where} is taken by another program", remedy)
        return
    yield from _running(where, told)


def _health(url: str) -> dict[str, Any] | None:
    """What our service says of itself; None when somebody else answers."""
    reply = Service(url, patience=PATIENCE).ask("/health")
    try:
        told = msgspec.json.decode(reply.body, type=dict[str, Any])
    except msgspec.MsgspecError:
        return None
    return told if reply.status == 200 and isinstance(told.get("config"), dict) else None


def _running(where: str, told: dict[str, Any]) -> Iterator[Finding]:
    says = f"{where}: a service of version {told.get('version')} runs here (process {told.get('pid')})"
    config = told["config"]
    troubles = [told[place]["trouble"] for place in ("journal", "cache") if told.get(place) and told[place].get("trouble")]
    if config.get("error"):
        yield Finding("port", "error", f"{says}, but its configuration was refused: {config['error']}", "mend the file")
    elif config.get("restart_needed"):
        keys = ", ".join(config["restart_needed"])
        yield Finding("port", "warning", f"{says}; {keys} changed since its start", "restart it")
    elif troubles:
        yield Finding("port", "warning", f"{says}; {troubles[0]}", "see its log")
    else:
        yield Finding("port", "ok", says)


def _free(host: str, number: int) -> Finding:
    try:
        listeners: list[socket.socket] = listen(host, number)
    except OSError as error:
        says = f"cannot listen on {host}:{number} ({error.strerror or error})"
        return Finding("port", "error", says, "set another PORT, or correct server.host")
    for listener in listeners:
        listener.close()
    return Finding("port", "ok", f"{host}:{number} is free")
