"""From the environment to a running tracer, and the line about it at the start. Loads OpenTelemetry only when traces are wanted."""

import logging
from collections.abc import Callable, Mapping

from ..config.redaction import without_password
from .sampling import sampler
from .tracer import Tracer
from .wanted import wanted

_log = logging.getLogger("llm_router")


def open_tracer(values: Mapping[str, str], version: str, now: Callable[[], float], clock: Callable[[], float]) -> Tracer | None:
    """One worker's tracer; None where no traces are wanted or none can be sent."""
    plan = wanted(values)
    if plan is None or plan.trouble is not None:
        return None
    try:
        from .otel import Otlp  # noqa: PLC0415 - see the module's docstring
    except ImportError as error:  # versions that do not fit each other
        _log.warning("traces: OpenTelemetry cannot be loaded (%s): none are sent", error)
        return None
    return Tracer(plan, sampler(values)[0], Otlp(plan.url, values, version), now, clock)


def told(values: Mapping[str, str]) -> list[str]:
    """What the start says of traces."""
    plan = wanted(values)
    if plan is None:
        return []
    if plan.trouble is not None:
        return [f"warning: {plan.trouble}"]
    fault = sampler(values)[1]
    return [f"traces: {without_password(plan.url)}", *([f"warning: {fault}"] if fault else [])]
