"""The last half of a call: usage, cost, score and the record. Pure but for the journal handle that `commit` awaits."""

import hashlib
from base64 import b64encode
from datetime import UTC, datetime
from functools import lru_cache

import msgspec
from msgspec import UNSET, Struct, UnsetType

from ..auto_score.gates import SCORER, score
from ..domain.answer import Completion, Usage
from ..domain.decision import Decision
from ..domain.record import DecisionNote, Outcome, Propensity, Record, StandingLine, WishesNote
from ..domain.request import Message, Text
from ..domain.score import Score
from ..domain.target import Target, price
from ..errors import shown
from ..logging_utils.journal import encode
from ..router_engine.explain import baseline_cost
from ..text.redact import redacted
from ..text.tokens import estimate_tokens
from .house import House
from .walk import Walk

_COUNTED_BESIDE = 1_000  # tokens beyond the limit that a provider may still count: a stop, a template, a thought's end
NANO = 1e9  # nano-dollars in a dollar; dividing by it rounds correctly, multiplying by 1e-9 would not


class Settled(Struct, frozen=True):
    """A call that ended: its record and its score (None when it was not answered)."""

    record: Record
    score: Score | None


def settle(
    house: House, walk: Walk, outcome: Outcome, status: int, error: str | None = None, completion: Completion | None = None
) -> Settled:
    """Account for the call as it ended. `status` is what the caller saw, `error` our code if it failed."""
    request, asking, snapshot = walk.request, walk.asking, walk.compiled.snapshot
    target = walk.served or (walk.tried if outcome == "abandoned" else None)
    usage, source = _usage(walk, completion)
    nano = _cost(walk, target, usage, source)
    judged = _judged(walk, outcome, completion)
    told = judged if snapshot.scoring else None
    latency = house.clock() - asking.started
    prompts = snapshot.logging.prompts
    record = Record(  # one flat list of facts, a field a line, however long
        id=asking.id,
        at=utc(house.now()),
        face=asking.face,
        mode=walk.mode,
        asked=request.model[:200],
        decided=walk.decided,
        served=walk.served.name if walk.served else None,
        provider=target.provider if target else None,
        model_id=target.model_id if target else None,
        stream=request.stream,
        status=status,
        outcome=outcome,
        error=error,
        finish_reason=completion.finish_reason if completion else None,
        tokens_in=usage.input_tokens,
        tokens_out=usage.output_tokens,
        cached_tokens=usage.cached_tokens,
        reasoning_tokens=usage.reasoning_tokens,
        usage_source=source,
        cost_usd=None if nano is None else nano / NANO,
        cost_nano_usd=nano,
        price_source=target.rates.source if target and target.rates else None,
        saved_usd=walk.saved_nano / NANO,
        baseline_usd=baseline_cost(usage, walk.compiled.table) if source != "none" else None,
        latency_ms=round(latency * 1000, 3),
        first_token_ms=None if walk.first_token is None else round((walk.first_token - asking.started) * 1000, 3),
        queue_ms=walk.queue_ms,
        overhead_ms=round(max(latency - walk.waited - walk.queue_ms / 1000, 0.0) * 1000, 3),
        cache=walk.cache,
        score=told.score if told else None,
        score_reasons=told.reasons if told else (),
        scorer=told.scorer if told else None,
        mock=bool(target and target.mock),
        prompt_hash=None if prompts == "none" else prompt_hash(walk),
        attempts=tuple(walk.attempts),
        decision=_note(walk, walk.decision) if walk.decision else None,
        dropped=walk.dropped,
        client_request_id=asking.client_request_id,
        user=request.user,
        metadata=request.metadata,
        config_digest=snapshot.digest,
        session=request.session or UNSET,
        prompt=_kept(prompts, request.prompt),
        response=_kept(prompts, _answered(completion)) if completion else UNSET,
    )
    return Settled(record, judged)


def _cost(walk: Walk, target: Target | None, usage: Usage, source: str) -> int | None:
    """Nano-dollars; 0 for a mock, a kept answer or nothing used, None when the price is unknown."""
    if source == "none" or walk.cache == "hit" or target is None or target.mock:
        return 0
    return None if target.rates is None else price(usage, target.rates)


def _judged(walk: Walk, outcome: Outcome, completion: Completion | None) -> Score | None:
    """The answer's score; one from the cache keeps the score it was kept with."""
    if completion is None or outcome != "answered":
        return None
    if walk.kept_score is not None:
        return Score(walk.kept_score, (), SCORER, True)
    return score(walk.request, completion)


