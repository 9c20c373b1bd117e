"""What two looks at `/metrics` say of the time between them: rates, percentiles, cost per hour. Pure functions of text and numbers."""

import re
from collections.abc import Iterable, Mapping
from typing import Final

from msgspec import Struct

from ..metrics import names

Labels = tuple[tuple[str, str], ...]
Series = Mapping[str, Mapping[Labels, float]]
HEALTH: Final = {0.0: "ok", 1.0: "half-open", 2.0: "open"}
_SAMPLE: Final = re.compile(r"([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? ([^ ]+)(?: \d+)?")
_LABEL: Final = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"')
_UNESCAPED: Final = {r"\\": "\\", r"\"": '"', r"\n": "\n"}


class NoMetrics(ValueError):
    """This is no page of metrics."""


def parsed(text: str) -> dict[str, dict[Labels, float]]:
    """The samples of a page in Prometheus's text format. Raises NoMetrics."""
    found: dict[str, dict[Labels, float]] = {}
    for line in text.split("\n"):
        if not line or line.startswith("#"):
            continue
        sample = _SAMPLE.fullmatch(line)
        if sample is None:
            raise NoMetrics("what answers there shows no metrics")
        labels = tuple((name, _unescaped(value)) for name, value in _LABEL.findall(sample[2] or ""))
        try:
            found.setdefault(sample[1], {})[labels] = float(sample[3])
        except ValueError:
            raise NoMetrics("what answers there shows no metrics") from None
    if names.INFO.name not in found:
        raise NoMetrics("what answers there is not this router")
    return found


def _unescaped(value: str) -> str:
    return re.sub(r"\\.", lambda found: _UNESCAPED.get(found[0], found[0]), value)


class Flow(Struct, frozen=True):
    """What passed in a span. Percentiles are milliseconds, None without a call; `cache_hits` is a share, None without a look."""

    calls_per_second: float
    failures_per_minute: float
    cost_per_hour: float
    latency_p50: float | None
    latency_p95: float | None
    first_token_p50: float | None
    cache_hits: float | None


class ModelFlow(Struct, frozen=True):
    """One model at one provider; `calls` since the service began, `health` in words."""

    model: str
    provider: str
    calls: int
    health: str
    flow: Flow


class Seen(Struct, frozen=True):
    """One look. `seconds` is the span that the flows are of."""

    seconds: float
    version: str
    workers: int
    in_flight: int
    queued: int
    refused_per_minute: float
    total: Flow
    models: tuple[ModelFlow, ...]


def seen_between(old: Series, new: Series, seconds: float) -> Seen:
    """What passed between two pages, `seconds` apart."""
    targets = sorted({_target(labels) for metric in (names.REQUESTS, names.CIRCUIT) for labels in new.get(metric.name, {})})
    models = [_model(old, new, seconds, *target) for target in targets if target[0]]
    version = next((dict(labels).get("version", "") for labels in new[names.INFO.name]), "")
    return Seen(
        seconds=seconds,
        version=version,
        workers=round(_sum(new, names.WORKERS.name)),
        in_flight=round(_sum(new, names.IN_FLIGHT.name)),
        queued=round(_sum(new, names.QUEUED.name)),
        refused_per_minute=_passed(old, new, names.REFUSED.name) / seconds * 60,
        total=_flow(old, new, seconds, None),
        models=tuple(sorted(models, key=lambda one: (-one.flow.calls_per_second, -one.calls, one.model))),
    )


def _target(labels: Labels) -> tuple[str, str]:
    told = dict(labels)
    return told.get("model", ""), told.get("provider", "")


def _model(old: Series, new: Series, seconds: float, model: str, provider: str) -> ModelFlow:
    wanted = (model, provider)
    state = max((value for labels, value in new.get(names.CIRCUIT.name, {}).items() if _target(labels) == wanted), default=0.0)
    calls = round(_sum(new, names.REQUESTS.name, wanted))
    return ModelFlow(model, provider, calls, HEALTH.get(state, "unknown"), _flow(old, new, seconds, wanted))


def _flow(old: Series, new: Series, seconds: float, wanted: tuple[str, str] | None) -> Flow:
    hits, misses = (_passed(old, new, metric.name, wanted) for metric in (names.HITS, names.MISSES))
    latencies = _histogram(old, new, names.DURATION.name, wanted)
    return Flow(
        calls_per_second=_passed(old, new, names.REQUESTS.name, wanted) / seconds,
        failures_per_minute=_passed(old, new, names.FAILED.name, wanted) / seconds * 60,
        cost_per_hour=_passed(old, new, names.COST.name, wanted) / seconds * 3600,
        latency_p50=percentile(latencies, 0.5),
        latency_p95=percentile(latencies, 0.95),
        first_token_p50=percentile(_histogram(old, new, names.FIRST_TOKEN.name, wanted), 0.5),
        cache_hits=hits / (hits + misses) if hits + misses else None,
    )


def _sum(series: Series, name: str, wanted: tuple[str, str] | None = None) -> float:
    return sum(value for labels, value in series.get(name, {}).items() if wanted is None or _target(labels) == wanted)


def _passed(old: Series, new: Series, name: str, wanted: tuple[str, str] | None = None) -> float:
    """How much a counter grew; one that began again, with the service, from nothing."""
    before = old.get(name, {})
    grown = (
        (value, before.get(labels, 0.0))
        for labels, value in new.get(name, {}).items()
        if wanted is None or _target(labels) == wanted
    )
    return sum(now - then if now >= then else now for now, then in grown)


def _histogram(old: Series, new: Series, name: str, wanted: tuple[str, str] | None) -> list[tuple[float, float]]:
    """Upper bounds in seconds and how many calls stayed below each."""
    counts: dict[float, float] = {}
    bucket = f"{name}_bucket"
    for labels, value in new.get(bucket, {}).items():
        if wanted is None or _target(labels) == wanted:
            before = old.get(bucket, {}).get(labels, 0.0)
            bound = float(dict(labels).get("le", "inf"))
            counts[bound] = counts.get(bound, 0.0) + (value - before if value >= before else value)
    return sorted(counts.items())


def percentile(histogram: Iterable[tuple[float, float]], share: float) -> float | None:
    """Milliseconds below which this share of the calls stayed, on a straight line within a bucket; None without a call."""
    buckets = list(histogram)
    if not buckets or buckets[-1][1] <= 0:
        return None
    wanted = buckets[-1][1] * share
    lower, below = 0.0, 0.0
    for bound, count in buckets:
        if count >= wanted and count > below:
            if bound == float("inf"):
                return lower * 1000
            return (lower + (bound - lower) * (wanted - below) / (count - below)) * 1000
        lower, below = bound, count
    return lower * 1000
