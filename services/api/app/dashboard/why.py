"""Why a call went to its model: the decision of its record computed again, and put into bars and words. Nothing is decided anew.

The numbers are those of the decision itself, from the archived configuration and the live figures that the record names.
"""

from math import log10
from pathlib import Path
from typing import Any, Final

from markupsafe import Markup
from msgspec import Struct

from ..config.snapshot import Grounds
from ..domain.decision import Candidate, Saving
from ..domain.record import DecisionNote, Record
from ..evaluation.archive import ArchiveUnreadable, read_archived
from ..evaluation.logged import Call, LiveFigures
from ..evaluation.recompute import Differs, NotRecomputable, Recomputed, Recomputer
from ..router_engine.decide import taken
from ..router_engine.explain import Explanation, explain_fully
from .charts import bar
from .wording import dollars, duration

_LEAST_COST: Final = 1e-6


class Ground(Struct, frozen=True, eq=False):
    """The archived configuration that a call was decided and priced under."""

    folder: Path
    grounds: Grounds


class Why(Struct, frozen=True, eq=False):
    """`reason` in a sentence, the `candidates` as rows of a table, what would change the choice. `fault` = it cannot be had, and why."""

    fault: str = ""
    reason: str = ""
    candidates: tuple[dict[str, Any], ...] = ()
    sentences: tuple[str, ...] = ()
    modes: tuple[tuple[str, str], ...] = ()
    saving: Saving | None = None
    propensity: float = 1.0
    difficulty: float | None = None


def ground_of(folder: Path, digest: str) -> Ground | None:
    """What was archived under a digest in the journal's folder; None when it is not there, or not whole."""
    if not digest.isalnum():
        return None
    try:
        return Ground(folder, read_archived(folder, digest))
    except ArchiveUnreadable:
        return None


def explained(record: Record, ground: Ground, live: LiveFigures | None) -> Why | None:
    """None for a model asked by name."""
    note = record.decision
    if note is None:
        return None
    again = Recomputer(ground.folder)
    if live is not None:
        again.learn(live)
    call = Call(id=record.id, at=record.at, outcome=record.outcome, decision=note, config_digest=record.config_digest)
    try:
        found = again.again(call, note)
    except (NotRecomputable, Differs) as error:
        return Why(fault=str(error))
    return _told(found, note, record)


def _told(found: Recomputed, note: DecisionNote, record: Record) -> Why:
    table = found.ground.table
    decision = taken(found.found, found.situation.z, table, note.draw)
    whole = explain_fully(decision, table, found.situation.standing)
    return Why(
        reason=decision.reason,
        candidates=candidates(whole, record.served),
        sentences=whole.sentences,
        modes=tuple(whole.modes.items()),
        saving=whole.saving,
        propensity=found.propensity,
        difficulty=found.found.case.figures.difficulty,
    )


def candidates(whole: Explanation, served: str | None) -> tuple[dict[str, Any], ...]:
    """Rows of the table, the choice first: figures as bars beside those of the others, and why each other one lost."""
    first = whole.candidates[0] if whole.candidates else None
    slowest = max((one.latency_ms for one in whole.candidates), default=1.0) or 1.0
    dearest = max((one.cost_usd or 0.0 for one in whole.candidates), default=0.0)
    return tuple(
        _row(one, first, one.name == served, dearest, slowest, place)
        for place, one in enumerate(whole.candidates)
        if first is not None
    )


def _row(one: Candidate, first: Candidate | None, served: bool, dearest: float, slowest: float, place: int) -> dict[str, Any]:
    kind = "win" if place == 0 else "out" if one.excluded else "bar"
    return {
        "name": one.name,
        "kind": kind,
        "served": served,
        "quality": f"{one.quality:.2f}",
        "interval": "" if one.interval is None else f"{one.interval[0]:.2f} to {one.interval[1]:.2f}",
        "quality_bar": _quality_bar(one, kind),
        "cost": dollars(one.cost_usd),
        "cost_bar": bar(_cost_share(one.cost_usd, dearest), f"predicted cost {dollars(one.cost_usd)}", kind),
        "latency": duration(one.latency_ms),
        "latency_bar": bar(one.latency_ms / slowest, f"predicted latency {duration(one.latency_ms)}", kind),
        "utility": None if one.utility is None else f"{one.utility:.3f}",
        "verdict": "chosen" if place == 0 else _lost(one, first),
        "flip": _flip(one),
    }


def _quality_bar(one: Candidate, kind: str) -> Markup:
    low, high = one.interval or (None, None)
    told = "" if one.interval is None else f", in 95 of 100 cases from {low:.2f} to {high:.2f}"
    return bar(one.quality, f"predicted quality {one.quality:.3f}{told}", kind, low, high)


def _cost_share(cost: float | None, dearest: float) -> float:
    """On a logarithmic scale: prices of models lie a thousandfold apart."""
    if cost is None or dearest <= 0:
        return 0.0
    return log10(1 + cost / _LEAST_COST) / log10(1 + dearest / _LEAST_COST)


def _lost(one: Candidate, first: Candidate | None) -> str:
    """Why it was not chosen, in words."""
    if one.excluded:
        return f"not allowed: {one.excluded}"
    if one.below_floor:
        return "below the least quality that this mode asks for"
    if first is None:
        return ""
    told = [
        _quality_against(one, first),
        _times(one.cost_usd, first.cost_usd, "the cost"),
        _times(one.latency_ms, first.latency_ms, "the time"),
    ]
    said = ", ".join(word for word in told if word)
    return said or "as good, and behind it by its name alone"


def _quality_against(one: Candidate, first: Candidate) -> str:
    less = first.quality - one.quality
    if abs(less) < 0.005:
        return "same quality"
    return f"{abs(less):.2f} {'less' if less > 0 else 'more'} quality"


def _times(value: float | None, other: float | None, what: str) -> str:
    if value is None:
        return f"{what} unknown"
    if not other:
        return f"{what} is not 0" if value else ""
    ratio = value / other
    if 0.95 < ratio < 1.05:
        return ""
    return f"{ratio:.2g} times {what}" if ratio > 1 else f"{100 * ratio:.0f} % of {what}"


def _flip(one: Candidate) -> str:
    """What would have put it first, each by itself."""
    if one.flip is None:
        return ""
    ways = []
    if one.flip.quality is not None:
        ways.append(f"quality of {one.flip.quality:.3f} or more")
    if one.flip.cost_usd is not None:
        ways.append(f"cost of {dollars(one.flip.cost_usd)} or less")
    if one.flip.latency_ms is not None:
        ways.append(f"latency of {duration(one.flip.latency_ms)} or less")
    return ", or ".join(ways) if ways else "no single figure"
