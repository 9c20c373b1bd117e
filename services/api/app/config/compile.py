"""From Settings to a Snapshot: rows joined with the catalogue, judged for one day, every name resolved. Reads no clock."""

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from pathlib import Path

from msgspec.structs import replace

from ..catalogue.abilities import GUESSED, PUBLISHED, STATED, by_domain, guessed, overall
from ..catalogue.facts import FACTS, UNKNOWN
from ..catalogue.prices import PICO_PER_DOLLAR_MTOK
from ..domain.request import MODES
from ..domain.target import Target
from .digest import digest_of, grounds, settings_hash
from .home import Environment, expanded, readable_by_all, warning_of
from .names import Names, names_of
from .providers import Provider, providers_of
from .redaction import without_password
from .rows import Joined, join, listed_rates
from .settings import ModelRow, Settings
from .snapshot import (
    Breaking,
    CachePlan,
    Hedge,
    Limits,
    LoggingPlan,
    Model,
    ProviderLimits,
    Retries,
    Routing,
    Server,
    Snapshot,
    Timeouts,
    Weights,
)

DEFAULT_WEIGHTS: dict[str, Weights] = {
    "fast": Weights(quality=0.1, cost=0.02, latency=1.0, floor=0.65),
    "balanced": Weights(quality=1.0, cost=0.08, latency=0.05),
    "accurate": Weights(quality=1.0, cost=0.01, latency=0.002),
}

_MANY = frozenset({"openai", "mistral"})  # dialects with several answers to one prompt


def utc_today() -> date:
    """The day that prices and lifecycles are judged for."""
    return datetime.now(UTC).date()


def compile_snapshot(settings: Settings, environment: Environment, source: str, today: date) -> Snapshot:
    """The configuration in force on `today` (UTC)."""
    env = environment.values
    providers = providers_of(settings)
    warnings = list(environment.warnings)
    if without_password(settings.cache.redis_url) != settings.cache.redis_url and _lies_open(environment, Path(source)):
        warnings.append(warning_of(Path(source), "a password in cache.redis_url"))
    rows = {name: join(name, row, providers, today, warnings) for name, row in settings.models.items()}
    real = {name: p.has_key(env) and settings.mock != "always" for name, p in providers.items()}
    keys = {name: p.keys_set(env) for name, p in providers.items() if real[name]}
    compiler = _Compiler(rows, providers, keys, today)
    compiled = [compiler.model(joined) for joined in rows.values()]
    any_real = any(model.real and model.enabled for model in compiled)
    models = {model.name: model if model.real == any_real else replace(model, routable=False) for model in compiled}
    names: Names = names_of(settings, models)
    snapshot = Snapshot(
        digest="",
        settings_hash=settings_hash(settings, keys, today),
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
        provider_limits={name: ProviderLimits(**p.limits.model_dump()) for name, p in providers.items()},
        server=_server(settings),
        any_real=any_real,
        mock_latency_scale=settings.mock_latency_scale,
        warnings=tuple(warnings),
    )
    return replace(snapshot, digest=digest_of(snapshot.settings_hash, grounds(snapshot)))


def _lies_open(environment: Environment, path: Path) -> bool:
    """Whether the file's own Redis address is in force and any user may read it."""
    return not environment.values.get("REDIS_URL", "").strip() and readable_by_all(path)


