"""Exploration: a share of the decisions is drawn among the near-best, each with the probability that its record tells."""

import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.decision import EMPTY_STANDING, LiveModel, Standing
from app.domain.request import Constraints, Wishes
from app.evaluation.archive import Archive, read_archived
from app.router_engine.decide import decide, odds, ranked
from app.router_engine.first_stage import first_stage
from app.router_engine.standing import standing_id
from app.router_engine.table import Table, compile_table
from config.cases import compiled
from evaluation.journals import WIDE, configured, request_of
from support import running

FIVE = "models:\n" + "".join(
    f"  m{n}: {{provider: openai, id: made-up-{n}, quality: 0.{70 + 3 * n}, price_in: 0.00{n + 1}, price_out: 0.00{n + 1}}}\n"
    for n in range(5)
)
LIVE = {"m1": LiveModel(90.0, 40.0, False), "m2": LiveModel(None, None, True)}


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> dict[float, tuple[Table, Table]]:
    """By exploration: the table of a running service, and the one that another process reads from the archive."""
    folder = tmp_path_factory.mktemp("tables")
    found = {}
    for share in (0.0, 0.1, 1.0):
        snapshot = compiled(folder, FIVE + f"routing: {{exploration: {share}, exploration_gap: 0.05}}\n")
        Archive(folder / "per_call.jsonl", pytest.fail).keep(snapshot)
        found[share] = compile_table(snapshot), compile_table(read_archived(folder, snapshot.digest))
    return found


wishes = st.builds(
    Wishes,
    mode=st.sampled_from(["fast", "balanced", "accurate"]),
    constraints=st.builds(Constraints, exclude=st.sampled_from([(), ("m0",), ("m3", "m4")])),
    tokens_in=st.integers(1, 5000),
    max_tokens=st.none() | st.integers(1, 4000),
    session_model=st.none() | st.sampled_from(["m0", "m4", "gone"]),
)


@given(st.integers(0, 10_000), wishes, st.sampled_from([0.0, 0.1, 1.0]), st.booleans(), st.floats(0, 1, exclude_max=True))
def test_the_same_request_snapshot_figures_and_draw_give_the_same_decision(
    tables: dict[float, tuple[Table, Table]], seed: int, asked: Wishes, share: float, live: bool, draw: float
) -> None:
    """Here, again, and from the archive: the ranking and the propensity to the last bit, the reason to the last letter."""
    standing = Standing(standing_id(LIVE), LIVE) if live else EMPTY_STANDING
    here, archived = tables[share]
    first = decide(first_stage(request_of(random.Random(seed))), asked, here, standing, draw)
    again = decide(first_stage(request_of(random.Random(seed))), asked, archived, standing, draw)
    assert first == again


@given(st.integers(0, 10_000), wishes, st.sampled_from([0.0, 0.1, 1.0]), st.integers(0, 199))
def test_the_odds_are_those_of_the_draws(
    tables: dict[float, tuple[Table, Table]], seed: int, asked: Wishes, share: float, part: int
) -> None:
    """They sum to one, and a decision's propensity is the odds of what it drew."""
    table, _ = tables[share]
    z = first_stage(request_of(random.Random(seed)))
    chances = odds(ranked(z, asked, table, EMPTY_STANDING), table)
    assert sum(chances.values()) == pytest.approx(1)
    decision = decide(z, asked, table, EMPTY_STANDING, part / 200)
    assert chances[decision.chosen] == decision.propensity
    assert (len(chances) == 1) if share == 0 else all(chance >= share / len(chances) - 1e-12 for chance in chances.values())


def test_the_gap_says_who_is_near(tmp_path: Path) -> None:
    """0: only ties of the best; 100: everybody."""
    z = first_stage(request_of(random.Random(1)))
    near = []
    for gap in (0, 0.05, 100):
        table = compile_table(compiled(tmp_path, FIVE + f"routing: {{exploration: 0.5, exploration_gap: {gap}}}\n"))
        near.append(len(odds(ranked(z, Wishes(mode="balanced", tokens_in=40), table, EMPTY_STANDING), table)))
    assert near[0] == 1 < near[1] < near[2] == 5


def test_the_record_tells_the_chance_of_the_intended_and_of_the_served(tmp_path: Path) -> None:
    """A kept answer may have been found by another draw as well, so how probable its row was is not known."""
    config = "mock_latency_scale: 0\n" + configured("exploration: 1.0", WIDE) + "cache: {quality_slack: 1}\n"
    with running(tmp_path, config) as service:
        notes = [service.record(service.query("hello").json()["id"]) for _ in range(12)]
    assert [note["cache"] for note in notes] == ["miss"] + ["hit"] * 11
    told = [note["decision"]["propensity"] for note in notes]
    assert {one["intended"] for one in told} == {0.5}
    assert [one["served"] for one in told] == [0.5] + [None] * 11
