"""What failures mean for further tries, and what tries may cost."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.config.snapshot import Limits, Retries
from app.domain.target import Target
from app.errors import (
    BadAnswer,
    ContentFiltered,
    ContextTooLong,
    DeadlineExceeded,
    NotConnected,
    Overloaded,
    ProviderAuth,
    ProviderError,
    ProviderOverloaded,
    ProviderQuota,
    ProviderRateLimited,
    ProviderRefused,
    ProviderRejected,
    ProviderUnreachable,
    RouterError,
    TruncatedAnswer,
    UnexpectedRedirect,
)
from app.pipeline.budget import HedgeBudget, RetryBudget
from app.pipeline.places import Admission, Places
from app.pipeline.retry import backoff, blame, is_late, may_repeat, probe_patience, shared

RULES = Retries()


def target(provider: str = "p", key: str = "K", latency: float = 800.0) -> Target:
    return Target(
        name="row",
        provider=provider,
        model_id="m",
        dialect="openai",
        wire="openai",
        base_url="http://x",
        key_env=(key,),
        avg_latency_ms=latency,
    )


REPEATABLE: list[tuple[RouterError, int | None, bool]] = [
    (NotConnected("x"), None, True),
    (ProviderUnreachable("hung up"), None, False),
    (DeadlineExceeded("408"), 408, True),
    (ProviderError("409"), 409, True),
    (ProviderError("425"), 425, True),
    (ProviderRateLimited("429"), 429, True),
    (ProviderError("500"), 500, True),
    (ProviderError("502"), 502, True),
    (ProviderOverloaded("503"), 503, True),
    (DeadlineExceeded("504"), 504, True),
    (ProviderOverloaded("529"), 529, True),
    (ProviderOverloaded("said in a 200"), 200, True),
    (ProviderError("an error in a 200"), 200, False),
    (BadAnswer("html"), 200, False),
    (TruncatedAnswer("cut"), 200, False),
    (DeadlineExceeded("our own timeout"), None, False),
    (ProviderAuth("401"), 401, False),
    (ProviderQuota("429"), 429, False),
    (ProviderRefused("404"), 404, False),
    (UnexpectedRedirect("302"), 302, False),
    (ProviderRejected("400"), 400, False),
    (ContextTooLong("x"), 400, False),
    (ContentFiltered("x"), 400, False),
]


@pytest.mark.parametrize(("error", "status", "allowed"), REPEATABLE, ids=[str(row[0]) + str(row[1]) for row in REPEATABLE])
def test_the_same_deployment_is_asked_again_only_where_that_is_safe(
    error: RouterError, status: int | None, allowed: bool
) -> None:
    """The list of the issue, nothing else."""
    assert may_repeat(error, status) is allowed


def test_a_providers_own_word_on_repeating_counts() -> None:
    """`x-should-retry`, in both directions; not for what another try cannot mend."""
    for error, said, allowed in (
        (BadAnswer("x"), True, True),
        (ProviderError("x"), False, False),
        (ProviderQuota("x"), True, False),
    ):
        error.repeatable = said
        assert may_repeat(error, 500) is allowed


BLAMES: list[tuple[RouterError, int | None, str]] = [
    (ContextTooLong("x"), 400, "none"),
    (ContentFiltered("x"), 400, "none"),
    (ProviderRejected("x"), 400, "none"),
    (Overloaded("ours"), None, "none"),
    (ProviderQuota("x"), 429, "key"),
    (ProviderAuth("x"), 401, "key"),
    (ProviderAuth("no key set"), None, "key"),
    (ProviderAuth("x"), 403, "open"),
    (ProviderRateLimited("x"), 429, "cool"),
    (ProviderOverloaded("x", retry_after=3), 503, "cool"),
    (ProviderOverloaded("x"), 503, "count"),
    (ProviderRefused("x"), 404, "count"),
    (ProviderError("x"), 500, "count"),
    (DeadlineExceeded("the provider's own"), 504, "count"),
    (BadAnswer("x"), 200, "count"),
    (TruncatedAnswer("x"), 200, "count"),
    (ProviderUnreachable("x"), None, "count"),
    (NotConnected("x"), None, "open"),
    (DeadlineExceeded("first token"), None, "open"),
    (DeadlineExceeded("idle"), 200, "open"),
]


@pytest.mark.parametrize(("error", "status", "expected"), BLAMES, ids=[f"{type(r[0]).__name__} {r[1]}" for r in BLAMES])
def test_each_failure_is_laid_at_the_right_door(error: RouterError, status: int | None, expected: str) -> None:
    """The request's own, the deployment's, the key's."""
    assert blame(error, status, cut_short=False, late=False) == expected


