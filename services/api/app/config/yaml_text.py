"""YAML, read strictly: one value per key, no aliases to expand, no tags, no YAML 1.1 surprises. Knows no key of ours."""

import re
from pathlib import Path
from typing import Any, ClassVar

import yaml
from msgspec import Struct

MAX_BYTES = 2 * 1024 * 1024
MAX_ALIASES = 100
_NUMBER = re.compile(r"[-+]?(0|[1-9][0-9]*)")
_FLOAT = re.compile(
    r"[-+]?(0|[1-9][0-9]*)?(\.[0-9]+|[0-9]?\.)([eE][-+]?[0-9]+)?|[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"
)


class ConfigError(Exception):
    """One line: the file, the key (with its line where known) and what is wrong."""

    def __init__(self, file: Path | str, key: str, reason: str, line: int | None = None) -> None:
        where = f"{file}:{line}" if line else f"{file}"
        super().__init__(f"{where}: {key}: {reason}" if key else f"{where}: {reason}")
        self.key = key
        self.reason = reason


class Document(Struct, frozen=True):
    """A decoded file: its value, and the line of each key by dotted path."""

    value: dict[str, Any]
    lines: dict[str, int]


class _Loader(yaml.SafeLoader):
    """YAML's safe loader with the core schema of YAML 1.2: `on` is text, `010` and `12:30` are text, dates are text."""

    yaml_implicit_resolvers: ClassVar[dict[str, Any]] = {}  # type: ignore[misc]  # the stubs call it an instance's


_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"true|True|TRUE|false|False|FALSE"), list("tTfF"))
_Loader.add_implicit_resolver("tag:yaml.org,2002:null", re.compile(r"~|null|Null|NULL|"), ["~", "n", "N", ""])
_Loader.add_implicit_resolver("tag:yaml.org,2002:int", re.compile(rf"(?:{_NUMBER.pattern})\Z"), list("-+0123456789"))
_Loader.add_implicit_resolver("tag:yaml.org,2002:float", re.compile(rf"(?:{_FLOAT.pattern})\Z"), list("-+0123456789."))


def read_yaml(path: Path) -> Document:
    """The file's mapping. Raises ConfigError for whatever it is instead."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise ConfigError(path, "", f"cannot be read ({error.strerror})") from None
    if len(raw) > MAX_BYTES:
        raise ConfigError(path, "", f"larger than {MAX_BYTES} bytes")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ConfigError(path, "", "not UTF-8 text") from None
    return parse_yaml(text, path)


def parse_yaml(text: str, path: Path | str) -> Document:
    """The mapping in `text`; `path` is for messages."""
    lines: dict[str, int] = {}
    try:
        aliases = sum(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, Loader=yaml.SafeLoader))
        if aliases > MAX_ALIASES:
            raise ConfigError(path, "", f"more than {MAX_ALIASES} YAML aliases")
        loader = _Loader(text)
        try:
            node = loader.get_single_node()
            if node is not None:
                _check(node, "", path, lines, set())
            value = loader.construct_document(node) if node is not None else None
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        raise ConfigError(path, "", _said(error.problem or "not YAML"), mark.line + 1 if mark else None) from None
    except (yaml.YAMLError, ValueError, OverflowError, RecursionError) as error:
        raise ConfigError(path, "", f"not YAML ({type(error).__name__})") from None
    if value is None:
        value = {}
    if not isinstance(value, dict):
        raise ConfigError(path, "", "the file must hold a mapping of keys")
    return Document(value, lines)


def _said(problem: str) -> str:
    return " ".join(problem.split())[:200]


def _check(node: yaml.Node, where: str, path: Path | str, lines: dict[str, int], above: set[int]) -> None:
    """Refuse equal keys, keys that are not text, and structures that hold themselves; note the line of each key."""
    if id(node) in above:
        raise ConfigError(path, where, "holds itself through a YAML alias", node.start_mark.line + 1)
    inside = above | {id(node)}
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode):
                raise ConfigError(path, where, "a key must be text", line)
            name = str(key.value)
            dotted = f"{where}.{name}" if where else name
            if name in seen:
                raise ConfigError(path, dotted, "stands here twice: keep one", line)
            seen.add(name)
            lines[dotted] = line
            _check(value, dotted, path, lines, inside)
    elif isinstance(node, yaml.SequenceNode):
        for place, value in enumerate(node.value):
            _check(value, f"{where}.{place}", path, lines, inside)
