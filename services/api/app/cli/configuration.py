"""`config check`, `config show`, and the configuration that the other commands work with."""

from pathlib import Path

import msgspec
from msgspec import Struct

from ..config.compile import compile_snapshot, utc_today
from ..config.home import Environment, read_environment
from ..config.load import ConfigError, load
from ..config.show import completed, effective
from ..config.snapshot import Snapshot
from ..config.yaml_text import read_yaml
from .ending import WrongUse
from .exchange import Service
from .terminal import json_text, one_line, print_json, say

_ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}


class Here(Struct, frozen=True):
    """What is configured on this machine."""

    environment: Environment
    snapshot: Snapshot

    @property
    def url(self) -> str:
        """Where a service of this configuration would answer on this machine."""
        server = self.snapshot.server
        host = _ANYWHERE.get(server.host) or (f"[{server.host}]" if ":" in server.host else server.host)
        return f"http://{host}:{server.port}{server.root_path}"


def in_force(environment: Environment, path: Path) -> Snapshot:
    """What the file at `path` means today. Raises ConfigError."""
    return compile_snapshot(load(path, environment.values), environment, str(path), utc_today())


def here() -> Here:
    """The configuration in use. Raises WrongUse with the one line that says what is wrong with it."""
    environment = read_environment()
    try:
        return Here(environment, in_force(environment, environment.config_path()))
    except ConfigError as error:
        raise WrongUse(str(error)) from None


def check(path: Path | None, as_json: bool) -> int:
    """Say that the configuration is sound, or in one line why it is not (status 2)."""
    environment = read_environment()
    path = path or environment.config_path()
    try:
        snapshot = in_force(environment, path)
    except ConfigError as error:
        if as_json:
            print_json({"ok": False, "error": str(error)})
        else:
            say(error)
        return 2
    if as_json:
        print_json({"ok": True, "file": str(path), "digest": snapshot.digest, "warnings": snapshot.warnings})
        return 0
    print(f"{one_line(path, 1000)}: sound, {len(snapshot.models)} models, digest {snapshot.digest}")
    for warning in snapshot.warnings:
        say(f"warning: {warning}")
    return 0


def show(as_json: bool) -> int:
    """Each effective value and its source."""
    environment = read_environment()
    path = environment.config_path()
    try:
        settings = load(path, environment.values)
        snapshot = compile_snapshot(settings, environment, str(path), utc_today())
        rows = completed(effective(settings, read_yaml(path), path, environment), settings, snapshot)
    except ConfigError as error:
        raise WrongUse(str(error)) from None
    if as_json:
        print_json([{"key": row.key, "value": row.value, "source": row.source} for row in rows])
        return 0
    width = max(len(row.key) for row in rows)
    for row in rows:
        print(f"{one_line(row.key).ljust(width)}  {json_text(msgspec.json.encode(row.value))}  # {one_line(row.source, 1000)}")
    return 0


def service_at(url: str, key: str) -> Service:
    """The service at `url`, else the one of this machine's configuration. Raises WrongUse."""
    return Service(url or here().url, key)
