"""The rollup's promises: exact, the same bytes step by step and all at once, one writer at a time, no line stops it."""

import gzip
import json
import os
import random
import signal
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.domain.record import ScoreLine, StandingLine
from app.logging_utils.journal import Journal, encode
from app.logging_utils.lease import LeaseTaken
from app.logging_utils.rollup import Rollup, RollupThread

from .lines import call, child, until

FIELDS = [
    "calls",
    "failures",
    "abandoned",
    "tokens_in",
    "tokens_out",
    "cached_tokens",
    "reasoning_tokens",
    "cost_usd",
    "saved_usd",
    "latency_ms_mean",
    "cache_hits",
    "cache_misses",
    "cache_off",
    "score_mean",
    "scored",
]


class Place:
    """A folder with a journal and what is rolled up from it."""

    def __init__(self, folder: Path) -> None:
        self.journal = folder / "per_call.jsonl"
        self.daily = folder / "daily.json"
        self.told: list[str] = []

    def rollup(self, **more: Any) -> Rollup:
        return Rollup(self.journal, self.daily, report=self.told.append, **more)

    def write(self, *lines: bytes) -> None:
        with self.journal.open("ab") as file:
            file.write(b"".join(lines))

    def rebuilt(self) -> bytes:
        """What a rebuild in another folder, from the same journal files alone, gives."""
        elsewhere = self.daily.with_name("elsewhere") / "daily.json"
        rollup = Rollup(self.journal, elsewhere, report=lambda _: None)
        rollup.rebuild()
        rollup.close()
        content = elsewhere.read_bytes()
        elsewhere.unlink()
        return content

    @property
    def shown(self) -> Any:
        return json.loads(self.daily.read_bytes())


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def late(number: int, score: float, replaces: float | None, **fields: Any) -> bytes:
    facts = {"call": f"call-{number}", "call_at": "2026-11-23T12:00:00.000Z", "model": "small", "at": f"later {score}"}
    return encode(ScoreLine(**(facts | {"scorer": "judge-1", "score": score, "replaces": replaces} | fields)))


def test_a_row_has_the_fields_of_the_contract_in_its_order(place: Place) -> None:
    place.write(
        call(1, tokens_in=9, tokens_out=31, cached_tokens=2, reasoning_tokens=3, cost_nano_usd=5600, latency_ms=412.25, cache="miss",
             score=0.9),
        call(2, cost_nano_usd=0, saved_usd=0.0000056, latency_ms=1.0, score=0.5, cache="hit"),
        call(3, cost_nano_usd=400, outcome="failed", status=502),
        call(4, cost_nano_usd=100, outcome="abandoned", status=499),
    )  # fmt: skip
    assert place.rollup().step()
    assert list(place.shown) == ["2026-11-23"]
    row = place.shown["2026-11-23"]["small"]
    assert list(row) == FIELDS
    assert row == {
        "calls": 4,
        "failures": 1,
        "abandoned": 1,
        "tokens_in": 9,
        "tokens_out": 31,
        "cached_tokens": 2,
        "reasoning_tokens": 3,
        "cost_usd": 0.0000061,
        "saved_usd": 0.0000056,
        "latency_ms_mean": 103.313,
        "cache_hits": 1,
        "cache_misses": 1,
        "cache_off": 2,
        "score_mean": 0.7,
        "scored": 2,
    }


def test_a_call_is_booked_on_the_utc_day_it_ended_and_the_model_that_served(place: Place) -> None:
    place.write(
        call(1, at="2026-11-23T23:59:59.999Z", served=None, decided=None),
        call(2, at="2026-11-24T00:00:00.000Z", served=None, decided="chosen"),
        call(3, at="2026-11-24T00:30:00+02:00", decided="chosen", served="other"),
        call(4, at="1970-01-01T00:00:00.000Z"),
        call(5, at="2038-01-19T03:14:08.000Z"),
    )
    place.rollup().step()
    days = {day: {model: row["calls"] for model, row in rows.items()} for day, rows in place.shown.items()}
    assert days == {
        "1970-01-01": {"small": 1},
        "2026-11-23": {"auto": 1, "other": 1},
        "2026-11-24": {"chosen": 1},
        "2038-01-19": {"small": 1},
    }
    assert list(days) == sorted(days)


