"""Journals as the service would have written them, with scores from a world that is known: so what another policy would have reached
is known, too."""

import random
from base64 import b64encode
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from msgspec.structs import replace

from app.config.snapshot import Snapshot
from app.domain.decision import EMPTY_STANDING, Decision, Standing
from app.domain.record import DecisionNote, Propensity, Record, StandingLine, WishesNote
from app.domain.request import ChatRequest, Message, Mode, Text, Wishes
from app.evaluation.archive import Archive
from app.logging_utils.journal import encode
from app.router_engine.decide import decide
from app.router_engine.first_stage import first_stage
from app.router_engine.table import compile_table
from config.cases import compiled

START = datetime(2026, 11, 25, 8, tzinfo=UTC)
ROWS = """models:
  cheap: {provider: openai, id: gpt-4o-mini, quality: 0.7}
  dear: {provider: anthropic, id: claude-sonnet-5-5, quality: 0.9}
"""
CHEAPER = "weights: {balanced: {quality: 1.0, cost: 5.0, latency: 0.0}}"
BETTER = "weights: {balanced: {quality: 1.0, cost: 0.0, latency: 0.0}}"
WIDE = "exploration_gap: 100"
KEYS = {"OPENAI_API_KEY": "k", "ANTHROPIC_API_KEY": "k"}
WORTH = {"cheap": 0.6, "dear": 0.8}
COST = {"cheap": 0.001, "dear": 0.004}
_WORDS = (
    "prove",
    "the",
    "theorem",
    "hello",
    "what is a",
    "function",
    "that sorts",
    "summarise",
    "translate",
    "12 * 17 =",
    "list",
)


def configured(*routing: str) -> str:
    """A configuration with these keys under `routing`."""
    return ROWS + "routing: {" + ", ".join(routing) + "}\n"


def request_of(chance: random.Random) -> ChatRequest:
    text = " ".join(chance.choices(_WORDS, k=chance.randint(1, 40)))
    return ChatRequest(model="auto", messages=(Message("user", (Text(text),)),))


def record_of(snapshot: Snapshot, decision: Decision, number: int, /, **changes: object) -> Record:
    """The record of a call that went as `WORTH` and `COST` say; its score is 1 or 0 with that mean."""
    wishes, name = decision.wishes, decision.chosen
    score = float(random.Random(f"{number}{name}").random() < WORTH[name])
    note = DecisionNote(
        policy=decision.policy,
        weights=decision.weights,
        z=b64encode(decision.z).decode(),
        wishes=WishesNote(
            wishes.mode, wishes.constraints, tuple(wishes.needs), wishes.dialect, wishes.tokens_in, wishes.max_tokens
        ),
        standing=decision.standing,
        draw=decision.draw,
        propensity=Propensity(decision.propensity, decision.propensity),
        ranking=decision.ranking,
    )
    record = Record(
        id=f"{number:024x}",
        at=(START + timedelta(seconds=number)).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        face="query",
        asked="auto",
        decided=name,
        served=name,
        status=200,
        outcome="answered",
        score=score,
        cost_usd=COST[name],
        latency_ms=1000.0 * WORTH[name],
        decision=note,
        config_digest=snapshot.digest,
    )
    return replace(record, **changes)


def lines_of(
    snapshot: Snapshot,
    count: int,
    *,
    mode: Mode = "balanced",
    standings: Callable[[int], Standing] = lambda _: EMPTY_STANDING,
    **changes: object,
) -> list[bytes]:
    """The journal's lines for so many calls."""
    chance, table = random.Random(5), compile_table(snapshot)
    lines, written = [], EMPTY_STANDING.id
    for number in range(count):
        request, standing = request_of(chance), standings(number)
        decision = decide(first_stage(request), Wishes(mode=mode, tokens_in=40), table, standing, chance.random())
        record = record_of(snapshot, decision, number, **changes)
        if standing.id not in (EMPTY_STANDING.id, written):
            written = standing.id
            models = {name: (live.first_token_ms, live.tokens_per_second, live.open) for name, live in standing.models.items()}
            lines.append(encode(StandingLine(id=standing.id, at=record.at, models=models)))
        lines.append(encode(record))
    return lines


def written(folder: Path, lines: list[bytes], snapshot: Snapshot | None) -> Path:
    """The journal in `folder`, with the archive of the snapshot beside it if there is one."""
    path = folder / "logs" / "per_call.jsonl"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"".join(lines))
    if snapshot is not None:
        Archive(path, lambda said: None).keep(snapshot)
    return path


def snapshot_in(folder: Path, *routing: str) -> Snapshot:
    """What these keys under `routing` mean, with keys set for both providers."""
    return compiled(folder, configured(*routing), KEYS)
