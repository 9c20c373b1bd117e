"""A decision is pure: the same inputs give the same answer, wishes are kept, the mode decides, the sentence is readable."""

from collections import Counter
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from app.config.snapshot import Model, Snapshot
from app.domain.decision import EMPTY_STANDING, Decision, LiveModel, Standing
from app.domain.request import EFFORTS, MODES, ChatRequest, Constraints, Message, Mode, Text, Wishes
from app.domain.target import Rates
from app.errors import CallerError, ContextTooLong, NoCandidate, UnsupportedFeature
from app.router_engine.choose import drawn
from app.router_engine.decide import decide
from app.router_engine.explain import explain
from app.router_engine.first_stage import first_stage
from app.router_engine.quality.weights import WEIGHTS_ID
from app.router_engine.reason import LIMIT
from app.router_engine.table import compile_table

Rower = Callable[..., Model]
Builder = Callable[..., Snapshot]

EASY = "Hi, thanks! What is the capital of Peru?"
HARD = "Prove the theorem rigorously by induction, derive the asymptotic complexity of the distributed algorithm and justify it."
PROVIDERS = ("openai", "anthropic", "gemini", "mistral", "llama")


def z_of(text: str) -> bytes:
    """z of a single prompt."""
    return first_stage(ChatRequest(messages=(Message("user", (Text(text),)),)))


def chosen(
    snapshot: Snapshot, text: str, mode: Mode = "balanced", standing: Standing = EMPTY_STANDING, **wish: object
) -> Decision:
    """A decision over this snapshot."""
    return decide(z_of(text), Wishes(mode=mode, **{"tokens_in": 40} | wish), compile_table(snapshot), standing, 0.5)


CONSTRAINTS = st.builds(
    Constraints,
    max_cost_usd=st.none() | st.floats(0, 0.05),
    max_latency_ms=st.none() | st.floats(0, 10_000),
    min_quality=st.none() | st.floats(0, 1),
    providers=st.none() | st.lists(st.sampled_from(PROVIDERS), max_size=4).map(tuple),
    exclude=st.lists(st.sampled_from((*PROVIDERS, "openai_luna", "gemini_lite")), max_size=2).map(tuple),
)
WISHES = st.builds(
    Wishes,
    mode=st.sampled_from(MODES),
    constraints=CONSTRAINTS,
    needs=st.sets(st.sampled_from(("tools", "vision", "json_schema", "telepathy")), max_size=2).map(frozenset),
    dialect=st.none() | st.sampled_from(("openai", "anthropic", "gemini", "mistral")),
    native=st.just(("logit_bias",)),
    tokens_in=st.integers(0, 1_200_000),
    max_tokens=st.none() | st.integers(1, 200_000),
    session_model=st.none() | st.sampled_from(("openai_luna", "claude_opus", "claude_3_sonnet", "gone")),
    session_tokens=st.integers(0, 1_200_000),
    effort=st.none() | st.sampled_from(EFFORTS),
    budget=st.none() | st.integers(0, 100_000),
    pictures=st.just(()) | st.tuples(*(st.integers(-1_000, 1_000) for _ in range(4))),
)
STANDINGS = st.dictionaries(
    st.sampled_from(("openai_luna", "claude_opus", "gemini_lite", "gone")),
    st.builds(
        LiveModel,
        first_token_ms=st.none() | st.floats(0, 9999),
        tokens_per_second=st.none() | st.floats(0, 900),
        open=st.booleans(),
    ),
).map(lambda models: Standing("s", models))
PROMPTS = st.sampled_from((EASY, HARD, "Translate to French: good evening", "x" * 40))