def test_a_callers_impatience_opens_nothing() -> None:
    """A timeout of the request's own budget counts only after a wait that is long by the model's measure, and then once."""
    for error in (DeadlineExceeded("x"), NotConnected("x")):
        assert blame(error, None, cut_short=True, late=False) == "none"
        assert blame(error, None, cut_short=True, late=True) == "count"
    assert not is_late(2.3, target()) and is_late(2.4, target())
    assert not is_late(0.9, target(latency=1)) and not is_late(59, target(latency=20_000))


def test_a_probe_gets_twice_the_patience_each_time() -> None:
    """So that one that is merely slow is found well in the end."""
    assert [probe_patience(target(), times) for times in (1, 2, 3)] == [2.4, 4.8, 9.6]
    assert probe_patience(target(latency=1), 1) == 2.0 and probe_patience(target(), 10**6) > 0


def test_what_a_host_or_a_key_shares() -> None:
    """A dead host fails all its models; a used-up key only its own."""
    one, other_key, elsewhere = target(), target(key="K2"), target("q")
    for error in (NotConnected("x"), ProviderOverloaded("x"), DeadlineExceeded("x")):
        assert shared(error, one, other_key) and not shared(error, one, elsewhere)
    for failed in (ProviderQuota("x"), ProviderAuth("x")):
        assert shared(failed, one, target()) and not shared(failed, one, other_key)
    assert not shared(BadAnswer("x"), one, one) and not shared(ProviderRateLimited("x"), one, other_key)


@given(st.integers(0, 10_000), st.floats(0, 1))
def test_backoff_is_bounded_and_full_of_jitter(tries: int, draw: float) -> None:
    """Anything from nothing to a bound that doubles."""
    assert 0 <= backoff(min(tries, 900), draw) <= 4.0
    assert backoff(1, 1.0) == 0.5 and backoff(2, 1.0) == 1.0 and backoff(2, 0.0) == 0.0


@given(st.lists(st.tuples(st.sampled_from(["earn", "spend"]), st.floats(0, 2)), max_size=400))
def test_unsure_tries_never_cost_more_than_a_share_of_requests_and_so_many_a_second(steps: list[tuple[str, float]]) -> None:
    """20 % of requests + 10 per second, plus one second's worth at hand."""
    budget = RetryBudget()
    now, earned, spent = 5.0, 0, 0
    for step, wait in steps:
        now += wait
        if step == "earn":
            budget.earn(RULES)
            earned += 1
        else:
            spent += budget.spend(RULES, now, sure=False)
    assert spent <= RULES.per_second + RULES.share * (earned + 1) + RULES.per_second * (now - 5.0) + 1e-6


def test_a_sure_try_is_never_refused_but_paid_for() -> None:
    """Fallback to a healthy candidate comes on credit: retries wait until it is paid."""
    budget = RetryBudget()
    assert all(budget.spend(RULES, 0.0, sure=True) for _ in range(1000))
    assert not budget.spend(RULES, 0.0, sure=False) and not budget.spend(RULES, 10.0, sure=False)
    assert budget.spend(RULES, 10.2, sure=False) and budget.refused == 2


async def test_beyond_its_places_so_many_wait_and_are_served_in_turn() -> None:
    """Who leaves the queue takes nothing with it."""
    places = Places()
    assert places.take(1) and not places.take(1) and places.take(None)
    places.leave()
    first, second = (asyncio.create_task(places.wait(2, 30, "calls to p")) for _ in range(2))
    await asyncio.sleep(0)
    with pytest.raises(Overloaded) as refused:
        await places.wait(2, 30, "calls to p")
    assert refused.value.retry_after == 1.0 and "to p" in refused.value.message and places.waiting == 2
    places.leave()
    first.cancel()  # as the place is given
    await asyncio.wait([first, second])
    assert first.cancelled() and second.exception() is None and (places.taken, places.waiting) == (1, 0)
    places.leave()
    assert places.taken == 0


async def test_a_wait_for_a_place_ends_in_time_and_leaves_nothing_behind() -> None:
    """One budget, queues included."""
    admission, limits = Admission(), Limits(max_in_flight=1, max_queue=1)
    await admission.enter(limits, 30)
    with pytest.raises(Overloaded, match="in time"):
        await admission.enter(limits, 0.01)
    assert (admission.in_flight, admission.waiting) == (1, 0)
    admission.refuse(limits)
    waiting = asyncio.create_task(admission.enter(limits, 30))
    await asyncio.sleep(0)
    with pytest.raises(Overloaded):
        admission.refuse(limits)
    waiting.cancel()
    await asyncio.wait([waiting])
    admission.leave()
    assert (admission.in_flight, admission.waiting) == (0, 0)


@given(st.integers(1, 2000), st.sampled_from([0.05, 0.1, 1.0]))
def test_rivals_are_at_most_a_share_of_the_calls(calls: int, share: float) -> None:
    """However late everybody is."""
    budget, rivals = HedgeBudget(), 0
    for _ in range(calls):
        budget.earn(share)
        if budget.able:
            budget.spend()
            rivals += 1
    assert rivals <= calls * share + 1e-6
