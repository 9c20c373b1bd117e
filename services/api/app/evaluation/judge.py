"""What the logged decisions say of another policy: rows for the estimators, and the verdict. Holds sums, never the rows."""

from collections.abc import Iterable
from typing import Final

import numpy as np
from msgspec import Struct

from .estimators import Estimates, Sums, estimates, no_sums, sums
from .logged import Call
from .policy import Choice
from .recompute import Recomputed

OUTCOMES: Final = ("quality", "cost_usd", "latency_ms")
UNSEEN: Final = 0.01
"""With a larger share of choices that were never drawn no estimate stands on what was logged."""
LEAST_SEEN: Final = 10
"""Drawn decisions, among those where the policy differs, below which an interval would rest on the model's word alone."""
ROUNDING: Final = 1e-9
"""A smaller gain, relative to the value, is the arithmetic's and no policy's."""
_BATCH: Final = 4096


class Row(Struct, frozen=True, gc=False):
    """One decision: the weight, and for each outcome what came of it (NaN = not known) with the two predictions."""

    weight: float
    rewards: tuple[float, float, float]
    target: tuple[float, float, float]
    logged: tuple[float, float, float]


class Outcome(Struct, frozen=True):
    """One outcome under the policy. `verdict` is the sentence that the doubly robust gain allows, else `refusal` says why there is none."""

    name: str
    estimates: Estimates | None
    verdict: str | None
    refusal: str | None


class Judged(Struct, frozen=True):
    """`differs`, `unseen` and `refused` are shares of the decisions where the policy would not take the logging policy's first choice:
    another one, one that exploration never draws, or none at all. `seen` is in how many its differing choice was drawn.
    """

    decisions: int
    simulated: bool
    differs: float
    seen: int
    unseen: float
    refused: float
    min_ess: float
    outcomes: tuple[Outcome, ...]


class Judge:
    """Takes the decisions of one kind, real or simulated calls, one by one."""

    def __init__(self, min_ess: float) -> None:
        self._min_ess = min_ess
        self._batch: list[Row] = []
        self._sums: list[Sums] = [no_sums() for _ in OUTCOMES]
        self._rows = [0 for _ in OUTCOMES]
        self.decisions = self.differs = self.seen = self.unseen = self.refused = 0

    def add(self, call: Call, logged: Recomputed, choice: Choice | None) -> None:
        """One decision, how it went, and what the policy would have chosen."""
        self.decisions += 1
        if choice is None:
            self.refused += 1
            return
        same = choice.arm == logged.chosen
        if choice.arm != logged.first:
            self.differs += 1
            self.seen += same
        self.unseen += choice.arm not in logged.chances
        self._batch.append(
            Row(
                weight=1.0 / logged.propensity if same else 0.0,
                rewards=_rewards(call),
                target=_predicted_choice(logged, choice),
                logged=_predicted(logged, logged.chosen),
            )
        )
        if len(self._batch) == _BATCH:
            self._flush()

    def judged(self, simulated: bool) -> Judged:
        """What all of them say together."""
        self._flush()
        share = 1.0 / max(self.decisions, 1)
        return Judged(
            decisions=self.decisions,
            simulated=simulated,
            differs=self.differs * share,
            seen=self.seen,
            unseen=self.unseen * share,
            refused=self.refused * share,
            min_ess=self._min_ess,
            outcomes=tuple(self._outcome(name, total) for name, total in zip(OUTCOMES, self._sums, strict=True)),
        )

    def _flush(self) -> None:
        if not self._batch:
            return
        weights = np.array([row.weight for row in self._batch])
        columns = [_columns(row.rewards for row in self._batch), _columns(row.target for row in self._batch)]
        columns.append(_columns(row.logged for row in self._batch))
        for i in range(len(OUTCOMES)):
            rewards, target, logged = (column[:, i] for column in columns)
            known = ~np.isnan(rewards)
            self._sums[i] += sums(weights[known], rewards[known], target[known], logged[known], self._rows[i])
            self._rows[i] += int(known.sum())
        self._batch.clear()

    def _outcome(self, name: str, total: Sums) -> Outcome:
        if not total[:, 0, 0].sum():
            return Outcome(name, None, None, f"no decision has a known {name}")
        found = estimates(total)
        refusal = self._refusal(found)
        return Outcome(name, found, None if refusal else _verdict(name, found), refusal)

    def _refusal(self, found: Estimates) -> str | None:
        least = f"{self._min_ess:.0f}"
        if self.unseen + self.refused > UNSEEN * self.decisions:
            share = 100 * (self.unseen + self.refused) / self.decisions
            return (
                f"for {share:.0f} % of the decisions the policy chooses what was never drawn: "
                "log with a higher routing.exploration_gap (100 = every row) and routing.exploration above 0"
            )
        if found.effective_size < self._min_ess:
            return (
                f"the effective sample size {found.effective_size:.0f} is below {least}: "
                "log more calls, with routing.exploration above 0 (0.1, say)"
            )
        if self.differs and self.seen < LEAST_SEEN:
            return (
                f"of {self.differs} decisions where the policy differs its choice was drawn in {self.seen}, {LEAST_SEEN} are needed: "
                "log more calls, or with a higher routing.exploration"
            )
        return None


def _rewards(call: Call) -> tuple[float, float, float]:
    """A call that failed was worth nothing to its caller; one that its caller left tells nothing of the answer."""
    quality = 0.0 if call.outcome == "failed" else call.score
    cost = call.cost_usd
    return (np.nan if quality is None else quality, np.nan if cost is None else cost, call.latency_ms)


def _predicted(logged: Recomputed, name: str) -> tuple[float, float, float]:
    figures, i = logged.found.case.figures, logged.ground.table.rows.index[name]
    return _plain(figures.quality[i], figures.cost[i], figures.latency[i])


def _predicted_choice(logged: Recomputed, choice: Choice) -> tuple[float, float, float]:
    """By the logged figures where they have the row, so that both predictions are of one model; else by the policy's own."""
    if choice.arm in logged.ground.table.rows.index:
        return _predicted(logged, choice.arm)
    figures, i = choice.found.case.figures, choice.place
    return _plain(figures.quality[i], figures.cost[i], figures.latency[i])


def _plain(quality: float, cost: float, latency: float) -> tuple[float, float, float]:
    """Any number will do for an unknown price: a prediction narrows intervals and moves no estimate."""
    return float(quality), 0.0 if np.isnan(cost) else float(cost), float(latency)


def _columns(rows: Iterable[tuple[float, float, float]]) -> "np.ndarray[tuple[int, int], np.dtype[np.float64]]":
    return np.array(list(rows), dtype=np.float64)


def _verdict(name: str, found: Estimates) -> str:
    gain, least = found.gains["doubly_robust"], ROUNDING * max(abs(found.logged.value), 1.0)
    if gain.low > least:
        return f"{name} would have been higher"
    if gain.high < -least:
        return f"{name} would have been lower"
    return f"no difference in {name} is shown"
