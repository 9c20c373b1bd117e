"""Requests turned away before they became a call, counted for the whole process.

Who says no at the edge may do so before there is an application, let alone a worker's house: nobody could hand it a counter.
"""

from .names import OTHER, REFUSED, ROUTE_OF, ROUTES
from .tally import Tally

counts: dict[tuple[str, str], int] = {}
"""By route and error code."""
_shown_in: list[Tally] = []


def show_in(tally: Tally) -> None:
    """Show what was counted, and from now on what is counted, in `tally` and in no other."""
    _shown_in[:] = [tally]
    for key, value in counts.items():
        tally.put(REFUSED, *key, value=value)


def count_refusal(where: str, code: str) -> None:
    """Count one; `where` is a path or a face, or nothing where no path was read."""
    route = ROUTE_OF.get(where, where)
    key = (route if route in ROUTES else OTHER, code)
    counts[key] = counts.get(key, 0) + 1
    for tally in _shown_in:
        tally.put(REFUSED, *key, value=counts[key])
