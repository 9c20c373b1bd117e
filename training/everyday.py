"""Everyday prompts, so that the first stage knows talk from tests: those of `bench/prompts.jsonl` that no short answer settles. They have
no scores; hand-set words say how hard they are. No benchmark's item may enter.
"""

from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

PROMPTS: Final = Path(__file__).parents[1] / "bench" / "prompts.jsonl"
TESTED: Final = frozenset({"maths", "reasoning"})
"""Kinds that the trained tasks speak for, but for what asks to argue."""
ARGUE: Final = ("prove", "show that", "derive", "explain", "design", "analyse", "justify", "discuss")


class _Line(Struct):
    kind: str
    prompt: str


def everyday_prompts() -> list[str]:
    """In the file's order."""
    lines = [msgspec.json.decode(line, type=_Line) for line in PROMPTS.read_bytes().splitlines() if line.strip()]
    return [line.prompt for line in lines if line.kind not in TESTED or _argues(line.prompt)]


def _argues(prompt: str) -> bool:
    asked = prompt.lower()
    return any(word in asked for word in ARGUE)
