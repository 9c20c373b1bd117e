"""Every key of config.yaml with its type, bounds and default. Shapes only: what keys mean together is checked in `check`."""

import re
from datetime import date
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, model_validator

from ..catalogue.abilities import BENCHMARKS, DOMAINS
from ..clients.openai_client.quirks import QUIRKS
from ..domain.request import Effort


def _form(pattern: str, words: str) -> AfterValidator:
    """Text that `pattern` matches as a whole; `words` say it to people, where pydantic would show the pattern."""
    form = re.compile(pattern)

    def check(text: str) -> str:
        if not form.fullmatch(text):
            raise ValueError(f"must be {words}")
        return text

    return AfterValidator(check)


def _day(text: str) -> str:
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
        raise ValueError("must be a day such as 2027-01-14")
    try:
        date.fromisoformat(text)
    except ValueError:
        raise ValueError("is not a day of the calendar") from None
    return text


def _base_url(text: str) -> str:
    try:
        parts = urlsplit(text)
        sound = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is none, a bracket that does not close
        sound = False
    # also refused where urlsplit is lenient: blanks, control characters, and empty user, query or fragment parts
    if not sound or not re.fullmatch(r"[!-~]+", text) or re.search(r"[@?#\\]", text):
        raise ValueError("must be an http or https URL without user, query and fragment")
    return text


def _quirk(text: str) -> str:
    if text not in QUIRKS:
        raise ValueError(f"is no quirk we know: use some of {', '.join(sorted(QUIRKS))}")
    return text


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


Name = Annotated[
    str, StringConstraints(max_length=120), _form(r"[A-Za-z0-9][A-Za-z0-9._:/@-]*", "a name of letters, digits and . _ : / @ -")
]
Alias = Annotated[
    str,
    StringConstraints(max_length=120),
    _form(
        r"[A-Za-z0-9][A-Za-z0-9._:/@-]*\*?|\*", "a name of letters, digits and . _ : / @ -, or such a beginning with * after it"
    ),
]
Id = Annotated[str, StringConstraints(max_length=300), _form(r"[!-~]+", "the provider's own name of the model, without blanks")]
Variable = Annotated[
    str, StringConstraints(max_length=120), _form(r"[A-Za-z_][A-Za-z0-9_]*", "the name of an environment variable, never the key")
]
Path = Annotated[str, StringConstraints(max_length=500), _form(r"[^\x00-\x1f\x7f]+", "a path, without control characters")]
Host = Annotated[str, StringConstraints(max_length=255), _form(r"[A-Za-z0-9.:_-]+", "a host name or address")]
HostName = Annotated[
    str,
    StringConstraints(max_length=255),
    _form(r"\*|(\*\.)?[A-Za-z0-9_-][A-Za-z0-9._-]*|\[?[0-9A-Fa-f:.]+\]?", "a host name or address without port, *.name, or *"),
]
Origin = Annotated[
    str,
    StringConstraints(max_length=300),
    _form(r"\*|[a-z][a-z0-9+.-]*://[A-Za-z0-9._:\[\]-]+", "an origin such as https://app.example.com without a path, or *"),
]
Amount = Annotated[float, Field(ge=0, le=1e6, allow_inf_nan=False)]
Seconds = Annotated[float, Field(gt=0, le=86_400, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]


def _ability(name: str) -> str:
    known = (*DOMAINS, *BENCHMARKS)
    if name not in known:
        raise ValueError(f"no such ability or benchmark; known are {', '.join(known)}")
    return name


Ability = Annotated[str, AfterValidator(_ability)]
Count = Annotated[int, Field(ge=0, le=2**40)]
Day = Annotated[str, AfterValidator(_day)]
Mode = Literal["fast", "balanced", "accurate"]
Dialect = Literal["openai", "anthropic", "gemini", "mistral"]
Capability = Literal["streaming", "tools", "vision", "pdf", "audio", "json_schema", "reasoning", "sampling", "logprobs"]
Quirk = Annotated[str, AfterValidator(_quirk)]


class Strict(BaseModel):
    """No unknown key, and no conversion: a number given as text is an error."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class ProviderLimitsRow(Strict):
    """What one worker asks of one provider at a time; null = only the worker's own `limits` count."""

    max_in_flight: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    max_queue: Annotated[int, Field(ge=0, le=1_000_000)] = 100


class ProviderRow(Strict):
    """A host. `key_env` names one environment variable, or several that are balanced; null = the host takes no key."""

    dialect: Dialect | None = None
    base_url: Annotated[str, StringConstraints(max_length=500), AfterValidator(_base_url)] | None = None
    key_env: Annotated[Annotated[list[Variable], Field(min_length=1)] | None, BeforeValidator(_listed)] = None
    enabled: bool = True
    quirks: list[Quirk] | None = None
    trusted: bool = False
    on_disconnect: Literal["cancel", "drain"] = "cancel"
    limits: ProviderLimitsRow = ProviderLimitsRow()


class Deployment(Strict):
    """A further place where a model's row can be served."""

    provider: Name
    id: Id


class ModelRow(Strict):
    """A model that may answer. Prices in US dollars per 1,000 tokens (or per million, under the longer names)."""

    provider: Name
    id: Id
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
    efforts: list[Effort] | None = None
    thinking: list[Literal["adaptive", "enabled", "disabled", "between_tools"]] | None = None
    max_tokens_field: Literal["max_tokens", "max_completion_tokens"] | None = None
    fallbacks: list[Name] = []
    deployments: list[Deployment] = []
    quality: Share | None = None
    abilities: dict[Ability, Share] | None = None
    retires_on: Day | None = None
    successor: Id | None = None

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


class HedgeRow(Strict):
    """When a second candidate is started beside one whose first token is late."""

    enabled: bool = False
    min_samples: Annotated[int, Field(ge=1, le=1_000_000)] = 20
    max_share: Share = 0.1


class BreakerRow(Strict):
    """When a deployment that fails is passed over, and for how long (seconds)."""

    failures: Annotated[int, Field(ge=1, le=1_000_000)] = 5
    success_rate: Share = 0.5
    cooldown: Seconds = 5
    longest_cooldown: Seconds = 300
    key_cooldown: Seconds = 300


class RetriesRow(Strict):
    """How often one request may be tried, and what further tries may cost a worker."""

    attempts: Annotated[int, Field(ge=1, le=10)] = 3
    share: Share = 0.2
    per_second: Amount = 10


class RoutingRow(Strict):
    """How `auto` decides."""

    baseline: Name | None = None
    exploration: Share = 0.0
    exploration_gap: Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)] = 0.02
    weights: dict[Mode, WeightsRow] = {}
    hedge: HedgeRow = HedgeRow()
    breaker: BreakerRow = BreakerRow()
    retries: RetriesRow = RetriesRow()


