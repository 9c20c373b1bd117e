"""Whom a request asks, over any plan and any failures: always somebody, never too often, and who is well before who is not."""

import asyncio
from types import SimpleNamespace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from app.config.snapshot import Breaking, ProviderLimits, Retries, Timeouts
from app.domain.request import ChatRequest, Message, Text
from app.domain.target import Target
from app.errors import (
    BadAnswer,
    ContextTooLong,
    DeadlineExceeded,
    NotConnected,
    ProviderAuth,
    ProviderError,
    ProviderOverloaded,
    ProviderQuota,
    ProviderRateLimited,
    RouterError,
)
from app.pipeline.budget import RetryBudget
from app.pipeline.health import Health, Try
from app.pipeline.order import Order
from app.pipeline.walk import Asking, Walk

FAILURES: dict[str, tuple[type[RouterError], int | None]] = {
    "500": (ProviderError, 500),
    "503": (ProviderOverloaded, 503),
    "429": (ProviderRateLimited, 429),
    "401": (ProviderAuth, 401),
    "quota": (ProviderQuota, 429),
    "html": (BadAnswer, 200),
    "refused": (NotConnected, None),
    "timeout": (DeadlineExceeded, None),
    "too long": (ContextTooLong, 400),
}
ENDS = st.sampled_from(["well", "well", "left", *FAILURES])
PLANS = st.lists(
    st.tuples(st.sampled_from("ab"), st.sampled_from("xy"), st.sampled_from("12")), min_size=1, max_size=5, unique=True
)


def targets(plan: list[tuple[str, str, str]]) -> list[Target]:
    """Hosts, models and keys; a model is a row."""
    return [
        Target(
            name=model,
            provider=host,
            model_id=model,
            dialect="openai",
            wire="openai",
            base_url=f"http://{host}",
            key_env=(key,),
        )
        for host, model, key in sorted(plan, key=lambda place: place[1])
    ]


class Bench:
    """A worker's policy with a clock of its own. Nothing waits: pauses are drawn as none, longer ones do not fit the time."""

    def __init__(self) -> None:
        self.now = 100.0
        snapshot = SimpleNamespace(
            timeouts=Timeouts(),
            provider_limits=dict.fromkeys("ab", ProviderLimits()),
            routing=SimpleNamespace(retries=Retries()),
        )
        self.compiled: Any = SimpleNamespace(snapshot=snapshot)
        self.house: Any = SimpleNamespace(
            clock=lambda: self.now, draw=lambda: 0.0, health=Health(lambda: 0.5, Breaking), budget=RetryBudget()
        )

    def walk(self, plan: list[Target]) -> Walk:
        asking = Asking(id="x", face="query", started=self.now, timeout=20.0)
        walk = Walk(asking, ChatRequest(messages=(Message("user", (Text("hi"),)),)), self.compiled)
        walk.targets = plan
        return walk

    async def ask(self, plan: list[Target], ends: list[str]) -> list[Try]:
        """One request to its end; who was tried. The last end given goes for all further tries."""
        walk, tried = self.walk(plan), list[Try]()
        order = Order(self.house, walk)
        this = order.begin()
        assert this is not None, "no limits, so there is a place"
        while True:
            self.fair(plan, tried, this)
            tried.append(this)
            end = ends[min(len(tried), len(ends)) - 1]
            self.now += 0.5
            if end in FAILURES:
                kind, walk.upstream_status = FAILURES[end]
                try:
                    this = await order.next(this, kind("no", retry_after=60.0) if end == "429" else kind("no"))
                except RouterError:
                    return tried
            else:
                if end == "well":
                    this.succeeded(self.now)
                else:
                    order.given_up(this)
                return tried

    def fair(self, plan: list[Target], tried: list[Try], this: Try) -> None:
        """Nobody who fails is asked while somebody who is well was not, as far as a first try goes."""
        deployment = this.deployment
        if not tried and not this.probe and deployment.breaker.blocks(self.now):
            known = [self.house.health.of(target) for target in plan]
            assert all(other is deployment or other.blocked(self.now) for other in known)


@given(PLANS, st.lists(st.tuples(st.lists(ENDS, min_size=1, max_size=4), st.floats(0, 30)), max_size=25))
def test_each_request_is_tried_once_to_three_times_and_nothing_stays_outstanding(
    plan: list[tuple[str, str, str]], requests: list[tuple[list[str], float]]
) -> None:
    """Whatever failed before: the last target of a plan is never out of reach."""
    bench, row = Bench(), targets(plan)

    async def all_of_them() -> None:
        for ends, wait in requests:
            bench.now += wait
            tried = await bench.ask(row, ends)
            assert 1 <= len(tried) <= 3
            assert all(one.over for one in tried)

    asyncio.run(all_of_them())
    assert all((one.outstanding, one.places.taken) == (0, 0) for one in bench.house.health.deployments())


@given(PLANS, st.sampled_from(["500", "503", "refused", "timeout", "html"]), st.integers(20, 120))
def test_when_all_are_dead_the_tries_are_bounded_by_the_budget(
    plan: list[tuple[str, str, str]], failure: str, calls: int
) -> None:
    """A fifth of the requests and ten a second, and at the outage's begin each deployment's first failure on credit."""
    bench, row = Bench(), targets(plan)

    async def all_of_them() -> int:
        return sum([len(await bench.ask(row, [failure])) for _ in range(calls)])

    began = bench.now
    tries = asyncio.run(all_of_them())
    assert calls <= tries <= calls * 1.2 + 10 * (bench.now - began) + 10 + len(row)


async def test_calls_go_to_the_least_busy_place_of_the_first_row() -> None:
    """And of equals to the first named."""
    bench, row = Bench(), targets([("a", "x", "1"), ("a", "x", "2"), ("b", "x", "1"), ("b", "y", "1")])
    flight = []
    for _ in range(7):
        this = Order(bench.house, bench.walk(row)).begin()
        assert this is not None
        flight.append(this)
    assert [(one.target.provider, one.target.key_env[0]) for one in flight] == [
        ("a", "1"), ("a", "2"), ("b", "1"), ("a", "1"), ("a", "2"), ("b", "1"), ("a", "1"),
    ]  # fmt: skip
    flight[2].succeeded(bench.now)
    this = Order(bench.house, bench.walk(row)).begin()
    assert this is not None and this.target is row[2]


async def test_where_all_are_open_the_one_that_reopens_soonest_is_asked() -> None:
    """With a probe's patience while others are left, with all the time there is when it is the last."""
    bench, row = Bench(), targets([("a", "x", "1"), ("b", "y", "1")])
    for target, pause in zip(row, (50.0, 20.0), strict=True):
        deployment = bench.house.health.of(target)
        assert deployment.places.take(None)
        bench.house.health.begin(target, deployment, bench.now).failed("cool", bench.now, "rate_limited", pause)
    order = Order(bench.house, bench.walk(row))
    this = order.begin()
    assert this is not None and this.target is row[1] and this.patience is not None
    following = await order.next(this, BadAnswer("no"))
    assert following.target is row[0] and following.patience is None
