"""The journal's promises: what is acknowledged is in the file, on a line of its own, whatever happens to disk, file or process."""

import errno
import json
import os
import random
import resource
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.record import Record, ScoreLine, StandingLine
from app.logging_utils import journal as journal_module
from app.logging_utils.journal import Journal, JournalUnavailable, encode

from .lines import call, child, ids


@contextmanager
def no_longer_than(size: int) -> Iterator[None]:
    """No file of this process may grow beyond `size` bytes: writes come out short, then fail, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "logs" / "per_call.jsonl"


async def test_a_line_is_in_the_file_when_commit_returns(path: Path) -> None:
    journal = Journal(path)
    await journal.commit(call(1))
    await journal.commit(call(2))
    assert path.read_bytes() == call(1) + call(2)


def test_a_line_keeps_null_fields_names_its_kind_and_is_one_line() -> None:
    line = encode(
        Record(id="a", at="b", face="query", asked="auto", status=200, outcome="answered", response="two\nlines\u2028\x85")
    )
    assert line.count(b"\n") == 1
    assert line.endswith(b"\n")
    assert json.loads(line) | {"kind": "call", "error": None, "response": "two\nlines\u2028\x85"} == json.loads(line)
    assert json.loads(encode(StandingLine(id="s", at="b", models={"m": (1.0, None, False)})))["kind"] == "standing"
    assert json.loads(encode(ScoreLine(call="a", call_at="b", model="m", at="c", scorer="s", score=1.0)))["replaces"] is None


@given(st.text(alphabet=st.characters(exclude_categories=[]), max_size=20))
def test_any_text_can_be_written_and_read_again(text: str) -> None:
    """Lone surrogates cannot be UTF-8, so they become question marks; everything else comes back."""
    line = encode(Record(id="a", at="b", face="query", asked="auto", status=200, outcome="answered", prompt=text))
    assert line.count(b"\n") == 1
    assert msgspec.json.decode(line, type=Record).prompt == text.encode("utf-8", "replace").decode()


def test_files_are_private(path: Path) -> None:
    Journal(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("where", ["a_folder", "under_a_file"])
def test_a_journal_that_cannot_be_opened_fails_at_once_and_names_the_path(tmp_path: Path, where: str) -> None:
    target = tmp_path / "x" if where == "a_folder" else tmp_path / "x" / "per_call.jsonl"
    (tmp_path / "x").mkdir() if where == "a_folder" else (tmp_path / "x").touch()
    with pytest.raises(JournalUnavailable, match=str(target)) as caught:
        Journal(target)
    assert caught.value.errno in (errno.EISDIR, errno.ENOTDIR, errno.EEXIST)


async def test_a_torn_tail_of_somebody_else_swallows_no_record(path: Path) -> None:
    """The glued copy is skipped by readers, the whole record stands on the next line, and there is no empty line."""
    journal = Journal(path)
    await journal.commit(call(1))
    with path.open("ab") as other:
        other.write(call(2)[:40])
    await journal.commit(call(3))
    assert sorted(ids(path)) == ["call-1", "call-3"]
    assert path.read_bytes() == call(1) + call(2)[:40] + call(3) + call(3)
    assert journal.repaired == 1


@given(st.integers(0, len(call(2)) - 1))
@settings(max_examples=60)
def test_no_cut_of_a_record_with_a_record_glued_to_it_is_json(cut: int) -> None:
    """What the repair rests on: the glued copy can never be counted beside the whole one."""
    with pytest.raises(ValueError, match=r"trailing characters|malformed|truncated|control|Extra|Expecting|delimiter"):
        json.loads(call(2)[:cut] + b"x" * (cut == 0) + call(3))


async def test_a_full_disk_loses_nothing_and_leaves_no_glued_line(path: Path) -> None:
    told: list[str] = []
    journal = Journal(path, report=told.append)
    await journal.commit(call(0))
    with no_longer_than(path.stat().st_size + 100):
        for number in range(1, 6):
            await journal.commit(call(number))
        assert journal.spooled == 5
        assert journal.write_errors >= 5
        assert path.read_bytes() == call(0) + call(1)[:100]
    await journal.commit(call(6))
    assert journal.spooled == 0
    assert path.read_bytes() == b"".join(call(number) for number in range(7)), "the torn record was gone on with"
    assert len(told) == 2
    assert str(path) in told[0]
    assert "5 records had waited" in told[1]


async def test_a_torn_record_that_somebody_wrote_behind_is_written_anew(path: Path) -> None:
    """Its end would stand alone, glued to nothing that it belongs to."""
    journal, other = Journal(path, report=lambda _: None), Journal(path)
    await journal.commit(call(0))
    with no_longer_than(path.stat().st_size + 100):
        await journal.commit(call(1))
    await other.commit(call(2))
    await journal.commit(call(3))
    assert sorted(ids(path)) == ["call-0", "call-1", "call-2", "call-3"]
    assert path.read_bytes() == call(0) + call(1)[:100] + call(2) + call(2) + call(1) + call(3)


async def test_a_torn_record_in_a_file_that_was_cut_since_is_written_anew(path: Path) -> None:
    journal = Journal(path, report=lambda _: None)
    with no_longer_than(100):
        await journal.commit(call(1))
    os.truncate(path, 0)
    await journal.commit(call(2))
    assert path.read_bytes() == call(1) + call(2)


async def test_what_waits_is_written_at_the_end_too(path: Path) -> None:
    journal = Journal(path, report=lambda _: None)
    with no_longer_than(0):
        await journal.commit(call(1))
    journal.close()
    assert ids(path) == ["call-1"]


async def test_what_waits_is_bounded_and_what_is_dropped_is_counted(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_module, "SPOOL_BYTES", 3 * len(call(1)))
    told: list[str] = []
    journal = Journal("/dev/full", report=told.append)
    for number in range(1, 6):
        await journal.commit(call(number))
    assert (journal.spooled, journal.dropped) == (3, 2)
    journal.close()
    assert journal.dropped == 5
    assert "3 records are lost" in told[-1]


async def test_a_pipe_can_be_the_journal(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    journal = Journal(pipe, max_bytes=10)
    await journal.commit(call(1))
    await journal.commit(call(2))
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    assert os.read(reader, 10_000) == call(1) + call(2)
    os.close(reader)
    journal.close()


@pytest.mark.parametrize("how", ["moved", "deleted", "folder_deleted"])
async def test_a_journal_taken_away_from_outside_is_opened_again(path: Path, how: str) -> None:
    now = 0.0
    journal = Journal(path, clock=lambda: now)
    await journal.commit(call(1))
    if how == "moved":
        path.rename(path.with_name("per_call.jsonl.1"))
    else:
        path.unlink()
        if how == "folder_deleted":
            path.parent.rmdir()
    now = 1.0
    await journal.commit(call(2))
    assert path.read_bytes() == call(2)


async def test_a_journal_cut_from_outside_goes_on_at_its_start(path: Path) -> None:
    """logrotate's copytruncate: no hole of NUL bytes where the old end was."""
    journal = Journal(path)
    await journal.commit(call(1))
    os.truncate(path, 0)
    await journal.commit(call(2))
    assert path.read_bytes() == call(2)


