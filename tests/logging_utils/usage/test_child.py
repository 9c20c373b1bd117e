"""The projector's own promises: a fault is said once and overcome, and it ends with whoever started it."""

import sqlite3
import subprocess
import sys
from pathlib import Path

from app.logging_utils.usage.child import Steps
from app.logging_utils.usage.queries import projected
from app.logging_utils.usage.schema import NoProjection
from bench import journals
from logging_utils.lines import call, until

from .places import Place

RUN = "import sys; from app.logging_utils.usage.child import run; run(sys.argv[1], sys.argv[2])"


def started(place: Place) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-c", RUN, str(place.journal), str(place.usage)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE)


def count(place: Place) -> int:
    try:
        with place.asked() as db:
            return projected(db).calls
    except NoProjection:  # it is being made
        return 0


def test_a_fault_is_said_once_and_once_that_it_is_over() -> None:
    faults = iter([None, sqlite3.OperationalError("database or disk is full"), OSError(28, "No space left"), None, None])
    told: list[str] = []

    def step() -> None:
        fault = next(faults)
        if fault is not None:
            raise fault

    steps = Steps(step, told.append)
    for _ in range(5):
        steps()
    assert len(told) == 2 and "disk is full" in told[0] and "again" in told[1]


def test_it_reads_what_is_there_before_it_ends(tmp_path: Path) -> None:
    place = Place(tmp_path)
    place.write(call(1))
    process = started(place)
    until(lambda: count(place) == 1, 20)
    place.write(call(2))
    process.communicate(timeout=20)
    assert (process.returncode, count(place)) == (0, 2)


def test_a_disk_that_is_full_for_a_while_is_said_once_and_loses_nothing(tmp_path: Path) -> None:
    """The process may write no file longer than 200 kB; then it may."""
    place = Place(tmp_path)
    journals.write(place.journal, 3000, days=1)
    program = f"import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, -1)); {RUN}"
    process = subprocess.Popen(
        [sys.executable, "-c", program, str(place.journal), str(place.usage)],
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stderr is not None
    first = process.stderr.readline()
    assert b"cannot bring the usage projection up to date" in first, first
    subprocess.run(["prlimit", f"--pid={process.pid}", "--fsize=unlimited"], check=True)
    second = process.stderr.readline()
    assert b"up to date again" in second, second
    process.communicate(timeout=20)
    assert count(place) == 3000


def test_a_terminals_interrupt_is_not_meant_for_it(tmp_path: Path) -> None:
    place = Place(tmp_path)
    place.write(call(1))
    process = started(place)
    until(lambda: count(place) == 1, 20)
    process.send_signal(2)
    place.write(call(2))
    until(lambda: count(place) == 2, 20)
    process.terminate()
    process.communicate(timeout=20)
    assert process.returncode == 0


def test_two_of_them_take_turns_and_count_once(tmp_path: Path) -> None:
    place = Place(tmp_path)
    journals.write(place.journal, 300, days=1)
    both = [started(place), started(place)]
    until(lambda: count(place) == 300, 20)
    both[0].kill()
    both[0].communicate()
    journals.write(place.journal, 200, seed=2, days=1)
    until(lambda: count(place) == 500, 20)
    both[1].communicate(timeout=20)
