"""What a house holds and what its parts counted by themselves, put where `/metrics` finds it. Reads; changes nothing."""

from ..clients.pool.transport import PoolTransport
from ..metrics.names import (
    BUDGET,
    CACHE_ERRORS,
    CIRCUIT,
    CONNECTIONS,
    IN_FLIGHT,
    LOG_ERRORS,
    LOG_LOST,
    LOG_WAITING,
    QUEUED,
)
from ..metrics.tally import Tally
from .health import Deployment
from .house import House

CLOSED, HALF_OPEN, OPEN = 0, 1, 2


def put_figures(house: House, tally: Tally) -> None:
    """Write all of them down as they are now."""
    tally.put(IN_FLIGHT, value=house.admission.in_flight)
    places = {id(deployment.places): deployment.places for deployment in house.health.deployments()}
    tally.put(QUEUED, value=house.admission.waiting + sum([one.waiting for one in places.values()]))
    tally.put(BUDGET, value=house.budget.refused)
    if isinstance(house.http, PoolTransport):
        busy, idle = house.http.connections
        tally.put(CONNECTIONS, "busy", value=busy)
        tally.put(CONNECTIONS, "idle", value=idle)
    journal, cache = house.journal, house.cache.counts
    tally.put(LOG_ERRORS, value=journal.write_errors)
    tally.put(LOG_LOST, value=journal.dropped)
    tally.put(LOG_WAITING, value=journal.spooled)
    tally.put(CACHE_ERRORS, "failed", value=cache.errors)
    tally.put(CACHE_ERRORS, "unreadable", value=cache.unreadable)
    tally.put(CACHE_ERRORS, "dropped", value=cache.dropped)
    tally.put(CACHE_ERRORS, "quarantined", value=cache.quarantined)
    _put_circuits(house, tally)


def _put_circuits(house: House, tally: Tally) -> None:
    """Per row and host the worst of its keys; rows that the configuration no longer has are gone."""
    now = house.clock()
    states: dict[tuple[str, ...], int] = {}
    for model in house.compiled.snapshot.models.values():
        for target in model.targets:
            if model.enabled and not target.mock:
                where = (model.name, target.provider)
                states[where] = max(states.get(where, CLOSED), _circuit(house.health.of(target), now))
    tally.show(CIRCUIT, states)


def _circuit(deployment: Deployment, now: float) -> int:
    breakers = (deployment.breaker, deployment.key)
    if not any(breaker.tripped for breaker in breakers):
        return CLOSED
    return OPEN if any(breaker.tripped and now < breaker.until for breaker in breakers) else HALF_OPEN
