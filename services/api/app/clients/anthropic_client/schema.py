"""JSON Schemas of other dialects made acceptable as the form of an answer here. Pure; no request may enter.

Objects must be closed, and only a part of JSON Schema is enforced (the part that `transform_schema` of anthropic 2.13.0 keeps):
what is not enforced goes into the description, where the model reads it.
"""

from typing import Any, Final

import msgspec
from msgspec import Raw

from ..common.tools import described

Schema = dict[str, Any]
_FORMATS: Final = frozenset({"date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid"})
_LITERALS: Final = (str, int, float, bool, type(None))
_DEFINITIONS: Final = ("$defs", "definitions")
_decode = msgspec.json.Decoder(Schema).decode


def enforceable(schema: Raw, description: str = "") -> Schema:
    """The schema of an answer as this dialect takes it. Raises msgspec.ValidationError for what is no object.

    `description` is what is told of the form as a whole, which has no place but the schema's own.
    """
    closed: Schema = _closed(described(_decode(schema), description))
    return closed


def _closed(schema: Any) -> Any:
    if type(schema) is not dict:
        return schema
    rest: Schema = dict(schema)
    kept: Schema = {name: _closed_all(rest.pop(name)) for name in _DEFINITIONS if type(rest.get(name)) is dict}
    if "$ref" in rest:
        return {**kept, "$ref": rest["$ref"]}
    kind = _shape(rest, kept)
    for name in ("description", "title"):
        if name in rest:
            kept[name] = rest.pop(name)
    if kind in _BY_TYPE:
        _BY_TYPE[kind](rest, kept)
    if rest:
        said = ", ".join(f"{name}: {value}" for name, value in rest.items())
        kept["description"] = "\n\n".join([*([kept["description"]] if "description" in kept else []), f"{{{said}}}"])
    return kept


def _closed_all(schemas: Schema) -> Schema:
    return {name: _closed(schema) for name, schema in schemas.items()}


def _shape(rest: Schema, kept: Schema) -> str:
    """Move what says of which kind a value is: literals, alternatives or a type. Returns the type, "" for none."""
    kind = rest.pop("type", None)
    if type(rest.get("enum")) is list and all(isinstance(value, _LITERALS) for value in rest["enum"]):
        kept["enum"] = rest.pop("enum")
    if "const" in rest and isinstance(rest["const"], _LITERALS):
        kept["const"] = rest.pop("const")
    for name in ("anyOf", "oneOf", "allOf"):
        if type(rest.get(name)) is list:
            kept["allOf" if name == "allOf" else "anyOf"] = [_closed(variant) for variant in rest.pop(name)]
            return ""
    if kind is None or "enum" in kept or "const" in kept:
        return ""
    if type(kind) is list:
        beside = {name: rest.pop(name) for name in [*rest] if name not in ("description", "title")}
        kept["anyOf"] = [_closed({**(beside if one != "null" else {}), "type": one}) for one in kind]
        return ""
    kept["type"] = kind
    return str(kind)


def _object(rest: Schema, kept: Schema) -> None:
    properties = rest.pop("properties", None)
    kept["properties"] = _closed_all(properties) if type(properties) is dict else {}
    rest.pop("additionalProperties", None)
    kept["additionalProperties"] = False
    if "required" in rest:
        kept["required"] = rest.pop("required")


def _string(rest: Schema, kept: Schema) -> None:
    if rest.get("format") in _FORMATS:
        kept["format"] = rest.pop("format")


def _array(rest: Schema, kept: Schema) -> None:
    if "items" in rest:
        kept["items"] = _closed(rest.pop("items"))
    if rest.get("minItems") in (0, 1):
        kept["minItems"] = rest.pop("minItems")


_BY_TYPE: Final = {"object": _object, "string": _string, "array": _array}