class _Compiler:
    """Turns joined rows into models; a retired row takes its successor's targets."""

    def __init__(
        self,
        rows: Mapping[str, Joined],
        providers: Mapping[str, Provider],
        keys: Mapping[str, tuple[str, ...]],
        today: date,
    ) -> None:
        self._rows = rows
        self._providers = providers
        self._keys = keys  # of real providers, the variables that hold a key
        self._today = today

    def model(self, joined: Joined) -> Model:
        row = joined.row
        retired = self._is_retired(joined)
        serving, warning = self._serving(joined) if retired else (joined, self._notice(joined))
        targets = self._targets(serving)
        enabled = row.enabled and joined.provider.enabled
        return Model(
            name=joined.name,
            provider=row.provider,
            model_id=row.id,
            kind=row.kind,
            enabled=enabled,
            real=not targets[0].mock,
            routable=enabled and row.kind == "chat" and not retired,
            targets=targets,
            # one host however many keys there are for it
            hosts=tuple(dict.fromkeys(f"{target.provider}/{target.model_id}@{target.base_url}" for target in targets)),
            fallbacks=tuple(row.fallbacks),
            capabilities=_capabilities(serving, [target.dialect for target in targets]),
            context_window=serving.row.context_window or serving.facts.window,
            max_output=serving.row.max_output or serving.facts.max_output,
            avg_latency_ms=serving.row.avg_latency_ms or serving.facts.latency_ms,
            rates=serving.rates,
            quality=_quality(serving),
            abilities=_abilities(serving),
            strength=_strength(serving),
            retires_on=joined.retires_on,
            retired=retired,
            successor=joined.successor,
            warning=warning,
        )

    def _is_retired(self, joined: Joined) -> bool:
        return joined.retires_on is not None and joined.retires_on <= self._today.isoformat()

    def _notice(self, joined: Joined) -> str | None:
        if joined.retires_on is None:
            return None
        return f"{joined.row.id} retires on {joined.retires_on}" + (
            f"; its successor is {joined.successor}" if joined.successor else ""
        )

    def _serving(self, joined: Joined) -> tuple[Joined, str]:
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

    def _successor(self, joined: Joined) -> Joined | None:
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
        host = self._providers.get(provider)
        if host is None:
            return None
        facts = FACTS.get((provider, model_id), UNKNOWN)
        row = ModelRow(provider=provider, id=model_id)
        return Joined(joined.name, row, facts, host, listed_rates(host, model_id, self._today))

    def _targets(self, joined: Joined) -> tuple[Target, ...]:
        """The row's places; once one of them is real, those alone."""
        places = [(joined.row.provider, joined.row.id), *((d.provider, d.id) for d in joined.row.deployments)]
        targets = [self._target(joined, *place) for place in places if self._providers[place[0]].enabled]
        real = [each for target in targets if not target.mock for each in self._one_per_key(target)]
        return tuple(real or targets or [self._target(joined, *places[0])])

    def _one_per_key(self, target: Target) -> list[Target]:
        """The target once for each key that is set, so that each has limits, cooldowns and a share of the calls of its own."""
        keys = self._keys[target.provider]
        return [replace(target, key_env=(key,)) for key in keys] if len(target.key_env) > 1 else [target]

    def _target(self, joined: Joined, provider_name: str, model_id: str) -> Target:
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
            mock=provider_name not in self._keys,
            capabilities=_capabilities(joined, (provider.dialect,)),
            known=joined.row.capabilities is not None or joined.facts is not UNKNOWN,
            quirks=provider.quirks,
            on_disconnect=provider.on_disconnect,
            efforts=tuple(joined.row.efforts if joined.row.efforts is not None else joined.facts.efforts),
            thinking=tuple(joined.row.thinking if joined.row.thinking is not None else joined.facts.thinking),
            max_tokens_field=joined.row.max_tokens_field or joined.facts.max_tokens_field,
            dimensions=joined.facts.dimensions,
            context_window=joined.row.context_window or joined.facts.window,
            max_output=joined.row.max_output or joined.facts.max_output,
            avg_latency_ms=joined.row.avg_latency_ms or joined.facts.latency_ms,
            rates=joined.rates
            if own or (joined.rates and joined.rates.source == "config")
            else listed_rates(provider, model_id, self._today),
        )


def _capabilities(joined: Joined, dialects: Iterable[str]) -> frozenset[str]:
    """The row's own word before the catalogue's; several answers at once (`n`) depend on the dialect alone."""
    own = joined.row.capabilities
    told = joined.facts.capabilities if own is None else frozenset[str](own)
    return told if _MANY.isdisjoint(dialects) or joined.row.kind != "chat" else told | {"n"}


def _quality(joined: Joined) -> float:
    """The row's own figure, else the catalogue's, else what the figures by domain say, else a guess by price and size."""
    if joined.row.quality is not None:
        return joined.row.quality
    if joined.facts.quality is not None and joined.row.abilities is None:
        return joined.facts.quality
    told = _abilities(joined)
    if told:
        return overall(told)
    return guessed(joined.row.id, joined.rates.output / PICO_PER_DOLLAR_MTOK if joined.rates is not None else None)


def _abilities(joined: Joined) -> dict[str, float]:
    own = joined.row.abilities
    return by_domain(dict(joined.facts.abilities) if own is None else own)


def _strength(joined: Joined) -> float:
    """How many scored answers what is known of the quality is worth."""
    if joined.row.abilities or joined.facts.abilities:
        return PUBLISHED
    return STATED if joined.row.quality is not None or joined.facts.quality is not None else GUESSED


def _routing(settings: Settings) -> Routing:
    own = {mode: Weights(**row.model_dump()) for mode, row in settings.routing.weights.items()}
    weights = {mode: own.get(mode, DEFAULT_WEIGHTS[mode]) for mode in MODES}
    row = settings.routing
    return Routing(
        baseline=row.baseline,
        exploration=row.exploration,
        exploration_gap=row.exploration_gap,
        weights=weights,
        hedge=Hedge(**row.hedge.model_dump()),
        breaker=Breaking(**row.breaker.model_dump()),
        retries=Retries(**row.retries.model_dump()),
    )


def _cache(settings: Settings, home: Path) -> CachePlan:
    row = settings.cache
    return CachePlan(
        backend=row.backend,
        ttl_seconds=row.ttl_seconds,
        redis_url=row.redis_url,
        path=str(home / expanded(row.path)),
        version=row.version,
        max_bytes=row.max_mb * 1024 * 1024,
        quality_slack=row.quality_slack,
        faces=tuple(row.faces),
    )


def _logging(settings: Settings, home: Path) -> LoggingPlan:
    row = settings.logging
    return LoggingPlan(
        per_call_path=str(home / expanded(row.per_call_path)),
        daily_rollup_path=str(home / expanded(row.daily_rollup_path)),
        prompts=row.prompts,
        max_bytes=row.max_bytes,
        keep=row.keep,
        usage_path=str(home / expanded(row.usage_path)) if row.usage_path is not None else None,
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
