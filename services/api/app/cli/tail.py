"""`llm-router tail`: the calls of this machine's services, a line each, as they are written to the journal."""

import sys
import time
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec
from msgspec import Struct

from .configuration import here
from .following import Follower
from .progress import waiting
from .terminal import complain, console, is_watched, json_text, one_line, say

if TYPE_CHECKING:
    from rich.console import Console

POLL_SECONDS: Final = 0.2
NAME: Final = 24
"""Characters of a model's name."""
STYLES: Final = {"failed": "bold red", "abandoned": "yellow"}
HEAD: Final = (
    f"{'time':8}  {'outcome':9}  {'mode':8}  {'model':{NAME}}  {'latency':>8}  {'tokens':>11}  {'cost':>9}  cache  score  more"
)


class Only(Struct, frozen=True):
    """Which calls are wanted; None = whatever it is. `model` is a part of a name."""

    model: str | None = None
    mode: str | None = None
    outcome: str | None = None
    user: str | None = None

    def takes(self, call: "Call") -> bool:
        """Whether it is one of them."""
        return (
            (self.mode is None or call.mode == self.mode)
            and (self.outcome is None or call.outcome == self.outcome)
            and (self.user is None or call.user == self.user)
            and (self.model is None or any(self.model.lower() in name.lower() for name in call.names()))
        )


class Call(Struct, frozen=True):
    """As much of a record as a line shows."""

    kind: str
    at: str
    outcome: str
    asked: str
    id: str = ""
    decided: str | None = None
    served: str | None = None
    model_id: str | None = None
    mode: str | None = None
    status: int = 0
    error: str | None = None
    tokens_in: int = 0
    tokens_out: int = 0
    cost_usd: float | None = None
    latency_ms: float = 0.0
    cache: str = "off"
    score: float | None = None
    user: str | None = None
    mock: bool = False

    def names(self) -> list[str]:
        """Every name that the model of this call has."""
        return [name for name in (self.served, self.decided, self.asked, self.model_id) if name]


_decode = msgspec.json.Decoder(Call).decode


def read(line: bytes) -> Call | None:
    """The call of a line; None for lines of other kinds, and for what is torn or foreign."""
    try:
        call = _decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    return call if call.kind == "call" else None


def tail(only: Only, last: int, follow: bool, as_json: bool) -> int:
    """Show the last calls, then those that come, until Ctrl-C."""
    path = Path(here().snapshot.logging.per_call_path)
    if not path.exists():
        say(f"there is no journal at {path} yet{'; waiting for the first call' if follow else ''}")
    try:
        _tail(Follower(path), only, last, follow, _Printer(as_json))
    except BrokenPipeError:
        raise
    except OSError as error:
        return complain(f"{error.filename or path}: {error.strerror or error}")
    return 0


def _tail(follower: Follower, only: Only, last: int, follow: bool, printer: "_Printer") -> None:
    def wanted(line: bytes) -> bool:
        call = read(line)
        return call is not None and only.takes(call)

    with waiting("looking for the last calls"):
        first = follower.last(last, wanted)
    for line in first:
        printer.show(line)
    while follow:
        for line in follower.news():
            if wanted(line):
                printer.show(line)
        time.sleep(POLL_SECONDS)


class _Printer:
    """Lines of the journal as lines for people, or as they are."""

    def __init__(self, as_json: bool) -> None:
        self._as_json = as_json
        self._console: Console | None = None
        if not as_json and is_watched():
            self._console = console()
            self._console.print(HEAD, style="bold", soft_wrap=True)

    def show(self, line: bytes) -> None:
        """One call, at once."""
        call = read(line)
        if self._as_json or call is None:
            print(json_text(line), flush=True)
        elif self._console is not None:
            style = STYLES.get(call.outcome) or ("green" if call.cache == "hit" else "")
            self._console.print(told(call), style=style, soft_wrap=True)
        else:
            print(told(call))
            sys.stdout.flush()


def told(call: Call) -> str:
    """A call on one line, in columns."""
    name = one_line(call.served or call.decided or call.asked, NAME)
    tokens = f"{call.tokens_in}+{call.tokens_out}"
    cost = "unknown" if call.cost_usd is None else f"${call.cost_usd:.6f}"
    score = "" if call.score is None else f"{call.score:.2f}"
    more = [
        *([f"{call.status} {one_line(call.error, 60)}"] if call.error else []),
        *([f"user {one_line(call.user, 60)}"] if call.user else []),
        *(["mock"] if call.mock else []),
    ]
    return (
        f"{_clock(call.at):8}  {one_line(call.outcome, 9):9}  {one_line(call.mode or '-', 8):8}  {name:{NAME}}"
        f"  {call.latency_ms:>5.0f} ms  {tokens:>11}  {cost:>9}  {one_line(call.cache, 5):5}  {score:5}  {', '.join(more)}"
    ).rstrip()


def _clock(at: str) -> str:
    """This machine's time of day."""
    try:
        return f"{datetime.fromisoformat(at).astimezone():%H:%M:%S}"
    except (ValueError, OverflowError, OSError):
        return one_line(at, 8)
