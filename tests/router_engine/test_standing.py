"""Live figures follow what models did lately, change at most once a second, and are forgotten when old."""

from hypothesis import given
from hypothesis import strategies as st

from app.domain.decision import EMPTY_STANDING
from app.router_engine.standing import FORGOTTEN, HALF_LIFE, MEMORY, Live, standing_id


def test_without_observations_there_is_no_standing() -> None:
    """Its id says so."""
    assert Live().snapshot(0.0) is EMPTY_STANDING


def test_a_stream_teaches_both_first_token_and_speed() -> None:
    """90 tokens in the 900 ms after the first one."""
    live = Live()
    live.observe("a", first_token_ms=100, tokens=90, ms=1000, now=0.0)
    figures = live.snapshot(0.0).models["a"]
    assert (figures.first_token_ms, figures.tokens_per_second, figures.open) == (100.0, 100.0, False)


def test_a_whole_answer_teaches_speed_with_the_known_wait_taken_off() -> None:
    """First token known from a stream; otherwise speed as a whole."""
    live = Live()
    live.observe("a", first_token_ms=None, tokens=100, ms=1000, now=0.0)
    assert live.snapshot(0.0).models["a"].tokens_per_second == 100.0
    other = Live()
    other.observe("a", first_token_ms=500, tokens=1, ms=500, now=0.0)
    other.observe("a", first_token_ms=None, tokens=100, ms=1000, now=0.0)
    assert other.snapshot(0.0).models["a"].tokens_per_second == 200.0


def test_a_very_short_answer_says_nothing_about_speed() -> None:
    """Its time is waiting."""
    live = Live()
    live.observe("a", first_token_ms=None, tokens=3, ms=900, now=0.0)
    assert live.snapshot(0.0) is EMPTY_STANDING


def test_an_observation_weighs_half_after_a_half_life() -> None:
    """100 ms then, 400 ms now: (0.5 * 100 + 400) / 1.5."""
    live = Live()
    live.observe("a", first_token_ms=100, tokens=0, ms=100, now=0.0)
    live.observe("a", first_token_ms=400, tokens=0, ms=400, now=HALF_LIFE)
    assert live.snapshot(HALF_LIFE).models["a"].first_token_ms == 300.0


def test_old_figures_are_forgotten() -> None:
    """One observation is worth less than FORGOTTEN after six half-lives and a bit."""
    assert FORGOTTEN == 0.5**6
    live = Live()
    live.observe("a", first_token_ms=100, tokens=50, ms=600, now=0.0)
    assert "a" in live.snapshot(6 * HALF_LIFE - 1).models
    assert live.snapshot(6 * HALF_LIFE + 1) is EMPTY_STANDING


def test_a_standing_is_kept_for_a_second() -> None:
    """So the journal holds at most one line of them per second."""
    live = Live()
    live.observe("a", first_token_ms=100, tokens=0, ms=100, now=10.0)
    first = live.snapshot(10.0)
    live.observe("a", first_token_ms=900, tokens=0, ms=900, now=10.1)
    assert live.snapshot(10.9) is first
    assert live.snapshot(11.0).id != first.id


def test_unchanged_figures_keep_their_id() -> None:
    """No new line for nothing new."""
    live = Live()
    live.observe("a", first_token_ms=100, tokens=0, ms=100, now=0.0)
    assert live.snapshot(0.0) is live.snapshot(30.0)


def test_equal_figures_have_equal_ids_in_every_worker() -> None:
    """The id is a hash of the content."""
    one, two = Live(), Live()
    for live in (one, two):
        live.observe("a", first_token_ms=100, tokens=20, ms=400, now=3.0)
    assert one.snapshot(3.0) == two.snapshot(5.0)
    assert one.snapshot(3.0).id == standing_id(one.snapshot(3.0).models)


@given(
    st.lists(
        st.tuples(
            st.sampled_from("ab"),
            st.none() | st.floats(0, 1e6),
            st.integers(0, 10**6),
            st.floats(0, 1e7),
            st.floats(0, 1e5),
        ),
        max_size=20,
    )
)
def test_figures_stay_inside_what_was_observed(seen: list[tuple[str, float | None, int, float, float]]) -> None:
    """Whatever the order of times, a mean lies between its extremes; speeds are positive."""
    live = Live()
    for name, first, tokens, ms, now in seen:
        live.observe(name, first_token_ms=first, tokens=tokens, ms=ms, now=now)
    for name, figures in live.snapshot(1e5).models.items():
        firsts = [first for row, first, *_ in seen if row == name and first is not None]
        if figures.first_token_ms is not None:
            assert min(firsts) - 0.1 <= figures.first_token_ms <= max(firsts) + 0.1
        if figures.tokens_per_second is not None:
            assert figures.tokens_per_second >= 0


def test_a_row_whose_breakers_are_open_stands_as_open_with_or_without_figures() -> None:
    """Until the figures are taken anew, at most a second later."""
    live = Live()
    live.observe("a", first_token_ms=100, tokens=0, ms=100, now=0.0)
    models = live.snapshot(0.0, lambda: frozenset({"a", "b"})).models
    assert {name: (one.first_token_ms, one.open) for name, one in models.items()} == {"a": (100.0, True), "b": (None, True)}
    assert live.snapshot(0.9).models["b"].open
    assert {name: one.open for name, one in live.snapshot(1.0).models.items()} == {"a": False}


def test_a_first_token_is_late_beyond_the_95th_percentile_of_the_latest() -> None:
    """Nobody is late by the standing of too few, nor by that of long ago."""
    live = Live()
    assert live.late_after("a", 1, 0.0) is None
    for ms in range(1, 21):
        live.observe("a", first_token_ms=ms, tokens=0, ms=ms, now=0.0)
    assert (live.late_after("a", 20, 0.0), live.late_after("a", 21, 0.0)) == (19, None)
    live.heard_late("a", 500, 0.5)
    assert live.late_after("a", 20, 0.9) == 19, "reckoned once a second"
    assert live.late_after("a", 20, 1.0) == 20
    assert live.late_after("a", 20, MEMORY + 1) is None
    live.heard_late("unknown", 1, 0.0)
    assert live.late_after("unknown", 1, 0.0) is None