def utc(seconds: float) -> str:
    """Wall time as the journal writes it: UTC, milliseconds, `Z`."""
    whole = int(seconds)
    return f"{_second(whole)}.{int((seconds - whole) * 1000):03d}Z"


@lru_cache(maxsize=4)
def _second(whole: int) -> str:
    return datetime.fromtimestamp(whole, UTC).strftime("%Y-%m-%dT%H:%M:%S")


async def commit(house: House, walk: Walk, record: Record) -> None:
    """Put the record into the journal (and before it the standing that its decision used); returns when it is there."""
    line = encode(record)
    standing = walk.standing
    if walk.decision is not None and standing.id not in ("none", house.standing_written):
        house.standing_written = standing.id
        models = {name: (live.first_token_ms, live.tokens_per_second, live.open) for name, live in standing.models.items()}
        await house.journal.commit(encode(StandingLine(id=standing.id, at=record.at, models=models)))
    await house.journal.commit(line)
    house.metrics.count(record)


def prompt_hash(walk: Walk) -> str:
    """SHA-256 over all turns, roles and parts: equal prompts are found again without being kept."""
    said = "\x1e".join([f"{message.role}\x1f{_told(message)}" for message in walk.request.messages])
    return hashlib.sha256(said.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _told(message: Message) -> str:
    """A turn's text, and whatever else it has as JSON."""
    parts = message.parts
    if len(parts) == 1 and type(parts[0]) is Text:
        return parts[0].text
    return "\n".join([part.text if type(part) is Text else msgspec.json.encode(part).decode() for part in parts])


def _kept(prompts: str, text: str) -> str | UnsetType:
    if prompts == "full":
        return text
    return redacted(text) if prompts == "redacted" else UNSET


def _answered(completion: Completion) -> str:
    """What was answered, for those who read it in the log: the text or the refusal, then each call on a line of its own."""
    said = completion.text or completion.refusal
    calls = [f"{call.name}({call.arguments})" for call in completion.tool_calls]
    return "\n".join([said, *calls] if said else calls)


def _usage(walk: Walk, completion: Completion | None) -> tuple[Usage, str]:
    """What the provider counted, else an estimate of what was said, else nothing."""
    if completion is None:
        return Usage(), "none"
    if completion.usage is not None and _is_possible(walk, completion.usage):
        return completion.usage, "provider"
    said = completion.text + completion.reasoning + completion.refusal + "".join(c.arguments for c in completion.tool_calls)
    if not said and completion.finish_reason is None:
        return Usage(), "none"
    return Usage(input_tokens=walk.tokens_in, output_tokens=estimate_tokens(said)), "estimate"


def _is_possible(walk: Walk, usage: Usage) -> bool:
    """Whether no more is counted than was allowed. Hosts count a little differently, and a raised limit is a reported one."""
    request = walk.request
    if request.max_tokens is None or "max_tokens" in walk.dropped:
        return True
    return usage.output_tokens <= (request.max_tokens * 2 + _COUNTED_BESIDE) * request.n


def _note(walk: Walk, decision: Decision) -> DecisionNote:
    wishes = decision.wishes
    return DecisionNote(
        policy=decision.policy,
        weights=decision.weights,
        z=b64encode(decision.z).decode(),
        wishes=WishesNote(
            mode=wishes.mode,
            constraints=wishes.constraints,
            needs=tuple(sorted(wishes.needs)),
            dialect=wishes.dialect,
            native=tuple(shown(name, 100) for name in wishes.native[:20]),
            tokens_in=wishes.tokens_in,
            max_tokens=wishes.max_tokens,
            session_model=wishes.session_model,
            session_tokens=wishes.session_tokens,
            effort=wishes.effort,
            budget=wishes.budget,
            pictures=wishes.pictures,
        ),
        standing=decision.standing,
        draw=decision.draw,
        propensity=Propensity(decision.propensity, _served_propensity(walk, decision)),
        ranking=decision.ranking,
    )


def _served_propensity(walk: Walk, decision: Decision) -> float | None:
    """The intended row's, if it was it that answered.

    Not known where another draw might have been answered by the same row: behind a failure, or from what was kept.
    """
    served = walk.served is not None and walk.served.name == decision.chosen
    kept = walk.cache == "hit" and decision.propensity < 1
    return decision.propensity if served and not kept else None
