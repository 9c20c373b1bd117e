"""From a file to checked Settings. Every fault is one ConfigError line that names file, key and reason."""

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

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
_WHOLE_NUMBERS = ("CACHE_TTL_SECONDS", "PORT")


def load(path: Path, env: Mapping[str, str]) -> Settings:
    """The settings in `path`, with what the environment overrides. Raises ConfigError."""
    document = read_yaml(path)
    settings = _validated(_overridden(document.value, env, path), document, path, env)
    check(settings, document, path, env)
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
    """Pydantic's first complaint, in one line of ours. Unions complain once per member: the deepest place speaks."""
    faults = error.errors(include_url=False, include_context=True, include_input=False)
    fault = faults[0]
    place = [str(step) for step in fault["loc"] if step not in ("[key]",) and not str(step).startswith(("function-", "list["))]
    while len(place) > 1 and ".".join(place) not in document.lines and place[-1] in ("str", "constrained-str", "float", "int"):
        place.pop()
    key = ".".join(place)
    for variable, target in OVERRIDES.items():
        if key == ".".join(target) and env.get(variable, "").strip():
            return ConfigError(variable, "", f"{_reason(fault)}; it overrides {key} of {path}")
    line = document.lines.get(key) or document.lines.get(".".join(place[:-1]))
    return ConfigError(path, key, _reason(fault, place), line)


def _reason(fault: Any, place: list[str] | None = None) -> str:
    kind = fault["type"]
    if kind == "extra_forbidden" and place:
        near = difflib.get_close_matches(place[-1], _known(place[:-1]), n=1, cutoff=0.6)
        return "unknown key" + (f"; did you mean {near[0]}?" if near else f"; known here: {', '.join(_known(place[:-1]))}")
    if kind == "missing":
        return "is required"
    if kind == "value_error":
        return str(fault["ctx"]["error"])
    if kind == "string_pattern_mismatch":
        return f"is not of the accepted form {fault['ctx']['pattern']}"
    message = fault["msg"]
    return f"{message[:1].lower()}{message[1:]}"


def _known(place: list[str]) -> list[str]:
    """The keys that are known at a place of the file."""
    shape: Any = Settings
    for step in place:
        fields = getattr(shape, "model_fields", {})
        annotation = fields[step].annotation if step in fields else getattr(shape, "__args__", (None, None))[-1]
        shape = _shape_of(annotation)
    return sorted(getattr(shape, "model_fields", {}))


def _shape_of(annotation: Any) -> Any:
    """The model inside an annotation such as `dict[Name, ModelRow]`, `list[Deployment]` or `Annotated[...]`."""
    if hasattr(annotation, "model_fields"):
        return annotation
    for part in getattr(annotation, "__args__", ()):
        found = _shape_of(part)
        if hasattr(found, "model_fields"):
            return _Rows(found) if str(getattr(annotation, "__origin__", "")) in ("<class 'dict'>", "<class 'list'>") else found
    return annotation


class _Rows:
    """A mapping or list of rows: one more step leads to the row's own shape."""

    def __init__(self, row: Any) -> None:
        self.__args__ = (row,)
