"""A journal of as many records as wanted, quickly: `python -m bench.journals 1000000 per_call.jsonl`.

Records are as the service writes them, with decision and attempts, over a month of days with busy and quiet hours: twenty-odd models
of five providers, three modes and calls by name, forty users, failures, cache hits, unknown prices; now and then a standing line, a
late score and, if asked for, torn and foreign lines. A seed gives the same bytes every time. What the records add up to is returned.
"""

import argparse
import random
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from app.domain.record import Attempt, DecisionNote, Propensity, Record, ScoreLine, StandingLine, WishesNote
from app.domain.request import Constraints
from app.logging_utils.journal import encode

START = datetime(2026, 10, 1, tzinfo=UTC)
DAYS = 30
BODIES = 4096
USERS = 40
MODELS = tuple(
    (f"{provider}_{size}", provider, f"{size}-1")
    for provider in ("openai", "anthropic", "gemini", "mistral", "llama")
    for size in ("nano", "small", "medium", "large")
)
_LINES_AT_ONCE = 2048


class Made:
    """What was written: call lines, and the sums over them."""

    def __init__(self) -> None:
        self.calls = 0
        self.scores = 0
        self.cost_nano_usd = 0
        self.tokens_in = 0
        self.tokens_out = 0
        self.by_model: Counter[str] = Counter()


def record(chance: random.Random, number: int) -> Record:
    """One call, as `number` and `chance` have it; the moment and the id are put in place of these."""
    name, provider, model_id = chance.choices(MODELS, weights=range(len(MODELS), 0, -1))[0]
    by_name = chance.random() < 0.2
    outcome = chance.choices(("answered", "failed", "abandoned"), weights=(96, 3, 1))[0]
    hit = outcome == "answered" and chance.random() < 0.2
    answered = outcome == "answered"
    tokens_in, tokens_out = int(chance.lognormvariate(6, 1)), int(chance.lognormvariate(5, 1)) * answered
    unknown = chance.random() < 0.02
    cost = 0 if hit else tokens_in * 150 + tokens_out * 600
    latency = round(chance.lognormvariate(6.5, 0.7), 1) if not hit else round(chance.uniform(0.5, 3), 3)
    return Record(
        id="",
        at="",
        face=chance.choice(("chat", "query", "messages", "responses")),
        mode=None if by_name else chance.choice(("fast", "balanced", "balanced", "accurate")),
        asked=name if by_name else "auto",
        decided=name,
        served=name if answered else None,
        provider=provider,
        model_id=model_id,
        stream=chance.random() < 0.5,
        status=200 if answered else 499 if outcome == "abandoned" else 502,
        outcome=outcome,
        error=None if answered else "provider_error",
        finish_reason="stop" if answered else None,
        tokens_in=tokens_in,
        tokens_out=tokens_out,
        cached_tokens=tokens_in // 2 if chance.random() < 0.3 else 0,
        usage_source="provider",
        cost_usd=None if unknown else cost / 1e9,
        cost_nano_usd=None if unknown else cost,
        price_source=None if unknown else "genai-prices",
        saved_usd=(tokens_in * 150 + tokens_out * 600) / 1e9 if hit else 0.0,
        baseline_usd=(tokens_in * 2500 + tokens_out * 10000) / 1e9,
        latency_ms=latency,
        first_token_ms=round(latency * chance.uniform(0.1, 0.6), 1) if answered else None,
        overhead_ms=round(chance.uniform(0.1, 0.4), 3),
        cache="hit" if hit else chance.choice(("miss", "off")),
        score=chance.choice((1.0, 1.0, 0.9, 0.6)) if answered else None,
        scorer="gates-1" if answered else None,
        mock=provider == "llama",
        prompt_hash=f"{chance.getrandbits(128):032x}",
        attempts=(Attempt(name, provider, model_id, 200 if answered else 502, None if answered else "provider_error", latency),),
        decision=None if by_name else _decision(chance, name),
        user=f"team-{number % USERS:02d}" if chance.random() < 0.8 else None,
        config_digest="3f6c2a90d1b8",
    )


