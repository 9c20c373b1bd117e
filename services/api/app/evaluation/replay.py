"""The replay of a journal: every logged decision computed again, and another policy judged by them. Prints nothing."""

from collections import Counter
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Final

from msgspec import Struct

from .judge import Judge, Judged
from .logged import Call, Found, LateScore, LiveFigures, Progress, files_of, found_lines, late_scores
from .policy import Policy
from .recompute import Differs, NotRecomputable, Recomputed, Recomputer

SHOWN: Final = 20
"""Differences that are told with their line; all are counted."""


class Span(Struct, frozen=True):
    """Calls that ended at or after `since` and before `until`; None = no bound."""

    since: datetime | None = None
    until: datetime | None = None

    def holds(self, at: str) -> bool:
        """Whether a record's moment is inside. One that is no moment is not, unless nothing is bounded."""
        if self.since is None and self.until is None:
            return True
        try:
            moment = moment_of(at)
        except ValueError:
            return False
        return (self.since is None or self.since <= moment) and (self.until is None or moment < self.until)


class Difference(Struct, frozen=True):
    """A decision that came out otherwise, and where it stands."""

    file: str
    line: int
    id: str
    what: str


class Report(Struct, frozen=True):
    """What a replay found. `skipped` are damaged or foreign lines; `reasons` say why decisions could not be computed, and how many."""

    files: tuple[str, ...]
    calls: int
    by_name: int
    skipped: int
    equal: int
    different: int
    differences: tuple[Difference, ...]
    reasons: dict[str, int]
    judged: Judged | None = None

    @property
    def sound(self) -> bool:
        """Whether something was computed again and nothing came out otherwise."""
        return self.equal > 0 and self.different == 0


class _Counts:
    def __init__(self) -> None:
        self.calls = self.by_name = self.skipped = self.equal = self.different = 0
        self.differences: list[Difference] = []
        self.reasons: Counter[str] = Counter()


class Replay:
    """One pass over a journal. `policy` None = only whether the decisions come out as they were logged."""

    def __init__(self, journal: Path, policy: Policy | None, span: Span, min_ess: float) -> None:
        self._journal = journal
        self._policy = policy
        self._span = span
        self._recomputer = Recomputer(journal.parent)
        self._real, self._simulated = Judge(min_ess), Judge(min_ess)
        self._counts = _Counts()
        self._scores: dict[str, float] = {}

    def size(self) -> int:
        """Bytes to read. Raises JournalUnreadable."""
        return sum(file.stat().st_size for file in files_of(self._journal))

    def run(self, progress: Progress) -> Report:
        """Read it all. Raises JournalUnreadable."""
        files = files_of(self._journal)
        if self._policy is not None:
            self._scores = late_scores(files)
        for found in found_lines(files, progress):
            self._take(found)
        counts = self._counts
        return Report(
            files=tuple(str(file) for file in files),
            calls=counts.calls,
            by_name=counts.by_name,
            skipped=counts.skipped,
            equal=counts.equal,
            different=counts.different,
            differences=tuple(counts.differences),
            reasons=dict(counts.reasons.most_common()),
            judged=self._judged() if self._policy is not None else None,
        )

    def _judged(self) -> Judged:
        """Simulated calls tell of no model: they are judged only where there are no others."""
        simulated = not self._real.decisions and self._simulated.decisions > 0
        return (self._simulated if simulated else self._real).judged(simulated)

    def _take(self, found: Found) -> None:
        line = found.line
        if line is None:
            self._counts.skipped += 1
        elif isinstance(line, LiveFigures):
            self._recomputer.learn(line)
        elif not isinstance(line, LateScore) and line.purpose == "caller" and self._span.holds(line.at):
            self._counts.calls += 1
            self._decided(found, line)

    def _decided(self, found: Found, call: Call) -> None:
        counts = self._counts
        if call.decision is None:
            counts.by_name += 1
            return
        try:
            logged = self._recomputer.again(call, call.decision)
        except NotRecomputable as reason:
            counts.reasons[str(reason)] += 1
        except Differs as difference:
            counts.different += 1
            if len(counts.differences) < SHOWN:
                counts.differences.append(Difference(str(found.file), found.number, call.id, str(difference)))
        else:
            counts.equal += 1
            self._judge(call, logged)

    def _judge(self, call: Call, logged: Recomputed) -> None:
        if self._policy is None or call.outcome == "abandoned":
            return
        call.score = self._scores.pop(call.id, call.score)
        judge = self._simulated if call.mock else self._real
        judge.add(call, logged, self._policy.choose(logged))


def moment_of(text: str) -> datetime:
    """A moment in ISO 8601, or a day for its beginning; without an offset in UTC. Raises ValueError."""
    if len(text) == 10:
        return datetime.combine(date.fromisoformat(text), time(), UTC)
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
