"""From the subset of OpenAPI in which Gemini's older fields spell schemas to JSON Schema. Values only."""

from typing import Any, Final

import msgspec
from msgspec import Raw

_WORDS: Final = frozenset({"STRING", "NUMBER", "INTEGER", "BOOLEAN", "ARRAY", "OBJECT", "NULL"})
# 64-bit numbers, which Google's JSON spells as text
_COUNTS: Final = frozenset({"minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties"})
_MANY: Final = frozenset({"anyOf", "prefixItems"})
_OWN: Final = frozenset({"nullable", "propertyOrdering"})


def json_schema(schema: Raw) -> Raw:
    """The same schema in JSON Schema's words: types in lower case, `nullable` as a type, counts as numbers."""
    return Raw(msgspec.json.encode(_spelled(msgspec.json.decode(schema))))


def _spelled(node: Any) -> Any:
    if type(node) is not dict:
        return node
    spelled = {name: _value(name, value) for name, value in node.items() if name not in _OWN}
    if node.get("nullable") is True and isinstance(spelled.get("type"), str):
        spelled["type"] = [spelled["type"], "null"]
    return spelled


def _value(name: str, value: Any) -> Any:
    if name == "type":
        return value.lower() if isinstance(value, str) and value in _WORDS else value
    if name in _COUNTS:
        return int(value) if isinstance(value, str) and value.isascii() and value.isdigit() else value
    if name == "properties" and type(value) is dict:
        return {key: _spelled(inner) for key, inner in value.items()}
    if name in _MANY and type(value) is list:
        return [_spelled(inner) for inner in value]
    return _spelled(value) if name in ("items", "additionalProperties") else value
