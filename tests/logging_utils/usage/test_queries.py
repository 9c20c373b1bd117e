"""What the projection answers: every sum is that of the calls in the window, in any zone, by any grouping; pages lose no call."""

import itertools
import json
import math
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.logging_utils.lines import millis_of
from app.logging_utils.usage import calls as listing
from app.logging_utils.usage.calls import BadCursor
from app.logging_utils.usage.histogram import added, lane_of, packed, percentile
from app.logging_utils.usage.pieces import days, hours
from app.logging_utils.usage.queries import grouped, totals
from app.logging_utils.usage.values import GROUPS, Filters, Group, Window
from bench import journals
from logging_utils.lines import call

from .places import Place, late

BERLIN, KOLKATA, LORD_HOWE = ZoneInfo("Europe/Berlin"), ZoneInfo("Asia/Kolkata"), ZoneInfo("Australia/Lord_Howe")
ZONES: list[tzinfo] = [UTC, BERLIN, KOLKATA, LORD_HOWE, timezone(timedelta(hours=-3, minutes=-45))]
# both European clocks and Lord Howe's half hour change within these days
START = datetime(2026, 10, 2, tzinfo=UTC)
SPAN = (int(START.timestamp()) * 1000 - 3_600_000, int(START.timestamp() + 31 * 86_400) * 1000)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Place, list[dict[str, Any]]]]:
    """A month of calls, projected, and the calls themselves with `ms`, their end."""
    place = Place(tmp_path_factory.mktemp("filled"))
    journals.write(place.journal, 3000, days=30, start=START)
    place.project()
    lines = [json.loads(line) for line in place.journal.read_bytes().split(b"\n") if line]
    found = [
        line | {"ms": millis_of(line["at"]), "model": line["served"] or line["decided"]}
        for line in lines
        if line["kind"] == "call"
    ]
    yield place, found


def key_of(one: dict[str, Any], by: tuple[Group, ...], zone: tzinfo) -> tuple[str | None, ...]:
    """The group of a call, by the standard library alone."""
    local = datetime.fromtimestamp(one["ms"] / 1000, UTC).astimezone(zone)
    told = {
        "day": local.date().isoformat(),
        "hour": local.replace(minute=0, second=0, microsecond=0, fold=local.fold).isoformat(),
    }
    hour = told["hour"]
    told["hour"] = hour[:16] + hour[19:]
    return tuple(told[group] if group in told else one[group] for group in by)


