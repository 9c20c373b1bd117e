"""Workers keep their counts where the others see them; the dead keep what they counted and lose what they held."""

import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from app.metrics import shelf as shelves
from app.metrics.merge import merged
from app.metrics.names import BUDGET, CIRCUIT, DURATION, IN_FLIGHT, RELOADS, REQUESTS
from app.metrics.shelf import Shelf, clear, folder_of, run_of
from app.metrics.tally import State, Tally, state_of

CALL = ("gpt", "openai", "/query", "200")
RUN = run_of(os.getpid())


class Worker:
    """A worker as the others see it."""

    def __init__(self, folder: Path, run: str = RUN) -> None:
        self.shelf = Shelf(folder, run)
        self.tally = Tally()
        self.tally.move(self.shelf.open())

    def takes(self, calls: int, in_flight: int = 0) -> "Worker":
        self.tally.add(REQUESTS, *CALL, amount=calls)
        self.tally.put(IN_FLIGHT, value=in_flight)
        return self

    def sees(self) -> tuple[int, int]:
        """The calls and the calls in flight that this worker would answer with."""
        alive, dead = ([state_of(records) for records in places] for places in self.shelf.others())
        seen = merged([self.tally.state(), *alive], dead)
        return calls(seen), value(seen, IN_FLIGHT.name)


def calls(seen: State) -> int:
    return value(seen, REQUESTS.name)


def value(seen: State, name: str) -> int:
    return sum(cells[0] for _, cells in seen.series.get(name, []))


LIFE = """
import os, sys, signal
sys.path.insert(0, sys.argv[3])
from pathlib import Path
from test_shelf import Worker
worker = Worker(Path(sys.argv[1]), sys.argv[2])
print("there", flush=True)
for line in sys.stdin:
    exec(line)
    print("done", flush=True)
"""


@contextmanager
def process(folder: Path) -> Iterator["subprocess.Popen[str]"]:
    """A worker in a process of its own, killed outright at the end."""
    command = [sys.executable, "-c", LIFE, str(folder), RUN, str(Path(__file__).parent)]
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
    with child:
        try:
            assert child.stdout is not None and child.stdout.readline() == "there\n"
            yield child
        finally:
            child.kill()


def do(child: "subprocess.Popen[str]", line: str) -> None:
    assert child.stdin is not None and child.stdout is not None
    child.stdin.write(line + "\n")
    child.stdin.flush()
    assert child.stdout.readline() == "done\n"


def test_every_worker_sees_all_counts_as_soon_as_they_are_counted(tmp_path: Path) -> None:
    one, other = Worker(tmp_path), Worker(tmp_path)
    for number in range(1, 4):
        one.takes(1, 1)
        other.takes(2, 2)
        assert one.sees() == other.sees() == (3 * number, 3)


def test_a_killed_process_leaves_what_it_counted_to_the_last_call_and_holds_nothing(tmp_path: Path) -> None:
    one = Worker(tmp_path)
    for number in range(1, 4):
        with process(tmp_path) as child:
            do(child, "worker.takes(7, 3)")
            assert one.sees() == (7 * number, 3)
        assert one.sees() == (7 * number, 0)
    assert len(list((tmp_path / RUN).glob("*.counts"))) == 2  # each went on in the place of the one before


def test_who_takes_a_place_over_adds_to_what_others_count_for_it(tmp_path: Path) -> None:
    one = Worker(tmp_path)
    for number in range(1, 4):
        with process(tmp_path) as child:
            do(
                child,
                "from app.metrics.names import BUDGET; worker.tally.put(BUDGET, value=1); worker.tally.put(BUDGET, value=4)",
            )
        _, dead = one.shelf.others()
        assert value(state_of(dead[0]), BUDGET.name) == 4 * number


def test_gauges_of_the_one_before_are_gone_when_its_place_is_taken(tmp_path: Path) -> None:
    one = Worker(tmp_path)
    with process(tmp_path) as child:
        do(child, "from app.metrics.names import CIRCUIT; worker.tally.show(CIRCUIT, {('gpt', 'openai'): 2})")
    next_one = Worker(tmp_path)
    next_one.tally.show(CIRCUIT, {("claude", "anthropic"): 1})
    alive, dead = one.shelf.others()
    seen = merged([state_of(alive[0])])
    assert (len(alive), dead, seen.series[CIRCUIT.name]) == (1, [], [(("claude", "anthropic"), [1])])


def test_what_was_counted_before_there_was_a_place_moves_along(tmp_path: Path) -> None:
    with process(tmp_path) as child:
        do(child, "worker.takes(5)")
    tally, shelf = Tally(), Shelf(tmp_path, RUN)
    tally.add(REQUESTS, *CALL, amount=2)
    tally.put(RELOADS, value=1)
    tally.move(shelf.open())
    tally.add(REQUESTS, *CALL)
    assert (calls(tally.state()), value(tally.state(), RELOADS.name)) == (8, 1)


def test_a_run_that_is_over_is_cleared_away_and_one_that_lives_is_not(tmp_path: Path) -> None:
    for ended in ("1999999999-1", f"{os.getpid()}-1"):  # no process has this id; this one's, in an earlier life
        Worker(tmp_path, ended).takes(100).shelf.close()
    starting = tmp_path / run_of(os.getppid())
    starting.mkdir()
    beside = Worker(tmp_path, "1999999998-1").takes(100)
    one = Worker(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {RUN, starting.name, "1999999998-1"}
    assert one.sees() == (0, 0) and beside.sees() == (100, 0)


def test_a_worker_whose_file_was_tidied_away_goes_on_in_another(tmp_path: Path) -> None:
    one, other = Worker(tmp_path).takes(1), Worker(tmp_path).takes(4)
    assert one.shelf.kept() and other.shelf.kept()
    for path in (tmp_path / RUN).iterdir():
        path.unlink()
    (tmp_path / RUN).rmdir()
    for worker in (one, other):
        assert not worker.shelf.kept()
        worker.tally.move(worker.shelf.open())
        assert worker.shelf.kept()
    assert one.takes(1).sees() == other.sees() == (6, 0)


def test_a_file_of_another_kind_is_left_alone_and_left_out(tmp_path: Path) -> None:
    (tmp_path / RUN).mkdir()
    foreign = tmp_path / RUN / "0.counts"
    foreign.write_bytes(b"\xff" * (1 << 18))
    one, other = Worker(tmp_path).takes(1), Worker(tmp_path).takes(2)
    assert one.sees() == other.sees() == (3, 0)
    assert foreign.read_bytes() == b"\xff" * (1 << 18)


def test_the_folder_in_memory_is_used_only_if_it_is_ours_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "home"
    monkeypatch.setattr(shelves, "MEMORY", tmp_path / "missing")
    assert folder_of(home) == home / "run" / "metrics"
    monkeypatch.setattr(shelves, "MEMORY", tmp_path)
    ours = folder_of(home)
    assert ours.parent == tmp_path and stat.S_IMODE(ours.stat().st_mode) == 0o700
    ours.chmod(0o770)
    assert folder_of(home) == home / "run" / "metrics"
    ours.rmdir()
    ours.symlink_to(tmp_path)
    assert folder_of(home) == home / "run" / "metrics"


def test_nothing_is_left_of_a_run_that_was_cleared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shelves, "MEMORY", tmp_path)
    folder = folder_of(tmp_path / "home")
    Worker(folder).takes(1).shelf.close()
    clear(tmp_path / "home")
    assert list(folder.iterdir()) == []


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