@given(PROMPTS, WISHES, STANDINGS, st.floats(0, 1, exclude_max=True))
def test_the_same_inputs_give_the_same_decision_or_the_same_refusal(
    snapshot: Snapshot, text: str, wishes: Wishes, standing: Standing, draw: float
) -> None:
    """Also from a table compiled afresh, from rows in another order."""
    backwards = dict(reversed(snapshot.models.items()))
    seen = []
    for table in (compile_table(snapshot), compile_table(replace(snapshot, models=backwards))):
        try:
            seen.append(decide(z_of(text), wishes, table, standing, draw))
        except CallerError as error:
            seen.append((type(error), error.message, error.param))
    assert seen[0] == seen[1]


@given(PROMPTS, WISHES, STANDINGS)
def test_constraints_are_never_violated(snapshot: Snapshot, text: str, wishes: Wishes, standing: Standing) -> None:
    """Every row of the ranking keeps every wish; a refusal names a field and what to do in one line."""
    table = compile_table(snapshot)
    try:
        decision = decide(z_of(text), wishes, table, standing, 0.0)
    except CallerError as error:
        assert isinstance(error, UnsupportedFeature | ContextTooLong | NoCandidate)
        assert error.param
        assert "\n" not in error.message
        return
    limits = wishes.constraints
    figures = {candidate.name: candidate for candidate in explain(decision, table, standing)}
    for name in decision.ranking:
        model, candidate = snapshot.models[name], figures[name]
        assert model.routable
        assert model.kind == "chat"
        assert wishes.needs <= model.capabilities
        assert wishes.dialect in (None, model.targets[0].dialect)
        assert wishes.tokens_in + (wishes.max_tokens or 0) <= model.context_window
        assert (wishes.max_tokens or 0) <= model.max_output
        assert limits.providers is None or model.provider in limits.providers
        assert not {name, model.provider} & set(limits.exclude)
        assert limits.min_quality is None or candidate.quality >= limits.min_quality - 1e-4
        assert limits.max_latency_ms is None or candidate.latency_ms <= limits.max_latency_ms + 0.1
        assert limits.max_cost_usd is None or (
            candidate.cost_usd is not None and candidate.cost_usd <= limits.max_cost_usd + 1e-8
        )


@given(PROMPTS, WISHES, CONSTRAINTS)
def test_adding_a_constraint_never_adds_a_candidate(snapshot: Snapshot, text: str, wishes: Wishes, more: Constraints) -> None:
    """While nobody's breaker is open and every window has room, which are the rules that give way."""
    table = compile_table(snapshot)
    small = {"needs": wishes.needs, "dialect": wishes.dialect, "native": wishes.native, "tokens_in": wishes.tokens_in % 2000}
    free = Wishes(mode=wishes.mode, **small)
    bound = Wishes(mode=wishes.mode, constraints=more, **small)

    def candidates(wish: Wishes) -> set[str]:
        try:
            return set(decide(z_of(text), wish, table, EMPTY_STANDING, 0.0).ranking)
        except CallerError:
            return set()

    assert candidates(bound) <= candidates(free)


@given(st.text(alphabet=st.characters(codec=None), max_size=300), st.sampled_from(MODES))
def test_any_text_can_be_decided(snapshot: Snapshot, text: str, mode: Mode) -> None:
    """And its reason is one bounded ASCII line that begins with who was chosen."""
    decision = chosen(snapshot, text, mode)
    assert decision.reason.startswith(decision.chosen + ": ")
    assert decision.reason.isascii()
    assert decision.reason.isprintable()
    assert len(decision.reason) <= LIMIT


def test_a_name_outside_ascii_is_made_safe_for_a_header(row: Rower, snapshot_from: Builder) -> None:
    """Names come from the operator's file, the reason goes into a header."""
    assert chosen(snapshot_from(row("größtes")), EASY).reason.startswith("gr??tes: ")


def test_the_decision_says_what_it_was_made_of(snapshot: Snapshot) -> None:
    """Enough to make it again."""
    standing = Standing("abc", {})
    decision = chosen(snapshot, EASY, standing=standing)
    assert (decision.weights, decision.standing, decision.draw, decision.propensity) == (WEIGHTS_ID, "abc", 0.5, 1.0)
    assert decision.z == z_of(EASY)


