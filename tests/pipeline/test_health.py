"""Breakers: when they open, whom they let through, and what closes them. The clock and the chance are the test's own."""

from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from app.config.snapshot import Breaking
from app.domain.target import Target
from app.pipeline.health import KEY_GROWTH, RATE_COOLDOWN, WINDOW, Blame, Health, Try, cooldown

POLICY = Breaking()


def target(model_id: str = "m", key: str = "K", provider: str = "p") -> Target:
    return Target(
        name="row", provider=provider, model_id=model_id, dialect="openai", wire="openai", base_url="http://x/v1", key_env=(key,)
    )


def healthy(draw: Callable[[], float]) -> Health:
    return Health(draw, lambda: POLICY)


def begun(health: Health, of: Target, now: float) -> Try:
    """A call under way, its place taken as `order` does."""
    deployment = health.of(of)
    assert deployment.places.take(None)
    return health.begin(of, deployment, now)


def fails(health: Health, of: Target, blame: Blame, now: float, pause: float | None = None) -> None:
    begun(health, of, now).failed(blame, now, "some_code", pause)


def answers(health: Health, of: Target, now: float) -> None:
    begun(health, of, now).succeeded(now)


def blocked(health: Health, of: Target, now: float) -> bool:
    return health.of(of).blocked(now)


def test_five_failures_in_a_row_open_and_four_do_not() -> None:
    """A success in between starts the count anew."""
    health, one = healthy(lambda: 0.0), target()
    for now in range(4):
        fails(health, one, "count", now)
    answers(health, one, 4)
    for now in range(5, 9):
        fails(health, one, "count", now)
    assert not blocked(health, one, 9)
    fails(health, one, "count", 9)
    assert blocked(health, one, 9) and health.of(one).reason == "some_code"


def test_a_bad_success_rate_opens_without_five_in_a_row() -> None:
    """Less than half of at least ten."""
    health, one = healthy(lambda: 0.0), target()
    for now in range(4):
        answers(health, one, now)
    for now in range(4, 8):
        fails(health, one, "count", now)
    answers(health, one, 8)  # 5 good, 4 bad
    for now in range(9, 11):
        fails(health, one, "count", now)
        assert blocked(health, one, now) is (now == 10), "5 of 10 is half, 5 of 11 is less"


def test_failures_of_long_ago_do_not_count_in_the_rate() -> None:
    """The window passes over them."""
    health, one = healthy(lambda: 0.0), target()
    for now in (0, 1, 2, 3):
        fails(health, one, "count", now)
    answers(health, one, 3)
    late = 3 + 2 * WINDOW
    for now in (late, late + 1):
        answers(health, one, now)
    for now in range(4):
        fails(health, one, "count", late + 2 + now)
    assert not blocked(health, one, late + 6)


def test_one_timeout_is_enough() -> None:
    """It is how an outage begins, and each further call would wait as long."""
    health, one = healthy(lambda: 0.0), target()
    fails(health, one, "open", 100.0)
    assert blocked(health, one, 100.0) and not blocked(health, one, 100.0 + POLICY.cooldown)


def test_calls_that_were_under_way_do_not_prolong_the_outage_that_ends_them() -> None:
    """A hundred timeouts of one outage are one opening."""
    health, one = healthy(lambda: 1.0), target()
    flight = [begun(health, one, 1.0) for _ in range(100)]
    for n, call in enumerate(flight):
        call.failed("open", 60.0 + n / 100, "deadline_exceeded")
    assert health.of(one).breaker.times == 1 and health.of(one).outstanding == 0
    assert health.of(one).reopens == 60.0 + 2 * POLICY.cooldown


def test_a_success_from_before_the_outage_does_not_close() -> None:
    """It says nothing new."""
    health, one = healthy(lambda: 0.0), target()
    early = begun(health, one, 1.0)
    fails(health, one, "open", 2.0)
    early.succeeded(3.0)
    assert blocked(health, one, 3.0)


def test_cooldowns_double_to_a_bound_and_a_success_makes_them_small_again() -> None:
    """The draw decides between the floor and the bound."""
    health, one = healthy(lambda: 1.0), target()
    now, pauses = 0.0, []
    for _ in range(8):
        fails(health, one, "open", now)
        pauses.append(health.of(one).reopens - now)
        now = health.of(one).reopens
    assert pauses == [10, 20, 40, 80, 160, 300, 300, 300]
    answers(health, one, now)
    assert not blocked(health, one, now) and health.of(one).sound
    fails(health, one, "open", now)
    assert health.of(one).reopens - now == 10


def test_a_long_floor_and_a_short_bound_get_along() -> None:
    """Whatever the configuration says, a cooldown is its floor at least."""
    policy = Breaking(cooldown=10, longest_cooldown=1)
    assert cooldown(policy, "open", 0, 0.5) == 10 and cooldown(policy, "cool", 3, 1.0) == 1


def test_after_the_cooldown_one_probe_passes_at_a_time() -> None:
    """The next may when it is over, whatever it says, or once its answer has begun."""
    health, one = healthy(lambda: 0.0), target()
    fails(health, one, "open", 0.0)
    probe = begun(health, one, 5.0)
    assert probe.probe and blocked(health, one, 5.0)
    probe.left()
    assert not blocked(health, one, 5.1)
    second = begun(health, one, 5.1)
    second.spoke()
    assert not blocked(health, one, 5.2) and health.of(one).breaker.tripped, "begun is not yet mended"
    second.succeeded(6.0)
    assert not health.of(one).breaker.tripped


