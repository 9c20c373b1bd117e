"""How a wish to think is told to one of Anthropic's models: by effort, by budget, or not at all. Values in, values out.

Models differ in what they accept (`Target.thinking`, `Target.efforts`): the newest decide themselves how much to think
(`adaptive`) and are steered by an effort, older ones are given a budget (`enabled`).
"""

from typing import Final

from msgspec import Struct

from ...domain.request import ChatRequest, Effort, Reasoning, Thinking
from ...domain.target import Target
from ..common.seal import signed_by
from ..common.tools import nearest_effort
from .dialect import DIALECT, MIN_BUDGET

DEFAULT_MAX_TOKENS: Final = 4096
WORDS: Final[tuple[Effort, ...]] = ("low", "medium", "high", "xhigh", "max")
# tokens; each word about twice the one before, from the least budget that is accepted
_BUDGETS: Final[dict[Effort, int]] = {
    "minimal": MIN_BUDGET, "low": 2048, "medium": 8192, "high": 16_384, "xhigh": 32_768, "max": 49_152,
}  # fmt: skip
_EFFORT: Final = "reasoning_effort"


class Told(Struct, frozen=True):
    """What the body says: the fields `thinking` (None = absent), `output_config.effort` (None = absent) and `max_tokens`."""

    thinking: dict[str, str | int] | None
    effort: Effort | None
    max_tokens: int


def limit_of(asked: int | None, target: Target, reserve: int = 0) -> int:
    """The required limit: as asked, else a moderate default above what is thought; never above what the model can write."""
    limit = DEFAULT_MAX_TOKENS + reserve if asked is None else asked
    return limit if target.max_output is None else min(limit, target.max_output)


def thinks(target: Target) -> bool:
    """Whether the model can think, as far as we know."""
    return not target.known or "reasoning" in target.capabilities


def told(wish: Thinking, target: Target, asked: int | None, forced: bool, dropped: list[str]) -> Told:
    """The wish in this model's words. `forced` = a tool must be called or its results are unthought: then it cannot think."""
    if not thinks(target):
        if wish.effort != "none":
            dropped.append(_EFFORT)
        return Told(None, None, limit_of(asked, target))
    if wish.effort == "none":
        return _unthinking(target, asked, dropped)
    manual = by_budget(wish, target)
    effort = _effort(wish, target, manual, dropped)
    if forced:
        dropped.append("thinking")
        return Told(None, effort, limit_of(asked, target))
    if manual:
        return _budgeted(wish, target, asked, effort, dropped)
    if wish.budget is not None:
        dropped.append("thinking")
    thinking: dict[str, str | int] = {"type": "adaptive"}
    if wish.shown is not None:
        thinking["display"] = "summarized" if wish.shown else "omitted"
    return Told(thinking, effort, limit_of(asked, target, _BUDGETS[effort or "medium"]))


def by_budget(wish: Thinking, target: Target) -> bool:
    """Whether this model is told a budget."""
    if not target.thinking:
        return wish.budget is not None
    return "enabled" in target.thinking and (wish.budget is not None or "adaptive" not in target.thinking)


def unthought_loop(request: ChatRequest, target: Target) -> bool:
    """Whether results are given back to a turn whose thoughts this model does not know (those of another model, say).

    A model that is given a budget refuses to think on in such a turn.
    """
    messages = request.messages
    last = max((i for i, message in enumerate(messages) if message.role == "assistant"), default=-1)
    if last < 0 or not any(message.role == "tool" for message in messages[last:]):
        return False
    return not any(
        isinstance(part, Reasoning) and signed_by(part.signer, DIALECT, target.model_id) for part in messages[last].parts
    )


def _unthinking(target: Target, asked: int | None, dropped: list[str]) -> Told:
    """Not at all, or as little as a model does that always thinks."""
    if not target.thinking or "disabled" in target.thinking:
        return Told({"type": "disabled"}, None, limit_of(asked, target))
    dropped.append(_EFFORT)
    effort = nearest_effort("none", target.efforts) if target.efforts else None
    return Told(None, effort, limit_of(asked, target))


def _effort(wish: Thinking, target: Target, manual: bool, dropped: list[str]) -> Effort | None:
    """The word to tell; None for a model that takes none, or when none was wished."""
    if target.thinking and not target.efforts and "adaptive" not in target.thinking:
        return None
    accepted = target.efforts or WORDS
    if wish.effort is None:
        return None if manual or wish.budget is None else nearest_effort(_nearest_word(wish.budget), accepted)
    word = nearest_effort(wish.effort, accepted)
    if word != wish.effort:
        dropped.append(_EFFORT)
    return word


def _nearest_word(budget: int) -> Effort:
    return min(WORDS, key=lambda word: abs(_BUDGETS[word] - budget))


def _budgeted(wish: Thinking, target: Target, asked: int | None, effort: Effort | None, dropped: list[str]) -> Told:
    budget = wish.budget if wish.budget is not None else _BUDGETS[wish.effort or "medium"]
    limit = limit_of(asked, target, max(budget, MIN_BUDGET))
    if wish.budget is None:
        budget = min(budget, limit // 2)  # a budget of our own choice leaves room for the answer
    elif wish.effort not in (None, effort):
        dropped.append(_EFFORT)  # the budget says it more exactly
    budget = max(budget, MIN_BUDGET)
    if budget >= limit:
        limit = limit_of(budget + limit, target)
        budget = min(budget, limit - 1)
        if asked is not None:
            dropped.append("max_tokens")
    if budget < MIN_BUDGET:
        dropped.append("thinking")
        return Told(None, effort, limit)
    if wish.budget not in (None, budget):
        dropped.append("thinking")
    thinking: dict[str, str | int] = {"type": "enabled", "budget_tokens": budget}
    if wish.shown is not None:
        thinking["display"] = "summarized" if wish.shown else "omitted"
    return Told(thinking, effort, limit)
