"""From a file to checked Settings. Every fault is one ConfigError line that names file, key and reason."""

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from .check import check
from .settings import Settings
from .yaml_text import ConfigError, Document, read_yaml

__all__ = ["ConfigError", "load"]

# variables that override a key of the config when they are set
OVERRIDES: dict[str, tuple[str, str]] = {
    "REDIS_URL": ("cache", "redis_url"),
    "CACHE_TTL_SECONDS": ("cache", "ttl_seconds"),
    "HOST": ("server", "host"),
    "PORT": ("server", "port"),
}
TRANSPORT = "LLM_ROUTER_TRANSPORT"
TRANSPORTS = ("pool", "aiohttp")
_WHOLE_NUMBERS = ("CACHE_TTL_SECONDS", "PORT")


def load(path: Path, env: Mapping[str, str]) -> Settings:
    """The settings in `path`, with what the environment overrides. Raises ConfigError."""
    document = read_yaml(path)
    settings = _validated(_overridden(document.value, env, path), document, path, env)
    check(settings, document, path, env)
    if env.get(TRANSPORT, "").strip() not in ("", *TRANSPORTS):
        raise ConfigError(TRANSPORT, "", f"unknown transport; use {' or '.join(TRANSPORTS)}")
    return settings


def _overridden(value: dict[str, Any], env: Mapping[str, str], path: Path) -> dict[str, Any]:
    value = dict(value)
    for variable, (section, key) in OVERRIDES.items():
        text = env.get(variable, "").strip()
        if not text:
            continue
        row = value.get(section) or {}
        if not isinstance(row, dict):
            continue  # the section's own fault is reported by the types
        if variable in _WHOLE_NUMBERS and not (text.isascii() and text.isdigit() and len(text) < 12):
            raise ConfigError(variable, "", f"must be a whole number; it overrides {section}.{key} of {path}")
        value[section] = {**row, key: int(text) if variable in _WHOLE_NUMBERS else text}
    return value


def _validated(value: dict[str, Any], document: Document, path: Path, env: Mapping[str, str]) -> Settings:
    value = {key: {} if row is None and key in _SECTIONS else row for key, row in value.items()}
    try:
        return Settings.model_validate(value)
    except ValidationError as error:
        raise _first_fault(error, document, path, env) from None


_SECTIONS = frozenset(Settings.model_fields) - {"mode", "mock", "mock_latency_scale", "models"}


def _first_fault(error: ValidationError, document: Document, path: Path, env: Mapping[str, str]) -> ConfigError:
    """Pydantic's most telling complaint, in one line of ours."""
    faults = error.errors(include_url=False, include_input=False)
    # a misspelt key is why the key it was meant to be is missing
    fault = next((found for found in faults if found["type"] == "extra_forbidden"), faults[0])
    place = [str(step) for step in fault["loc"] if step != "[key]"]
    key = ".".join(place)
    for variable, target in OVERRIDES.items():
        if key == ".".join(target) and env.get(variable, "").strip():
            return ConfigError(variable, "", f"{_reason(fault, place)}; it overrides {key} of {path}")
    return ConfigError(path, key, _reason(fault, place), document.line_of(key))


_REASONS = {
    "missing": "is required",
    "too_short": "must not be empty",
    "model_type": "must be a mapping of keys",
    "dict_type": "must be a mapping of keys",
    "list_type": "must be a list",
    "int_type": "must be a whole number, without quotes",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number, without quotes",
    "finite_number": "must be a finite number",
    "bool_type": "must be true or false",
    "string_type": "must be text; put it in quotes",
    "string_unicode": "holds half a character (a lone surrogate)",
}


def _reason(fault: ErrorDetails, place: list[str]) -> str:
    kind = fault["type"]
    if kind == "extra_forbidden":
        known = _known(place[:-1])
        near = difflib.get_close_matches(place[-1], known, n=1)
        return "unknown key" + (f"; did you mean {near[0]}?" if near else f"; known here: {', '.join(known)}")
    if kind == "value_error":
        return str(fault["ctx"]["error"])
    return _REASONS.get(kind) or fault["msg"].replace("Input should be", "must be").replace("String should have", "must have")


def _known(place: list[str]) -> list[str]:
    """The keys that are known at a place of the file."""
    shape: type[BaseModel] = Settings
    steps = iter(place)
    for step in steps:
        inner = _shape_in(shape.model_fields[step].annotation)
        if inner is None:
            return []
        shape, rows = inner
        if rows:
            next(steps, None)  # the row's own name or number
    return sorted(shape.model_fields)


def _shape_in(annotation: Any) -> tuple[type[BaseModel], bool] | None:
    """The model inside an annotation such as `dict[Name, ModelRow]`, and whether it is one of several rows there."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation, False
    for part in get_args(annotation):
        inner = _shape_in(part)
        if inner is not None:
            return inner[0], get_origin(annotation) in (dict, list)
    return None