def test_money_is_summed_in_nano_dollars_and_rounded_once(place: Place) -> None:
    """A tenth of a cent a thousand times over; and three billionths, which floats would drift on."""
    place.write(*(call(n, cost_nano_usd=1_000_003, saved_usd=0.000000003) for n in range(1000)))
    place.rollup().step()
    row = place.shown["2026-11-23"]["small"]
    assert row["cost_usd"] == 1.000003
    assert row["saved_usd"] == 0.000003


def test_an_unknown_price_is_null_and_never_zero(place: Place) -> None:
    place.write(call(1, served="unpriced"), call(2, served="mixed"), call(3, served="mixed", cost_nano_usd=0))
    place.rollup().step()
    rows = place.shown["2026-11-23"]
    assert rows["unpriced"]["cost_usd"] is None
    assert rows["mixed"]["cost_usd"] == 0.0


def test_a_late_score_changes_the_day_of_its_call(place: Place) -> None:
    """A first score counts once more, a replacing one takes the place of the earlier, before or after the call's own line."""
    place.write(late(3, 0.25, None), call(1, score=0.9), call(2), call(3))
    rollup = place.rollup()
    rollup.step()
    assert place.shown["2026-11-23"]["small"]["score_mean"] == 0.575
    place.write(late(1, 0.3, 0.9, at="2026-11-29T00:00:00.000Z"), late(4, 1.0, None, model="unheard of"))
    rollup.step()
    assert list(place.shown) == ["2026-11-23"]
    row = place.shown["2026-11-23"]["small"]
    assert (row["score_mean"], row["scored"]) == (0.275, 2)
    assert list(place.shown["2026-11-23"]) == ["small"]
    assert place.rebuilt() == place.daily.read_bytes()


def test_without_a_score_the_mean_is_null(place: Place) -> None:
    place.write(call(1))
    place.rollup().step()
    assert place.shown["2026-11-23"]["small"]["score_mean"] is None


def test_without_a_journal_there_is_an_empty_rollup(place: Place) -> None:
    place.rollup().step()
    assert place.shown == {}


DAMAGE = {
    "half a line": call(9)[:50] + b"\n",
    "a glued line": call(9)[:50] + call(8),
    "NUL bytes": b"\0" * 5000 + b"\n",
    "a huge line": b"x" * 300_000 + b"\n",
    "foreign JSON": b'{"level": "info"}\n[]\n3\nnull\n"text"\n',
    "a kind of its own": b'{"kind": "other", "id": "a"}\n',
    "deep nesting": b'{"kind":"call","x":' + b"[" * 100_000 + b"\n",
    "not UTF-8": call(9).replace(b"call-9", b"call\xff"),
    "negative tokens": call(9).replace(b'"tokens_in":0', b'"tokens_in":-5'),
    "endless cost": call(9).replace(b'"latency_ms":0.0', b'"latency_ms":1e999'),
    "no day": call(9, at="yesterday") + call(8, at="2026-02-30T00:00:00Z") + call(7, at=""),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE.keys())
def test_damage_is_skipped_and_reported_with_its_offset(place: Place, damage: bytes) -> None:
    place.write(call(1), damage, call(2))
    place.rollup().step()
    assert place.shown["2026-11-23"]["small"]["calls"] == 2
    assert place.told == [f"{damage.count(10)} damaged lines skipped, the first in per_call.jsonl at byte {len(call(1))}"]


def test_line_separators_inside_of_text_end_no_line_and_blank_ends_are_no_damage(place: Place) -> None:
    """U+2028 and U+0085 are text; a byte order mark, carriage returns and empty lines are somebody's editor."""
    place.write(b"\xef\xbb\xbf", call(1, prompt="a\u2028b\x85c\x1cd"), b"\n", call(2)[:-1], b"\r\n\r\n")
    place.rollup().step()
    assert place.shown["2026-11-23"]["small"]["calls"] == 2
    assert place.told == []


