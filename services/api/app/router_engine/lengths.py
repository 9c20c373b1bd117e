"""How long an answer gets beside what the prompt's words say: thoughts before it, a schema around it, calls in place of it. Estimates set
by hand from providers' own figures for their efforts; no model's name and no price may enter.
"""

import math
from typing import Final

from ..domain.request import ChatRequest, Effort, Thinking, Wishes
from .quality.lexical import OUTPUT_BOUNDS

THOUGHTS: Final = (100.0, 4_000.0)
"""Tokens of thought that the easiest and the hardest prompt take at medium effort; in between they grow by the same factor each step."""
TYPICAL_THOUGHTS: Final = math.sqrt(THOUGHTS[0] * THOUGHTS[1])
"""Of a prompt of middling difficulty."""
EFFORTS: Final[dict[Effort, float]] = {
    "none": 0.0, "minimal": 0.1, "low": 0.4, "medium": 1.0, "high": 2.0, "xhigh": 3.0, "max": 4.0,
}  # fmt: skip
"""Thoughts at an effort, beside those at medium."""
MEDIUM: Final[Effort] = "medium"
ASKED_ONLY: Final = frozenset({"anthropic", "mistral"})
"""Dialects whose models think only when asked to."""
CALL_TOKENS: Final = 100.0
"""A call of a tool with its arguments."""
SCHEMA_SHARE: Final = (0.4, 4.0)
"""Tokens of an answer beside those of the schema that it fills: at least its names, at most lists of some length."""


def effort_of(thinking: Thinking | None) -> tuple[Effort | None, int | None]:
    """`(effort, budget in tokens)` that a request asks for; None = it says nothing, and each model does as it is used to."""
    if thinking is None:
        return None, None
    return thinking.effort or MEDIUM, thinking.budget


def thoughts(difficulty: float, wishes: Wishes) -> float:
    """Tokens of thought before the answer, of a model that thinks."""
    least, most = THOUGHTS
    tokens = least * math.pow(most / least, difficulty) * EFFORTS[wishes.effort or MEDIUM]
    return tokens if wishes.budget is None else min(tokens, wishes.budget)


def thinks_unasked(capabilities: frozenset[str], dialect: str) -> bool:
    """Whether a model thinks where a request says nothing of it."""
    return "reasoning" in capabilities and dialect not in ASKED_ONLY


def in_its_form(tokens: float, request: ChatRequest) -> float:
    """The expected tokens of an answer, given those that the prompt's words let expect: bounded by a schema, shorter where calls are."""
    form = request.format
    if form is not None and form.kind == "json_schema":
        least, most = (len(bytes(form.schema)) / 4 * share for share in SCHEMA_SHARE)
        return min(max(tokens, least, OUTPUT_BOUNDS[0]), max(most, OUTPUT_BOUNDS[0]), OUTPUT_BOUNDS[1])
    choice = request.tool_choice.mode if request.tool_choice is not None else "auto"
    if not request.tools or choice == "none":
        return tokens
    return CALL_TOKENS if choice == "required" else math.sqrt(tokens * CALL_TOKENS)