@settings(max_examples=60, deadline=None)
@given(
    edges=st.tuples(st.integers(*SPAN), st.integers(*SPAN)).map(sorted),
    zone=st.sampled_from(ZONES),
    by=st.lists(st.sampled_from(GROUPS), unique=True, max_size=3).filter(lambda by: not {"day", "hour"} <= set(by)),
    user=st.sampled_from([None, None, "team-03", ""]),
    model=st.sampled_from([None, None, "openai_nano", "nobody's"]),
)
def test_sums_are_those_of_the_calls_in_the_window(
    filled: tuple[Place, list[dict[str, Any]]],
    edges: list[int],
    zone: tzinfo,
    by: list[Group],
    user: str | None,
    model: str | None,
) -> None:
    place, lines = filled
    wanted: dict[tuple[str | None, ...], list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    for one in lines:
        meant = (user is None or (one["user"] or "") == user) and (model is None or one["model"] == model)
        if edges[0] <= one["ms"] < edges[1] and meant:
            sums = wanted[key_of(one, tuple(by), zone)]
            for place_of, value in enumerate((1, one["cost_nano_usd"] or 0, one["tokens_out"], one["outcome"] == "failed")):
                sums[place_of] += value
    with place.asked() as db:
        found = grouped(db, Window(*edges), tuple(by), zone, Filters(user=user, model=model))
    assert {
        row.key: [row.totals.calls, row.totals.cost_nano_usd, row.totals.tokens_out, row.totals.failures] for row in found
    } == wanted
    assert len(found) == len(wanted)


@pytest.mark.parametrize("zone", ZONES, ids=str)
def test_days_and_hours_follow_one_another_without_gap_or_overlap(zone: tzinfo) -> None:
    window = Window(*SPAN)
    for spans in (list(days(window, zone)), list(hours(window, zone))):
        assert spans[0][1] == window.since and spans[-1][2] == window.until
        assert all(one[2] == other[1] for one, other in itertools.pairwise(spans))
        labels = [label for label, since, until in spans if since < until]
        assert len(labels) == len(set(labels)) and all(since < until for _, since, until in spans)


def test_a_day_on_which_the_clock_is_put_back_has_25_hours() -> None:
    begin = int(datetime(2026, 10, 25, tzinfo=BERLIN).timestamp()) * 1000
    ((label, since, until),) = days(Window(begin, begin + 25 * 3_600_000), BERLIN)
    assert (label, until - since) == ("2026-10-25", 25 * 3_600_000)
    twice = [label for label, _, _ in hours(Window(begin, until), BERLIN) if "T02:" in label]
    assert twice == ["2026-10-25T02:00+02:00", "2026-10-25T02:00+01:00"]


def test_a_day_that_a_zone_left_out_is_none() -> None:
    apia = ZoneInfo("Pacific/Apia")
    begin = int(datetime(2011, 12, 29, tzinfo=apia).timestamp()) * 1000
    told = [label for label, since, until in days(Window(begin, begin + 2 * 86_400_000), apia) if since < until]
    assert told == ["2011-12-29", "2011-12-31"]


def test_late_scores_count_in_every_grouping(tmp_path: Path) -> None:
    place = Place(tmp_path)
    at = "2026-10-23T12:00:00.000Z"
    place.write(call(1, at=at, user="u", provider="p", mode="fast", score=0.5))
    place.write(late(1, 1.0, 0.5, call_at=at), late(9, 0.25, None, call_at=at))
    place.project()
    window = Window(*SPAN)
    with place.asked() as db:
        for by in GROUPS:
            rows = [row for row in grouped(db, window, (by,), UTC) if row.totals.scored]
            assert sum(row.totals.score_millionths for row in rows if row.key != (None,)) in (1_000_000, 1_250_000), by
        assert totals(db, window).score_millionths == 1_250_000


class TestPages:
    def test_go_through_all_calls_once_from_the_newest(self, filled: tuple[Place, list[dict[str, Any]]]) -> None:
        place, lines = filled
        for only, meant in (
            (Filters(), lambda one: True),
            (Filters(model="llama_large"), lambda one: one["model"] == "llama_large"),
            (Filters(user="team-07", outcome="failed"), lambda one: one["user"] == "team-07" and one["outcome"] == "failed"),
            (Filters(mode=""), lambda one: one["mode"] is None),
            (Filters(error="provider_error", mock=False), lambda one: one["error"] and not one["mock"]),
            (Filters(cache="hit", face="query"), lambda one: (one["cache"], one["face"]) == ("hit", "query")),
            (Filters(model="nobody's"), lambda one: False),
        ):
            seen, cursor = [], None
            with place.asked() as db:
                while True:
                    page = listing.calls(db, Window(*SPAN), only, cursor, 37)
                    seen += page.rows
                    cursor = page.next
                    if cursor is None:
                        break
            assert [row.at for row in seen] == sorted((row.at for row in seen), reverse=True)
            assert sorted(row.id for row in seen) == sorted(one["id"] for one in lines if meant(one))

    def test_show_a_call_as_the_journal_has_it(self, filled: tuple[Place, list[dict[str, Any]]]) -> None:
        place, lines = filled
        for one in lines[::400]:
            with place.asked() as db:
                row = listing.call(db, one["id"])
            assert row is not None
            for name in (
                "model",
                "asked",
                "served",
                "provider",
                "mode",
                "user",
                "outcome",
                "error",
                "cost_nano_usd",
                "stream",
                "mock",
            ):
                assert getattr(row, name) == one[name], name
            assert json.loads(listing.line_of(place.journal, row.place))["id"] == one["id"]

    def test_calls_that_end_in_one_moment_are_not_lost_between_pages(self, tmp_path: Path) -> None:
        place = Place(tmp_path)
        place.write(*(call(number) for number in range(25)))
        place.project()
        with place.asked() as db:
            first = listing.calls(db, Window(0, 2**42), limit=10)
            second = listing.calls(db, Window(0, 2**42), cursor=first.next, limit=10)
            third = listing.calls(db, Window(0, 2**42), cursor=second.next, limit=10)
        assert len({row.id for page in (first, second, third) for row in page.rows}) == 25 and third.next is None

    def test_a_cursor_that_no_page_gave_is_refused(self, filled: tuple[Place, list[dict[str, Any]]]) -> None:
        with filled[0].asked() as db, pytest.raises(BadCursor):
            listing.calls(db, Window(*SPAN), cursor="1 OR 1=1")

    def test_a_live_list_gets_what_came_since(self, tmp_path: Path) -> None:
        place = Place(tmp_path)
        place.write(call(1), call(2))
        place.project()
        with place.asked() as db:
            assert [row.id for row in listing.newer(db, 0)] == ["call-1", "call-2"]
            seq = listing.newest_seq(db)
            assert listing.newer(db, seq) == []
        place.write(call(3, outcome="failed"))
        place.project()
        with place.asked() as db:
            assert [row.id for row in listing.newer(db, seq, Filters(outcome="failed"))] == ["call-3"]

    def test_names_of_any_length_and_script_are_kept(self, tmp_path: Path) -> None:
        place, name = Place(tmp_path), "<script>\u202e\x1b[31m'" + "x" * 10_000
        place.write(call(1, asked=name, served=name, user="=1+1\n"))
        place.project()
        with place.asked() as db:
            (row,) = listing.calls(db, Window(0, 2**42)).rows
            assert (row.model, row.user) == (name, "=1+1\n")
            assert totals(db, Window(0, 2**42), Filters(model=name)).calls == 1


@given(st.lists(st.integers(0, 4_000_000_000), min_size=1, max_size=3000), st.sampled_from([0.0, 0.5, 0.95, 1.0]))
@settings(max_examples=30, deadline=None)
def test_a_percentile_is_off_by_what_is_said_at_most(micros: list[int], share: float) -> None:
    lanes = b"".join(map(lane_of, micros))
    half = len(lanes) // 2
    kept = added(packed(lanes[:half]), packed(lanes[half:]))
    assert len(kept) <= 2048 and kept == added(kept, b"")
    exact = sorted(micros)[max(math.ceil(len(micros) * share) - 1, 0)]
    found = percentile(kept, share)
    assert found is not None
    if 500 <= exact < 3_600_000_000:
        assert abs(found * 1000 - exact) / exact < 0.0325


def test_without_a_time_there_is_no_percentile() -> None:
    assert percentile(b"", 0.5) is None
