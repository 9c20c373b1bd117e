"""What is said to flip a decision flips it, and a little less does not; modes and savings are those of the same request."""

from collections.abc import Callable
from datetime import date

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from msgspec.structs import replace

from app.config.compile import compile_snapshot
from app.config.home import PACKAGE, Environment
from app.config.load import load
from app.config.snapshot import Model, Snapshot
from app.domain.decision import EMPTY_STANDING
from app.domain.request import MODES, ChatRequest, Constraints, Message, Mode, Text, Wishes
from app.domain.target import Rates
from app.router_engine.choose import COST_UNIT, LATENCY_UNIT_MS, effective_floor, order, stay, utility
from app.router_engine.decide import Ranked, decide, ranked
from app.router_engine.explain import explain, explain_fully
from app.router_engine.first_stage import first_stage
from app.router_engine.flip import flips
from app.router_engine.predict import Figures
from app.router_engine.table import Table, compile_table

Rower = Callable[..., Model]
Builder = Callable[..., Snapshot]
PROMPTS = (
    "Hi, thanks! What is the capital of Peru?",
    "Compare renting and buying a flat and analyse which is better for four years.",
    "Prove the theorem rigorously by induction, derive the asymptotic complexity of the distributed algorithm and justify it.",
)
WISHES = st.builds(
    Wishes,
    mode=st.sampled_from(MODES),
    tokens_in=st.integers(1, 50_000),
    session_model=st.none() | st.sampled_from(("openai_luna", "claude_opus")),
    session_tokens=st.integers(0, 50_000),
    constraints=st.builds(Constraints, exclude=st.just(()) | st.just(("anthropic",)) | st.just(("local_oss",))),
)


def z_of(text: str) -> bytes:
    """z of a single prompt."""
    return first_stage(ChatRequest(messages=(Message("user", (Text(text),)),)))


def winner(found: Ranked, table: Table, figures: Figures) -> str:
    """Who is best by the decision's own rules, with other figures."""
    wishes, rows = found.case.wishes, table.rows
    weights = table.weights[wishes.mode]
    floor = effective_floor(figures.quality, weights.floor, found.alive)
    value = utility(figures, weights, floor, found.alive, rows.all_priced)
    stay(value, rows.index.get(wishes.session_model or ""))
    return rows.names[order(value, found.alive)[0]]


def with_figure(figures: Figures, name: str, i: int, value: float) -> Figures:
    """One figure of one row changed."""
    column = np.array(getattr(figures, name))
    column[i] = value
    return replace(figures, **{name: column})


@given(st.sampled_from(PROMPTS), WISHES)
def test_each_figure_told_is_enough_and_hardly_less_is_not(snapshot: Snapshot, text: str, wishes: Wishes) -> None:
    """For every loser: the quality, the cost, the time."""
    table = compile_table(snapshot)
    found = ranked(z_of(text), wishes, table, EMPTY_STANDING)
    figures, names = found.case.figures, table.rows.names
    for name, flip in flips(found, table).items():
        i = names.index(name)
        if flip.quality is not None:
            assert winner(found, table, with_figure(figures, "quality", i, flip.quality)) == name
            if figures.quality.max() >= flip.quality:  # above the best so far it would raise the floor for the others
                assert winner(found, table, with_figure(figures, "quality", i, flip.quality - 0.0003)) != name
        for figure, limit, unit in (("cost", flip.cost_usd, COST_UNIT), ("latency", flip.latency_ms, LATENCY_UNIT_MS)):
            if limit is not None:
                assert winner(found, table, with_figure(figures, figure, i, limit)) == name
                assert winner(found, table, with_figure(figures, figure, i, limit * 1.002 + unit * 1e-5)) != name


@given(st.sampled_from(PROMPTS), WISHES)
def test_where_no_figure_is_told_none_is_enough(snapshot: Snapshot, text: str, wishes: Wishes) -> None:
    """Not even the best there can be."""
    table = compile_table(snapshot)
    found = ranked(z_of(text), wishes, table, EMPTY_STANDING)
    for name, flip in flips(found, table).items():
        i = table.rows.names.index(name)
        for figure, told, best in (
            ("quality", flip.quality, 1.0),
            ("cost", flip.cost_usd, 0.0),
            ("latency", flip.latency_ms, 0.0),
        ):
            if told is None:
                assume(figure != "quality" or found.floor == 0)
                assert winner(found, table, with_figure(found.case.figures, figure, i, best)) != name


@given(st.sampled_from(PROMPTS), WISHES)
def test_the_modes_picks_are_those_of_decisions_in_these_modes(snapshot: Snapshot, text: str, wishes: Wishes) -> None:
    """With everything else as it was asked."""
    table = compile_table(snapshot)
    decision = decide(z_of(text), wishes, table, EMPTY_STANDING, 0.0)
    told = explain_fully(decision, table, EMPTY_STANDING)
    others = {mode: decide(z_of(text), replace(wishes, mode=mode), table, EMPTY_STANDING, 0.0).chosen for mode in MODES}
    assert told.modes == others
    assert told.modes[wishes.mode] == decision.chosen
    picks = {f"mode {mode} picks {name}" for mode, name in others.items() if mode != wishes.mode}
    assert picks < set(told.sentences) or picks == set(told.sentences)


