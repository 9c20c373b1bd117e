"""From Settings to a Snapshot: rows joined with the catalogue, judged for one day, every name resolved. Pure but for list prices."""

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import msgspec

from ..catalogue.facts import FACTS, UNKNOWN, Facts
from ..catalogue.prices import list_rates, rates
from ..domain.request import MODES
from ..domain.target import Rates, Target
from .home import Environment
from .names import Names, names_of
from .providers import Provider, providers_of
from .settings import ModelRow, Settings
from .snapshot import CachePlan, Limits, LoggingPlan, Model, Routing, Server, Snapshot, Timeouts, Weights

SUSPICIOUS_FACTOR = 5
DEFAULT_WEIGHTS: dict[str, Weights] = {
    "fast": Weights(quality=0.1, cost=0.02, latency=1.0, floor=0.65),
    "balanced": Weights(quality=1.0, cost=0.08, latency=0.05),
    "accurate": Weights(quality=1.0, cost=0.01, latency=0.002),
}


class _Joined(msgspec.Struct, frozen=True):
    """A row with its facts and its host."""

    name: str
    row: ModelRow
    facts: Facts
    provider: Provider
    rates: Rates | None

    @property
    def retires_on(self) -> str | None:
        return self.row.retires_on or self.facts.retires_on

    @property
    def successor(self) -> str | None:
        return self.row.successor or self.facts.successor


def utc_today() -> date:
    """The day that prices and lifecycles are judged for."""
    return datetime.now(UTC).date()


def compile_snapshot(settings: Settings, environment: Environment, source: str, today: date) -> Snapshot:
    """The configuration in force on `today` (UTC)."""
    env = environment.values
    providers = providers_of(settings)
    warnings: list[str] = []
    rows = {name: _join(name, row, providers, today, warnings) for name, row in settings.models.items()}
    keyed = {name: provider.has_key(env) and settings.mock != "always" for name, provider in providers.items()}
    any_real = any(keyed[j.row.provider] and j.row.enabled and j.provider.enabled for j in rows.values())
    compiler = _Compiler(rows, providers, keyed, any_real, today)
    models = {name: compiler.model(joined) for name, joined in rows.items()}
    names: Names = names_of(settings, models)
    return Snapshot(
        digest=_digest(settings, keyed, today),
        day=today.isoformat(),
        source=source,
        mode=settings.mode,
        models=models,
        names=names.exact,
        prefixes=names.prefixes,
        ambiguous=names.ambiguous,
        routing=_routing(settings),
        scoring=settings.scoring.gates,
        cache=_cache(settings, environment.home),
        logging=_logging(settings, environment.home),
        timeouts=Timeouts(**settings.timeouts.model_dump()),
        limits=Limits(**settings.limits.model_dump()),
        server=_server(settings),
        any_real=any_real,
        mock_latency_scale=settings.mock_latency_scale,
        warnings=tuple(warnings),
    )


def _join(name: str, row: ModelRow, providers: Mapping[str, Provider], today: date, warnings: list[str]) -> _Joined:
    facts = FACTS.get((row.provider, row.id), UNKNOWN)
    listed = list_rates(row.provider, row.id, today)
    own = _own_rates(row)
    if own is not None and listed is not None:
        for way, given, usual in (("price_in", own.input, listed.input), ("price_out", own.output, listed.output)):
            if usual and not usual / SUSPICIOUS_FACTOR <= given <= usual * SUSPICIOUS_FACTOR:
                warnings.append(
                    f"models.{name}.{way} is {given / 1e6:g} US dollars per million tokens, the list price {usual / 1e6:g}: "
                    "prices are per 1,000 tokens (or use the per_million names)"
                )
    return _Joined(name, row, facts, providers[row.provider], own or listed)


def _own_rates(row: ModelRow) -> Rates | None:
    """The row's own price; cached input is not told apart there and costs as much as other input."""
    price_in = _per_million(row.price_in, row.price_in_per_million)
    price_out = _per_million(row.price_out, row.price_out_per_million)
    return None if price_in is None or price_out is None else rates(price_in, price_out, None, "config")


def _per_million(per_thousand: float | None, per_million: float | None) -> Decimal | None:
    """US dollars per million tokens, through text: 0.0005 times 1,000 in binary is not what people wrote."""
    if per_million is not None:
        return Decimal(str(per_million))
    return None if per_thousand is None else Decimal(str(per_thousand)) * 1000