@given(st.lists(st.binary(max_size=80) | st.sampled_from([call(1), call(2), call(3)[:30], b"\n"]), max_size=12))
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_no_bytes_whatsoever_stop_the_rollup(tmp_path_factory: pytest.TempPathFactory, pieces: list[bytes]) -> None:
    place = Place(tmp_path_factory.mktemp("any"))
    place.write(*pieces, b"\n", call(4))
    place.rollup().step()
    assert place.shown["2026-11-23"]["small"]["calls"] >= 1


def test_a_line_is_counted_when_its_newline_is_there(place: Place) -> None:
    rollup = place.rollup()
    place.write(call(1), call(2)[:70])
    rollup.step()
    assert place.shown["2026-11-23"]["small"]["calls"] == 1
    place.write(call(2)[70:])
    rollup.step()
    assert place.shown["2026-11-23"]["small"]["calls"] == 2


@pytest.mark.parametrize("restarted", [False, True])
def test_a_repeated_call_counts_once(place: Place, restarted: bool) -> None:
    """Also when the repetition is read by another process than the first line."""
    rollup = place.rollup()
    place.write(call(1), late(1, 0.5, None))
    rollup.step()
    if restarted:
        rollup.close()
        rollup = place.rollup()
    place.write(call(1), late(1, 0.5, None), call(2))
    rollup.step()
    row = place.shown["2026-11-23"]["small"]
    assert (row["calls"], row["scored"]) == (2, 1)
    assert place.rebuilt() == place.daily.read_bytes()


def test_copies_of_a_journal_count_once_and_what_was_rotated_counts(place: Place) -> None:
    """Moved, copied and cut (copytruncate), packed, and a backup that somebody made."""
    rollup = place.rollup()
    place.write(call(1), call(2))
    rollup.step()
    place.write(call(3))
    place.journal.with_name("per_call.jsonl.2").write_bytes(place.journal.read_bytes())
    os.truncate(place.journal, 0)
    place.write(call(4))
    rollup.step()
    assert place.shown["2026-11-23"]["small"]["calls"] == 4
    place.journal.rename(place.journal.with_name("per_call.jsonl.1"))
    place.write(call(5), call(6))
    rollup.step()
    place.journal.with_name("per_call.jsonl.bak").write_bytes(call(5))
    packed = place.journal.with_name("per_call.jsonl.2.gz")
    packed.write_bytes(gzip.compress(place.journal.with_name("per_call.jsonl.2").read_bytes()))
    place.journal.with_name("per_call.jsonl.2").unlink()
    rollup.step()
    assert place.shown["2026-11-23"]["small"]["calls"] == 6
    assert place.rebuilt() == place.daily.read_bytes()


def test_an_inode_that_is_used_again_is_another_file(place: Place) -> None:
    rollup = place.rollup()
    place.write(call(1))
    rollup.step()
    with place.journal.open("r+b") as file:  # the same inode, the same length, other content
        file.write(call(2))
    os.utime(place.journal, ns=(0, 0))
    rollup.step()
    assert place.shown["2026-11-23"]["small"]["calls"] == 2


def test_a_journal_whose_end_is_cut_off_goes_on_from_there(place: Place) -> None:
    rollup = place.rollup()
    place.write(call(1), call(2), call(3))
    rollup.step()
    os.truncate(place.journal, len(call(1)))
    rollup.step()
    place.write(call(4))
    rollup.step()
    assert place.shown["2026-11-23"]["small"]["calls"] == 4


@pytest.mark.parametrize("content", [b"not gzip", gzip.compress(call(1) * 50)[:-20], b""])
def test_a_damaged_packed_file_stops_nothing(place: Place, content: bytes) -> None:
    place.journal.with_name("per_call.jsonl.1.gz").write_bytes(content)
    place.write(call(2))
    place.rollup().rebuild()
    assert place.shown["2026-11-23"]["small"]["calls"] >= 1


