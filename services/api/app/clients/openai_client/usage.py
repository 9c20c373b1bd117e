"""Usage in OpenAI's words, in both directions. Counts only: nothing of an answer's content may enter."""

from typing import Any

from ...domain.answer import Usage
from ..common import said


def usage_of(usage: Any) -> Usage | None:
    """Usage with every count checked: one that is negative, fractional, text or absurd makes the whole unusable (None).

    Beside OpenAI's own fields: `prompt_cache_hit_tokens` (DeepSeek's api-docs, "Context Caching") and hosts whose
    `completion_tokens` leave the reasoning out, which their `total_tokens` shows (xAI's docs, "Reasoning").
    """
    if not isinstance(usage, dict):
        return None
    asked, told = _details(usage, "prompt_tokens_details"), _details(usage, "completion_tokens_details")
    cached = asked.get("cached_tokens")
    if cached is None:
        cached = usage.get("prompt_cache_hit_tokens")
    counts = [
        0 if count is None else count
        for count in (
            usage.get("prompt_tokens"),
            usage.get("completion_tokens"),
            cached,
            asked.get("cache_write_tokens"),
            told.get("reasoning_tokens"),
        )
    ]
    if not all(type(count) is int and 0 <= count < said.MOST_TOKENS for count in counts):
        return None
    total_in, total_out, cached, written, reasoning = counts
    if reasoning and usage.get("total_tokens") == total_in + total_out + reasoning:
        total_out += reasoning
    return said.usage_of(total_in, total_out, cached=cached, written=written, reasoning=reasoning)


def _details(usage: dict[str, Any], name: str) -> dict[str, Any]:
    details = usage.get(name)
    return details if isinstance(details, dict) else {}


def usage_body(usage: Usage) -> dict[str, Any]:
    """Usage as a body tells it: prompt tokens include cached ones, completion tokens include reasoning."""
    asked = {"cached_tokens": usage.cached_tokens}
    if usage.cache_write_tokens:
        asked["cache_write_tokens"] = usage.cache_write_tokens
    return {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.input_tokens + usage.output_tokens,
        "prompt_tokens_details": asked,
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
    }