def _decision(chance: random.Random, name: str) -> DecisionNote:
    wishes = WishesNote("balanced", Constraints(), (), "openai", 400, None)
    others = chance.sample([model for model, _, _ in MODELS if model != name], 5)
    z = "".join(chance.choices("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", k=340))
    return DecisionNote("modes-1", "9c1fd2", z, wishes, "s-1", chance.random(), Propensity(1.0, 1.0), (name, *others))


def _parts(seed: int) -> Iterator[tuple[bytes, Record]]:
    """Records without id and moment, and what follows these two in their lines."""
    chance = random.Random(seed)
    for number in range(BODIES):
        one = record(chance, number)
        yield encode(one).partition(b'"at":"",')[2], one


def moments(count: int, days: float, chance: random.Random) -> Iterator[int]:
    """Milliseconds since START, in order: by day five times as many as by night, not two alike for long."""
    weights = [1 if hour % 24 < 7 else 5 for hour in range(max(int(days * 24), 1))]
    scale = count / sum(weights)
    due, made = 0.0, 0
    for hour, weight in enumerate(weights):
        due += weight * scale
        share = (count if hour == len(weights) - 1 else round(due)) - made
        made += share
        for place in range(share):
            yield hour * 3_600_000 + (place * 3_600_000 + chance.randrange(3_600_000)) // share


def write(path: Path, count: int, *, seed: int = 1, days: float = DAYS, start: datetime = START, damage: bool = False) -> Made:
    """Append `count` call lines and what belongs between them."""
    chance, made = random.Random(seed), Made()
    bodies = list(_parts(seed))
    picks = chance.choices(range(BODIES), k=count)
    lines: list[bytes] = []
    second, stamp = -1, ""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as file:
        for number, (pick, at) in enumerate(zip(picks, moments(count, days, chance), strict=True)):
            if at // 1000 != second:
                second = at // 1000
                stamp = (start + timedelta(seconds=second)).strftime("%Y-%m-%dT%H:%M:%S")
            moment = f"{stamp}.{at % 1000:03d}Z"
            lines.append(f'{{"kind":"call","id":"{seed:06x}{number:018x}","at":"{moment}",'.encode() + bodies[pick][0])
            if number % 200 == 0:
                lines += _between(number, seed, moment, bodies[pick][1], damage, made)
            if len(lines) >= _LINES_AT_ONCE:
                file.write(b"".join(lines))
                lines.clear()
        file.write(b"".join(lines))
    _count(made, Counter(picks), [one for _, one in bodies])
    return made


def _between(number: int, seed: int, moment: str, last: Record, damage: bool, made: Made) -> list[bytes]:
    """A standing line, at times a score of the call before it, and damage if wanted."""
    found = [encode(StandingLine(id=f"s-{number}", at=moment, models={"openai_nano": [310.0, 88.0, False]}))]
    if number % 1000 == 0 and last.score is not None:
        made.scores += 1
        call_id = f"{seed:06x}{number:018x}"
        model = last.served or last.decided or last.asked
        line = ScoreLine(
            call=call_id, call_at=moment, model=model, at=moment, scorer="judge-1", score=0.5, reasons=(), replaces=last.score
        )
        found.append(encode(line))
    if damage:
        found += [b'{"kind":"call","id":"torn","at":"2026-1\n', b"a line of somebody else\n", b'{"kind":"other"}\n']
    return found


def _count(made: Made, picks: Counter[int], records: list[Record]) -> None:
    for pick, times in picks.items():
        one = records[pick]
        made.calls += times
        made.cost_nano_usd += times * (one.cost_nano_usd or 0)
        made.tokens_in += times * one.tokens_in
        made.tokens_out += times * one.tokens_out
        made.by_model[one.served or one.decided or one.asked] += times


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("records", type=int)
    parser.add_argument("path", type=Path)
    parser.add_argument("--days", type=float, default=DAYS)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    made = write(args.path, args.records, seed=args.seed, days=args.days)
    print(f"{made.calls} records, {made.scores} late scores, {args.path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