@given(st.sampled_from(PROMPTS), WISHES)
def test_candidates_are_ranked_by_the_utility_that_they_are_told_with(snapshot: Snapshot, text: str, wishes: Wishes) -> None:
    """Those above the floor first; who may not answer has none; the winner lacks nothing."""
    table = compile_table(snapshot)
    decision = decide(z_of(text), wishes, table, EMPTY_STANDING, 0.0)
    seen = explain_fully(decision, table, EMPTY_STANDING).candidates
    may = [one for one in seen if one.excluded is None]
    assert [one.name for one in may] == list(decision.ranking)
    above = [one.utility for one in may if not one.below_floor]
    assert above == sorted(above, reverse=True)
    assert not may[0].below_floor
    assert may[0].flip is None
    assert all(one.flip is not None for one in may[1:])
    assert all(one.utility is None and one.flip is None for one in seen if one.excluded is not None)
    assert [replace(one, flip=None, interval=None) for one in seen] == list(explain(decision, table, EMPTY_STANDING))
    assert all(0 <= one.interval[0] <= one.quality <= one.interval[1] <= 1 for one in seen)


def test_a_dearer_twin_wins_when_its_price_falls(row: Rower, snapshot_from: Builder) -> None:
    """In words, with the share by which it has to."""
    table = compile_table(snapshot_from(row("cheap", dollars=(1, 1), quality=0.5), row("dear", dollars=(2, 2), quality=0.5)))
    decision = decide(z_of(PROMPTS[0]), Wishes(mode="balanced", tokens_in=1_000), table, EMPTY_STANDING, 0.0)
    told = explain_fully(decision, table, EMPTY_STANDING)
    sentence = next(text for text in told.sentences if text.startswith("dear would win at quality >= "))
    assert ", or if its price fell by 51 %" in sentence
    assert told.candidates[1].flip.cost_usd < told.candidates[0].cost_usd


def test_an_unknown_price_is_told_as_such(row: Rower, snapshot_from: Builder) -> None:
    """With the cost that it may have."""
    table = compile_table(snapshot_from(row("a", dollars=(1, 1)), row("b", dollars=(50, 50)), row("c", dollars=None)))
    decision = decide(z_of(PROMPTS[0]), Wishes(mode="balanced", tokens_in=1_000), table, EMPTY_STANDING, 0.0)
    assert any(
        text.startswith("c would win if its price were known")
        for text in explain_fully(decision, table, EMPTY_STANDING).sentences
    )


class TestSavings:
    """What the choice costs beside the configured baseline."""

    def told(self, snapshot: Snapshot, **wish: object) -> object:
        table = compile_table(snapshot)
        decision = decide(z_of(PROMPTS[0]), Wishes(mode="balanced", **{"tokens_in": 1_000} | wish), table, EMPTY_STANDING, 0.0)
        return explain_fully(decision, table, EMPTY_STANDING).saving

    def test_it_is_the_difference_of_the_predicted_costs(self, row: Rower, snapshot_from: Builder) -> None:
        """Of the very request."""
        saving = self.told(snapshot_from(row("cheap", dollars=(1, 0)), row("dear", dollars=(5, 0)), baseline="dear"))
        assert (saving.baseline, saving.baseline_usd, saving.chosen_usd, saving.saved_usd) == ("dear", 0.005, 0.001, 0.004)

    def test_a_baseline_that_may_not_answer_still_counts(self, row: Rower, snapshot_from: Builder) -> None:
        """Retired, switched off, simulated, excluded: it is a yardstick."""
        rows = (row("cheap", dollars=(1, 0)), row("dear", dollars=(5, 0), routable=False))
        assert self.told(snapshot_from(*rows, baseline="dear")).saved_usd == 0.004
        rows = (row("cheap", dollars=(1, 0)), row("dear", dollars=(5, 0)))
        excluded = Constraints(exclude=("dear",))
        assert self.told(snapshot_from(*rows, baseline="dear"), constraints=excluded).saved_usd == 0.004

    def test_without_a_baseline_or_its_price_there_is_none(self, row: Rower, snapshot_from: Builder) -> None:
        """Nothing is made up."""
        rows = (row("cheap", dollars=(1, 0)), row("dear", dollars=None))
        assert self.told(snapshot_from(*rows)) is None
        saving = self.told(snapshot_from(*rows, baseline="dear"))
        assert (saving.baseline_usd, saving.saved_usd, saving.chosen_usd) == (None, None, 0.001)

    def test_the_baseline_gets_no_prompt_cache_of_a_conversation(self, row: Rower, snapshot_from: Builder) -> None:
        """Where it served the conversation itself."""
        rates = Rates(input=1_000_000, output=0, cached=0, cache_write=0)
        saving = self.told(snapshot_from(row("a", rates=rates), baseline="a"), session_model="a", session_tokens=1_000)
        assert (saving.baseline_usd, saving.chosen_usd) == (0.001, 0.0)


@pytest.mark.parametrize("today", ["2026-11-25", "2027-01-13", "2027-01-14", "2027-06-01"])
@pytest.mark.parametrize("mode", MODES)
def test_the_shipped_baseline_goes_on_counting_after_it_is_retired(today: str, mode: Mode) -> None:
    """gpt-4o retires on 2027-01-14; from then on it costs what its successor costs, as it would by name."""
    shipped = PACKAGE / "config.yaml"
    snapshot = compile_snapshot(
        load(shipped, {}), Environment(shipped.parent, {}, frozenset()), str(shipped), date.fromisoformat(today)
    )
    table = compile_table(snapshot)
    assert snapshot.routing.baseline == "openai_gpt4o"
    assert snapshot.models["openai_gpt4o"].retired is (today >= "2027-01-14")
    decision = decide(z_of(PROMPTS[1]), Wishes(mode=mode, tokens_in=500), table, EMPTY_STANDING, 0.0)
    assert ("openai_gpt4o" in decision.ranking) is (today < "2027-01-14")
    told = explain_fully(decision, table, EMPTY_STANDING)
    assert told.saving.baseline == "openai_gpt4o"
    assert told.saving.baseline_usd > 0
    assert table.baseline is not None
