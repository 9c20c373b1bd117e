"""The two spellings of this dialect's field names: Google reads `mimeType` and `mime_type`, and its own SDK sends both in one body."""

import re
from typing import Any, Final

_WORD: Final = re.compile(r"(?<=[a-z0-9])_([a-z0-9])", re.ASCII)
# below these keys everything is the caller's data
_DATA: Final = frozenset(
    {"args", "response", "parametersJsonSchema", "responseJsonSchema", "labels", "partMetadata", "default", "example", "enum"}
)


def camel(node: Any) -> Any:
    """The decoded body with every field's name in the one spelling; names that the caller made up stay."""
    if type(node) is list:
        return [camel(inner) for inner in node]
    if type(node) is not dict:
        return node
    spelled = {}
    for key, value in node.items():
        name = _WORD.sub(lambda found: found[1].upper(), key)
        if name in _DATA:
            spelled[name] = value
        elif name == "properties" and type(value) is dict:
            spelled[name] = {own: camel(inner) for own, inner in value.items()}
        else:
            spelled[name] = camel(value)
    return spelled
