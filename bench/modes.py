"""What the three modes choose over `prompts.jsonl` with the shipped config: models, quality, cost, latency. Calls no provider.

    python bench/modes.py [--json] [--config FILE] [--plot FILE]

Quality, cost (at list price) and latency are the router's own predictions without live figures: this shows how the modes differ,
not how good the answers are. An unknown price is left out of the mean cost and counted beside it. The curve is `balanced` with other
weights on cost: what a weight of one's own would do. `--plot` draws it as SVG, with the modes and every single model.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import msgspec
from msgspec import structs

from app.config.compile import compile_snapshot
from app.config.home import PACKAGE, Environment
from app.config.load import ConfigError, load
from app.config.snapshot import Snapshot
from app.domain.decision import EMPTY_STANDING, Candidate
from app.domain.request import MODES, ChatRequest, Message, Mode, Text, Wishes
from app.router_engine.decide import decide
from app.router_engine.explain import explain
from app.router_engine.first_stage import first_stage
from app.router_engine.table import Table, compile_table
from app.text.tokens import estimate_request

PROMPTS = Path(__file__).parent / "prompts.jsonl"


SHIPPED = PACKAGE / "config.yaml"
WEIGHTS = (0.0, 0.005, 0.01, 0.02, 0.03, 0.04, 0.06, 0.08, 0.12, 0.16, 0.24, 0.32, 0.5, 1.0)
Asked = tuple[bytes, int]
"""z and the estimated tokens of one prompt."""


class Prompt(msgspec.Struct, frozen=True):
    """A line of `prompts.jsonl`."""

    id: str
    kind: str
    prompt: str
    system: str | None = None


class Row(msgspec.Struct, frozen=True):
    """One mode over all prompts. `cost_usd_per_1000` is of 1,000 calls; `shares` by model, largest first."""

    mode: Mode
    quality: float
    cost_usd_per_1000: float
    unpriced: int
    latency_ms: float
    shares: dict[str, float]


class Point(msgspec.Struct, frozen=True):
    """Means over all prompts; `name` is a model's that answers them all, or the weight on cost of a choice among all."""

    name: str
    quality: float
    cost_usd_per_1000: float
    latency_ms: float


class Report(msgspec.Struct, frozen=True):
    """All modes; `differ` = prompts for which fast and accurate choose different models. `curve` by rising weight on cost."""

    prompts: int
    differ: int
    rows: tuple[Row, ...]
    curve: tuple[Point, ...]
    singles: tuple[Point, ...]


def read_prompts(path: Path = PROMPTS) -> list[Prompt]:
    """The prompts in their order."""
    decoder = msgspec.json.Decoder(Prompt)
    return [decoder.decode(line) for line in path.read_bytes().splitlines() if line.strip()]


def snapshot_of(config: Path, today: date) -> Snapshot:
    """A config as a machine without keys compiles it, so that every model that is not retired takes part. Raises ConfigError."""
    return compile_snapshot(load(config, {}), Environment(config.parent, {}, frozenset()), str(config), today)


def request_of(prompt: Prompt) -> ChatRequest:
    """As `/query` would parse it."""
    system = (Message("system", (Text(prompt.system),)),) if prompt.system else ()
    return ChatRequest(messages=(*system, Message("user", (Text(prompt.prompt),))))


def choice(asked: Asked, mode: Mode, table: Table) -> Candidate:
    """The chosen row with its predicted figures."""
    z, tokens_in = asked
    decision = decide(z, Wishes(mode=mode, tokens_in=tokens_in), table, EMPTY_STANDING, 0.0)
    return explain(decision, table, EMPTY_STANDING)[0]


def report(snapshot: Snapshot, prompts: Sequence[Prompt]) -> Report:
    """Every prompt in every mode."""
    table = compile_table(snapshot)
    requests = [request_of(prompt) for prompt in prompts]
    asked = [(first_stage(request), estimate_request(request)) for request in requests]
    chosen = {mode: [choice(one, mode, table) for one in asked] for mode in MODES}
    differ = sum(one.name != other.name for one, other in zip(chosen["fast"], chosen["accurate"], strict=True))
    rows = tuple(_row(mode, chosen[mode]) for mode in MODES)
    return Report(len(requests), differ, rows, _curve(asked, table), _singles(asked, table))


