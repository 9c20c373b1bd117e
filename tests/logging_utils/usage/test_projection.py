"""The projection's promises: the sums of the journal whatever happens to it, one writer, made again without loss."""

import gzip
import json
import os
import random
import shutil
import sqlite3
import subprocess
import sys
from datetime import UTC
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.domain.record import StandingLine
from app.logging_utils.journal import encode
from app.logging_utils.usage import calls as listing
from app.logging_utils.usage.projection import Stopped
from app.logging_utils.usage.queries import grouped, projected, totals
from app.logging_utils.usage.schema import NoProjection, open_usage
from app.logging_utils.usage.unread import GRACE_SECONDS, Unread, unread_bytes
from app.logging_utils.usage.values import Window
from bench import journals
from logging_utils.lines import call, child, until
from support import child_env

from .places import Place, late, nano_of

TORN = b'{"kind":"call","id":"torn","at":"2026-1\n'
FOREIGN = b"a line of somebody else\n"
ALL = Window(1_790_000_000_000, 1_797_000_000_000)  # what the journals of these tests lie in


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def agrees(place: Place) -> None:
    """The projection has what `daily.json` has, in every figure, and the journal's own nano-dollars."""
    daily = place.roll_up()
    with place.asked() as db:
        rows = {row.key: row.totals for row in grouped(db, ALL, ("day", "model"), UTC)}
        nano = {f"{day} {model}": row.cost_nano_usd for (day, model), row in rows.items()}
    assert {(day, model) for day, models in daily.items() for model in models} == set(rows)
    for (day, model), sums in rows.items():
        shown = daily[day or ""][model or ""]
        told = {name: getattr(sums, name) for name in shown if hasattr(sums, name) and name != "score_mean"}
        assert told == {name: shown[name] for name in told}
        assert shown["cost_usd"] == (sums.cost_nano_usd / 1e9 if sums.priced else None)
        assert shown["saved_usd"] == sums.saved_nano_usd / 1e9
        assert shown["score_mean"] == sums.score_mean
    assert nano == dict(nano_of(place.journal))