def test_fast_takes_the_fastest_that_is_good_enough(row: Rower, snapshot_from: Builder) -> None:
    """The floor keeps a quick but poor model out, also when it is the cheapest."""
    rows = (row("poor", ms=100, quality=0.1), row("good", ms=500, quality=0.8), row("best", ms=3000, quality=0.97))
    assert chosen(snapshot_from(*rows), HARD.split(",", maxsplit=1)[0], "fast").ranking[0] != "poor"
    assert chosen(snapshot_from(*rows), EASY, "fast").chosen == "good"


def test_fast_takes_one_of_the_best_when_a_prompt_is_too_hard_for_all(row: Rower, snapshot_from: Builder) -> None:
    """The floor gives way to a share of the best quality, not to nothing."""
    rows = (row("poor", ms=100, quality=0.3), row("strong", ms=2000, quality=0.7), row("stronger", ms=2500, quality=0.71))
    assert chosen(snapshot_from(*rows), HARD, "fast").ranking == ("strong", "stronger", "poor")


def test_balanced_pays_for_quality_only_where_it_makes_a_difference(row: Rower, snapshot_from: Builder) -> None:
    """The easy prompt goes to the cheap model, the hard one to the dear one."""
    rows = (row("cheap", dollars=(0.1, 0.4), quality=0.75), row("dear", dollars=(5, 25), quality=0.95))
    assert chosen(snapshot_from(*rows), EASY).chosen == "cheap"
    assert chosen(snapshot_from(*rows), HARD).chosen == "dear"


def test_accurate_takes_the_best_and_lets_cost_break_ties(row: Rower, snapshot_from: Builder) -> None:
    """Of two equally good ones the cheaper."""
    rows = (
        row("a", dollars=(9, 40), quality=0.95),
        row("b", dollars=(3, 15), quality=0.95),
        row("c", dollars=(0.1, 0.4), quality=0.8),
    )
    assert chosen(snapshot_from(*rows), HARD, "accurate").ranking == ("b", "a", "c")


def test_equal_models_are_ordered_by_name(row: Rower, snapshot_from: Builder) -> None:
    """Not by their place in the file."""
    names = [f"m{n:02d}" for n in range(40)]  # so many that an unstable sort would show
    rows = [row(name, quality=0.9 if n % 3 else 0.5) for n, name in enumerate(names)]
    good = [name for n, name in enumerate(names) if n % 3]
    assert chosen(snapshot_from(*reversed(rows)), EASY).ranking == (*good, *names[::3])


def test_an_unknown_price_counts_as_the_dearest_and_is_said(row: Rower, snapshot_from: Builder) -> None:
    """It is neither free nor refused, unless a cost limit has to be kept."""
    rows = (row("known", dollars=(1, 4)), row("dear", dollars=(20, 90)), row("a_unknown", dollars=None))
    snapshot = snapshot_from(*rows)
    assert chosen(snapshot, EASY).ranking == ("known", "a_unknown", "dear")
    alone = chosen(snapshot, EASY, constraints=Constraints(exclude=("known", "dear")))
    assert "price unknown" in alone.reason
    limited = chosen(snapshot, EASY, constraints=Constraints(max_cost_usd=1.0))
    assert "a_unknown" not in limited.ranking


def test_live_speed_beats_the_catalogue(row: Rower, snapshot_from: Builder) -> None:
    """A model that has become slow loses its place in fast mode."""
    snapshot = snapshot_from(row("a", ms=500), row("b", ms=900))
    assert chosen(snapshot, EASY, "fast").chosen == "a"
    slow = Standing("s", {"a": LiveModel(first_token_ms=4000.0, tokens_per_second=20.0)})
    assert chosen(snapshot, EASY, "fast", slow).chosen == "b"


