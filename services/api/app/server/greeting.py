"""The few lines at the start: what runs, what is real, where things lie, what overrides what. Builds text; prints nothing."""

from ..config.home import Environment
from ..config.load import OVERRIDES
from ..config.show import without_password
from ..config.snapshot import Snapshot
from ..logging_utils.wording import manner
from ..tracing import start as tracing


def greeting(environment: Environment, snapshot: Snapshot, version: str, address: str | None) -> list[str]:
    """The lines; `address` is None where another server prints it."""
    where = f" on {address}" if address else ""
    lines = [f"LLM Router {version}{where}, mode {snapshot.mode}, config {snapshot.source} ({snapshot.digest})"]
    states = ", ".join(f"{name} {state}" for name, state in snapshot.provider_states().items())
    lines.append(f"  providers: {states}")
    if not snapshot.any_real:
        lines.append(f"  mock mode: no provider has a key; put one into {environment.home / '.env'} (see .env.example)")
    cache = snapshot.cache
    place = {"local": cache.path, "redis": without_password(cache.redis_url), "none": ""}[cache.backend]
    lines.append(f"  cache: {cache.backend} {place}".rstrip() + f", journal: {snapshot.logging.per_call_path}")
    lines += [f"  dashboard: {address}{snapshot.server.root_path}/dashboard"] if address else []
    lines += [f"  {line}" for line in overrides(environment)]
    traces = tracing.destination(environment.values)
    lines += [f"  traces: {traces}"] if traces else []
    return [*lines, *(f"  warning: {warning}" for warning in warnings(environment, snapshot))]


def warnings(environment: Environment, snapshot: Snapshot) -> list[str]:
    """What an operator should mend, though the service runs."""
    _, fault = manner(environment.values)
    return [*tracing.warnings(environment.values), *([fault] if fault else []), *snapshot.warnings]


def overrides(environment: Environment) -> list[str]:
    """Which variables override which keys."""
    return [
        f"{variable} ({environment.origin(variable)}) overrides {'.'.join(target)}"
        for variable, target in OVERRIDES.items()
        if environment.values.get(variable, "").strip()
    ]
