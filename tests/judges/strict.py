"""SDK types as judges: unknown keys are refused at any depth, and lazily typed lists are read to their end."""

from collections.abc import Iterator
from typing import Any

from pydantic import ConfigDict, TypeAdapter, ValidationError

_MOST = 3


class Strict:
    """One type of an SDK (a TypedDict, a model or a union of them) that refuses what it does not know."""

    def __init__(self, kind: Any) -> None:
        # wrapped in a list: the configuration reaches typed dicts only from outside
        self._adapter: TypeAdapter[list[Any]] = TypeAdapter(list[kind], config=ConfigDict(extra="forbid"))

    def faults(self, value: Any, where: str = "") -> list[str]:
        """What is wrong with `value`, a few lines at most; empty = nothing."""
        try:
            _read(self._adapter.validate_python([value]))
        except ValidationError as error:
            return list(_lines(error, where))
        return []


def _read(value: Any) -> None:
    """Go through every lazily validated list; raises ValidationError where one is wrong."""
    if isinstance(value, dict):
        for inner in value.values():
            _read(inner)
    elif isinstance(value, list | tuple | Iterator):
        for inner in value:
            _read(inner)


def _lines(error: ValidationError, where: str) -> Iterator[str]:
    """The deepest faults first: in a union the alternative that came nearest fails deepest."""
    faults = sorted(error.errors(include_url=False, include_input=False), key=lambda fault: -len(fault["loc"]))
    for fault in faults[:_MOST]:
        yield f"{where}{'.'.join(map(str, fault['loc'][1:]))}: {fault['msg']}"
