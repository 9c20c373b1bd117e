"""What moves on standard error while something takes long, when somebody looks. Nothing at all in a pipe."""

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from .terminal import console, is_watched

PATIENCE: Final = 0.5
"""Seconds before anything is shown: what is over sooner leaves no flicker."""


@contextmanager
def waiting(what: str) -> Iterator[Callable[[], None]]:
    """A sign of life while the end is not known; what it yields takes the sign away, for good."""
    if not is_watched(sys.stderr):
        yield lambda: None
        return
    over = threading.Event()
    gone = threading.Thread(target=_turn, args=(what, over), daemon=True)
    gone.start()

    def end() -> None:
        over.set()
        gone.join()

    try:
        yield end
    finally:
        end()


def _turn(what: str, over: threading.Event) -> None:
    if over.wait(PATIENCE):
        return
    with console(stderr=True).status(what):
        over.wait()


@contextmanager
def bar(what: str, total: int | None) -> Iterator[Callable[[int], None]]:
    """A bar towards `total` (None = unknown); what it yields is told of each step's size. It vanishes at its end."""
    if not is_watched(sys.stderr):
        yield lambda _size: None
        return
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn  # noqa: PLC0415 - as above

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console(stderr=True), transient=True) as shown:
        task = shown.add_task(what, total=total)
        yield lambda size: shown.advance(task, size)
