"""The one strict pass that every JSON body takes before it is typed. No schema may enter: it knows JSON alone.

Refused: invalid UTF-8, a byte-order mark, NaN and infinities, numbers out of range, lone surrogates, nesting beyond the
set depth, and equal keys in one object (a proxy that checks one `model` and forwards another is a hole).
"""

import json
from typing import Any

import msgspec

from ..errors import CallerError

MAX_DEPTH = 128
_SPARSE = 256  # bytes per colon from which looking at each colon is cheaper than four scans: the body is mostly an image, say
_NESTED = (dict, list)
_BLANKS = (b" ", b"\n", b"\t", b"\r")
_decode = msgspec.json.Decoder().decode


def strict_json(body: bytes) -> Any:
    """The decoded body. Raises CallerError (400, `invalid_json`) saying what is wrong; never echoes the body."""
    try:
        tree = _decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise CallerError(f"the body is not valid JSON: {_reason(error)}", code="invalid_json") from None
    except RecursionError:
        raise _too_deep() from None
    pairs, colons = body.count(b'":'), body.count(b":")
    if pairs != _count_keys(tree) or (colons != pairs and _apart(body, colons)):
        _refuse_equal_keys(body)
    return tree


def _apart(body: bytes, colons: int) -> bool:
    """Whether a key's colon may stand apart from its quote, so that counting `":` is not enough."""
    if colons * _SPARSE > len(body):
        return b" :" in body or b"\n:" in body or b"\t:" in body or b"\r:" in body
    at = -1
    for _ in range(colons):
        at = body.find(b":", at + 1)
        if body[at - 1 : at] in _BLANKS:
            return True
    return False


def _reason(error: Exception) -> str:
    if isinstance(error, UnicodeDecodeError):
        return "it is not UTF-8"
    text = str(error)
    if "out of range" in text:
        return "a number is out of range"
    return text.removeprefix("JSON is malformed: ").removeprefix("Input data was ") or "malformed"


def _count_keys(tree: Any) -> int:
    """How many keys survived decoding: fewer than were written if two were equal. Level by level, so that depth is bounded."""
    keys = 0
    level = [tree]
    for _ in range(MAX_DEPTH):
        below: list[Any] = []
        for node in level:
            if type(node) is dict:
                keys += len(node)
                below += [value for value in node.values() if type(value) in _NESTED]
            elif type(node) is list:
                below += [value for value in node if type(value) in _NESTED]
        if not below:
            return keys
        level = below
    raise _too_deep()


def _too_deep() -> CallerError:
    return CallerError(f"the body is nested more than {MAX_DEPTH} levels deep: flatten it", code="invalid_json")


def _refuse_equal_keys(body: bytes) -> None:
    """The slow, exact check, reached only when the count cannot rule equal keys out (a string such as `":x"` is enough)."""
    json.loads(body, object_pairs_hook=_unique)


def _unique(pairs: list[tuple[str, Any]]) -> None:
    if len({key for key, _ in pairs}) != len(pairs):
        raise CallerError("a key occurs twice in one object: keep one of them", code="duplicate_key")
