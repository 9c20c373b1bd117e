"""Cases that a single call does not bring about, by name. How each is staged stands in the modules imported below."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module

from cases import Seen
from rig import Rig

Run = Callable[[Seen, Rig], None]


@dataclass(frozen=True)
class Scenario:
    """What it shows when it passes, which faults it needs a row for, and how it is run."""

    shows: str
    faults: tuple[str, ...]
    run: Run


SCENARIOS: dict[str, Scenario] = {}


def scenario(shows: str, *faults: str) -> Callable[[Run], Run]:
    """Enter a scenario under its function's name."""

    def enter(run: Run) -> Run:
        SCENARIOS[run.__name__.replace("_", "-")] = Scenario(shows, faults, run)
        return run

    return enter


def needed() -> Iterator[str]:
    """Every fault that a scenario needs a row for."""
    yield from dict.fromkeys(fault for one in SCENARIOS.values() for fault in one.faults)


for _module in ("leaving", "providing", "straining"):
    import_module(_module)