calls = st.builds(
    lambda n, day, model, outcome, nano, ms, cache, score: call(
        n, at=f"2026-11-{day:02}T23:59:59.999Z", served=model, outcome=outcome, cost_nano_usd=nano, latency_ms=ms, cache=cache,
        score=score, saved_usd=(nano or 0) * 1e-9, tokens_in=n,
    ),
    st.integers(0, 60), st.integers(1, 3), st.sampled_from(["a", "b", "\u2028", None]),
    st.sampled_from(["answered", "failed", "abandoned"]), st.none() | st.integers(0, 10**12), st.floats(0, 1e6),
    st.sampled_from(["hit", "miss", "off"]), st.none() | st.floats(0, 1),
)  # fmt: skip
events = st.lists(
    st.one_of(
        calls,
        st.builds(late, st.integers(0, 60), st.floats(0, 1), st.none() | st.floats(0, 1)),
        st.just(encode(StandingLine(id="s", at="x", models={}))),
        st.sampled_from([b"torn", b"\n", call(7)[:33], "step", "restart", "rotate", "copytruncate", "other worker"]),
    ),
    max_size=40,
)


@given(events)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_step_by_step_and_all_at_once_give_the_same_bytes(
    tmp_path_factory: pytest.TempPathFactory, events: list[bytes | str]
) -> None:
    """Whatever was written, rotated, restarted or handed over in between."""
    place = Place(tmp_path_factory.mktemp("same"))
    rollup = place.rollup()
    place.write(call(10**6))  # so that no two files begin alike
    for number, event in enumerate(events):
        if isinstance(event, bytes):
            place.write(event)
        elif event == "step":
            rollup.step()
        elif event in ("restart", "other worker"):
            if event == "restart":
                rollup.close()
                rollup = place.rollup()
            else:
                other = place.rollup()
                other.rebuild() if rollup.step() is False else other.step()
                other.close()
        else:
            aside = place.journal.with_name(f"per_call.jsonl.{number}")
            if event == "rotate":
                place.journal.rename(aside)
            else:
                aside.write_bytes(place.journal.read_bytes())
                os.truncate(place.journal, 0)
            place.write(call(10**6 + 1 + number))
    rollup.step()
    assert place.daily.read_bytes() == place.rebuilt()
    before = place.daily.read_bytes()
    rollup.rebuild()
    rollup.step()
    assert place.daily.read_bytes() == before


def test_a_restart_does_not_read_again_and_a_lost_or_foreign_state_does(place: Place) -> None:
    first = place.rollup()
    place.write(call(1))
    first.step()
    first.close()
    state = place.daily.with_name("daily.json.state")
    for content in (None, b"", b"{}", b"\xff\0", b"[" * 100_000, state.read_bytes().replace(b'"version":1', b'"version":99')):
        if content is None:
            state.unlink()
        else:
            state.write_bytes(content)
        place.write(call(2))
        rollup = place.rollup()
        rollup.step()
        rollup.close()
        assert place.daily.read_bytes() == place.rebuilt()


def test_a_deleted_rollup_is_written_again_without_new_calls(place: Place) -> None:
    rollup = place.rollup()
    place.write(call(1))
    rollup.step()
    place.daily.unlink()
    rollup.step()
    assert place.shown["2026-11-23"]["small"]["calls"] == 1


def test_a_day_whose_journal_is_no_longer_whole_keeps_its_stored_rows(place: Place) -> None:
    """Gone, or cut: the other days are computed again, and rebuilding once more changes nothing."""
    rollup = place.rollup()
    gone = [
        call(n, at="2026-11-21T10:00:00Z", latency_ms=n / 3, score=n / 7, cost_nano_usd=n, saved_usd=n * 1e-9) for n in range(7)
    ]
    cut = [call(n + 10, at="2026-11-22T10:00:00Z", latency_ms=n / 7, score=n / 9, cost_nano_usd=n) for n in range(9)]
    place.write(*gone, *cut)
    rollup.step()
    stored = place.daily.read_bytes()
    place.journal.unlink()
    place.write(cut[3], call(99, at="2026-11-23T10:00:00Z"))
    place.daily.with_name("daily.json.state").unlink()
    summary = rollup.rebuild()
    assert summary.kept_days == ("2026-11-21", "2026-11-22")
    assert place.daily.read_bytes().startswith(stored.removesuffix(b"\n}\n"))
    assert place.shown["2026-11-23"]["small"]["calls"] == 1
    before = place.daily.read_bytes()
    rollup.rebuild()
    assert place.daily.read_bytes() == before
    place.write(call(100, at="2026-11-21T11:00:00Z"))
    rollup.step()
    assert place.shown["2026-11-21"]["small"]["calls"] == 8


