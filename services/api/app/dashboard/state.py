"""How the service stands: the health of the worker that answers, what of the configuration is in force and where it comes from."""

import asyncio
from pathlib import Path
from typing import Any, Final

import msgspec

from ..config.load import ConfigError, load
from ..config.redaction import without_password
from ..config.show import Shown, completed, effective
from ..config.snapshot import Snapshot
from ..config.yaml_text import read_yaml
from ..logging_utils.usage.queries import projected
from ..logging_utils.usage.values import Projected
from .answers import Page
from .asked import Asked
from .figures import NoFigures
from .kit import Kit
from .ranges import read_zone
from .wording import moment

_IN_FORCE: Final = ("mode", "routing", "cache", "logging", "timeouts", "limits", "server")
_MANY: Final = ("providers", "models")


async def shown(kit: Kit, asked: Asked) -> Page:
    """The page."""
    zone = read_zone(asked.one("tz"))
    health = kit.here.health()
    snapshot = kit.here.snapshot()
    try:
        rows, fault = await asyncio.to_thread(config_rows, kit), ""
    except ConfigError as error:
        rows, fault = in_force(snapshot), str(error)
    since = health["config"]["since"]
    values = {
        "title": "Health and configuration",
        "health": health,
        "not_ready": kit.here.not_ready(),
        "fault": fault or health["config"]["error"] or "",
        "waiting": set(health["config"]["restart_needed"]),
        "digest": snapshot.digest,
        "day": snapshot.day,
        "since": moment(round(since * 1000), zone) if since is not None else "",
        "zone": asked.one("tz") or "UTC",
        "warnings": snapshot.warnings,
        "sections": _sections(rows),
        "projection": await _projected(kit),
        "behind": await _behind(kit),
        "keyed": bool(kit.here.admin),
        "callers": bool(kit.here.keys),
    }
    return Page("state.html", values)


def _sections(rows: list[Shown]) -> list[dict[str, Any]]:
    """The rows by section, each model and each provider apart and last."""
    found: dict[str, list[dict[str, str]]] = {}
    for row in rows:
        parts = row.key.split(".")
        name = ".".join(parts[:2]) if parts[0] in _MANY else parts[0] if len(parts) > 1 else "general"
        found.setdefault(name, []).append({"key": row.key, "value": _told(row.value), "source": row.source})
    ordered = sorted(found.items(), key=lambda one: one[0].startswith(_MANY))
    return [{"name": name, "rows": own, "given": sum(":" in row["source"] for row in own)} for name, own in ordered]


def config_rows(kit: Kit) -> list[Shown]:
    """Each value of the file with its source; no secret. Reads files: for a thread. Raises ConfigError while the file is not sound."""
    snapshot, environment = kit.here.snapshot(), kit.here.environment
    path = Path(snapshot.source)
    settings = load(path, environment.values)
    return completed(effective(settings, read_yaml(path), path, environment), settings, snapshot)


def in_force(snapshot: Snapshot) -> list[Shown]:
    """The values in force where the file cannot tell them any more."""
    told = msgspec.to_builtins({name: getattr(snapshot, name) for name in _IN_FORCE})
    return [Shown(key, value, "in force") for key, value in _leaves(told, "")]


def _leaves(value: Any, where: str) -> list[tuple[str, Any]]:
    if isinstance(value, dict) and value:
        return [leaf for key, below in value.items() for leaf in _leaves(below, f"{where}.{key}" if where else str(key))]
    return [(where, without_password(value) if isinstance(value, str) else value)]


def _told(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


async def _projected(kit: Kit) -> Projected | str:
    try:
        return await kit.figures.ask(projected)
    except NoFigures as error:
        return str(error)


async def _behind(kit: Kit) -> int:
    try:
        return await kit.figures.behind()
    except NoFigures:
        return 0
