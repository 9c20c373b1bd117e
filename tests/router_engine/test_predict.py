"""Cost and latency per candidate follow what each of them counts and does: thoughts, pictures, cached prompts, limits."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw
from msgspec.structs import replace

from app.config.snapshot import Model, Snapshot
from app.domain.decision import EMPTY_STANDING, LiveModel, Standing
from app.domain.request import (
    EFFORTS,
    MODES,
    ChatRequest,
    Constraints,
    Format,
    Message,
    Mode,
    Text,
    Thinking,
    Tool,
    ToolChoice,
    Wishes,
)
from app.domain.target import Rates, price
from app.router_engine.choose import STAY
from app.router_engine.decide import decide
from app.router_engine.explain import explain
from app.router_engine.first_stage import first_stage, read
from app.router_engine.lengths import CALL_TOKENS, effort_of
from app.router_engine.predict import Figures, expected_usage, predict
from app.router_engine.table import TYPICAL_OUTPUT, compile_table

Rower = Callable[..., Model]
Builder = Callable[..., Snapshot]
THINKING = frozenset({"streaming", "reasoning"})
HARD = "Prove the theorem rigorously by induction, derive the asymptotic complexity of the distributed algorithm and justify it."
EASY = "Hi, thanks! What is the capital of Peru?"


def asking(text: str, **more: object) -> ChatRequest:
    """One turn."""
    return ChatRequest(messages=(Message("user", (Text(text),)),), **more)


def figures(snapshot: Snapshot, text: str, standing: Standing = EMPTY_STANDING, **wish: object) -> Figures:
    """Of all rows, in the order of their names."""
    wishes = Wishes(mode="balanced", **{"tokens_in": 100} | wish)
    return predict(first_stage(asking(text)), wishes, compile_table(snapshot).rows, standing)


def test_a_model_that_thinks_is_predicted_to_pay_and_to_wait_for_its_thoughts(row: Rower, snapshot_from: Builder) -> None:
    """The harder the prompt the more; its usual time is kept for a prompt of middling difficulty."""
    snapshot = snapshot_from(row("a_plain"), row("b_thinks", capabilities=THINKING))
    easy, hard = figures(snapshot, EASY), figures(snapshot, HARD)
    assert easy.cost[0] < easy.cost[1]
    assert hard.cost[1] - hard.cost[0] > 5 * (easy.cost[1] - easy.cost[0])
    assert hard.latency[1] > hard.latency[0]


@pytest.mark.parametrize(("dialect", "unasked"), [("openai", True), ("gemini", True), ("anthropic", False), ("mistral", False)])
def test_some_think_only_when_asked(row: Rower, snapshot_from: Builder, dialect: str, unasked: bool) -> None:
    """By the dialect's habits; effort none ends it for all."""
    snapshot = snapshot_from(row("a_plain", dialect=dialect), row("b_thinks", dialect=dialect, capabilities=THINKING))
    silent, asked, refused = (figures(snapshot, HARD, effort=effort).cost for effort in (None, "medium", "none"))
    assert bool(silent[1] > silent[0]) is unasked
    assert asked[1] > asked[0]
    assert refused[1] == refused[0]


def test_more_effort_costs_more_and_a_budget_bounds_it(row: Rower, snapshot_from: Builder) -> None:
    """In the order of the words; a model that cannot think does not."""
    snapshot = snapshot_from(row("a_plain"), row("b_thinks", capabilities=THINKING))
    costs = [float(figures(snapshot, HARD, effort=effort).cost[1]) for effort in EFFORTS]
    assert costs == sorted(set(costs))
    bounded = figures(snapshot, HARD, effort="max", budget=10)
    assert bounded.cost[1] - bounded.cost[0] == pytest.approx(10 * 4e-6)
    assert len({float(figures(snapshot, HARD, effort=effort).cost[0]) for effort in EFFORTS}) == 1


def test_the_limit_bounds_thoughts_and_answer_together(row: Rower, snapshot_from: Builder) -> None:
    """As providers count them."""
    seen = figures(snapshot_from(row("b_thinks", capabilities=THINKING, dollars=(0, 4))), HARD, max_tokens=50, effort="max")
    assert seen.cost[0] == pytest.approx(50 * 4e-6)


def test_what_a_request_says_of_thinking() -> None:
    """Nothing, a word, a budget, or only that it wants to see thoughts."""
    assert effort_of(None) == (None, None)
    assert effort_of(Thinking(effort="low")) == ("low", None)
    assert effort_of(Thinking(budget=9)) == ("medium", 9)
    assert effort_of(Thinking(shown=True)) == ("medium", None)


