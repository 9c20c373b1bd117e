"""The expected verdicts, the verdicts seen, and the page that shows them. Runs nothing."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from cells import ABSENT, STRENGTH
from turns import FACES

from judges.upstream import WIRES

SHOWN = {"pass": "pass", "dropped": "dropped", "refused": "refused", ABSENT: "-"}
HEAD = """# Conformance

Written by `make conformance`; a test compares it with a new run.

Every cell comes from calls that were made: a client of the face speaks to the running service, and a scripted provider that plays
the wire validates each request with the types of that provider's own SDK, looks for the feature in its dialect's own place, and
answers with a reply whose arrival in the face's shape is validated in the same way. The verdict that a cell must reach is written in
`conformance/expected.yaml`, from a map of the dialects' fields and apart from the code; a weaker one fails the run.

| verdict | meaning |
|---|---|
| pass | the wish arrives in the provider's own place, the reply in the face's own shape |
| dropped | the dialect or the model has no equivalent: the call is answered and `x-router-dropped` names the field |
| refused | a 400 that names the field |
| - | there is nothing to ask for: the face has no such field, or the wire's dialect no such reply |

Nothing is lost silently: a wish that neither arrives nor is reported fails the run.
"""


@dataclass(frozen=True)
class Result:
    """One cell, as seen; `why` tells what was seen where it is no pass."""

    face: str
    wire: str
    name: str
    verdict: str
    why: str


class Expected:
    """The verdicts written down; see the file for its form."""

    def __init__(self, path: Path) -> None:
        self._rows: dict[str, dict[str, Any]] = yaml.safe_load(path.read_text())

    @property
    def names(self) -> list[str]:
        """The rows, in their order."""
        return list(self._rows)

    def of(self, name: str, face: str, wire: str) -> str:
        """The verdict that this cell must reach."""
        row = self._rows[name]
        cells, faces, wires = (row.get(key, {}) for key in ("cells", "faces", "wires"))
        verdict: str = cells.get(f"{face}/{wire}") or faces.get(face) or wires.get(wire) or row["all"]
        return verdict

    def misses(self, result: Result) -> str:
        """What is wrong with a result: weaker than written, or stronger and not written down; "" = nothing."""
        expected = self.of(result.name, result.face, result.wire)
        if result.verdict == expected:
            return ""
        stronger = STRENGTH[result.verdict] > STRENGTH[expected]
        told = "stronger than expected: write it down" if stronger else " ".join(result.why.split())
        return f"{result.face} -> {result.wire}, {result.name}: {result.verdict} where {expected} is expected: {told}"


def page(expected: Expected, results: list[Result]) -> str:
    """docs/conformance.md."""
    seen = {(result.name, result.face, result.wire): result.verdict for result in results}
    parts = [HEAD]
    for face in FACES:
        parts += [f"\n## {TITLES[face]}\n", "| feature | " + " | ".join(WIRES) + " |", "|---" * (len(WIRES) + 1) + "|"]
        for name in expected.names:
            cells = [SHOWN.get(verdict := seen.get((name, face, wire), ABSENT), verdict) for wire in WIRES]
            if set(cells) != {SHOWN[ABSENT]}:
                parts.append(f"| {name.replace('-', ' ')} | " + " | ".join(cells) + " |")
    parts.append(f"\n{_summary(results)}")
    return "\n".join(parts) + "\n"


TITLES = {
    "query": "`POST /query`",
    "chat": "`POST /v1/chat/completions`",
    "responses": "`POST /v1/responses`",
    "messages": "`POST /v1/messages`",
}


def _summary(results: list[Result]) -> str:
    verdicts = [result.verdict for result in results]
    told = ", ".join(
        f"{verdicts.count(verdict)} {verdict}" for verdict in dict.fromkeys((*STRENGTH, *verdicts)) if verdict in verdicts
    )
    return f"{len(results)} cells: {told}."