def test_a_rollup_that_is_not_ours_is_put_aside(place: Place) -> None:
    place.daily.write_bytes(b'{"2026-11-23": {"small": {"calls": "many"}}}')
    place.write(call(1))
    place.rollup().rebuild()
    assert place.shown["2026-11-23"]["small"]["calls"] == 1
    assert place.daily.with_name("daily.json.damaged").exists()
    assert len(place.told) == 1


def test_a_rebuild_says_what_it_found_and_how_far_it_is(place: Place) -> None:
    place.write(*(call(n) for n in range(500)), call(499), b"damage\n", late(3, 0.5, None))
    seen: list[tuple[int, int]] = []
    summary = place.rollup().rebuild(lambda done, total: seen.append((done, total)))
    assert (summary.files, summary.records, summary.scores, summary.repeated, summary.skipped, summary.days) == (
        1,
        500,
        1,
        1,
        1,
        1,
    )
    assert summary.places[0].offset == sum(len(call(n)) for n in range(500)) + len(call(499))
    assert seen[-1] == (place.journal.stat().st_size,) * 2
    assert seen == sorted(seen)


def test_a_file_that_cannot_be_read_is_named_once_and_stops_nothing(place: Place) -> None:
    place.journal.with_name("per_call.jsonl.1.gz").write_bytes(b"not gzip")
    place.write(call(1))
    rollup = place.rollup()
    rollup.rebuild()
    rollup.rebuild()
    assert len(place.told) == 1
    assert place.shown["2026-11-23"]["small"]["calls"] == 1


def test_of_rotated_files_the_newest_stay_and_none_goes_unread(place: Place) -> None:
    """Files that other tools made are nobody's to delete, and a file that was moved a moment ago may still be written."""
    clock = 1_795_600_000.0
    journal = Journal(place.journal, max_bytes=10, now=lambda: clock)
    foreign = place.journal.with_name("per_call.jsonl.1")
    foreign.write_bytes(call(100))
    for number in range(6):
        clock += 1
        journal.append(call(number))
    rollup = place.rollup(keep=2, now=lambda: clock)
    rollup.step()
    assert len(list(place.journal.parent.glob("per_call.jsonl.2026*"))) == 4  # the two last moved are younger than three seconds
    clock += 10
    rollup.step()
    assert len(list(place.journal.parent.glob("per_call.jsonl.2026*"))) == 2
    assert foreign.exists()
    assert place.shown["2026-11-23"]["small"]["calls"] == 7
    rollup.rebuild()
    assert place.shown["2026-11-23"]["small"]["calls"] == 7


_HOLDER = """
import sys, time
from app.logging_utils.rollup import Rollup
rollup = Rollup(sys.argv[1], sys.argv[2])
print(rollup.step(), flush=True)
while True:
    rollup.step()
    time.sleep(0.01)
"""


def test_one_process_writes_and_a_killed_one_is_replaced(place: Place) -> None:
    holder = child(_HOLDER, str(place.journal), str(place.daily))
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"True\n"
    rollup = place.rollup()
    assert rollup.step() is False
    holder.send_signal(signal.SIGKILL)
    holder.communicate(timeout=10)
    place.write(call(1))
    assert rollup.step() is True
    assert place.shown["2026-11-23"]["small"]["calls"] == 1


def test_a_rebuild_that_gets_no_turn_says_which_lock_is_kept(place: Place) -> None:
    keeper = place.rollup()
    keeper.step()
    with pytest.raises(LeaseTaken, match=r"daily\.json\.lock"):
        place.rollup().rebuild(wait_seconds=0)


