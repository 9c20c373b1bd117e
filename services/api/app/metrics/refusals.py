"""Requests turned away before they became a call, counted for the whole process.

Who says no at the edge may do so before there is an application, let alone a worker's house: nobody could hand it a counter.
"""

from .names import OTHER, ROUTE_OF, ROUTES

counts: dict[tuple[str, str], int] = {}
"""By route and error code."""


def count_refusal(where: str, code: str) -> None:
    """Count one; `where` is a path or a face, or nothing where no path was read."""
    route = ROUTE_OF.get(where, where)
    key = (route if route in ROUTES else OTHER, code)
    counts[key] = counts.get(key, 0) + 1
