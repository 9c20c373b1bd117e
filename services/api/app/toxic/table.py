"""Every fault by its name, and the name by which a model chooses one. How a fault is played may not enter."""

import math
import re
from typing import Final

from msgspec import Struct

from . import bodies, contents, heads, sse, statuses, times
from .exchange import Exchange
from .fault import Fault


class UnknownFault(Exception):
    """No fault of that name, or not with that parameter; the text says what would be."""


class Chosen(Struct, frozen=True):
    """A fault and what was given with it ("" = its own default)."""

    fault: Fault
    given: str = ""


async def _well(x: Exchange) -> None:
    await x.well()


OK: Final = Fault("ok", "a good answer, as for every name that is not in this table", (), _well)
FAULTS: Final = (OK, *statuses.FAULTS, *heads.FAULTS, *bodies.FAULTS, *sse.FAULTS, *contents.FAULTS, *times.FAULTS)

# a span as part of a name: flap-60s, slow-first-token-500ms
_SPAN = re.compile(r"(.+)-([0-9]{1,9})(ms|s)")
_MOST: Final = 1e9


def _names() -> dict[str, Fault]:
    names = {fault.name: fault for fault in FAULTS}
    spans = {found[1]: fault for fault in FAULTS if (found := _SPAN.fullmatch(fault.name))}
    return spans | names


_BY_NAME: Final = _names()


def chosen(name: str) -> Chosen | None:
    """The fault that a model's name chooses; None when it is no fault's. Raises UnknownFault for a bad parameter."""
    fault = _BY_NAME.get(name)
    if fault is not None:
        return Chosen(fault)
    word, _, given = name.partition(":")
    fault = _BY_NAME.get(word)
    if fault is not None:
        return Chosen(fault, _checked(fault, given))
    span = _SPAN.fullmatch(name)
    fault = _BY_NAME.get(span[1]) if span else None
    if span is None or fault is None or fault.unit != "ms":
        return None
    return Chosen(fault, _checked(fault, span[2] + ("000" if span[3] == "s" else "")))


def named(name: str) -> Chosen:
    """The fault of this name. Raises UnknownFault where `chosen` finds none."""
    found = chosen(name)
    if found is None:
        raise UnknownFault(f"no fault is called {name[:100]}; `llm-router toxic-upstream --list` names them all")
    return found


def _checked(fault: Fault, given: str) -> str:
    if not fault.unit:
        raise UnknownFault(f"{fault.name} takes nothing after its name")
    if fault.unit == "text":
        return given
    try:
        number = float(given)
    except ValueError:
        number = math.nan
    if not 0 < number <= _MOST:
        raise UnknownFault(f"{fault.name} takes a number above 0 ({fault.takes}), not {given[:40]!r}")
    return given
