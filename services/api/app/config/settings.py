"""Every key of config.yaml with its type, bounds and default. Shapes only: what keys mean together is checked in `check`."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/@-]*$", max_length=120)]
Alias = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/@-]*\*?$", max_length=120)]
Text = Annotated[str, StringConstraints(min_length=1, max_length=500)]
Amount = Annotated[float, Field(ge=0, le=1e6, allow_inf_nan=False)]
Seconds = Annotated[float, Field(gt=0, le=86_400, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=0, le=2**40)]
Day = Annotated[str, StringConstraints(pattern=r"^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$")]
Mode = Literal["fast", "balanced", "accurate"]
Dialect = Literal["openai", "anthropic", "gemini", "mistral"]
Capability = Literal["streaming", "tools", "vision", "pdf", "json_schema", "reasoning", "sampling"]


class Strict(BaseModel):
    """No unknown key, and no conversion: a number given as text is an error."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class ProviderRow(Strict):
    """A host. `key_env` names environment variables (several are tried in order); null = the host takes no key."""

    dialect: Dialect | None = None
    base_url: Annotated[str, StringConstraints(pattern=r"^https?://[^\s/?#@]+(/[^\s?#@]*)?$", max_length=500)] | None = None
    key_env: Name | list[Name] | None = None
    enabled: bool = True


class Deployment(Strict):
    """A further place where a model's row can be served."""

    provider: Name
    id: Text


class ModelRow(Strict):
    """A model that may answer. Prices in US dollars per 1,000 tokens (or per million, under the longer names)."""

    provider: Name
    id: Text
    price_in: Amount | None = None
    price_out: Amount | None = None
    price_in_per_million: Amount | None = None
    price_out_per_million: Amount | None = None
    avg_latency_ms: Annotated[float, Field(gt=0, le=3_600_000, allow_inf_nan=False)] | None = None
    enabled: bool = True
    context_window: Annotated[int, Field(ge=1, le=2**31)] | None = None
    max_output: Annotated[int, Field(ge=1, le=2**31)] | None = None
    kind: Literal["chat", "embedding"] = "chat"
    capabilities: list[Capability] | None = None
    fallbacks: list[Name] = []
    deployments: list[Deployment] = []
    quality: Share | None = None
    retires_on: Day | None = None
    successor: Text | None = None

    @model_validator(mode="after")
    def _one_unit(self) -> "ModelRow":
        for way in ("in", "out"):
            if getattr(self, f"price_{way}") is not None and getattr(self, f"price_{way}_per_million") is not None:
                raise ValueError(f"price_{way} and price_{way}_per_million say the same in two units: keep one")
        given = [
            getattr(self, f"price_{w}") is not None or getattr(self, f"price_{w}_per_million") is not None for w in ("in", "out")
        ]
        if given[0] != given[1]:
            raise ValueError("give both an input and an output price, or neither")
        return self


class WeightsRow(Strict):
    """One mode's utility."""

    quality: Amount
    cost: Amount
    latency: Amount
    floor: Share = 0.0


class RoutingRow(Strict):
    """How `auto` decides."""

    baseline: Name | None = None
    exploration: Share = 0.0
    weights: dict[Mode, WeightsRow] = {}


class ScoringRow(Strict):
    """Which scorers run."""

    gates: bool = True


class CacheRow(Strict):
    """What is remembered, where and for how long."""

    backend: Literal["local", "redis", "none"] = "local"
    ttl_seconds: Annotated[int, Field(ge=1, le=10 * 365 * 86_400)] = 86_400
    redis_url: Annotated[str, StringConstraints(pattern=r"^(rediss?|unix)://\S+$", max_length=500)] = "redis://localhost:6379/0"
    path: Text = "./cache/answers.sqlite"
    version: Annotated[str, StringConstraints(max_length=100)] = ""
    max_mb: Annotated[int, Field(ge=1, le=1_000_000)] = 256
    quality_slack: Share = 0.02
    faces: list[Literal["query", "chat"]] = ["query"]


class LoggingRow(Strict):
    """The journal and its rollup."""

    per_call_path: Text = "./logs/per_call.jsonl"
    daily_rollup_path: Text = "./logs/daily.json"
    prompts: Literal["none", "hash", "redacted", "full"] = "hash"
    max_bytes: Count = 0
    keep: Annotated[int, Field(ge=1, le=100_000)] | None = None


class TimeoutsRow(Strict):
    """Seconds; `total` is one budget for a whole request."""

    connect: Seconds = 5
    first_token: Seconds = 60
    idle: Seconds = 60
    attempt: Seconds = 240
    total: Seconds = 600


class LimitsRow(Strict):
    """What one worker takes on."""

    max_body_bytes: Annotated[int, Field(ge=1_000, le=2**31)] = 33_554_432
    max_in_flight: Annotated[int, Field(ge=1, le=1_000_000)] = 1_000
    max_queue: Annotated[int, Field(ge=0, le=1_000_000)] = 1_000
    drain_seconds: Annotated[float, Field(ge=0, le=3_600, allow_inf_nan=False)] = 30


class ServerRow(Strict):
    """Where the service listens."""

    host: Annotated[str, StringConstraints(min_length=1, max_length=255, pattern=r"^[A-Za-z0-9.:_-]+$")] = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65_535)] = 8_000
    root_path: Annotated[str, StringConstraints(pattern=r"^(/[A-Za-z0-9._~-]+)*$", max_length=200)] = ""
    allowed_hosts: list[Text] = []
    cors_origins: list[Text] = []
    keepalive_seconds: Seconds = 15


class Settings(Strict):
    """The whole file."""

    mode: Mode = "balanced"
    mock: Literal["auto", "never", "always"] = "auto"
    mock_latency_scale: Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)] = 1.0
    providers: dict[Name, ProviderRow] = {}
    models: Annotated[dict[Name, ModelRow], Field(min_length=1)]
    aliases: dict[Alias, Alias] = {}
    routing: RoutingRow = RoutingRow()
    scoring: ScoringRow = ScoringRow()
    cache: CacheRow = CacheRow()
    logging: LoggingRow = LoggingRow()
    timeouts: TimeoutsRow = TimeoutsRow()
    limits: LimitsRow = LimitsRow()
    server: ServerRow = ServerRow()