def test_a_probe_that_fails_opens_again() -> None:
    """For longer."""
    health, one = healthy(lambda: 1.0), target()
    fails(health, one, "open", 0.0)
    fails(health, one, "count", 10.0)
    assert health.of(one).reopens == 30.0


def test_a_forced_call_neither_holds_the_probes_place_nor_frees_it() -> None:
    """The last target of a plan is asked although its breaker is open."""
    health, one = healthy(lambda: 0.0), target()
    fails(health, one, "open", 0.0)
    forced = begun(health, one, 1.0)
    assert not forced.probe
    probe = begun(health, one, 5.0)
    forced.left()
    assert blocked(health, one, 5.1)
    probe.left()


def test_a_rate_limit_cools_for_as_long_as_it_says_within_bounds() -> None:
    """Without a word of the provider's a small drawn pause."""
    health, one = healthy(lambda: 1.0), target()
    fails(health, one, "cool", 0.0, 7.0)
    assert (blocked(health, one, 6.9), blocked(health, one, 7.0)) == (True, False)
    fails(health, one, "cool", 7.0, 1e9)
    assert health.of(one).reopens == 7.0 + POLICY.longest_cooldown
    other = target("other")
    fails(health, other, "cool", 0.0)
    assert health.of(other).reopens == 2 * RATE_COOLDOWN


def test_a_later_rate_limit_of_a_call_under_way_prolongs_only_its_pause() -> None:
    """It is the provider's own word, but no further failure."""
    health, one = healthy(lambda: 0.0), target()
    early = begun(health, one, 0.0)
    fails(health, one, "cool", 1.0, 2.0)
    early.failed("cool", 2.0, "rate_limited", 5.0)
    assert health.of(one).reopens == 7.0 and health.of(one).breaker.times == 1


def test_a_key_that_is_out_takes_all_its_models_with_it_and_no_other_key() -> None:
    """For long: somebody has to top it up or mend it."""
    health = healthy(lambda: 0.0)
    fails(health, target("a", "K1"), "key", 0.0)
    assert blocked(health, target("a", "K1"), 299.0) and blocked(health, target("b", "K1"), 299.0)
    assert not blocked(health, target("a", "K2"), 0.0)
    assert not blocked(health, target("a", "K1", "q"), 0.0), "the same variable at another provider"
    answers(health, target("b", "K1"), 300.0)
    assert not blocked(health, target("a", "K1"), 300.0)


def test_what_a_request_caused_itself_counts_as_neither() -> None:
    """No failure, and no success either."""
    health, one = healthy(lambda: 0.0), target()
    for now in range(4):
        fails(health, one, "count", now)
    for now in range(20):
        fails(health, one, "none", now)
    assert not blocked(health, one, 20) and health.of(one).failures == 4


def test_a_row_is_open_when_all_its_targets_are() -> None:
    """One that may be asked is enough."""
    health = healthy(lambda: 0.0)
    row = (target("a"), target("b"))
    fails(health, row[0], "open", 0.0)
    assert not health.is_open(row, 0.0)
    fails(health, row[1], "open", 0.0)
    assert health.is_open(row, 0.0) and not health.is_open(row, POLICY.cooldown)


ENDS = st.sampled_from(["succeeded", "spoke", "left", "none", "count", "open", "cool", "key"])
STEPS = st.lists(st.tuples(ENDS, st.floats(0, 40), st.booleans(), st.booleans(), st.floats(0, 1)), max_size=60)


def ended(call: Try, end: str, now: float) -> None:
    """Let a call end."""
    if end == "left":
        call.left()
    elif end in ("succeeded", "spoke"):
        if end == "spoke":
            call.spoke()
        call.succeeded(now)
    else:
        call.failed(end, now, "x", 3.0 if end == "cool" else None)  # type: ignore[arg-type]


@given(STEPS)
def test_whatever_happens_one_probe_at_a_time_and_nothing_left_outstanding(
    steps: list[tuple[str, float, bool, bool, float]],
) -> None:
    """Calls overlap and end in any order; who is blocked is not asked, unless as the last one left."""
    chance = [0.0]
    health, one = healthy(lambda: chance[0]), target()
    now, flight = 0.0, list[Try]()
    for end, wait, forced, done, draw in steps:
        now, chance[0] = now + wait, draw
        if forced or not blocked(health, one, now):
            flight.append(begun(health, one, now))
        probing = [call for call in flight if call.probe and call in (health.of(one).breaker.probe, health.of(one).key.probe)]
        assert len(probing) <= 1 or health.of(one).breaker.probe is not health.of(one).key.probe
        if flight and done:
            call = flight.pop(0)
            ended(call, end, now)
            assert call not in (health.of(one).breaker.probe, health.of(one).key.probe)
        assert health.of(one).outstanding == health.of(one).places.taken == len(flight)
        assert health.of(one).reopens <= now + KEY_GROWTH * POLICY.key_cooldown
    for call in flight:
        call.left()
        call.left()
    assert (health.of(one).outstanding, health.of(one).places.taken) == (0, 0)
    assert not blocked(health, one, now + KEY_GROWTH * POLICY.key_cooldown), "nothing stays closed for ever"