def test_pictures_cost_what_each_dialect_counts(row: Rower, snapshot_from: Builder) -> None:
    """The order of the rules is that of the tuple."""
    names = ("anthropic", "gemini", "mistral", "openai")
    snapshot = snapshot_from(*(row(name, provider=name, dollars=(1, 0)) for name in names))
    seen = figures(snapshot, EASY, tokens_in=1_000, pictures=(0, -600, 200, 50))
    assert seen.cost.tolist() == pytest.approx([1_000e-6, 1_200e-6, 1_050e-6, 400e-6])


def test_the_conversations_model_reads_its_prompt_from_the_cache(row: Rower, snapshot_from: Builder) -> None:
    """At the cached rate, at a tier's cached rate in a tier, never more tokens than there are; nobody else does."""
    rates = Rates(
        input=2_000_000, output=0, cached=200_000, cache_write=0, tier_above=10_000, tier_input=4_000_000, tier_cached=400_000
    )
    snapshot = snapshot_from(row("a", rates=rates), row("b", rates=rates))
    kept = figures(snapshot, EASY, tokens_in=5_000, session_model="a", session_tokens=4_000)
    assert kept.cost.tolist() == pytest.approx([1_000 * 2e-6 + 4_000 * 0.2e-6, 5_000 * 2e-6])
    tiered = figures(snapshot, EASY, tokens_in=20_000, session_model="b", session_tokens=50_000)
    assert tiered.cost.tolist() == pytest.approx([20_000 * 4e-6, 20_000 * 0.4e-6])


def test_live_figures_take_the_catalogues_place_with_the_thoughts_counted(row: Rower, snapshot_from: Builder) -> None:
    """Time to the first token, and the speed over all that is written."""
    snapshot = snapshot_from(row("b_thinks", capabilities=THINKING, dollars=(0, 1)))
    standing = Standing("s", {"b_thinks": LiveModel(first_token_ms=100, tokens_per_second=50)})
    seen = figures(snapshot, HARD, standing)
    assert seen.latency[0] == pytest.approx(100 + 20 * seen.cost[0] * 1e6)


def test_a_usual_answer_takes_the_usual_time(row: Rower, snapshot_from: Builder) -> None:
    """Whether the model thinks or not."""
    snapshot = snapshot_from(row("a_plain", ms=2_000), row("b_thinks", ms=2_000, capabilities=THINKING))
    rows = compile_table(snapshot).rows
    assert rows.first_ms[0] + rows.ms_per_token[0] * TYPICAL_OUTPUT == pytest.approx(2_000)
    assert rows.ms_per_token[1] < rows.ms_per_token[0]


@given(
    st.sampled_from((EASY, HARD)),
    st.none() | st.sampled_from(EFFORTS),
    st.none() | st.integers(1, 5_000),
    st.sampled_from(((), (0, 9, 8, 7))),
)
def test_the_estimate_of_a_call_is_the_decisions_own_figure(
    snapshot: Snapshot, text: str, effort: str | None, limit: int | None, pictures: tuple[int, ...]
) -> None:
    """What a reply says the call will cost is what its candidate was predicted to cost, to the rounding of a token."""
    wishes = Wishes(mode="balanced", tokens_in=777, effort=effort, max_tokens=limit, pictures=pictures)
    z, rows = first_stage(asking(text)), compile_table(snapshot).rows
    seen = predict(z, wishes, rows, EMPTY_STANDING)
    for i, name in enumerate(rows.names):
        model = snapshot.models[name]
        target = replace(model.targets[0], capabilities=model.capabilities)
        if model.rates is not None:
            nano = price(expected_usage(z, wishes, target), model.rates)
            assert nano == pytest.approx(seen.cost[i] * 1e9, abs=model.rates.output / 1000 + 1)


class TestFormsOfAnswers:
    """A schema, tools and their choice say more about the length than the words do."""

    def output(self, text: str, **more: object) -> float:
        return read(first_stage(asking(text, **more)))[1]

    def test_a_small_schema_makes_a_short_answer_and_a_large_one_a_long_one(self) -> None:
        """Between its names and lists of some length."""
        small = Format("json_schema", schema=Raw(b'{"type":"object","properties":{"yes":{"type":"boolean"}}}'))
        large = Format("json_schema", schema=Raw(b'{"a":"' + b"x" * 8_000 + b'"}'))
        assert self.output(HARD, format=small) < 60 < self.output(HARD)
        assert self.output(EASY, format=large) > 700 > self.output(EASY)
        huge = Format("json_schema", schema=Raw(b'{"a":"' + b"x" * 800_000 + b'"}'))
        assert self.output(EASY, format=huge) == pytest.approx(4_000, rel=0.01)

    def test_a_call_takes_the_place_of_an_answer(self) -> None:
        """Surely where one is required, perhaps where one is allowed, not where none is."""
        tools = (Tool("f"),)
        assert self.output(HARD, tools=tools, tool_choice=ToolChoice("required")) == pytest.approx(CALL_TOKENS, rel=0.01)
        assert CALL_TOKENS < self.output(HARD, tools=tools) < self.output(HARD)
        assert self.output(HARD, tools=tools, tool_choice=ToolChoice("none")) == self.output(HARD)


