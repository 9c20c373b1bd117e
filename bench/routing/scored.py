"""The count of variants that were ever scored on the open rows of the scoreboard: each look at them makes the next a little less
honest, so the looks are written down and printed. A person adds the entry before the first run of a variant."""

from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

FILE: Final = Path(__file__).with_name("scored.json")


class Scored(Struct, frozen=True, forbid_unknown_fields=True):
    """One variant: its name, the protocol (`zero-shot`, `few-label`), the day it was first scored, one line of what it was."""

    name: str
    protocol: str
    date: str
    what: str


def scored(file: Path = FILE) -> list[Scored]:
    """All variants, in the order they were scored."""
    return msgspec.json.decode(file.read_bytes(), type=list[Scored])


def count_line(variants: list[Scored]) -> str:
    """The sentence that stands beside every figure on the open rows."""
    by = {kind: sum(one.protocol == kind for one in variants) for kind in ("zero-shot", "few-label")}
    return (
        f"Variants ever scored on these rows: {len(variants)} ({by['zero-shot']} zero-shot, {by['few-label']} few-label), "
        "listed in `bench/routing/scored.json`."
    )
