"""How the deployments have been doing, and which of them may be called now. Is told the time and the chance; calls nobody.

A *deployment* is one model at one host under one key. Its breaker opens after failures, stays open for a cooldown, then lets one
probe through at a time; a complete answer closes it. A key has a breaker of its own, for failures that all its models share.
Whom a request asks when every breaker is open is for `order` to say: nothing here refuses the last one left.
"""

from collections.abc import Callable, Iterable
from typing import Literal

from ..config.snapshot import Breaking
from ..domain.target import Target
from .places import Places

Blame = Literal["none", "count", "open", "cool", "key"]
"""What a failure says: nothing about the deployment; one failure more; enough to open at once; it asks for a pause; the key is out."""


SAMPLE = 10
"""Calls in the window without which no success rate is reckoned."""
WINDOW = 30.0
RATE_COOLDOWN = 1.0
"""Seconds at least for which a rate limit is heeded that names no pause of its own."""
KEY_GROWTH = 12.0
"""A lost key's cooldowns grow up to so many times the first."""


class Breaker:
    """Closed, open for a while, or half open. `times` counts openings without a success between them."""

    __slots__ = ("opened_at", "probe", "reason", "times", "tripped", "until")

    def __init__(self) -> None:
        self.tripped = False
        self.opened_at = 0.0
        self.until = 0.0
        self.times = 0
        self.probe: Try | None = None
        self.reason = ""

    def blocks(self, now: float) -> bool:
        """Whether nobody may pass: open, or its one probe is under way."""
        return self.tripped and (self.probe is not None or now < self.until)

    def trip(self, now: float, seconds: float, reason: str) -> None:
        """Open, or stay open longer."""
        self.tripped = True
        self.opened_at = now
        self.until = now + seconds
        self.times += 1
        self.reason = reason

    def close(self) -> None:
        """All is well again; the next cooldown starts small."""
        self.tripped = False
        self.times = 0
        self.probe = None


class Deployment:
    """What is known of one deployment; `outstanding` calls are under way. `key` and `places` are shared with others."""

    __slots__ = (
        "_bad",
        "_good",
        "_old_bad",
        "_old_good",
        "_turned",
        "breaker",
        "failures",
        "key",
        "name",
        "outstanding",
        "places",
    )

    def __init__(self, name: tuple[str, str, str], key: Breaker, places: Places) -> None:
        self.name = name
        self.breaker = Breaker()
        self.key = key
        self.places = places
        self.outstanding = 0
        self.failures = 0
        self._turned = self._good = self._bad = self._old_good = self._old_bad = 0.0

    def blocked(self, now: float) -> bool:
        """Whether it is to be passed over."""
        return (self.breaker.tripped and self.breaker.blocks(now)) or (self.key.tripped and self.key.blocks(now))

    @property
    def sound(self) -> bool:
        """Whether nothing speaks against it."""
        return not (self.failures or self.breaker.tripped or self.key.tripped)

    @property
    def reopens(self) -> float:
        """When its breakers let somebody pass again (0 = they are closed)."""
        return max(self.breaker.until if self.breaker.tripped else 0.0, self.key.until if self.key.tripped else 0.0)

    @property
    def reason(self) -> str:
        """The error code that tripped it."""
        return self.key.reason if self.key.tripped else self.breaker.reason

    def succeeded(self, now: float) -> None:
        """Count a success."""
        if now - self._turned >= WINDOW / 2:
            self._turn(now)
        self.failures = 0
        self._good += 1

    def failed(self, now: float, policy: Breaking) -> bool:
        """Count a failure; True when it is one too many."""
        if now - self._turned >= WINDOW / 2:
            self._turn(now)
        self.failures += 1
        self._bad += 1
        good = self._good + self._old_good
        calls = good + self._bad + self._old_bad
        return self.failures >= policy.failures or (calls >= SAMPLE and good < policy.success_rate * calls)

    def forget(self, now: float) -> None:
        """Start counting anew, as behind a breaker that just closed."""
        self.failures = 0
        self._turned = now
        self._good = self._bad = self._old_good = self._old_bad = 0.0

    def _turn(self, now: float) -> None:
        """The window is two halves: the older one is dropped as a whole."""
        fresh = now - self._turned < WINDOW
        self._old_good, self._old_bad = (self._good, self._bad) if fresh else (0.0, 0.0)
        self._good = self._bad = 0.0
        self._turned = now


