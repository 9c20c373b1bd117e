"""`config check` and `config show`."""

import sys
from pathlib import Path

import msgspec

from ..config.compile import compile_snapshot, utc_today
from ..config.home import Environment, read_environment
from ..config.load import ConfigError, load
from ..config.show import effective
from ..config.snapshot import Snapshot
from ..config.yaml_text import read_yaml


def in_force(environment: Environment, path: Path) -> Snapshot:
    """What the file at `path` means today. Raises ConfigError."""
    return compile_snapshot(load(path, environment.values), environment, str(path), utc_today())


def check(path: Path | None, as_json: bool) -> int:
    """Say that the configuration is sound, or in one line why it is not (status 2)."""
    environment = read_environment()
    path = path or environment.config_path()
    try:
        snapshot = in_force(environment, path)
    except ConfigError as error:
        if as_json:
            print(msgspec.json.encode({"ok": False, "error": str(error)}).decode())
        else:
            print(error, file=sys.stderr)
        return 2
    if as_json:
        told = {"ok": True, "file": str(path), "digest": snapshot.digest, "warnings": snapshot.warnings}
        print(msgspec.json.encode(told).decode())
        return 0
    print(f"{path}: sound, {len(snapshot.models)} models, digest {snapshot.digest}")
    for warning in snapshot.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    return 0


def show(as_json: bool) -> int:
    """Each effective value and its source."""
    environment = read_environment()
    path = environment.config_path()
    try:
        rows = effective(load(path, environment.values), read_yaml(path), path, environment)
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 2
    if as_json:
        print(msgspec.json.encode([{"key": row.key, "value": row.value, "source": row.source} for row in rows]).decode())
        return 0
    width = max(len(row.key) for row in rows)
    for row in rows:
        print(f"{row.key.ljust(width)}  {msgspec.json.encode(row.value).decode()}  # {row.source}")
    return 0