def test_an_open_breaker_excludes_unless_nobody_else_is_left(row: Rower, snapshot_from: Builder) -> None:
    """Trying the last one beats answering nothing."""
    snapshot = snapshot_from(row("a"), row("b"))
    a_open = Standing("s", {"a": LiveModel(open=True)})
    assert chosen(snapshot, EASY, standing=a_open).ranking == ("b",)
    assert chosen(snapshot, EASY, standing=a_open, constraints=Constraints(exclude=("b",))).ranking == ("a",)


def test_a_full_window_gives_way_only_when_no_larger_one_is_there(row: Rower, snapshot_from: Builder) -> None:
    """An expected answer is a guess: it prefers room but refuses nobody."""
    small, large = row("small", window=8192), row("large", window=100_000)
    assert chosen(snapshot_from(small, large), EASY, tokens_in=8180).ranking == ("large",)
    assert chosen(snapshot_from(small), EASY, tokens_in=8180).ranking == ("small",)


def test_a_price_tier_is_a_cliff(row: Rower, snapshot_from: Builder) -> None:
    """Above it the whole prompt costs the higher rate."""
    plain = row("tiered", dollars=(1, 4))
    rates = Rates(
        input=1_000_000, output=4_000_000, cached=0, cache_write=0, tier_above=1000, tier_input=9_000_000, tier_output=9_000_000
    )
    lower = replace(row("lower", ms=9000), rates=replace(rates, tier_above=500))
    table = compile_table(snapshot_from(replace(plain, rates=rates), lower))
    cost = {}
    for n in (1000, 1001):
        decision = decide(z_of(EASY), Wishes(mode="fast", tokens_in=n, max_tokens=8), table, EMPTY_STANDING, 0.0)
        cost[n] = {candidate.name: candidate.cost_usd for candidate in explain(decision, table, EMPTY_STANDING)}["tiered"]
    assert cost[1000] == pytest.approx(1000e-6 + 8 * 4e-6, rel=1e-4)
    assert cost[1001] == pytest.approx(1001 * 9e-6 + 8 * 9e-6, rel=1e-4)


def test_a_limit_that_is_just_met_is_kept(row: Rower, snapshot_from: Builder) -> None:
    """Windows and longest answers are inclusive."""
    snapshot = snapshot_from(row("a", max_output=512), row("b", max_output=1000, window=1500), row("c", window=1499))
    assert chosen(snapshot, EASY, tokens_in=500, max_tokens=1000).ranking == ("b",)


REFUSALS = [
    ({"needs": frozenset({"tools", "telepathy"})}, UnsupportedFeature, "telepathy", "telepathy"),
    ({"dialect": "klingon", "native": ("warp",)}, UnsupportedFeature, "warp", "klingon"),
    ({"tokens_in": 5_000_000}, ContextTooLong, "messages", "1048576"),
    ({"tokens_in": 950_000, "max_tokens": 120_000}, ContextTooLong, "max_tokens", "lower max_tokens"),
    ({"max_tokens": 130_000}, NoCandidate, "max_tokens", "128000"),
    ({"constraints": Constraints(max_cost_usd=1e-9)}, NoCandidate, "constraints.max_cost_usd", "cheapest"),
    ({"constraints": Constraints(max_latency_ms=1)}, NoCandidate, "constraints.max_latency_ms", "fastest"),
    ({"constraints": Constraints(min_quality=1)}, NoCandidate, "constraints.min_quality", "best predicted"),
    ({"constraints": Constraints(providers=("nobody",))}, NoCandidate, "constraints.providers", "provider"),
    ({"constraints": Constraints(exclude=PROVIDERS)}, NoCandidate, "constraints.exclude", "fewer"),
    ({"constraints": Constraints(min_quality=0.97, max_cost_usd=1e-5)}, NoCandidate, "constraints.max_cost_usd", ""),
]


@pytest.mark.parametrize(("wish", "error", "param", "word"), REFUSALS)
def test_a_refusal_names_the_cause_and_the_remedy(
    snapshot: Snapshot, wish: dict[str, object], error: type, param: str, word: str
) -> None:
    """One error, the field in `param`, what to change in the message."""
    with pytest.raises(error) as caught:
        chosen(snapshot, HARD, **wish)
    assert caught.value.param == param
    assert word in caught.value.message