class TestSums:
    def test_agree_with_the_rollup_on_a_journal_of_all_sorts(self, place: Place) -> None:
        made = journals.write(place.journal, 4000, days=3, damage=True)
        place.project()
        agrees(place)
        with place.asked() as db:
            sums, found = totals(db, ALL), projected(db)
        assert (sums.calls, sums.cost_nano_usd, sums.tokens_in) == (made.calls, made.cost_nano_usd, made.tokens_in)
        assert (found.calls, found.scores, found.damaged) == (made.calls, made.scores, 60)

    def test_are_the_same_step_by_step_and_all_at_once(self, place: Place) -> None:
        journals.write(place.journal, 3000, days=2)
        whole = place.journal.read_bytes()
        place.journal.write_bytes(b"")
        projection = place.projection()
        chance = random.Random(7)
        while whole:
            cut = chance.randrange(1, 400_000)
            place.write(whole[:cut])
            whole = whole[cut:]
            assert projection.step()
        projection.close()
        with place.asked() as db:
            stepped = grouped(db, ALL, ("hour", "model", "user", "mode", "outcome", "provider"), UTC)
        projection = place.projection()
        projection.rebuild()
        projection.close()
        with place.asked() as db:
            rebuilt = grouped(db, ALL, ("hour", "model", "user", "mode", "outcome", "provider"), UTC)
        assert [(row.key, row.totals.cost_nano_usd, row.totals.latency_us) for row in stepped] == [
            (row.key, row.totals.cost_nano_usd, row.totals.latency_us) for row in rebuilt
        ]
        agrees(place)

    @settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(
        st.lists(
            st.one_of(
                st.builds(
                    lambda n, at, cost, score: call(n, at=at, cost_nano_usd=cost, score=score, saved_usd=0.1),
                    st.integers(0, 8),
                    st.sampled_from(
                        [
                            "2026-11-23T12:00:00.000Z",
                            "2026-11-23T23:59:60Z",
                            "2026-11-24T01:30:00+02:00",
                            "2026-W48-1T25:00Z",
                            "2026-11-22T23:59:59.99999Z",
                        ]
                    ),
                    st.one_of(st.none(), st.integers(0, 10**12)),
                    st.one_of(st.none(), st.floats(0, 1)),
                ),
                st.builds(late, st.integers(0, 8), st.floats(0, 1), st.one_of(st.none(), st.floats(0, 1))),
                st.sampled_from([TORN, FOREIGN, b"\n", call(1).replace(b'"user":null', b'"user":5'), b'{"kind":"standing"}\n']),
            ),
            max_size=30,
        )
    )
    def test_count_what_the_rollup_counts_whatever_the_lines(self, tmp_path: Path, lines: list[bytes]) -> None:
        folder = tmp_path / "case"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        place = Place(folder)
        place.write(*lines)
        place.project()
        daily = place.roll_up()
        with place.asked() as db:
            rows = {row.key: row.totals for row in grouped(db, ALL, ("day", "model"), UTC)}
        shown = {(day, model): row for day, models in daily.items() for model, row in models.items()}
        assert set(rows) == set(shown)
        for key, row in shown.items():
            sums = rows[key]
            assert (row["calls"], row["scored"], row["score_mean"]) == (sums.calls, sums.scored, sums.score_mean)
            assert row["cost_usd"] == (sums.cost_nano_usd / 1e9 if sums.priced else None)

    def test_moments_before_1970_have_their_days_too(self, place: Place) -> None:
        place.write(call(1, at="1969-12-31T23:00:00Z", cost_nano_usd=5), call(2, at="1969-12-30T00:00:00Z"))
        place.project()
        with place.asked() as db:
            rows = grouped(db, Window(-3 * 86_400_000, 86_400_000), ("day",), UTC)
        assert [(row.key, row.totals.cost_nano_usd) for row in rows] == [(("1969-12-30",), 0), (("1969-12-31",), 5)]


class TestFiles:
    def test_rotated_files_count_once_by_whatever_name(self, place: Place) -> None:
        projection = place.projection()
        place.write(call(1), call(2))
        projection.step()
        place.journal.rename(place.journal.with_name("per_call.jsonl.20261123T120000.000000Z-1"))
        place.write(call(3))
        projection.step()
        shutil.copy(place.journal, place.journal.with_name("per_call.jsonl.copy"))
        projection.step()
        projection.close()
        agrees_on = [3]
        with place.asked() as db:
            assert [totals(db, ALL).calls] == agrees_on

    def test_packed_files_are_read_when_it_is_made_anew(self, place: Place) -> None:
        with gzip.open(place.journal.with_name("per_call.jsonl.1.gz"), "wb") as packed:
            packed.write(call(1) + call(2))
        place.write(call(3))
        place.project()
        agrees_on_calls(place, 3)

    def test_the_line_of_a_call_is_found_after_a_rotation(self, place: Place) -> None:
        place.write(call(1), call(2, prompt="\u2028 pr\u00f6mpt"))
        place.project()
        place.journal.rename(place.journal.with_name("per_call.jsonl.1"))
        with place.asked() as db:
            row = listing.call(db, "call-2")
        assert row is not None
        assert listing.line_of(place.journal, row.place) + b"\n" == call(2, prompt="\u2028 pr\u00f6mpt")
        place.journal.with_name("per_call.jsonl.1").unlink()
        with pytest.raises(listing.NoLine, match="deleted or cut"):
            listing.line_of(place.journal, row.place)

    def test_standings_and_late_scores_are_found_by_what_names_them(self, place: Place) -> None:
        standing = encode(StandingLine(id="s-1", at="2026-11-23T12:00:00.000Z", models={}))
        place.write(standing, call(1, score=0.5), late(1, 0.75, 0.5), late(1, 0.25, 0.75))
        place.project()
        with place.asked() as db:
            found = listing.standing(db, "s-1")
            scores = listing.late_scores(db, "call-1")
            row = listing.call(db, "call-1")
        assert found is not None and listing.line_of(place.journal, found) + b"\n" == standing
        assert [listing.line_of(place.journal, one) + b"\n" for one in scores] == [late(1, 0.75, 0.5), late(1, 0.25, 0.75)]
        assert row is not None and (row.score, row.scorer) == (0.25, "judge-1")
        agrees(place)

    def test_a_file_is_held_until_it_is_read_but_not_for_ever(self, place: Place) -> None:
        now = [0.0]
        unread = Unread(place.usage, lambda: now[0])
        place.write(call(1))
        assert unread(place.journal)
        place.project()
        assert not unread(place.journal)
        place.write(call(2))
        assert unread(place.journal)
        now[0] = GRACE_SECONDS
        assert not unread(place.journal)

    def test_what_is_not_read_yet_is_told_in_bytes(self, place: Place) -> None:
        place.write(call(1))
        place.project()
        place.write(call(2))
        with place.asked() as db:
            assert unread_bytes(db, place.journal) == len(call(2))