class Try:
    """One call to one deployment, from `Health.begin` to its one end: `succeeded`, `failed` or `left`."""

    __slots__ = ("_health", "began", "deployment", "over", "patience", "probe", "target")

    def __init__(self, health: "Health", deployment: Deployment, target: Target, now: float) -> None:
        self._health = health
        self.over = False
        self.deployment = deployment
        self.target = target
        self.began = now
        self.patience: float | None = None  # seconds to the first token, where the timeouts would allow too many
        self.probe = False
        for breaker in (deployment.breaker, deployment.key):
            if breaker.tripped and not breaker.blocks(now):
                breaker.probe = self
                self.probe = True
        deployment.outstanding += 1

    def spoke(self) -> None:
        """The answer has begun: somebody else may probe too, but only a complete answer closes the breakers."""
        if self.probe:
            self._unprobe()

    def succeeded(self, now: float) -> None:
        """The answer came whole."""
        if self._end():
            deployment = self.deployment
            deployment.succeeded(now)
            if deployment.breaker.tripped or deployment.key.tripped:
                self._health.mended(self, now)

    def failed(self, blame: Blame, now: float, reason: str, pause: float | None = None) -> None:
        """It failed; `pause` is the time (s) that the provider itself asks for, `reason` our error code."""
        if self._end() and blame != "none":
            self._health.blamed(self, blame, now, reason, pause)

    def left(self) -> None:
        """It was given up for reasons that say nothing about the deployment. Without effect after another end."""
        self._end()

    def _end(self) -> bool:
        if self.over:
            return False
        self.over = True
        self.deployment.outstanding -= 1
        self.deployment.places.leave()
        if self.probe:
            self._unprobe()
        return True

    def _unprobe(self) -> None:
        for breaker in (self.deployment.breaker, self.deployment.key):
            if breaker.probe is self:
                breaker.probe = None


class Health:
    """The deployments of one worker. `draw` is uniform in 0..1; `policy` gives the settings in force."""

    def __init__(self, draw: Callable[[], float], policy: Callable[[], Breaking]) -> None:
        self._policy = policy
        self._draw = draw
        self._deployments: dict[tuple[str, str, str, tuple[str, ...]], Deployment] = {}
        self._keys: dict[tuple[str, str, tuple[str, ...]], Breaker] = {}
        self._places: dict[str, Places] = {}

    def of(self, target: Target) -> Deployment:
        """What is known of this target's deployment. A new address or key makes a new one, without a past."""
        found = self._deployments.get((target.provider, target.model_id, target.base_url, target.key_env))
        return found or self._known(target)

    def _known(self, target: Target) -> Deployment:
        whose = (target.provider, target.base_url, target.key_env)
        key = self._keys.setdefault(whose, Breaker())
        places = self._places.setdefault(target.provider, Places())
        made = Deployment((target.provider, target.model_id, ",".join(target.key_env)), key, places)
        self._deployments[target.provider, target.model_id, target.base_url, target.key_env] = made
        return made

    def begin(self, target: Target, deployment: Deployment, now: float) -> Try:
        """A call begins; its place at the provider is taken already."""
        return Try(self, deployment, target, now)

    def deployments(self) -> Iterable[Deployment]:
        """All that were ever asked, for who shows how they stand."""
        return self._deployments.values()

    def is_open(self, targets: Iterable[Target], now: float) -> bool:
        """Whether each of these is to be passed over."""
        known = self._deployments
        found = [known.get((one.provider, one.model_id, one.base_url, one.key_env)) for one in targets]
        return all(one is not None and one.blocked(now) for one in found)

    def troubled(self) -> bool:
        """Whether any breaker is not closed."""
        return any(deployment.breaker.tripped or deployment.key.tripped for deployment in self._deployments.values())

    def mended(self, done: Try, now: float) -> None:
        """A success of a call that began after a breaker opened closes it; of an earlier one it says nothing new."""
        deployment = done.deployment
        if deployment.key.tripped and done.began >= deployment.key.opened_at:
            deployment.key.close()
        if deployment.breaker.tripped and done.began >= deployment.breaker.opened_at:
            deployment.breaker.close()
            deployment.forget(now)

    def blamed(self, done: Try, blame: Blame, now: float, reason: str, pause: float | None) -> None:
        """A failure opens what it speaks against, unless it belongs to the outage that opened it already."""
        policy, deployment = self._policy(), done.deployment
        breaker = deployment.key if blame == "key" else deployment.breaker
        stale = breaker.tripped and done.began < breaker.opened_at
        enough = deployment.failed(now, policy) if blame in ("count", "open") else True
        if stale:
            if blame == "cool" and pause is not None:
                breaker.until = max(breaker.until, now + min(pause, policy.longest_cooldown))
            return
        if not (enough or blame == "open" or breaker.tripped):
            return
        if pause is not None and blame == "cool":
            breaker.trip(now, min(pause, policy.longest_cooldown), reason)
        else:
            breaker.trip(now, cooldown(policy, blame, breaker.times, self._draw()), reason)


def cooldown(policy: Breaking, blame: Blame, times: int, draw: float) -> float:
    """Seconds of the opening after `times` others: jitter between a floor, so that it is never nothing, and a bound that doubles."""
    floor, longest = policy.cooldown, policy.longest_cooldown
    if blame == "key":
        floor, longest = policy.key_cooldown, policy.key_cooldown * KEY_GROWTH
    elif blame == "cool":
        floor = min(RATE_COOLDOWN, floor)
    bound = max(floor, min(longest, floor * 2.0 ** min(times + 1, 32)))
    return floor + draw * (bound - floor)