class TestConversations:
    """A conversation stays with its model while that is worth it; the decision stays pure."""

    def ranking(
        self, snapshot: Snapshot, mode: Mode = "balanced", tokens: int = 3_000, text: str = EASY, **wish: object
    ) -> tuple[str, ...]:
        priced = Constraints(exclude=("local_oss",))  # an unknown price is that of the dearest, which moves with the others
        wishes = Wishes(mode=mode, tokens_in=tokens, constraints=priced, **wish)
        return decide(first_stage(asking(text)), wishes, compile_table(snapshot), EMPTY_STANDING, 0.0).ranking

    @pytest.mark.parametrize("mode", MODES)
    def test_a_near_tie_stays(self, row: Rower, snapshot_from: Builder, mode: Mode) -> None:
        """Two that are alike: whoever served goes on."""
        snapshot = snapshot_from(row("a"), row("b"))
        assert self.ranking(snapshot, mode) == ("a", "b")
        assert self.ranking(snapshot, mode, session_model="b") == ("b", "a")

    def test_the_sentence_says_so(self, row: Rower, snapshot_from: Builder) -> None:
        """Where the choice is the conversation's model, and only there."""
        table = compile_table(snapshot_from(row("a"), row("b")))
        for kept, told in (("b", True), ("gone", False), (None, False)):
            wishes = Wishes(mode="balanced", tokens_in=9, session_model=kept)
            decision = decide(first_stage(asking(EASY)), wishes, table, EMPTY_STANDING, 0.0)
            assert decision.reason.endswith("; goes on with the conversation's model") is told

    def test_a_real_gain_moves_it(self, row: Rower, snapshot_from: Builder) -> None:
        """More quality than STAY and a small prompt cache are worth."""
        snapshot = snapshot_from(row("a", quality=0.95), row("b", quality=0.5))
        assert STAY < 0.05
        assert self.ranking(snapshot, "accurate", text=HARD, session_model="b", session_tokens=500)[0] == "a"

    def test_a_large_prompt_cache_outweighs_a_small_gain(self, row: Rower, snapshot_from: Builder) -> None:
        """The same two models: what is lost decides, and it is known from their prices."""
        rates = Rates(input=3_000_000, output=15_000_000, cached=300_000, cache_write=0)
        pairs = (
            snapshot_from(row("a", quality=0.9, rates=rates), row("b", quality=n / 100, rates=rates)) for n in range(89, 30, -1)
        )
        # the best of the worse ones that STAY alone does not keep
        snapshot = next(pair for pair in pairs if self.ranking(pair, tokens=100_000, session_model="b")[0] == "a")
        assert self.ranking(snapshot, tokens=100_000, session_model="b", session_tokens=90_000)[0] == "b"

    @given(st.sampled_from(MODES), st.integers(0, 100_000), st.integers(0, 100_000))
    def test_who_served_never_ranks_lower_for_it_and_the_others_keep_their_order(
        self, snapshot: Snapshot, mode: Mode, tokens: int, cached: int
    ) -> None:
        """For every model; one that may not be chosen changes nothing."""
        plain = self.ranking(snapshot, mode, tokens)
        for name in plain:
            kept = self.ranking(snapshot, mode, tokens, session_model=name, session_tokens=cached)
            assert kept.index(name) <= plain.index(name)
            assert [other for other in kept if other != name] == [other for other in plain if other != name]
        for name in ("claude_3_sonnet", "embedder", "gone"):
            assert self.ranking(snapshot, mode, tokens, session_model=name, session_tokens=cached) == plain

    def test_one_that_is_failing_or_excluded_is_left(self, row: Rower, snapshot_from: Builder) -> None:
        """Rules come before habits."""
        table = compile_table(snapshot_from(row("a"), row("b")))
        wishes = Wishes(mode="balanced", tokens_in=3_000, session_model="b", session_tokens=3_000)
        failing = Standing("s", {"b": LiveModel(open=True)})
        assert decide(first_stage(asking(EASY)), wishes, table, failing, 0.0).ranking == ("a",)

    def test_the_explanation_has_the_decisions_figures(self, row: Rower, snapshot_from: Builder) -> None:
        """The lower price of a cached prompt too."""
        rates = Rates(input=3_000_000, output=0, cached=0, cache_write=0)
        table = compile_table(snapshot_from(row("a", rates=rates), row("b", rates=rates)))
        wishes = Wishes(mode="balanced", tokens_in=10_000, session_model="b", session_tokens=10_000)
        decision = decide(first_stage(asking(EASY)), wishes, table, EMPTY_STANDING, 0.0)
        costs = {one.name: one.cost_usd for one in explain(decision, table, EMPTY_STANDING)}
        assert costs == {"a": pytest.approx(0.03), "b": 0}
