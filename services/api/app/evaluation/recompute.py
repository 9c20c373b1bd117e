"""A logged decision computed again, from the archived snapshot, the record and the live figures it names. Reads no prompt."""

import struct
from base64 import b64decode
from collections import OrderedDict
from pathlib import Path
from typing import Final

from msgspec import Struct

from ..config.snapshot import Grounds
from ..domain.decision import EMPTY_STANDING, Decision, Standing
from ..domain.record import DecisionNote, WishesNote
from ..domain.request import Wishes
from ..errors import CallerError
from ..router_engine.decide import Ranked, odds, ranked, taken
from ..router_engine.quality.weights import POLICY, WEIGHTS_ID
from ..router_engine.table import Table, compile_table
from .archive import ArchiveUnreadable, read_archived
from .logged import Call, LiveFigures

STANDINGS: Final = 1024
"""Live figures that are kept: more than there are workers, each of which names the latest of its own."""
TABLES: Final = 64


class Ground(Struct, frozen=True, eq=False):
    """An archived snapshot and what decisions need of it."""

    grounds: Grounds
    table: Table


class Situation(Struct, frozen=True, eq=False):
    """What a decision was made of, beside the policy and the draw."""

    z: bytes
    wishes: Wishes
    standing: Standing


class Recomputed(Struct, frozen=True, eq=False):
    """A decision that came out as it was logged: its situation, what was known before the draw, and each row's chance.

    `first` is what is chosen without exploration, `chosen` what the draw made the first choice, with `propensity`.
    """

    ground: Ground
    situation: Situation
    found: Ranked
    chances: dict[str, float]
    first: str
    chosen: str
    propensity: float


class NotRecomputable(Exception):
    """A decision cannot be computed here; the message is a reason that many may share."""


class Differs(Exception):
    """A decision came out otherwise than it was logged; the message says in what."""


class Recomputer:
    """Keeps the snapshots and the live figures that were asked for last. `folder` is the journal's."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._standings: OrderedDict[str, Standing] = OrderedDict({EMPTY_STANDING.id: EMPTY_STANDING})
        self._grounds: OrderedDict[str, Ground | ArchiveUnreadable] = OrderedDict()

    def learn(self, line: LiveFigures) -> None:
        """Live figures that later calls may name."""
        self._standings[line.id] = line.standing()
        self._standings.move_to_end(line.id)
        if len(self._standings) > STANDINGS:
            oldest = next(name for name in self._standings if name != EMPTY_STANDING.id)
            del self._standings[oldest]

    def again(self, call: Call, note: DecisionNote) -> Recomputed:
        """The decision of a call once more. Raises NotRecomputable and Differs."""
        if (note.policy, note.weights) != (POLICY, WEIGHTS_ID):
            raise NotRecomputable(
                f"decided by policy {note.policy} with weights {note.weights}; this version has {POLICY} with {WEIGHTS_ID}: "
                "replay with the version that logged it"
            )
        ground = self._ground(call.config_digest)
        situation = self._situation(note)
        try:
            found = ranked(situation.z, situation.wishes, ground.table, situation.standing)
            decision = taken(found, situation.z, ground.table, note.draw)
        except (CallerError, struct.error, ValueError, KeyError) as error:
            raise Differs(f"no decision comes out: {error}") from error
        _compare(note, decision)
        return Recomputed(
            ground=ground,
            situation=situation,
            found=found,
            chances=odds(found, ground.table),
            first=ground.table.rows.names[found.rows[0]],
            chosen=decision.chosen,
            propensity=decision.propensity,
        )

    def _ground(self, digest: str) -> Ground:
        kept = self._grounds.get(digest)
        if kept is None:
            try:
                grounds = read_archived(self._folder, digest)
                kept = Ground(grounds, compile_table(grounds))
            except ArchiveUnreadable as error:
                kept = error
            self._grounds[digest] = kept
            if len(self._grounds) > TABLES:
                self._grounds.popitem(last=False)
        self._grounds.move_to_end(digest)
        if isinstance(kept, ArchiveUnreadable):
            raise NotRecomputable(f"no archived snapshot: {kept}") from kept
        return kept

    def _situation(self, note: DecisionNote) -> Situation:
        standing = self._standings.get(note.standing)
        if standing is None:
            raise NotRecomputable("its line of live figures is not in these files: keep the journal file before it, too")
        try:
            z = b64decode(note.z, validate=True)
        except ValueError as error:
            raise Differs(f"z is no base64: {error}") from error
        return Situation(z, wishes_of(note.wishes), standing)


def wishes_of(note: WishesNote) -> Wishes:
    """The wishes as the decision had them."""
    shared = {name: getattr(note, name) for name in Wishes.__struct_fields__}
    return Wishes(**{**shared, "needs": frozenset(note.needs)})


def _compare(note: DecisionNote, decision: Decision) -> None:
    if note.ranking != decision.ranking:
        raise Differs(f"ranking: logged {_shortly(note.ranking)}, computed {_shortly(decision.ranking)}")
    if note.propensity.intended != decision.propensity:
        raise Differs(f"propensity: logged {note.propensity.intended!r}, computed {decision.propensity!r}")


def _shortly(names: tuple[str, ...]) -> str:
    return " > ".join(names[:4]) + (f" > ... ({len(names)})" if len(names) > 4 else "")