def test_the_cause_is_the_wish_without_which_somebody_would_be_left(row: Rower, snapshot_from: Builder) -> None:
    """Each wish alone has candidates; the first in the way is named, with figures of those whom it keeps out."""
    rows = (row("good", dollars=(10, 40), quality=0.97), row("cheap", dollars=(0.01, 0.02), quality=0.3))
    with pytest.raises(NoCandidate) as caught:
        chosen(snapshot_from(*rows), HARD, constraints=Constraints(max_cost_usd=0.0005, min_quality=0.5))
    assert caught.value.param == "constraints.max_cost_usd"
    assert "would cost about 0.0" in caught.value.message


def test_wishes_that_fail_only_together_are_named_together(row: Rower, snapshot_from: Builder) -> None:
    """Three wishes, each row keeps only one of them, so no single one is to blame."""
    cheap = row("cheap", dollars=(0.1, 0.1), quality=0.3, ms=9000)
    quick = row("quick", dollars=(50, 90), quality=0.3, ms=100)
    good = row("good", dollars=(50, 90), quality=0.97, ms=9000)
    limits = Constraints(max_latency_ms=1000, min_quality=0.5, max_cost_usd=0.001)
    with pytest.raises(NoCandidate) as caught:
        chosen(snapshot_from(cheap, quick, good), HARD, constraints=limits)
    assert caught.value.param == "constraints"
    for name in ("max_latency_ms", "min_quality", "max_cost_usd"):
        assert f"constraints.{name}" in caught.value.message


def test_a_catalogue_without_a_routable_model_says_so(row: Rower, snapshot_from: Builder) -> None:
    """Nothing to relax, something to configure."""
    with pytest.raises(NoCandidate, match="switched off or retired"):
        chosen(snapshot_from(row("a", routable=False)), EASY)


@given(st.floats(0.01, 1), st.integers(1, 12))
def test_propensities_sum_to_one(exploration: float, near: int) -> None:
    """Over the places that a draw can reach."""
    ends = [exploration * (place + 0.5) / near for place in range(near)]
    reached = dict(drawn(draw, exploration, near) for draw in ends)
    assert set(reached) == set(range(near))
    assert sum(reached.values()) == pytest.approx(1)


def test_draws_fall_as_often_as_the_propensity_says(row: Rower, snapshot_from: Builder) -> None:
    """Two thousand evenly spaced draws; the ranking keeps everybody, the drawn one first."""
    rows = [row(name) for name in "abc"] + [row("far", dollars=(90, 400), quality=0.3)]
    table = compile_table(snapshot_from(*rows, exploration=0.3))
    seen: Counter[str] = Counter()
    propensity = {}
    for n in range(2000):
        decision = decide(z_of(EASY), Wishes(mode="balanced", tokens_in=40), table, EMPTY_STANDING, n / 2000)
        seen[decision.chosen] += 1
        propensity[decision.chosen] = decision.propensity
        assert set(decision.ranking) == {"a", "b", "c", "far"}
    assert propensity == {"a": pytest.approx(0.8), "b": pytest.approx(0.1), "c": pytest.approx(0.1)}
    for name, expected in propensity.items():
        assert seen[name] / 2000 == pytest.approx(expected, abs=0.002)


def test_a_drawn_choice_says_that_it_explores(row: Rower, snapshot_from: Builder) -> None:
    """Whoever wonders why the second best answered finds it in the reason."""
    table = compile_table(snapshot_from(row("a"), row("b"), exploration=1.0))
    decision = decide(z_of(EASY), Wishes(mode="balanced", tokens_in=40), table, EMPTY_STANDING, 0.9)
    assert decision.ranking == ("b", "a")
    assert "drawn to explore among the 2 near-best" in decision.reason
