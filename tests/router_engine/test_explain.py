"""What is shown afterwards are the numbers that decided, for everybody, also for those who could not be chosen."""

from collections.abc import Callable
from itertools import pairwise
from math import log10

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.config.snapshot import Model, Snapshot
from app.domain.answer import Usage
from app.domain.decision import EMPTY_STANDING, Candidate, Decision, LiveModel, Standing
from app.domain.request import MODES, ChatRequest, Constraints, Message, Mode, Text, Wishes
from app.errors import CallerError
from app.router_engine.decide import decide
from app.router_engine.explain import baseline_cost, explain, near_best
from app.router_engine.first_stage import first_stage
from app.router_engine.table import compile_table

Rower = Callable[..., Model]
Builder = Callable[..., Snapshot]

PROMPT = "Compare the two algorithms and explain which one is faster."
Z = first_stage(ChatRequest(messages=(Message("user", (Text(PROMPT),)),)))


def why(snapshot: Snapshot, wishes: Wishes, standing: Standing = EMPTY_STANDING) -> dict[str, str | None]:
    """Name -> exclusion."""
    table = compile_table(snapshot)
    decision = decide(Z, wishes, table, standing, 0.0)
    return {candidate.name: candidate.excluded for candidate in explain(decision, table, standing)}


@given(
    st.sampled_from(MODES),
    st.integers(0, 300_000),
    st.none() | st.integers(1, 20_000),
    st.none() | st.floats(0, 0.05),
    st.booleans(),
)
def test_explain_shows_every_chat_model_the_ranking_first(
    snapshot: Snapshot, mode: Mode, tokens_in: int, max_tokens: int | None, limit: float | None, opened: bool
) -> None:
    """In the order of the decision and without an exclusion; everybody else has one."""
    standing = Standing("s", {"claude_opus": LiveModel(open=opened), "gemini_lite": LiveModel(900.0, 40.0)})
    table = compile_table(snapshot)
    wishes = Wishes(mode=mode, constraints=Constraints(max_cost_usd=limit), tokens_in=tokens_in, max_tokens=max_tokens)
    try:
        decision = decide(Z, wishes, table, standing, 0.0)
    except CallerError:
        return
    shown = explain(decision, table, standing)
    size = len(decision.ranking)
    assert tuple(candidate.name for candidate in shown[:size]) == decision.ranking
    assert all(candidate.excluded is None for candidate in shown[:size])
    assert all(candidate.excluded for candidate in shown[size:])
    assert {candidate.name for candidate in shown} == {m.name for m in snapshot.models.values() if m.kind == "chat"}


@pytest.mark.parametrize("mode", MODES)
def test_the_numbers_shown_give_the_order_again(snapshot: Snapshot, mode: Mode) -> None:
    """Computed by hand from quality, cost and latency as shown, with the weights of the mode."""
    table = compile_table(snapshot)
    decision = decide(Z, Wishes(mode=mode, tokens_in=60), table, EMPTY_STANDING, 0.0)
    shown = [candidate for candidate in explain(decision, table, EMPTY_STANDING) if candidate.excluded is None]
    weights = snapshot.routing.weights[mode]
    dearest = max(c.cost_usd for c in shown if c.cost_usd is not None)
    floor = min(weights.floor, 0.8 * max(c.quality for c in shown))

    def utility(candidate: Candidate) -> float:
        cost = dearest if candidate.cost_usd is None else candidate.cost_usd
        if candidate.quality < floor:
            return candidate.quality - 1000
        worth = weights.quality * candidate.quality - weights.cost * log10(1 + cost / 1e-4)
        return worth - weights.latency * log10(1 + candidate.latency_ms / 100)

    values = [utility(candidate) for candidate in shown]
    assert all(above >= below - 1e-4 for above, below in pairwise(values))


