"""Journal files that others broke, moved or cut, and processes that die in the middle of deriving from them (F5 to F9, P6)."""

import json
import os
from pathlib import Path

import pytest

from app.logging_utils import reading
from app.logging_utils.journal import Journal
from app.logging_utils.rollup import Rollup
from logging_utils.lines import call, child, ids

_WRITER = """
import sys
from app.logging_utils import journal as module
from lines import call
module.LOOK_SECONDS = 0.005
journal = module.Journal(sys.argv[1])
for number in range(int(sys.argv[2]), int(sys.argv[2]) + 8000):
    journal.append(call(number))
    if number % 100 == 0:
        print(number, flush=True)
journal.close()
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "per_call.jsonl"


def rolled_up(journal: Path) -> tuple[int, list[str]]:
    """How many calls the rollup of a journal shows, and what it said."""
    told: list[str] = []
    daily = journal.with_name("daily.json")
    rollup = Rollup(journal, daily, report=told.append)
    rollup.step()
    rollup.close()
    return sum(row["calls"] for day in json.loads(daily.read_bytes()).values() for row in day.values()), told


def test_a_logrotate_that_moves_the_file_under_two_writers_loses_no_record(path: Path) -> None:
    """Ten times `mv`, at whatever moment: who still has the moved file open writes to it until it looks."""
    writers = [child(_WRITER, str(path), str(first)) for first in (0, 8000)]
    for number in range(1, 11):
        assert writers[number % 2].stdout is not None
        writers[number % 2].stdout.readline()
        if path.exists():
            path.rename(path.with_name(f"per_call.jsonl.{number}"))
    for writer in writers:
        writer.communicate(timeout=60)
        assert writer.returncode == 0
    found = ids(path)
    assert len(found) == 16_000 and set(found) == {f"call-{number}" for number in range(16_000)}
    assert rolled_up(path) == (16_000, [])


def test_the_blocks_of_nothing_that_a_power_cut_leaves_swallow_no_record(path: Path) -> None:
    """File systems may have the new length without the bytes: NULs, and no newline at their end."""
    path.write_bytes(call(1) + b"\0" * 5000)
    journal = Journal(path)
    journal.append(call(2))
    journal.append(call(3))
    assert sorted(ids(path)) == ["call-1", "call-2", "call-3"]
    calls, told = rolled_up(path)
    assert calls == 3
    assert told == [f"1 damaged lines skipped, the first in per_call.jsonl at byte {len(call(1))}"]


def test_a_line_longer_than_any_record_is_passed_over_in_pieces(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What has no end is not gathered in memory for ever, and what stands behind it is read."""
    monkeypatch.setattr(reading, "LONGEST", 300_000)
    path.write_bytes(call(1) + b"x" * 2_000_000 + b"\n" + call(2))
    calls, told = rolled_up(path)
    assert calls == 2
    assert "damaged lines skipped, the first in per_call.jsonl at byte" in told[0]


_DYING = """
import os, sys
from pathlib import Path
left = int(sys.argv[3])
def dying(real):
    def act(*words, **more):
        global left
        left -= 1
        if left < 0:
            os._exit(9)  # as by SIGKILL: nothing is flushed, closed or undone
        return real(*words, **more)
    return act
os.fsync, Path.replace, os.open, os.fdopen = map(dying, (os.fsync, Path.replace, os.open, os.fdopen))
from app.logging_utils.rollup import Rollup
Rollup(sys.argv[1], sys.argv[2]).step()
"""


def test_a_rollup_that_dies_before_any_of_its_steps_on_disk_is_gone_on_with(path: Path) -> None:
    """At every opening, flush and rename in turn until one comes through: whole files, and no call twice or never."""
    daily, died = path.with_name("daily.json"), 0
    for turn in range(40):
        with path.open("ab") as file:
            file.write(call(turn, cost_nano_usd=turn))
        process = child(_DYING, str(path), str(daily), str(turn))
        process.communicate(timeout=30)
        died += process.returncode == 9
        for kept in (daily, daily.with_name("daily.json.state")):
            assert not kept.exists() or json.loads(kept.read_bytes()) is not None
        if process.returncode == 0:
            break
    assert died >= 6 and process.returncode == 0
    rows = [row for day in json.loads(daily.read_bytes()).values() for row in day.values()]
    assert sum(row["calls"] for row in rows) == turn + 1
    assert sum(round(row["cost_usd"] * 1e9) for row in rows) == sum(range(turn + 1))
    stepped = daily.read_bytes()
    Rollup(path, daily).rebuild()
    assert daily.read_bytes() == stepped


def test_what_is_appended_is_on_the_disk_one_step_of_the_rollup_later(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A power cut takes what was appended since the last step. A quiet journal costs nothing."""
    synced: list[int] = []
    real = os.fdatasync

    def watched(fd: int) -> None:
        real(fd)
        synced.append(os.fstat(fd).st_size)

    monkeypatch.setattr(os, "fdatasync", watched)
    journal = Journal(path)
    rollup = Rollup(path, path.with_name("daily.json"))
    lengths = []
    for number in range(3):
        journal.append(call(number))
        lengths.append(path.stat().st_size)
        rollup.step()
        rollup.step()
    assert synced == lengths
