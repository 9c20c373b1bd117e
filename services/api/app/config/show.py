"""The effective configuration, value by value, and where each comes from. No secret: passwords in URLs are blanked."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import Struct

from .home import Environment
from .load import OVERRIDES
from .providers import providers_of
from .redaction import without_password
from .settings import Settings
from .snapshot import Model, Snapshot
from .yaml_text import Document

__all__ = ["Shown", "completed", "effective", "without_password"]

DEFAULT: Final = "default"
BUILT_IN: Final = "built in"
CATALOGUE: Final = "catalogue"
_OF_A_PROVIDER: Final = ("dialect", "base_url", "key_env", "quirks")
_OF_A_MODEL: Final = ("avg_latency_ms", "context_window", "max_output", "quality", "retires_on", "successor")
_OF_A_TARGET: Final = ("efforts", "thinking", "max_tokens_field")


class Shown(Struct, frozen=True):
    """One value."""

    key: str
    value: Any
    source: str


def effective(settings: Settings, document: Document, path: Path, environment: Environment) -> list[Shown]:
    """All values of the settings, in their order."""
    overridden = {
        ".".join(target): f"{environment.origin(variable)} {variable}"
        for variable, target in OVERRIDES.items()
        if environment.values.get(variable, "").strip()
    }
    rows = []
    for key, value in _leaves(settings.model_dump(mode="json"), ""):
        line = document.lines.get(key)
        source = overridden.get(key) or (f"{path}:{line}" if line else DEFAULT)
        rows.append(Shown(key, without_password(value) if isinstance(value, str) else value, source))
    return rows


def completed(rows: list[Shown], settings: Settings, snapshot: Snapshot) -> list[Shown]:
    """The rows with what the settings leave open: what is built in, and what the catalogue or a price list knows."""
    known = {shown.key: shown for shown in (*_providers(settings), *_models(snapshot), *_weights(snapshot))}
    told = [known.pop(row.key, row) if row.source == DEFAULT and _is_open(row.value) else row for row in rows]
    given = {row.key for row in rows}
    more: dict[str, list[Shown]] = {}
    for shown in known.values():
        if shown.key not in given:
            more.setdefault(_section(shown.key), []).append(shown)
    # where a whole section is open, its rows take the place of the one that says so
    filled = [new for row in told for new in (more.pop(row.key, []) if row.value == {} and row.key in more else [row])]
    return _beside(filled, more)


def _beside(rows: list[Shown], more: dict[str, list[Shown]]) -> list[Shown]:
    """The rows with those of `more` behind the last one of their section."""
    last = {_section(row.key): at for at, row in enumerate(rows)}
    return [
        new
        for at, row in enumerate(rows)
        for new in (row, *(more.get(_section(row.key), []) if last[_section(row.key)] == at else []))
    ]


def _section(key: str) -> str:
    """The section of a row of rows: `providers`, `models` or `routing.weights`."""
    return "routing.weights" if key.startswith("routing.weights") else key.partition(".")[0]


def _is_open(value: Any) -> bool:
    return value is None or value in ([], "")


def _providers(settings: Settings) -> Iterator[Shown]:
    for name, provider in providers_of(settings).items():
        for field in _OF_A_PROVIDER:
            value = getattr(provider, field)
            yield Shown(f"providers.{name}.{field}", list(value) if isinstance(value, tuple) else value, BUILT_IN)


def _models(snapshot: Snapshot) -> Iterator[Shown]:
    for model in snapshot.models.values():
        told = {field: getattr(model, field) for field in _OF_A_MODEL}
        told |= {field: getattr(model.targets[0], field) for field in _OF_A_TARGET}
        told["capabilities"] = sorted(model.capabilities)
        for field, value in told.items():
            if not _is_open(value) and value != ():
                own = field in ("retires_on", "successor")
                yield Shown(f"models.{model.name}.{field}", value, CATALOGUE if own else _said_by(model, CATALOGUE))
        yield from _prices(model)


def _said_by(model: Model, source: str) -> str:
    """A retired model has the figures of the one that answers for it."""
    return f"{source}, of its successor" if model.retired and model.successor is not None else source


def _prices(model: Model) -> Iterator[Shown]:
    """In both units: rates are pico-dollars per token."""
    if model.rates is None or model.rates.source == "config":
        return
    source = _said_by(model, model.rates.source)
    for way, rate in (("in", model.rates.input), ("out", model.rates.output)):
        yield Shown(f"models.{model.name}.price_{way}", rate / 1e9, source)
        yield Shown(f"models.{model.name}.price_{way}_per_million", rate / 1e6, source)


def _weights(snapshot: Snapshot) -> Iterator[Shown]:
    for mode, weights in snapshot.routing.weights.items():
        for field, value in msgspec.structs.asdict(weights).items():
            yield Shown(f"routing.weights.{mode}.{field}", value, DEFAULT)


def _leaves(value: Any, where: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict) and value:
        for key, below in value.items():
            yield from _leaves(below, f"{where}.{key}" if where else str(key))
    else:
        yield where, value