class _Compiler:
    """Turns joined rows into models; a retired row takes its successor's targets."""

    def __init__(
        self,
        rows: Mapping[str, _Joined],
        providers: Mapping[str, Provider],
        keyed: Mapping[str, bool],
        any_real: bool,
        today: date,
    ) -> None:
        self._rows = rows
        self._providers = providers
        self._keyed = keyed
        self._any_real = any_real
        self._today = today

    def model(self, joined: _Joined) -> Model:
        row = joined.row
        retired = self._is_retired(joined)
        serving, warning = self._serving(joined) if retired else (joined, self._notice(joined))
        real = self._keyed[serving.row.provider]
        enabled = row.enabled and joined.provider.enabled
        return Model(
            name=joined.name,
            provider=row.provider,
            model_id=row.id,
            kind=row.kind,
            enabled=enabled,
            real=real,
            routable=enabled and row.kind == "chat" and not retired and real == self._any_real,
            targets=self._targets(serving),
            fallbacks=tuple(row.fallbacks),
            capabilities=_capabilities(serving),
            context_window=serving.row.context_window or serving.facts.window,
            max_output=serving.row.max_output or serving.facts.max_output,
            avg_latency_ms=serving.row.avg_latency_ms or serving.facts.latency_ms,
            rates=serving.rates,
            quality=_quality(serving),
            retires_on=joined.retires_on,
            retired=retired,
            successor=joined.successor,
            warning=warning,
        )

    def _is_retired(self, joined: _Joined) -> bool:
        return joined.retires_on is not None and joined.retires_on <= self._today.isoformat()

    def _notice(self, joined: _Joined) -> str | None:
        if joined.retires_on is None:
            return None
        return f"{joined.row.id} retires on {joined.retires_on}" + (
            f"; its successor is {joined.successor}" if joined.successor else ""
        )

    def _serving(self, joined: _Joined) -> tuple[_Joined, str]:
        """Who answers for a retired row: its successor, or that one's, as long as they are retired themselves."""
        serving = joined
        for _ in range(len(self._rows) + 1):
            following = self._successor(serving)
            if following is None:
                break
            serving = following
            if not self._is_retired(serving):
                return (
                    serving,
                    f"{joined.row.id} was retired on {joined.retires_on}; {serving.row.provider}/{serving.row.id} answers for it",
                )
        return joined, f"{joined.row.id} was retired on {joined.retires_on} and has no successor in the configuration"

    def _successor(self, joined: _Joined) -> _Joined | None:
        """The successor's row; one that the catalogue alone knows becomes a row of its own for this purpose."""
        name = joined.successor
        if name is None:
            return None
        if name in self._rows:
            return self._rows[name]
        provider, _, model_id = name.partition("/")
        for other in self._rows.values():
            if (other.row.provider, other.row.id) == (provider, model_id):
                return other
        facts = FACTS.get((provider, model_id))
        if facts is None or provider not in self._providers:
            return None
        row = ModelRow(provider=provider, id=model_id)
        return _Joined(joined.name, row, facts, self._providers[provider], list_rates(provider, model_id, self._today))

    def _targets(self, joined: _Joined) -> tuple[Target, ...]:
        places = [(joined.row.provider, joined.row.id), *((d.provider, d.id) for d in joined.row.deployments)]
        return tuple(
            self._target(joined, provider, model_id) for provider, model_id in places if self._providers[provider].enabled
        ) or (self._target(joined, joined.row.provider, joined.row.id),)

    def _target(self, joined: _Joined, provider_name: str, model_id: str) -> Target:
        provider = self._providers[provider_name]
        own = (provider_name, model_id) == (joined.row.provider, joined.row.id)
        return Target(
            name=joined.name,
            provider=provider_name,
            model_id=model_id,
            dialect=provider.dialect,
            wire=provider.wire,
            base_url=provider.base_url,
            key_env=provider.key_env,
            mock=not self._keyed[provider_name],
            capabilities=_capabilities(joined),
            context_window=joined.row.context_window or joined.facts.window,
            max_output=joined.row.max_output or joined.facts.max_output,
            avg_latency_ms=joined.row.avg_latency_ms or joined.facts.latency_ms,
            rates=joined.rates
            if own or (joined.rates and joined.rates.source == "config")
            else list_rates(provider_name, model_id, self._today),
        )


def _capabilities(joined: _Joined) -> frozenset[str]:
    return frozenset(joined.row.capabilities) if joined.row.capabilities is not None else joined.facts.capabilities


def _quality(joined: _Joined) -> float:
    return joined.facts.quality if joined.row.quality is None else joined.row.quality


def _routing(settings: Settings) -> Routing:
    own = {mode: Weights(**row.model_dump()) for mode, row in settings.routing.weights.items()}
    weights = {mode: own.get(mode, DEFAULT_WEIGHTS[mode]) for mode in MODES}
    return Routing(baseline=settings.routing.baseline, exploration=settings.routing.exploration, weights=weights)


def _cache(settings: Settings, home: Path) -> CachePlan:
    row = settings.cache
    return CachePlan(
        backend=row.backend,
        ttl_seconds=row.ttl_seconds,
        redis_url=row.redis_url,
        path=str(home / row.path),
        version=row.version,
        max_bytes=row.max_mb * 1024 * 1024,
        quality_slack=row.quality_slack,
        faces=tuple(row.faces),
    )


def _logging(settings: Settings, home: Path) -> LoggingPlan:
    row = settings.logging
    return LoggingPlan(
        per_call_path=str(home / row.per_call_path),
        daily_rollup_path=str(home / row.daily_rollup_path),
        prompts=row.prompts,
        max_bytes=row.max_bytes,
        keep=row.keep,
    )


def _server(settings: Settings) -> Server:
    row = settings.server
    return Server(
        host=row.host,
        port=row.port,
        root_path=row.root_path,
        allowed_hosts=tuple(row.allowed_hosts),
        cors_origins=tuple(row.cors_origins),
        keepalive_seconds=row.keepalive_seconds,
    )


def _digest(settings: Settings, keyed: Mapping[str, bool], today: date) -> str:
    """The same for the same effective settings, day and set of real providers; no secret has a part in it."""
    facts = {
        "settings": settings.model_dump(mode="json"),
        "real": sorted(n for n, real in keyed.items() if real),
        "day": str(today),
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]