def agrees_on_calls(place: Place, count: int) -> None:
    with place.asked() as db:
        assert totals(db, ALL).calls == count


class TestLoss:
    def test_a_deleted_projection_comes_back_while_it_runs(self, place: Place) -> None:
        projection = place.projection()
        place.write(call(1, cost_nano_usd=7))
        projection.step()
        place.usage.unlink()
        place.write(call(2, cost_nano_usd=8))
        projection.step()
        projection.close()
        agrees(place)
        agrees_on_calls(place, 2)

    def test_an_older_format_is_made_anew_and_said(self, place: Place) -> None:
        place.write(call(1))
        place.project()
        with sqlite3.connect(place.usage) as db:
            db.execute("PRAGMA user_version = 999")
        db.close()
        with pytest.raises(NoProjection, match="format 999"):
            open_usage(place.usage)
        place.project()
        agrees_on_calls(place, 1)
        assert "another format" in place.told[0]

    def test_another_programs_database_is_put_aside_and_kept(self, place: Place) -> None:
        place.usage.parent.mkdir()
        with sqlite3.connect(place.usage) as db:
            db.execute("CREATE TABLE theirs (x)")
        db.close()
        place.write(call(1))
        place.project()
        agrees_on_calls(place, 1)
        aside = sqlite3.connect(place.usage.with_name("usage.sqlite.damaged"))
        assert aside.execute("SELECT name FROM sqlite_master").fetchall() == [("theirs",)]
        aside.close()

    @pytest.mark.parametrize("damage", [b"no database at all", b""])
    def test_a_damaged_file_is_put_aside(self, place: Place, damage: bytes) -> None:
        place.write(call(1))
        place.project()
        place.usage.write_bytes(damage)
        place.project()
        agrees_on_calls(place, 1)

    def test_a_file_that_is_damaged_under_way_is_put_aside_at_the_step_that_meets_it(self, place: Place) -> None:
        journals.write(place.journal, 3000, days=1)
        place.project()
        size = place.usage.stat().st_size
        with place.usage.open("r+b") as file:
            for page in range(1, size // 8192):
                file.seek(page * 8192)
                file.write(os.urandom(512))
        place.write(call(1))
        projection = place.projection()
        projection.step()
        projection.step()
        projection.close()
        agrees(place)
        assert "damaged" in place.told[0]

    def test_a_full_disk_loses_nothing(self, place: Place) -> None:
        journals.write(place.journal, 500, days=1)
        place.project()
        journals.write(place.journal, 3000, seed=2, days=1)
        projection = place.projection()
        projection._opened().execute("PRAGMA max_page_count = 1")  # SQLite takes it for a full disk
        with pytest.raises(sqlite3.OperationalError, match="full"):
            projection.step()
        agrees_on_calls(place, 500)
        projection.step()
        projection.close()
        agrees(place)

    def test_a_stop_keeps_what_was_read(self, place: Place) -> None:
        journals.write(place.journal, 2000, days=1)
        blocks = iter(range(5))
        projection = place.projection(stop=lambda: next(blocks, None) is None)
        with pytest.raises(Stopped):
            projection.step()
        projection.close()
        with place.asked() as db:
            part = totals(db, ALL).calls
        assert 0 < part < 2000
        place.project()
        agrees(place)

    def test_a_rebuild_is_seen_as_a_whole_or_not_at_all(self, place: Place) -> None:
        journals.write(place.journal, 2000, days=1)
        place.project()
        seen = []

        def look(_done: int, _total: int) -> None:
            with place.asked() as db:
                seen.append(totals(db, ALL).calls)

        projection = place.projection()
        found = projection.rebuild(look)
        projection.close()
        assert set(seen) == {2000} and len(seen) > 5 and found.calls == 2000

    def test_one_process_writes_and_gives_way_to_a_rebuild(self, place: Place) -> None:
        place.write(call(1))
        program = (
            "import sys, time; from app.logging_utils.usage.projection import Projection\n"
            "projection = Projection(sys.argv[1], sys.argv[2])\n"
            "while True:\n    print('held' if projection.step() else 'free', flush=True); time.sleep(0.02)"
        )
        process = child(program, str(place.journal), str(place.usage))
        try:
            assert process.stdout is not None and process.stdout.readline() == b"held\n"
            mine = place.projection()
            assert not mine.step()
            assert mine.rebuild(wait_seconds=20).calls == 1
            mine.close()
            until(lambda: process.stdout.readline() == b"held\n")
        finally:
            process.kill()
            process.communicate()

    def test_a_long_catching_up_gives_way_to_a_rebuild(self, place: Place) -> None:
        journals.write(place.journal, 6000, days=2)
        program = (
            "import sys, time; from app.logging_utils.usage import projection\n"
            "projection.CALLS_AT_ONCE = 100\n"
            "slow = lambda: time.sleep(0.1)\n"
            "print('begun', flush=True)\n"
            "print(projection.Projection(sys.argv[1], sys.argv[2], stop=slow).step(), flush=True)"
        )
        process = child(program, str(place.journal), str(place.usage))
        assert process.stdout is not None and process.stdout.readline() == b"begun\n"
        until(lambda: _calls(place) > 0, 20)
        mine = place.projection()
        assert mine.rebuild(wait_seconds=20).calls == 6000
        mine.close()
        assert process.communicate()[0] == b"False\n"
        agrees(place)

    def test_a_killed_process_leaves_what_another_goes_on_from(self, place: Place) -> None:
        journals.write(place.journal, 6000, days=2)
        program = (
            "import sys; from app.logging_utils.usage import projection\n"
            "projection.CALLS_AT_ONCE = 300\n"
            "projection.Projection(sys.argv[1], sys.argv[2]).step()"
        )
        for _ in range(4):
            process = child(program, str(place.journal), str(place.usage))
            before = _calls(place)
            until(lambda before=before, process=process: _calls(place) > before or process.poll() is not None, 20)
            process.kill()
            process.communicate()
        place.project()
        agrees(place)


def _calls(place: Place) -> int:
    try:
        with place.asked() as db:
            return projected(db).calls
    except (NoProjection, sqlite3.Error):
        return 0


def test_the_command_makes_both_again(place: Place) -> None:
    journals.write(place.journal, 500, days=1, damage=True)
    home = place.journal.parent.parent
    command = [sys.executable, "-m", "app.cli", "rollup", "--json"]
    done = subprocess.run(
        command, env=child_env(LLM_ROUTER_HOME=str(home)), capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    told = json.loads(done.stdout)
    assert (told["records"], told["projected"], told["projection"]) == (500, 500, str(place.usage))
    agrees(place)
