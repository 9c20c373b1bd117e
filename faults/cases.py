"""The cases as written down in faults/cases.yaml, and what became of them. Runs nothing."""

from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import yaml
from msgspec import Struct

FACES = {"chat": "openai", "messages": "anthropic"}
"""The faces that plays go through, with the dialect of the provider behind each."""
GROUPS = {
    "A": "Providers: statuses and heads",
    "B": "Providers: bodies and streams",
    "C": "Providers: times and connections",
    "D": "Callers: transport",
    "E": "Callers: content and credentials",
    "F": "Storage",
    "G": "Configuration",
    "H": "Process",
}


class Play(Struct, frozen=True, forbid_unknown_fields=True):
    """One fault of the toxic upstream, met through both faces, whole and streamed, alone and with a sound model behind it.

    `fault` is its name there (`port NAME` for a port that fails before any request). An outcome is "answered", a status with
    our error code, or "cut CODE": an answer that had begun ends in one error event. `stream` and `behind_stream` are the
    streamed outcomes where they differ; `asked` bounds how often the toxic provider is asked (`2` or `1-3`). `brisk` plays meet
    a service with timeouts of about a second. `keys` is how many keys the provider has, `usage` the record's usage_source, `text` what the
    answer holds ("same": the sound model's whole text). Plays marked `short` are part of the short run.
    """

    fault: str
    alone: str
    stream: str = ""
    behind: str = "answered"
    behind_stream: str = ""
    asked: str = "1"
    forms: tuple[str, ...] = ("whole", "stream")
    faces: tuple[str, ...] = tuple(FACES)
    brisk: bool = False
    keys: int = 1
    usage: str = ""
    text: str = ""
    short: bool = False

    def expected(self, face: str, form: str, situation: str) -> str:
        """The outcome of one call. Anthropic's callers are told an overload as 529."""
        told = self._told(form, situation)
        return told.replace("503 ", "529 ") if face == "messages" else told

    def _told(self, form: str, situation: str) -> str:
        if situation == "alone":
            return (self.stream or self.alone) if form == "stream" else self.alone
        streamed = self.behind_stream or (self.stream if self.stream.startswith("cut") else self.behind)
        return streamed if form == "stream" else self.behind

    @property
    def bounds(self) -> tuple[int, int]:
        """How often at least and at most."""
        least, _, most = self.asked.partition("-")
        return int(least), int(most or least)


class Case(Struct, frozen=True, forbid_unknown_fields=True):
    """One case of the catalogue: what is due, how it is brought about, and what is run to see it.

    `tests` are tests of tests/ by file and name, `short` the share of them that the short run takes; `scenarios` name functions
    of scenarios*.py. `note` says where the case ends or how plain uvicorn differs.
    """

    due: str
    by: str
    plays: tuple[Play, ...] = ()
    scenarios: tuple[str, ...] = ()
    tests: tuple[str, ...] = ()
    short: tuple[str, ...] = ()
    note: str = ""


@dataclass
class Seen:
    """What a run saw of one case: what is wrong, and what was measured on the way, which decides nothing."""

    name: str
    times: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    @property
    def verdict(self) -> str:
        """pass or FAIL."""
        return "FAIL" if self.faults else "pass"


def load(path: Path) -> tuple[dict[str, Case], dict[str, str]]:
    """The cases in their order, and what is later, with the reason. Raises msgspec.ValidationError."""
    raw = yaml.safe_load(path.read_text())
    later = msgspec.convert(raw.pop("later"), dict[str, str])
    return msgspec.convert(raw, dict[str, Case]), later
