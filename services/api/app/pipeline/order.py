"""Whom one request asks, and whom next: retry and fallback as one policy. Speaks to no provider and knows no answer's form.

Fallback comes first: another candidate is asked at once. Only when nobody else can be is the same deployment asked again, where
that is safe, after a pause. `retry` has the rules, `health` the state of the deployments, `budget` what tries may cost together.
"""

import asyncio

from ..domain.record import Attempt
from ..domain.target import Target
from ..errors import Overloaded, RouterError
from .health import Deployment, Try
from .house import House
from .retry import LONGEST_WAIT, backoff, blame, is_late, may_repeat, probe_patience, shared
from .walk import Walk

LEAST_SECONDS = 0.01
"""With less left nobody is asked; timers may also go off a millisecond early."""
GIVEN_UP = "cancelled"
"""The word in a record for a try that was ended before its provider did: the caller left, or another answered first."""


def seconds_left(house: House, walk: Walk) -> float:
    """Seconds left of the request's one budget, through queues, tries and pauses."""
    total = walk.compiled.snapshot.timeouts.total
    if walk.asking.timeout is not None:
        total = min(total, walk.asking.timeout)
    return walk.asking.started + total - house.clock()


class Order:
    """The targets of one request that are still to be tried. Each try that it gives is owed one end."""

    __slots__ = ("_again", "_house", "_left", "_limits", "_rules", "_tries", "_walk")

    def __init__(self, house: House, walk: Walk) -> None:
        self._house = house
        self._walk = walk
        self._left = list(walk.targets)
        self._limits = walk.compiled.snapshot.provider_limits
        self._again: list[tuple[float, Target]] = []  # failed; may be asked again from then on
        self._tries = 0
        self._rules = walk.compiled.snapshot.routing.retries
        house.budget.earn(self._rules)

    def begin(self) -> Try | None:
        """The first try, or None when it has to `wait` for a place."""
        left, house = self._left, self._house
        target, now = left[0], house.clock()
        if len(left) == 1 or left[1].name != target.name:
            # the usual case: there is nobody to balance with
            deployment = house.health.of(target)
            if not deployment.blocked(now) and deployment.places.take(self._most(target)):
                del left[0]
                self._tries += 1
                return house.health.begin(target, deployment, now)
        return self._take(self._pick(now, forced=True), now)

    async def wait(self) -> Try:
        """The first try, as soon as a place is free. Raises Overloaded when the queues are full too, or none comes free in time."""
        house = self._house
        while True:
            target, deployment = self._shortest_wait()
            await self._queue(target, deployment)
            now = house.clock()
            if not deployment.blocked(now) or all(house.health.of(other).blocked(now) for other in self._left):
                return self._begun(target, deployment, now)
            deployment.places.leave()  # it began to fail as we waited
            made = self.begin()
            if made is not None:
                return made

    async def next(self, done: Try, error: RouterError) -> Try:
        """The try after one that failed. Raises `error` when nobody else is to be asked."""
        self.failed(done, error)
        if (
            error.falls_back
            and not self._walk.deserted
            and self._tries < self._rules.attempts
            and seconds_left(self._house, self._walk) >= LEAST_SECONDS
        ):
            # somebody well, somebody well but busy, the same again, at last somebody who is known to fail
            following = self._another(forced=False) or await self._busy() or await self._same() or self._another(forced=True)
            if following is not None:
                return following
        raise self._told(error)

    def beside(self) -> Try | None:
        """A rival for a try that is late: another deployment that is well and free, if the request may be tried again."""
        now = self._house.clock()
        picked = self._pick(now, forced=False)
        if picked is None or not picked[1].sound or self._tries >= self._rules.attempts:
            return None
        self._house.budget.spend(self._rules, now, sure=True)
        picked[1].places.take(None)
        return self._begun(*picked, now)

    def failed(self, done: Try, error: RouterError) -> None:
        """A try failed: judge it, write it down, and let its like come last."""
        walk, target, status = self._walk, done.target, self._walk.upstream_status
        self.judge(done, error, status)
        self.note(done, error.code)
        walk.tried = None
        if walk.left_for is None:
            walk.left_for = error.code
        if may_repeat(error, status):
            pause = error.retry_after if error.retry_after is not None else backoff(self._tries, self._house.draw())
            self._again.append((self._house.clock() + pause, target))
        self._left.sort(key=lambda other: shared(error, target, other))

    def given_up(self, done: Try) -> None:
        """Nobody waits for this try any more. Without effect after another end."""
        if not done.over:
            done.left()
            self.note(done, GIVEN_UP)

    def note(self, done: Try, error: str | None) -> None:
        """Write the try down as far as it came."""
        house, walk, target = self._house, self._walk, done.target
        walk.attempts.append(
            Attempt(
                model=target.name,
                provider=target.provider,
                model_id=target.model_id,
                status=walk.upstream_status,
                error=error,
                latency_ms=round((house.clock() - done.began) * 1000, 3),
            )
        )
        walk.upstream_status = None
        if walk.trace is not None:
            walk.trace.note(target, done.began)

    def judge(self, done: Try, error: RouterError, status: int | None, *, spoke: bool = False) -> None:
        """Lay a failure at its door; `status` is what the provider answered with, None if it did not."""
        now = self._house.clock()
        cut_short = seconds_left(self._house, self._walk) < LEAST_SECONDS
        what = blame(error, status, cut_short=cut_short, late=not spoke and is_late(now - done.began, done.target))
        done.failed(what, now, error.code, error.retry_after)

    def _told(self, error: RouterError) -> RouterError:
        """The last failure, with the others named: rows, hosts and our own codes, nothing that a provider said."""
        attempts = self._walk.attempts
        if error.falls_back and len(attempts) > 1:
            tried = "; ".join([f"{one.model} at {one.provider}: {one.error}" for one in attempts])
            error.message = f"{error.message} (tried {tried})"
        return error

    # whom

    def _another(self, *, forced: bool) -> Try | None:
        """Another target that is free now and that the budget allows."""
        while self._left:
            now = self._house.clock()
            picked = self._pick(now, forced=forced)
            if picked is None:
                return None
            if self._house.budget.spend(self._rules, now, sure=picked[1].sound):
                return self._take(picked, now)
            self._left.remove(picked[0])
        return None

    async def _busy(self) -> Try | None:
        """Another target that is well but has no place free, when one is."""
        house = self._house
        now = house.clock()
        if all(house.health.of(target).blocked(now) for target in self._left) or not house.budget.spend(
            self._rules, now, sure=True
        ):
            return None
        try:
            return await self.wait()
        except Overloaded:
            return None

    async def _same(self) -> Try | None:
        """One that failed, again, after its pause: if it is short enough, in time, and the budget allows."""
        house, now = self._house, self._house.clock()
        if not self._again:
            return None
        ready, target = min(self._again, key=lambda pair: pair[0])
        pause = max(ready - now, 0.0)
        late = pause > LONGEST_WAIT or pause + LEAST_SECONDS > seconds_left(house, self._walk)
        deployment = house.health.of(target)
        if late or not house.budget.spend(self._rules, now, sure=False):
            return None
        self._again.remove((ready, target))
        await asyncio.sleep(pause)
        self._walk.waited += pause
        if not deployment.places.take(self._most(target)):
            return None
        return self._begun(target, deployment, house.clock())

    def _pick(self, now: float, *, forced: bool) -> tuple[Target, Deployment] | None:
        """The first row's least busy target that is free; `forced`: where all breakers are open, the one that reopens soonest."""
        able = self._able(now, forced=forced)
        roomy = [pair for pair in able if self._has_place(*pair)]
        if not roomy:
            return None
        row = roomy[0][0].name
        return min([pair for pair in roomy if pair[0].name == row], key=lambda pair: pair[1].outstanding)

    def _able(self, now: float, *, forced: bool) -> list[tuple[Target, Deployment]]:
        health = self._house.health
        known = [(target, health.of(target)) for target in self._left]
        able = [pair for pair in known if not pair[1].blocked(now)]
        return able or ([min(known, key=lambda pair: pair[1].reopens)] if forced else [])

    def _has_place(self, target: Target, deployment: Deployment) -> bool:
        most = self._most(target)
        return most is None or deployment.places.taken < most

    def _most(self, target: Target) -> int | None:
        limits = self._limits.get(target.provider)
        return None if limits is None else limits.max_in_flight

    def _take(self, picked: tuple[Target, Deployment] | None, now: float) -> Try | None:
        if picked is None:
            return None
        picked[1].places.take(None)
        return self._begun(*picked, now)

    def _begun(self, target: Target, deployment: Deployment, now: float) -> Try:
        """Begin with a target whose place is taken."""
        self._tries += 1
        if self._tries == 1:
            self._say_passed_over(target, now)
        if target in self._left:
            self._left.remove(target)
        made = self._house.health.begin(target, deployment, now)
        if self._left and (deployment.breaker.tripped or deployment.key.tripped):
            made.patience = probe_patience(target, max(deployment.breaker.times, deployment.key.times))
        return made

    def _say_passed_over(self, chosen: Target, now: float) -> None:
        """A first choice that was not even asked is left for what its breaker opened for, or for want of a place."""
        walk = self._walk
        if chosen.name != walk.targets[0].name:
            first = self._house.health.of(walk.targets[0])
            walk.left_for = first.reason if first.blocked(now) else Overloaded.code

    # places at providers that are full

    def _shortest_wait(self) -> tuple[Target, Deployment]:
        for target, deployment in self._able(self._house.clock(), forced=True):
            if deployment.places.waiting < self._limits[target.provider].max_queue:
                return target, deployment
        raise Overloaded("too many calls at once to whoever may answer: try again shortly", retry_after=1.0)

    async def _queue(self, target: Target, deployment: Deployment) -> None:
        """Wait for a place, within the request's budget."""
        house, walk = self._house, self._walk
        began = house.clock()
        queue = self._limits[target.provider].max_queue
        try:
            await deployment.places.wait(queue, seconds_left(house, walk), f"calls to {target.provider}")
        finally:
            walk.queue_ms = round(walk.queue_ms + (house.clock() - began) * 1000, 3)
