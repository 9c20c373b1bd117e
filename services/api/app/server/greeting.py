"""The few lines at the start: what runs, what is real, where things lie, what overrides what. Builds text; prints nothing."""

from ..config.home import Environment
from ..config.load import OVERRIDES
from ..config.show import without_password
from ..config.snapshot import Snapshot
from ..logging_utils.wording import manner
from ..tracing.start import told as traces


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
    lines += [f"  {line}" for line in overrides(environment)]
    lines += [f"  {line}" for line in traces(environment.values)]
    _, fault = manner(environment.values)
    lines += [f"  warning: {fault}"] if fault else []
    lines += [f"  warning: {warning}" for warning in snapshot.warnings]
    return lines


def overrides(environment: Environment) -> list[str]:
    """Which variables override which keys."""
    return [
        f"{variable} ({environment.origin(variable)}) overrides {'.'.join(target)}"
        for variable, target in OVERRIDES.items()
        if environment.values.get(variable, "").strip()
    ]
