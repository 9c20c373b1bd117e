"""Typed reading of callers' bodies, with errors that name the field and never echo it. No dialect's own fields may enter."""

import re
from typing import Any, TypeVar

import msgspec
from msgspec import Raw

from ...errors import CallerError
from ...text.strict_json import strict_json

T = TypeVar("T")

_AT = re.compile(r" - at `\$\.?(.*?)`$")
_fields = msgspec.json.Decoder(dict[str, Raw]).decode

# names that would let a caller choose a host, a key or a header; LiteLLM's CVE-2024-6587 and its kin
HOST_FIELDS = frozenset(
    {"base_url", "api_base", "api_key", "api_version", "extra_headers", "extra_body", "callback_url", "user_config", "proxy_url"}
)
# below these keys everything is the caller's data, not an instruction to us
_DATA = frozenset(
    {"content", "parameters", "arguments", "input_schema", "schema", "json_schema", "metadata", "input", "args", "text", "prompt"}
)
_HOST_LITERALS = (*(f'"{name}"'.encode() for name in sorted(HOST_FIELDS)), b"\\u00")
_SCANNED = 65_536  # bytes up to which looking for those words is cheaper than walking the whole tree


def opened(body: bytes) -> tuple[dict[str, Any], dict[str, Raw]]:
    """The body as a decoded object and as its top-level fields of undecoded JSON, after the strict pass."""
    tree = strict_json(body)
    if type(tree) is not dict:
        raise CallerError("the body must be a JSON object", code="invalid_json")
    if len(body) > _SCANNED or any(literal in body for literal in _HOST_LITERALS):
        _refuse_host_fields(tree)
    return tree, _fields(body)


def _refuse_host_fields(tree: Any) -> None:
    below = [tree]
    while below:
        node = below.pop()
        if type(node) is dict:
            for key, value in node.items():
                if key in HOST_FIELDS:
                    raise CallerError(
                        f"`{key}` is not accepted from callers: hosts and keys come from the configuration", param=key
                    )
                if key not in _DATA:
                    below.append(value)
        elif type(node) is list:
            below += node


def typed(body: bytes, decoder: msgspec.json.Decoder[T]) -> T:
    """`body` through `decoder`; a mismatch is a CallerError that names the path."""
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        raise mistyped(error) from None


def mistyped(error: msgspec.ValidationError, at: str = "") -> CallerError:
    """The caller's view of a type mismatch below `at`: which field, what was expected; values are never repeated."""
    text = str(error)
    where = _AT.search(text)
    param = ".".join([place for place in (at, where.group(1).replace("[...]", "[]") if where else "") if place])
    reason = _AT.sub("", text).replace("`", "")
    if reason.startswith("Object contains unknown field"):
        name = reason.removeprefix("Object contains unknown field ")
        param = f"{param}.{name}" if param else name
        reason = "unknown field"
    elif reason.startswith("Object missing required field"):
        name = reason.removeprefix("Object missing required field ")
        param = f"{param}.{name}" if param else name
        reason = "required field is missing"
    elif reason.startswith(("Invalid enum value", "Invalid value")):
        reason = "not one of the accepted values"
    param = param[:100] if param.isascii() and param.isprintable() else ""
    return CallerError(f"{param or 'body'}: {reason[:1].lower()}{reason[1:]}", param=param or None)
