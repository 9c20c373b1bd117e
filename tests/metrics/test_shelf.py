"""Workers lay down their counts for each other; the dead keep what they counted and lose what they held."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from app.metrics.merge import merged
from app.metrics.names import CIRCUIT, DURATION, IN_FLIGHT, RELOADS, REQUESTS
from app.metrics.shelf import Shelf, encoded, run_of
from app.metrics.tally import State, Tally

CALL = ("gpt", "openai", "/query", "200")
RUN = run_of(os.getpid())


def state(calls: int = 0, in_flight: int = 0) -> bytes:
    tally = Tally()
    tally.add(REQUESTS, *CALL, amount=calls)
    tally.put(IN_FLIGHT, value=in_flight)
    return encoded(tally.state())


def calls(seen: State) -> int:
    return sum(cells[0] for _, cells in seen.series.get(REQUESTS.name, []))


def in_flight(seen: State) -> int:
    return sum(cells[0] for _, cells in seen.series.get(IN_FLIGHT.name, []))


def seen_by(shelf: Shelf) -> State:
    return merged(*shelf.others())


def opened(folder: Path, run: str = RUN) -> Shelf:
    shelf = Shelf(folder, run)
    shelf.open()
    return shelf


def files(folder: Path) -> set[str]:
    return {path.suffix or path.name for path in (folder / RUN).iterdir()}


def test_a_worker_sees_the_others_and_not_itself(tmp_path: Path) -> None:
    one, other = opened(tmp_path), opened(tmp_path)
    one.write(state(3, 1))
    other.write(state(4, 2))
    assert (calls(seen_by(one)), in_flight(seen_by(one))) == (4, 2)
    assert (calls(seen_by(other)), in_flight(seen_by(other))) == (3, 1)


def test_who_left_is_still_counted_but_holds_nothing(tmp_path: Path) -> None:
    one, gone = opened(tmp_path), opened(tmp_path)
    gone.close(state(5, 2))
    assert (calls(seen_by(one)), in_flight(seen_by(one))) == (5, 0)


def test_a_newcomer_folds_the_dead_and_nothing_is_counted_twice(tmp_path: Path) -> None:
    one = opened(tmp_path)
    for number in range(1, 5):
        opened(tmp_path).close(state(number, 1))
        assert calls(seen_by(one)) == sum(range(number + 1))
    assert len(list((tmp_path / RUN).glob("*.json"))) == 2  # the folded ones and the last
    opened(tmp_path)
    assert (calls(seen_by(one)), in_flight(seen_by(one))) == (10, 0)


def test_a_fold_that_was_cut_off_before_it_removed_the_files_counts_them_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = opened(tmp_path)
    opened(tmp_path).close(state(7))

    def killed(self: Path, missing_ok: bool = False) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Path, "unlink", killed)
        with pytest.raises(KeyboardInterrupt):
            opened(tmp_path)
    assert len(list((tmp_path / RUN).glob("*.json"))) == 2
    assert calls(seen_by(one)) == 7
    opened(tmp_path)
    assert calls(seen_by(one)) == 7


LIFE = """
import sys, threading
from pathlib import Path
from app.metrics.shelf import Shelf
shelf = Shelf(Path(sys.argv[1]), sys.argv[2])
shelf.open()
shelf.write(sys.argv[3].encode())
print("there", flush=True)
sys.stdin.read()
"""


def test_a_killed_process_gives_its_place_up(tmp_path: Path) -> None:
    one = opened(tmp_path)
    command = [sys.executable, "-c", LIFE, str(tmp_path), RUN, state(9, 3).decode()]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None and child.stdout.readline() == b"there\n"
        assert (calls(seen_by(one)), in_flight(seen_by(one))) == (9, 3)
        child.kill()
        child.wait(20)
        assert (calls(seen_by(one)), in_flight(seen_by(one))) == (9, 0)


def test_a_run_that_is_over_is_cleared_away_and_one_that_lives_is_not(tmp_path: Path) -> None:
    ended = opened(tmp_path, "1999999999-1")  # no process has this id
    ended.close(state(100))
    earlier = opened(tmp_path, f"{os.getpid()}-1")  # this process's id, in an earlier life
    earlier.close(state(100))
    starting = tmp_path / run_of(os.getppid())
    starting.mkdir()
    beside = opened(tmp_path, "1999999998-1")
    one = opened(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {RUN, starting.name, "1999999998-1"}
    assert calls(seen_by(one)) == 0
    beside.close(state())


def test_a_file_that_is_not_readable_is_left_out(tmp_path: Path) -> None:
    one, other = opened(tmp_path), opened(tmp_path)
    other.write(state(4))
    other.write(b'{"series": 1}')
    assert calls(seen_by(one)) == 0
    other.write(state(4))
    assert calls(seen_by(one)) == 4


def test_a_tidied_folder_is_set_up_again(tmp_path: Path) -> None:
    one, other = opened(tmp_path), opened(tmp_path)
    other.write(state(4))
    for path in (tmp_path / RUN).iterdir():
        path.unlink()
    (tmp_path / RUN).rmdir()
    other.write(state(6))
    one.write(state(1))
    assert (calls(seen_by(one)), calls(seen_by(other))) == (6, 1)


def test_a_write_that_fails_leaves_the_last_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = opened(tmp_path), opened(tmp_path)
    other.write(state(4))

    def full(self: Path, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "full")

    with monkeypatch.context() as patched:
        patched.setattr(Path, "write_bytes", full)
        with pytest.raises(OSError, match="full"):
            other.write(state(5))
    assert calls(seen_by(one)) == 4
    assert ".new" not in files(tmp_path)


def test_of_two_workers_counters_are_added_and_the_worse_state_is_shown() -> None:
    states = []
    for number in (1, 2):
        tally = Tally()
        tally.add(RELOADS, amount=number)
        tally.put(CIRCUIT, "gpt", "openai", value=2 - number)
        tally.cells(DURATION, "gpt", "openai")[-1] = number
        states.append(tally.state())
    seen = {name: rows[0][1] for name, rows in merged(states).series.items()}
    assert (seen[RELOADS.name], seen[CIRCUIT.name], seen[DURATION.name][-1]) == ([3], [1], 3)
    assert dict(merged([], states).series).get(CIRCUIT.name) is None


def test_series_of_another_version_are_left_out() -> None:
    odd = State(
        {REQUESTS.name: [(("gpt",), [5]), (CALL, [1])], DURATION.name: [(("gpt", "openai"), [1, 2])], "gone": [((), [1])]}
    )
    seen = merged([odd])
    assert seen.series == {REQUESTS.name: [(CALL, [1])]}