def test_a_rebuild_takes_over_from_a_running_service_and_gives_back(place: Place) -> None:
    place.write(call(1))
    holder = child(_HOLDER, str(place.journal), str(place.daily))
    assert holder.stdout is not None
    holder.stdout.readline()
    place.daily.write_bytes(b"{}")
    rollup = place.rollup()
    assert rollup.rebuild().records == 1
    assert place.shown["2026-11-23"]["small"]["calls"] == 1
    rollup.close()
    place.write(call(2))
    until(lambda: place.shown["2026-11-23"]["small"]["calls"] == 2)
    holder.kill()
    holder.communicate(timeout=10)


def test_who_ends_asks_the_holder_for_a_last_turn(place: Place) -> None:
    """A holder that may be ending too cannot be trusted to have seen the last records."""
    holder, ending = place.rollup(), place.rollup()
    holder.step()
    place.write(call(1))
    last = threading.Thread(target=ending.finish, args=(10.0,))
    last.start()
    until(lambda: not holder.step())
    last.join()
    assert place.shown["2026-11-23"]["small"]["calls"] == 1
    assert holder.step()


_WORKER = """
import sys, asyncio
from app.logging_utils.journal import Journal
from app.logging_utils.rollup import Rollup, RollupThread
from lines import call
journal_path, daily_path, first, count = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
journal = Journal(journal_path, max_bytes=40_000)
thread = RollupThread(Rollup(journal_path, daily_path), interval=0.01)
thread.start()
for number in range(first, first + count):
    at = f"2026-11-{23 + number % 2}T{number % 24:02}:59:59.999Z"
    journal.append(call(number, at=at, cost_nano_usd=number, latency_ms=number / 3, served=f"m{number % 3}"))
journal.close()
thread.stop()
"""


def test_two_workers_that_write_rotate_and_roll_up_lose_no_nano_dollar(place: Place) -> None:
    """At the end, without another step by anybody, the rollup is the sum of the journal to the last digit."""
    workers = [child(_WORKER, str(place.journal), str(place.daily), str(first), "1500") for first in (0, 1500)]
    for worker in workers:
        worker.communicate(timeout=30)
        assert worker.returncode == 0
    rows = [row for day in place.shown.values() for row in day.values()]
    assert sum(row["calls"] for row in rows) == 3000
    assert sum(round(row["cost_usd"] * 1e9) for row in rows) == sum(range(3000))
    assert place.daily.read_bytes() == place.rebuilt()


def test_a_kill_between_any_two_steps_changes_nothing_in_the_end(place: Place) -> None:
    """Killed rollups leave files whole and sums that the next holder goes on from."""
    draw = random.Random(3)
    for kill in range(8):
        holder = child(_HOLDER, str(place.journal), str(place.daily))
        assert holder.stdout is not None
        holder.stdout.readline()
        for number in range(30):
            place.write(call(kill * 100 + number, latency_ms=number / 7))
        threading.Event().wait(draw.random() * 0.02)
        holder.kill()
        holder.communicate(timeout=10)
    rollup = place.rollup()
    rollup.step()
    assert place.shown["2026-11-23"]["small"]["calls"] == 240
    assert place.daily.read_bytes() == place.rebuilt()


def test_the_thread_tells_a_failing_disk_once_and_goes_on_when_it_works(place: Place) -> None:
    (place.daily).mkdir()  # nothing can be put where a folder is
    place.write(call(1))
    told: list[str] = []
    thread = RollupThread(place.rollup(), interval=0.005, report=told.append)
    thread.start()
    until(lambda: bool(told))
    place.daily.rmdir()
    until(place.daily.exists)
    thread.stop()
    assert len(told) == 1
    assert place.shown["2026-11-23"]["small"]["calls"] == 1


def test_the_thread_counts_what_was_journalled_before_it_stopped(place: Place) -> None:
    thread = RollupThread(place.rollup(), interval=60)
    thread.start()
    until(place.daily.exists)
    place.write(call(1))
    thread.stop()
    assert place.shown["2026-11-23"]["small"]["calls"] == 1
    assert place.rollup().step()
