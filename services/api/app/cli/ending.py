"""How every command ends: by its status, quietly after Ctrl-C (130) and when nobody reads any more (141), as a shell's own tools do.

No command and no option.
"""

import os
import sys
from collections.abc import Iterable
from io import TextIOWrapper
from pathlib import Path
from typing import Any, Final, TextIO

import typer
from typer.core import TyperGroup

from .terminal import say

STOPPED: Final = 130
UNREAD: Final = 141


class WrongUse(Exception):
    """The command cannot be done as it was asked; the message says why. Status 2."""


class QuietGroup(TyperGroup):
    """A group of commands of which none ends with a traceback for what its user did."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command that was named."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            raise typer.Exit(STOPPED) from None
        except WrongUse as error:
            say(error)
            raise typer.Exit(2) from None
        except BrokenPipeError:
            raise typer.Exit(UNREAD) from None


def run(app: typer.Typer) -> None:
    """Run the command line and end the process."""
    _hold_streams()
    streams = (sys.stdout, sys.stderr)  # typer puts others in their place when nobody reads
    for stream in streams:
        # a name that the terminal's encoding does not have is no reason to fail
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        app(prog_name="llm-router")
    except SystemExit as end:
        sys.exit(UNREAD if _unread(streams) else end.code)
    except KeyboardInterrupt:
        _unread(streams)
        sys.exit(STOPPED)


def _hold_streams() -> None:
    """What was closed before the start takes and gives nothing from now on; in this order, so that each gets its own descriptor."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115 - until the process ends


def _unread(streams: Iterable[TextIO]) -> bool:
    """Write out what waits; whether nobody reads it. Afterwards the interpreter finds nothing to complain about at its exit."""
    gone = False
    for stream in streams:
        try:
            stream.flush()
        except BrokenPipeError:
            gone = True
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, stream.fileno())
            os.close(nowhere)
    return gone
