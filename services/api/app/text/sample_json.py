"""A small value that a JSON Schema accepts, for answers that are played. Not a validator; what it cannot follow it leaves plain."""

from typing import Any

_DEEPEST = 16
_TEXT = "[MOCK]"
_FORMATS = {
    "date": "2026-01-01",
    "time": "00:00:00Z",
    "date-time": "2026-01-01T00:00:00Z",
    "email": "mock@example.com",
    "uri": "https://example.com/",
    "uuid": "00000000-0000-4000-8000-000000000000",
}


def sample_json(schema: Any) -> Any:
    """A value for `schema` (a decoded JSON Schema): required properties alone, the first of every choice, the least of every bound."""
    return _value(schema, schema, 0)


def _value(schema: Any, root: Any, depth: int) -> Any:
    if not isinstance(schema, dict) or depth > _DEEPEST:
        return None
    for name in ("const", "default"):
        if name in schema:
            return schema[name]
    if schema.get("enum"):
        return schema["enum"][0]
    followed = _followed(schema, root)
    if followed is not None:
        return _value(followed, root, depth + 1)
    kind = schema.get("type", "object" if "properties" in schema else "string")
    if isinstance(kind, list):
        kind = kind[0] if kind else "null"
    return _of_type(kind, schema, root, depth)


def _followed(schema: dict[str, Any], root: Any) -> Any:
    """What a reference or a choice stands for, None where the schema speaks for itself."""
    reference = schema.get("$ref")
    if isinstance(reference, str) and reference.startswith("#"):
        node = root
        for step in reference[1:].split("/")[1:]:
            node = node.get(step.replace("~1", "/").replace("~0", "~")) if isinstance(node, dict) else None
        return node
    for name in ("anyOf", "oneOf"):
        if schema.get(name):
            return schema[name][0]
    if schema.get("allOf"):
        merged: dict[str, Any] = {}
        for part in schema["allOf"]:
            found = _followed(part, root) if isinstance(part, dict) and "$ref" in part else part
            if isinstance(found, dict):
                properties = {**merged.get("properties", {}), **found.get("properties", {})}
                required = [*merged.get("required", []), *found.get("required", [])]
                merged = {**merged, **found, "properties": properties, "required": required}
        return merged
    return None


def _of_type(kind: Any, schema: dict[str, Any], root: Any, depth: int) -> Any:
    if kind == "object":
        properties = schema.get("properties") or {}
        return {name: _value(properties.get(name), root, depth + 1) for name in schema.get("required") or ()}
    if kind == "array":
        return [_value(schema.get("items"), root, depth + 1) for _ in range(min(schema.get("minItems") or 0, 10))]
    if kind in ("integer", "number"):
        return _number(schema)
    if kind == "boolean":
        return False
    return None if kind == "null" else _text(schema)


def _number(schema: dict[str, Any]) -> int | float:
    low, high = schema.get("minimum"), schema.get("maximum")
    above, below = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
    if isinstance(above, (int, float)):
        return above + 1
    if isinstance(low, (int, float)):
        return low
    if isinstance(below, (int, float)):
        return min(0, below - 1)
    return min(0, high) if isinstance(high, (int, float)) else 0


def _text(schema: dict[str, Any]) -> str:
    text = _FORMATS.get(schema.get("format", ""), _TEXT)
    least, most = schema.get("minLength"), schema.get("maxLength")
    if isinstance(least, int):
        text = text.ljust(min(least, 1000), ".")
    return text[:most] if isinstance(most, int) else text