def test_each_exclusion_has_its_own_words(row: Rower, snapshot_from: Builder) -> None:
    """What a person reads beside each loser that could not be chosen."""
    rows = [
        row("plain"),
        row("off", enabled=False, routable=False),
        row("old", retired=True, retires_on="2025-01-31", routable=False),
        row("fake", routable=False),
        row("blind", capabilities=frozenset({"tools"})),
        row("small", window=8192),
        row("terse", max_output=512),
        row("dear", dollars=(500, 500)),
        row("unpriced", dollars=None),
        row("slow", ms=500_000),
        row("weak", quality=0.1),
        row("broken"),
        row("foreign", provider="anthropic", dialect="openai"),
        row("other", provider="llama", dialect="gemini"),
        row("named"),
    ]
    limits = Constraints(
        max_cost_usd=0.05, max_latency_ms=60_000, min_quality=0.5, providers=("openai", "llama"), exclude=("named",)
    )
    wishes = Wishes(
        mode="balanced",
        constraints=limits,
        needs=frozenset({"vision", "tools"}),
        dialect="openai",
        tokens_in=8000,
        max_tokens=1000,
    )
    assert why(snapshot_from(*rows, any_real=True), wishes, Standing("s", {"broken": LiveModel(open=True)})) == {
        "plain": None,
        "off": "switched off in the configuration",
        "old": "retired on 2025-01-31",
        "fake": "mock while real models exist",
        "blind": "cannot carry: vision",
        "small": "context window 8192 < 9000 tokens",
        "terse": "longest answer 512 < max_tokens 1000",
        "dear": "price above max_cost_usd",
        "unpriced": "price unknown, so max_cost_usd cannot be kept",
        "slow": "slower than max_latency_ms",
        "weak": "predicted quality below min_quality",
        "broken": "failing just now (its breaker is open)",
        "foreign": "provider not in constraints.providers",
        "other": "does not speak the openai dialect",
        "named": "named in constraints.exclude",
    }


def test_a_window_without_room_for_the_answer_is_said(row: Rower, snapshot_from: Builder) -> None:
    """The other rule that may give way."""
    seen = why(snapshot_from(row("small", window=8192), row("large")), Wishes(mode="balanced", tokens_in=8190))
    assert seen["large"] is None
    assert seen["small"].startswith("context window 8192 leaves no room for an answer of about ")


def test_an_unknown_price_is_shown_as_unknown(row: Rower, snapshot_from: Builder) -> None:
    """Never as 0, nor as what the decision took it for."""
    table = compile_table(snapshot_from(row("a", dollars=None)))
    decision = decide(Z, Wishes(mode="balanced", tokens_in=9), table, EMPTY_STANDING, 0.0)
    assert explain(decision, table, EMPTY_STANDING)[0].cost_usd is None


def near(
    rows: list[Model], snapshot_from: Builder, slack: float, standing: Standing = EMPTY_STANDING, **limits: object
) -> tuple[str, ...]:
    """Who may answer from the cache for the decision over these rows."""
    table = compile_table(snapshot_from(*rows))
    wishes = Wishes(mode="accurate", constraints=Constraints(**limits), tokens_in=20)
    decision: Decision = decide(Z, wishes, table, standing, 0.0)
    return near_best(decision, table, slack)


def test_near_best_are_those_of_about_the_chosen_ones_quality(row: Rower, snapshot_from: Builder) -> None:
    """The chosen first, then best first, nobody beyond the slack."""
    rows = [row("a", quality=0.9), row("b", quality=0.89), row("c", quality=0.895), row("d", quality=0.4)]
    assert near(rows, snapshot_from, 0.02) == ("a", "c", "b")
    assert near(rows, snapshot_from, 0.0) == ("a",)


def test_near_best_does_not_depend_on_live_health_but_keeps_the_wishes(row: Rower, snapshot_from: Builder) -> None:
    """An answer kept yesterday from a model that fails today is still an answer."""
    rows = [row("a", quality=0.9), row("b", quality=0.9), row("c", quality=0.9, provider="gemini")]
    a_open = Standing("s", {"a": LiveModel(open=True)})
    assert near(rows, snapshot_from, 0.02, a_open) == ("b", "a", "c")
    assert near(rows, snapshot_from, 0.02, a_open, exclude=("gemini",)) == ("b", "a")


def test_the_baseline_is_priced_like_a_call(row: Rower, snapshot_from: Builder) -> None:
    """None where there is no baseline or no price of it."""
    usage = Usage(input_tokens=1000, output_tokens=500)
    rows = (row("base", dollars=(2, 8)), row("unpriced", dollars=None))
    assert baseline_cost(usage, compile_table(snapshot_from(*rows, baseline="base"))) == pytest.approx(0.006)
    assert baseline_cost(usage, compile_table(snapshot_from(*rows, baseline="unpriced"))) is None
    assert baseline_cost(usage, compile_table(snapshot_from(*rows))) is None
