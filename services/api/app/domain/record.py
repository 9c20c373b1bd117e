"""One JSON line per accepted call, as the journal holds it. No prompt unless configured, no secret ever."""

from typing import Any, Literal

from msgspec import UNSET, Struct, UnsetType

from .request import Constraints, Effort, Mode

Outcome = Literal["answered", "failed", "abandoned"]
CacheState = Literal["hit", "miss", "off"]
Purpose = Literal["caller", "judge", "shadow"]


class Attempt(Struct, frozen=True):
    """One try at one deployment. `status` is the upstream's HTTP status (null = none came), `error` a code of ours."""

    model: str
    provider: str
    model_id: str
    status: int | None
    error: str | None
    latency_ms: float


class Propensity(Struct, frozen=True, gc=False):
    """Over the draw alone: how probable the intended row was as the first choice, and that the row that answered did. Null = not known."""

    intended: float
    served: float | None


class WishesNote(Struct, frozen=True):
    """The wishes a decision was made under."""

    mode: Mode
    constraints: Constraints
    needs: tuple[str, ...]
    dialect: str | None
    tokens_in: int
    max_tokens: int | None
    native: tuple[str, ...] = ()
    session_model: str | None = None
    session_tokens: int = 0
    effort: Effort | None = None
    budget: int | None = None
    pictures: tuple[int, ...] = ()


class DecisionNote(Struct, frozen=True):
    """What is needed to compute a decision again; `z` is base64 of float32."""

    policy: str
    weights: str
    z: str
    wishes: WishesNote
    standing: str
    draw: float
    propensity: Propensity
    ranking: tuple[str, ...]


class Record(Struct, frozen=True, kw_only=True, tag_field="kind", tag="call"):
    """A call's line in `per_call.jsonl`; field by field in docs/reference/records.md."""

    id: str
    at: str
    face: str
    purpose: Purpose = "caller"
    mode: Mode | None = None
    asked: str
    decided: str | None = None
    served: str | None = None
    provider: str | None = None
    model_id: str | None = None
    stream: bool = False
    status: int
    outcome: Outcome
    error: str | None = None
    finish_reason: str | None = None
    tokens_in: int = 0
    tokens_out: int = 0
    cached_tokens: int = 0
    reasoning_tokens: int = 0
    usage_source: str = "none"
    cost_usd: float | None = None
    cost_nano_usd: int | None = None
    price_source: str | None = None
    saved_usd: float = 0.0
    baseline_usd: float | None = None
    latency_ms: float = 0.0
    first_token_ms: float | None = None
    queue_ms: float = 0.0
    overhead_ms: float = 0.0
    cache: CacheState = "off"
    score: float | None = None
    score_reasons: tuple[str, ...] = ()
    scorer: str | None = None
    mock: bool = False
    prompt_hash: str | None = None
    attempts: tuple[Attempt, ...] = ()
    decision: DecisionNote | None = None
    dropped: tuple[str, ...] = ()
    client_request_id: str | None = None
    user: str | None = None
    metadata: dict[str, Any] | None = None
    config_digest: str = ""
    # only there when given, or when `logging.prompts` asks for it
    session: str | UnsetType = UNSET
    prompt: str | UnsetType = UNSET
    response: str | UnsetType = UNSET


class ScoreLine(Struct, frozen=True, kw_only=True, tag_field="kind", tag="score"):
    """A score that came later than its call. `replaces` is the score it takes the place of, null if there was none."""

    call: str
    call_at: str
    model: str
    at: str
    scorer: str
    score: float
    reasons: tuple[str, ...] = ()
    replaces: float | None = None


class StandingLine(Struct, frozen=True, kw_only=True, tag_field="kind", tag="standing"):
    """The live figures behind the decisions that name this id."""

    id: str
    at: str
    models: dict[str, Any]