def _curve(asked: Sequence[Asked], table: Table) -> tuple[Point, ...]:
    """`balanced` with each of WEIGHTS on cost."""
    points = []
    for weight in WEIGHTS:
        weights = {**table.weights, "balanced": structs.replace(table.weights["balanced"], cost=weight)}
        other = structs.replace(table, weights=weights)
        points.append(_point(f"{weight:g}", [choice(one, "balanced", other) for one in asked]))
    return tuple(points)


def _singles(asked: Sequence[Asked], table: Table) -> tuple[Point, ...]:
    """Every model with a known price as the only one."""
    seen: dict[str, list[Candidate]] = {}
    for z, tokens_in in asked:
        wishes = Wishes(mode="accurate", tokens_in=tokens_in)
        for one in explain(decide(z, wishes, table, EMPTY_STANDING, 0.0), table, EMPTY_STANDING):
            if one.excluded is None and one.cost_usd is not None:
                seen.setdefault(one.name, []).append(one)
    return tuple(_point(name, told) for name, told in sorted(seen.items()) if len(told) == len(asked))


def _point(name: str, chosen: Sequence[Candidate]) -> Point:
    row = _row("balanced", chosen)
    return Point(name, row.quality, row.cost_usd_per_1000, row.latency_ms)


def drawn(seen: Report) -> bytes:
    """The curve as SVG. Needs matplotlib, of the dependency group `training`."""
    import numpy as np  # noqa: PLC0415
    from routing.plots import quality_over_cost  # noqa: PLC0415

    def columns(points: Sequence[Point]) -> Any:
        return np.array([p.cost_usd_per_1000 / 1000 for p in points]), np.array([p.quality for p in points])

    modes = {row.mode: (row.cost_usd_per_1000 / 1000, row.quality) for row in seen.rows}
    title = f"What the modes choose over {seen.prompts} prompts, by the router's own predictions"
    curves = {"balanced, other weights on cost": columns(seen.curve)}
    return quality_over_cost(title, curves, columns(seen.singles), modes, "mean predicted quality")


def _row(mode: Mode, chosen: Sequence[Candidate]) -> Row:
    count = len(chosen)
    costs = [candidate.cost_usd for candidate in chosen if candidate.cost_usd is not None]
    return Row(
        mode=mode,
        quality=sum(candidate.quality for candidate in chosen) / count,
        cost_usd_per_1000=1000 * sum(costs) / len(costs) if costs else 0.0,
        unpriced=count - len(costs),
        latency_ms=sum(candidate.latency_ms for candidate in chosen) / count,
        shares={name: n / count for name, n in Counter(candidate.name for candidate in chosen).most_common()},
    )


def table_text(seen: Report) -> str:
    """The report for people."""
    lines = [f"{'mode':<10}{'quality':>8}{'USD / 1,000':>13}{'seconds':>9}  models"]
    for row in seen.rows:
        models = ", ".join(f"{name} {share:.0%}" for name, share in row.shares.items())
        unpriced = f" ({row.unpriced} without a known price)" if row.unpriced else ""
        cost = f"{row.cost_usd_per_1000:>13.2f}"
        lines.append(f"{row.mode:<10}{row.quality:>8.3f}{cost}{row.latency_ms / 1000:>9.1f}  {models}{unpriced}")
    lines += ["", f"{'cost weight':<12}{'quality':>8}{'USD / 1,000':>13}{'seconds':>9}  (balanced otherwise)"]
    for p in seen.curve:
        lines.append(f"{p.name:<12}{p.quality:>8.3f}{p.cost_usd_per_1000:>13.2f}{p.latency_ms / 1000:>9.1f}")
    lines.append("")
    lines.append(f"fast and accurate differ on {seen.differ} of {seen.prompts} prompts")
    lines.append("predictions of the router, not measurements: no provider was called")
    return "\n".join(lines)


def main(arguments: Sequence[str]) -> int:
    """Print the report; 2 for a config that cannot be used."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    parser.add_argument("--plot", type=Path, help="write the trade-off curve to this SVG file")
    parser.add_argument("--config", type=Path, default=SHIPPED, help="another config.yaml than the shipped one")
    asked = parser.parse_args(arguments)
    try:
        snapshot = snapshot_of(asked.config, datetime.now(UTC).date())
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 2
    seen = report(snapshot, read_prompts())
    if asked.plot is not None:
        asked.plot.parent.mkdir(parents=True, exist_ok=True)
        asked.plot.write_bytes(drawn(seen))
    print(msgspec.json.format(msgspec.json.encode(seen)).decode() if asked.json else table_text(seen))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
