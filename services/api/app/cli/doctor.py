"""`llm-router doctor`: is all in place? Each finding says what is so and, where it is not well, what to do. Mends nothing."""

from collections.abc import Callable, Iterator
from typing import Final

from .checks.finding import Finding
from .checks.hosts import hosts
from .checks.machine import clock, descriptors, port, versions
from .checks.setup import cache, configuration, folders, keys
from .configuration import Here, here
from .ending import WrongUse
from .progress import waiting
from .terminal import console, is_watched, one_line, print_json

Check = Callable[[Here], Iterator[Finding]]
CHECKS: Final[tuple[Check, ...]] = (configuration, keys, folders, cache, clock, descriptors, port)
STYLES: Final = {"ok": "green", "warning": "yellow", "error": "bold red"}


def doctor(online: bool, as_json: bool) -> int:
    """Make every check; status 1 when one of them found an error."""
    found: list[Finding] = []
    for finding in _findings(online):
        found.append(finding)
        if not as_json:
            _show(finding)
    errors = sum(one.state == "error" for one in found)
    if as_json:
        print_json({"ok": not errors, "checks": found})
    return 1 if errors else 0


def _findings(online: bool) -> Iterator[Finding]:
    yield from versions()
    try:
        place = here()
    except WrongUse as error:
        yield Finding("configuration", "error", str(error), "mend that line; `llm-router config check` looks again")
        return
    for check in CHECKS:
        yield from _patiently(check, place)
    if online:
        yield from _patiently(hosts, place)
    else:
        yield Finding("hosts", "ok", "not tried; --online does")


def _patiently(check: Check, place: Here) -> list[Finding]:
    with waiting("looking"):
        return list(check(place))


def _show(finding: Finding) -> None:
    state, says, remedy = finding.state, one_line(finding.says, 1_000), one_line(finding.remedy, 1_000)
    if not is_watched():
        print(f"{state.ljust(8)}{finding.name.ljust(15)}{says}{'; ' if remedy else ''}{remedy}", flush=True)
        return
    from rich.table import Table  # noqa: PLC0415 - a tenth of a second that a pipe need not wait
    from rich.text import Text  # noqa: PLC0415

    line = Table.grid()
    line.add_column(width=8)
    line.add_column(width=15)
    line.add_column(overflow="fold")
    told = Text.assemble(says, ("; " if remedy else ""), (remedy, "cyan"))
    line.add_row(Text(state, STYLES[state]), Text(finding.name, "bold"), told)
    console().print(line)
