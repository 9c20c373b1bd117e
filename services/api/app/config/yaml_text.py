"""YAML, read strictly: one value per key, no tags, bounded aliases and depth, no YAML 1.1 surprises. Knows no key of ours."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import yaml
from msgspec import Struct

MAX_BYTES = 1024 * 1024
"""PyYAML's pure Python scanner needs some ten CPU seconds for as much."""
MAX_DEPTH = 32
"""Deeper flow collections make PyYAML's scanner quadratic: 100 KB of brackets took it minutes."""
MAX_ALIASES = 100
MAX_VALUES = 100_000
"""Values after aliases are followed: few aliases on several levels stand for billions."""


class ConfigError(Exception):
    """One line: the file, the key (with its line where known) and what is wrong. `unread`: the file could not even be read."""

    def __init__(self, file: Path | str, key: str, reason: str, line: int | None = None, unread: bool = False) -> None:
        where = f"{file}:{line}" if line else f"{file}"
        super().__init__(_one_line(f"{where}: {key}: {reason}" if key else f"{where}: {reason}"))
        self.key = key
        self.reason = reason
        self.unread = unread


class Document(Struct, frozen=True):
    """A decoded file: its value, and the line of each key by dotted path."""

    value: dict[str, Any]
    lines: dict[str, int]

    def line_of(self, key: str) -> int | None:
        """The line of a dotted path, or of the nearest one above it that stands in the file."""
        while key and key not in self.lines:
            key = key.rpartition(".")[0]
        return self.lines.get(key)


class _Loader(yaml.SafeLoader):
    """YAML's safe loader with the core schema of YAML 1.2: `on` is text, `010` and `12:30` are text, dates are text."""

    yaml_implicit_resolvers: ClassVar[dict[str, Any]] = {}  # type: ignore[misc]  # the stubs call it an instance's


# PyYAML only matches the beginning, so each pattern has to end itself; it tries them in this order
for _tag, _pattern, _first in (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("int", r"[-+]?(?:0|[1-9][0-9]{0,18})", "-+0123456789"),
    ("float", r"[-+]?(?:(?:0|[1-9][0-9]*)(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?", "-+.0123456789"),
    ("float", r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)", "-+."),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(rf"(?:{_pattern})\Z"), list(_first))


def read_yaml(path: Path) -> Document:
    """The file's mapping. Raises ConfigError for whatever it is instead."""
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        raise ConfigError(path, "", f"cannot be read ({getattr(error, 'strerror', None) or error})", unread=True) from None
    if len(raw) > MAX_BYTES:
        raise ConfigError(path, "", f"is larger than {MAX_BYTES} bytes")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ConfigError(path, "", "is not UTF-8 text") from None
    return parse_yaml(text, path)


def parse_yaml(text: str, path: Path | str) -> Document:
    """The mapping in `text`; `path` is for messages."""
    try:
        _refuse_costly(text, path)
        loader = _Loader(text)
        try:
            node = loader.get_single_node()
            walk = _Walk(path)
            if node is not None:
                walk.check(node, "", frozenset())
            value = {} if node is None else loader.construct_document(node)
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        said = ", ".join(part for part in (error.context, error.problem) if part)
        raise ConfigError(path, "", f"is not YAML: {said}", mark.line + 1 if mark else None) from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise ConfigError(path, "", f"holds U+{ord(text[error.position]):04X}, which YAML does not allow", line) from None
    except (ValueError, OverflowError):
        # PyYAML lets Python's own errors through
        raise ConfigError(path, "", "is not YAML: an escape or a number in it is out of range") from None
    if value is None:
        value = {}
    if not isinstance(value, dict):
        raise ConfigError(path, "", "must be a mapping of keys")
    return Document(value, walk.lines)


def _one_line(text: str) -> str:
    """`text` without line breaks, control characters and lone surrogates, and of a length that a person reads."""
    return " ".join("".join(c if c.isprintable() else " " for c in text[:2000]).split())[:1000]


def _events(text: str) -> Iterator[tuple[yaml.Event, int, int]]:
    """The parser's events, each with its line and the depth it stands at."""
    depth = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        depth += isinstance(event, yaml.CollectionStartEvent)
        yield event, event.start_mark.line + 1 if event.start_mark else 1, depth
        depth -= isinstance(event, yaml.CollectionEndEvent)


def _refuse_costly(text: str, path: Path | str) -> None:
    """Refuse, before anything is built, what costs more than a configuration ever needs; and tags, which change meanings."""
    aliases = 0
    for event, line, depth in _events(text):
        aliases += isinstance(event, yaml.AliasEvent)
        if depth > MAX_DEPTH:
            raise ConfigError(path, "", f"is nested more than {MAX_DEPTH} levels deep", line)
        if aliases > MAX_ALIASES:
            raise ConfigError(path, "", f"holds more than {MAX_ALIASES} YAML aliases", line)
        if getattr(event, "tag", None) is not None:
            raise ConfigError(path, "", "holds a YAML tag (!), which is not accepted here", line)


class _Walk:
    """Refuses equal keys, keys that are not text and structures that hold themselves; notes the line of each key."""

    def __init__(self, path: Path | str) -> None:
        self.lines: dict[str, int] = {}
        self._path = path
        self._values = 0

    def check(self, node: yaml.Node, where: str, above: frozenset[int]) -> None:
        """Walk `node`, which stands at the dotted path `where` inside the nodes `above`."""
        line = node.start_mark.line + 1
        self._values += 1
        if self._values > MAX_VALUES:
            raise ConfigError(self._path, "", f"holds more than {MAX_VALUES} values, counted through its YAML aliases", line)
        if id(node) in above:
            raise ConfigError(self._path, where, "holds itself through a YAML alias", line)
        inside = above | {id(node)}
        if isinstance(node, yaml.MappingNode):
            seen: set[str] = set()
            for key, value in node.value:
                self.check(value, self._key(key, where, seen), inside)
        elif isinstance(node, yaml.SequenceNode):
            for place, value in enumerate(node.value):
                self.check(value, f"{where}.{place}", inside)

    def _key(self, key: yaml.Node, where: str, seen: set[str]) -> str:
        line = key.start_mark.line + 1
        if not isinstance(key, yaml.ScalarNode):
            raise ConfigError(self._path, where, "a key must be text", line)
        dotted = f"{where}.{key.value}" if where else str(key.value)
        if key.tag != "tag:yaml.org,2002:str":
            raise ConfigError(self._path, dotted, "a key must be text: put it in quotes", line)
        if key.value in seen:
            raise ConfigError(self._path, dotted, "stands here twice: keep one", line)
        seen.add(key.value)
        self.lines[dotted] = line
        return dotted
