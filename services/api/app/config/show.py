"""The effective configuration, value by value, and where each comes from. No secret: passwords in URLs are blanked."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from msgspec import Struct

from .home import Environment
from .load import OVERRIDES
from .redaction import without_password
from .settings import Settings
from .yaml_text import Document

__all__ = ["Shown", "effective", "without_password"]


class Shown(Struct, frozen=True):
    """One value."""

    key: str
    value: Any
    source: str


def effective(settings: Settings, document: Document, path: Path, environment: Environment) -> list[Shown]:
    """All values, in the order of the settings."""
    overridden = {
        ".".join(target): f"{environment.origin(variable)} {variable}"
        for variable, target in OVERRIDES.items()
        if environment.values.get(variable, "").strip()
    }
    rows = []
    for key, value in _leaves(settings.model_dump(mode="json"), ""):
        line = document.lines.get(key)
        source = overridden.get(key) or (f"{path}:{line}" if line else "default")
        rows.append(Shown(key, without_password(value) if isinstance(value, str) else value, source))
    return rows


def _leaves(value: Any, where: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict) and value:
        for key, below in value.items():
            yield from _leaves(below, f"{where}.{key}" if where else str(key))
    else:
        yield where, value
