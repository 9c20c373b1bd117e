"""The latest decisions, computed again for figures that no sum holds: predicted quality beside the score, what prompts were like.

At most `MOST` calls, read line by line from the journal: a sample for a look, not a statistic of record (`llm-router replay` is that).
"""

import sqlite3
import struct
from base64 import b64decode
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from ..domain.record import Record
from ..evaluation.logged import Call, LiveFigures
from ..evaluation.recompute import Differs, NotRecomputable, Recomputer
from ..logging_utils.usage.calls import NoLine, calls, line_of, standing
from ..logging_utils.usage.values import CallRow, Filters, Place, Window
from ..router_engine.first_stage import SLOTS
from ..router_engine.quality.weights import SHIPPED

MOST: Final = 200
LOOKED_AT: Final = 600
"""Calls among which so many routed and scored ones are looked for."""

IN_VAIN: Final = 50
"""So many that cannot be computed again, and none that can: the others will not be otherwise."""


class Point(Struct, frozen=True, gc=False):
    """One decision: the quality predicted of the model that served, the score its answer got, what the prompt was like.

    `facets` are the shares of what the predictor was trained on, 0..1 each; `distance` is what is left of 1. None = another version's z.
    """

    predicted: float
    score: float
    difficulty: float
    distance: float | None
    facets: dict[str, float]


class Sample(Struct, frozen=True):
    """`reason` says why the latest of those that cannot be computed again cannot; empty = all could."""

    points: list[Point]
    reason: str


def sampled(db: sqlite3.Connection, journal: Path, window: Window, mock: bool) -> Sample:
    """The latest routed and scored calls of the window, newest first; simulated ones or real ones."""
    page = calls(db, window, Filters(outcome="answered", mock=mock), limit=LOOKED_AT)
    again = Recomputer(journal.parent)
    known: set[str] = set()
    points: list[Point] = []
    reason, in_vain = "", 0
    for row in page.rows:
        if row.mode is None or row.score is None or row.served is None:
            continue
        try:
            point = _point(db, journal, row, again, known)
        except (NotRecomputable, Differs) as error:
            reason = reason or str(error)
            in_vain += 1
            point = None
        points += [point] if point is not None else []
        if len(points) == MOST or (not points and in_vain == IN_VAIN):
            break
    return Sample(points, reason)


def _point(db: sqlite3.Connection, journal: Path, row: CallRow, again: Recomputer, known: set[str]) -> Point | None:
    """None where the record is not there any more. Raises NotRecomputable, Differs."""
    record = _read(journal, row.place)
    if record is None or record.decision is None or row.score is None or row.served is None:
        return None
    note = record.decision
    if note.standing not in known:
        known.add(note.standing)
        place = standing(db, note.standing)
        live = _figures(journal, place) if place is not None else None
        if live is not None:
            again.learn(live)
    call = Call(id=record.id, at=record.at, outcome=record.outcome, decision=note, config_digest=record.config_digest)
    found = again.again(call, note)
    place_of = found.ground.table.rows.index.get(row.served)
    if place_of is None:
        return None
    slots = _slots(note.z)
    facets = {name: slots[name] for name in SHIPPED.facets if name in slots}
    return Point(
        predicted=float(found.found.case.figures.quality[place_of]),
        score=row.score,
        difficulty=found.found.case.figures.difficulty,
        distance=max(0.0, 1 - sum(facets.values())) if facets else None,
        facets=facets,
    )


def _slots(z: str) -> dict[str, float]:
    data = b64decode(z)
    return dict(zip(SLOTS, struct.unpack(f"<{len(SLOTS)}f", data), strict=True)) if len(data) == 4 * len(SLOTS) else {}


def _read(journal: Path, place: Place) -> Record | None:
    try:
        return msgspec.json.decode(line_of(journal, place), type=Record)
    except (NoLine, OSError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def _figures(journal: Path, place: Place) -> LiveFigures | None:
    try:
        return msgspec.json.decode(line_of(journal, place), type=LiveFigures)
    except (NoLine, OSError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
