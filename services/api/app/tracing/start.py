"""From the environment to a running tracer, and what the start says of it. Loads OpenTelemetry only when traces are wanted."""

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


def destination(values: Mapping[str, str]) -> str | None:
    """Where traces go, without a password; None where none are sent."""
    plan = wanted(values)
    return without_password(plan.url) if plan is not None and plan.trouble is None else None


def warnings(values: Mapping[str, str]) -> list[str]:
    """Why traces that are wanted cannot be sent, or not as it was asked for."""
    plan = wanted(values)
    if plan is None:
        return []
    fault = plan.trouble or sampler(values)[1]
    return [fault] if fault else []