class ScoringRow(Strict):
    """Which scorers run."""

    gates: bool = True


class CacheRow(Strict):
    """What is remembered, where and for how long."""

    backend: Literal["local", "redis", "none"] = "local"
    ttl_seconds: Annotated[int, Field(ge=1, le=10 * 365 * 86_400)] = 86_400
    redis_url: Annotated[
        str, StringConstraints(max_length=500), _form(r"(rediss?|unix)://[!-~]+", "a redis://, rediss:// or unix:// URL")
    ] = "redis://localhost:6379/0"
    path: Path = "./cache/answers.sqlite"
    version: Annotated[str, StringConstraints(max_length=100)] = ""
    max_mb: Annotated[int, Field(ge=1, le=1_000_000)] = 256
    quality_slack: Share = 0.02
    faces: list[Literal["query", "chat", "responses", "messages"]] = ["query"]


class LoggingRow(Strict):
    """The journal and its rollup."""

    per_call_path: Path = "./logs/per_call.jsonl"
    daily_rollup_path: Path = "./logs/daily.json"
    prompts: Literal["none", "hash", "redacted", "full"] = "hash"
    max_bytes: Count = 0
    keep: Annotated[int, Field(ge=1, le=100_000)] | None = None
    usage_path: Path | None = "./cache/usage.sqlite"


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

    host: Host = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65_535)] = 8_000
    root_path: Annotated[
        str, StringConstraints(max_length=200), _form(r"(/[A-Za-z0-9._~-]+)*", "a path such as /llm, without a slash at its end")
    ] = ""
    allowed_hosts: list[HostName] = []
    cors_origins: list[Origin] = []
    keepalive_seconds: Seconds = 15


class Settings(Strict):
    """The whole file."""

    mode: Mode = "balanced"
    mock: Literal["auto", "never", "always"] = "auto"
    mock_latency_scale: Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)] = 1.0
    providers: dict[Name, ProviderRow] = {}
    models: Annotated[dict[Name, ModelRow], Field(min_length=1)]
    aliases: dict[Alias, Name] = {}
    routing: RoutingRow = RoutingRow()
    scoring: ScoringRow = ScoringRow()
    cache: CacheRow = CacheRow()
    logging: LoggingRow = LoggingRow()
    timeouts: TimeoutsRow = TimeoutsRow()
    limits: LimitsRow = LimitsRow()
    server: ServerRow = ServerRow()