async def test_a_deleted_journal_that_cannot_be_made_again_keeps_records_in_memory(path: Path) -> None:
    now = 0.0
    told: list[str] = []
    journal = Journal(path, clock=lambda: now, report=told.append)
    path.unlink()
    path.parent.rmdir()
    path.parent.touch()  # a file where the folder was: nobody can create anything in it
    now = 1.0
    await journal.commit(call(1))
    assert journal.spooled == 1
    assert len(told) == 1
    path.parent.unlink()
    await journal.commit(call(2))
    assert ids(path) == ["call-1", "call-2"]


async def test_a_long_journal_is_moved_aside_and_nothing_is_overwritten(path: Path) -> None:
    """Even with a clock that stands still, each rotated file gets a name of its own."""
    journal = Journal(path, max_bytes=2 * len(call(1)), now=lambda: 1_795_600_000.25)
    for number in range(20):
        await journal.commit(call(number))
    rotated = [file.name for file in path.parent.glob("per_call.jsonl.*")]
    assert len(rotated) == 10
    assert all(name.startswith("per_call.jsonl.20261125T") for name in rotated)
    assert sorted(ids(path)) == sorted(f"call-{number}" for number in range(20))


async def test_who_comes_late_to_a_rotation_moves_nothing_and_follows(path: Path) -> None:
    """A worker still in the full file meets its end, too; the young file at the path is not its to move."""
    first, second = Journal(path, max_bytes=2 * len(call(1))), Journal(path, max_bytes=2 * len(call(1)))
    await first.commit(call(1))
    await first.commit(call(2))
    await second.commit(call(3))
    await second.commit(call(4))
    assert len(list(path.parent.glob("per_call.jsonl.*"))) == 1
    assert path.read_bytes() == call(4)


_WRITER = """
import sys
from app.logging_utils.journal import Journal
from lines import call
journal = Journal(sys.argv[1], max_bytes=int(sys.argv[4]))
first, count = int(sys.argv[2]), int(sys.argv[3])
for number in range(first, first + count):
    journal.append(call(number, prompt="x" * (number * 7919 % int(sys.argv[5]))))
    sys.stdout.buffer.write(b"%d\\n" % number)  # the acknowledgement, and unlike a buffered one it is out at once
    sys.stdout.buffer.flush()
journal.close()
"""


def test_workers_that_rotate_at_the_same_time_lose_nothing(path: Path) -> None:
    workers = [child(_WRITER, str(path), str(first), "400", "20000", "300") for first in (0, 400)]
    for worker in workers:
        worker.communicate(timeout=30)
        assert worker.returncode == 0
    assert sorted(ids(path)) == sorted(f"call-{number}" for number in range(800))
    assert len(list(path.parent.glob("per_call.jsonl.*"))) > 10


def test_kill_9_loses_no_acknowledged_record(path: Path) -> None:
    """Three writers at a time, thirty kills at random moments, records up to 60 KB: every acknowledged id is a whole line."""
    draw = random.Random(5)
    writers = {n: child(_WRITER, str(path), str(n * 10_000_000), "1000000", "0", "60000") for n in range(3)}
    acknowledged: set[str] = set()
    for kill in range(30):
        slot = kill % 3  # in turn, so that the next one starts meanwhile
        assert writers[slot].stdout is not None
        acknowledged |= {f"call-{int(writers[slot].stdout.readline())}"}  # it is at work
        time.sleep(draw.random() * 0.01)
        writers[slot].send_signal(signal.SIGKILL)
        acknowledged |= _whole(writers[slot].communicate(timeout=10)[0])
        writers[slot] = child(_WRITER, str(path), str((kill + 3) * 10_000_000), "1000000", "0", "60000")
    for writer in writers.values():
        writer.kill()
        acknowledged |= _whole(writer.communicate(timeout=10)[0])
    written = ids(path)
    assert acknowledged <= set(written)
    assert len(written) == len(set(written))
    assert len(acknowledged) > 100
    assert b"\n\n" not in path.read_bytes()


def _whole(output: bytes) -> set[str]:
    """What was acknowledged; a number that the kill cut short has no newline."""
    return {f"call-{int(number)}" for number in output.split(b"\n")[:-1]}
