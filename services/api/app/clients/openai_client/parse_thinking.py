"""From the ways in which callers of OpenAI's dialect say how much to think, to one wish. Nothing else of a body."""

from typing import Any, Final

from ...domain.request import EFFORTS, Effort, Thinking

THINKING_FIELDS: Final[tuple[str, ...]] = ("reasoning_effort", "reasoning", "thinking")


def thinking_of(tree: dict[str, Any]) -> tuple[Thinking | None, tuple[str, ...]]:
    """(the wish, the fields that were understood): OpenAI's `reasoning_effort`, OpenRouter's `reasoning` (effort, max_tokens,
    exclude, enabled), and Anthropic's `thinking` (type, budget_tokens) as clients write it in chat bodies.

    What is said first wins. A field of another shape is a host's own and not understood.
    """
    wish: Thinking | None = None
    understood = []
    for field in THINKING_FIELDS:
        told = tree.get(field)
        found = None if told is None else _READ[field](told)
        if found is not None:
            wish = wish or found
            understood.append(field)
    return wish, tuple(understood)


def _effort(word: Any) -> Effort | None:
    for effort in EFFORTS:
        if word == effort:
            return effort
    return None


def _count(number: Any) -> int | None:
    return number if type(number) is int and 0 <= number < 2**31 else None


def _from_word(told: Any) -> Thinking | None:
    effort = _effort(told)
    return None if effort is None else Thinking(effort)


def _from_openrouter(told: Any) -> Thinking | None:
    if not isinstance(told, dict) or not told.keys() & {"effort", "max_tokens", "exclude", "enabled"}:
        return None
    exclude = told.get("exclude")
    effort = "none" if told.get("enabled") is False else _effort(told.get("effort"))
    return Thinking(effort, _count(told.get("max_tokens")), None if type(exclude) is not bool else not exclude)


def _from_anthropic(told: Any) -> Thinking | None:
    kind = told.get("type") if isinstance(told, dict) else None
    if kind == "disabled":
        return Thinking("none")
    return Thinking(budget=_count(told.get("budget_tokens"))) if kind in ("enabled", "adaptive") else None


_READ: Final = {"reasoning_effort": _from_word, "reasoning": _from_openrouter, "thinking": _from_anthropic}
