"""The compiled configuration: plain, immutable data that one request keeps from door to end. No file, no environment."""

from msgspec import Struct

from ..domain.request import Mode
from ..domain.target import Rates, Target


class Model(Struct, frozen=True, kw_only=True):
    """One row of `models`, joined with what the catalogue knows of it and judged for today.

    `targets` are the deployments to try, in order (a retired row holds its successor's); `hosts` names them for cache keys.
    `real` = its first target has a key or
    needs none. `routable` = `auto` may pick it today. `warning` is what a caller who names it should read.
    """

    name: str
    provider: str
    model_id: str
    kind: str = "chat"
    enabled: bool = True
    real: bool = False
    routable: bool = True
    targets: tuple[Target, ...]
    hosts: tuple[str, ...] = ()
    fallbacks: tuple[str, ...] = ()
    capabilities: frozenset[str] = frozenset()
    context_window: int | None = None
    max_output: int | None = None
    avg_latency_ms: float = 1000.0
    rates: Rates | None = None
    quality: float = 0.5
    abilities: dict[str, float] = {}
    strength: float = 8.0
    retires_on: str | None = None
    retired: bool = False
    successor: str | None = None
    warning: str | None = None


class Weights(Struct, frozen=True):
    """One mode's utility: `quality` * P(good) - `cost` * log-scaled dollars - `latency` * log-scaled seconds, over `floor`."""

    quality: float
    cost: float
    latency: float
    floor: float = 0.0


class Hedge(Struct, frozen=True):
    """A second candidate beside a late one: only for models with `min_samples` known first tokens, for at most `max_share` of calls."""

    enabled: bool = False
    min_samples: int = 20
    max_share: float = 0.1


class Breaking(Struct, frozen=True):
    """When breakers open: after `failures` in a row, or with less than `success_rate` of the latest calls. Cooldowns in seconds.

    A cooldown is drawn between `cooldown` and a bound that doubles up to `longest_cooldown`; `key_cooldown` is a lost key's.
    """

    failures: int = 5
    success_rate: float = 0.5
    cooldown: float = 5
    longest_cooldown: float = 300
    key_cooldown: float = 300


class Retries(Struct, frozen=True):
    """At most `attempts` for one request; further tries cost a worker at most `share` of its requests and `per_second`."""

    attempts: int = 3
    share: float = 0.2
    per_second: float = 10


class Routing(Struct, frozen=True):
    """How `auto` decides. `baseline` is the row that savings are counted against.

    The share `exploration` of decisions is drawn among the rows at most `exploration_gap` of utility behind the best.
    """

    baseline: str | None
    exploration: float
    weights: dict[Mode, Weights]
    hedge: Hedge = Hedge()
    breaker: Breaking = Breaking()
    retries: Retries = Retries()
    exploration_gap: float = 0.02


class CachePlan(Struct, frozen=True):
    """`cache:` of the config. `faces` lists faces where the cache is on without being asked for."""

    backend: str
    ttl_seconds: int
    redis_url: str
    path: str
    version: str
    max_bytes: int
    quality_slack: float
    faces: tuple[str, ...]


class LoggingPlan(Struct, frozen=True):
    """`logging:` of the config; paths are absolute. `keep` = rotated files kept (None = all), `max_bytes` 0 = no rotation.

    `usage_path` None = no projection.
    """

    per_call_path: str
    daily_rollup_path: str
    prompts: str
    max_bytes: int
    keep: int | None
    usage_path: str | None


class Timeouts(Struct, frozen=True):
    """Seconds. `total` is one budget for a whole request."""

    connect: float = 5
    first_token: float = 60
    idle: float = 60
    attempt: float = 240
    total: float = 600


class Limits(Struct, frozen=True):
    """What one worker takes on."""

    max_body_bytes: int = 33_554_432
    max_in_flight: int = 1000
    max_queue: int = 1000
    drain_seconds: float = 30


class ProviderLimits(Struct, frozen=True):
    """What one worker asks of one provider at a time; `max_in_flight` None = the worker's own limits alone."""

    max_in_flight: int | None = None
    max_queue: int = 100


class Server(Struct, frozen=True):
    """`server:` of the config."""

    host: str
    port: int
    root_path: str
    allowed_hosts: tuple[str, ...]
    cors_origins: tuple[str, ...]
    keepalive_seconds: float


class Asked(Struct, frozen=True):
    """What a caller's `model` means: a row's `name`, or a `mode` for the router's own choice (None = the request's or default)."""

    name: str | None = None
    mode: Mode | None = None


class Grounds(Struct, frozen=True, kw_only=True):
    """All of a configuration that decisions stand on; archived under its digest, so that they can be computed again."""

    digest: str
    day: str
    any_real: bool
    routing: Routing
    models: dict[str, Model]


class Snapshot(Grounds, frozen=True, kw_only=True):
    """One compiled configuration of one UTC day.

    `settings_hash` is the part of the digest that the grounds do not hold.
    `names` maps every exact string that `model` accepts to what it means; `prefixes` holds the `*` aliases in order;
    `ambiguous` maps an id that several rows have to their names. `provider_limits` holds every provider of the configuration.
    """

    settings_hash: str = ""
    source: str
    mode: Mode
    names: dict[str, Asked]
    prefixes: tuple[tuple[str, Asked], ...]
    ambiguous: dict[str, tuple[str, ...]]
    scoring: bool
    cache: CachePlan
    logging: LoggingPlan
    timeouts: Timeouts
    limits: Limits
    provider_limits: dict[str, ProviderLimits] = {}
    server: Server
    mock_latency_scale: float
    warnings: tuple[str, ...] = ()

    def provider_states(self) -> dict[str, str]:
        """`real` or `mock` for every provider of an enabled row; one real row makes its provider real."""
        states: dict[str, str] = {}
        for model in self.models.values():
            if model.enabled:
                states[model.provider] = "real" if model.real or states.get(model.provider) == "real" else "mock"
        return states
