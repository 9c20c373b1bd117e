"""Token counts estimated from text alone, for routing, budgets and limits; never for bills. No tokenizer may enter: none is
offline for every provider, and an exact count of a long prompt costs more than the whole rest of a decision.
"""

from collections.abc import Sequence

from ..domain.request import ChatRequest, Foreign, Media, Message, Part, Reasoning, Result, Text, Tool
from .pictures import picture_tokens

ASCII_TOKENS = 0.25
"""Tokens per ASCII character: within 10 % of OpenAI's o200k for English, code and JSON; of digits and base64 twice as many."""
WIDE_TOKENS = 0.72
"""Tokens per non-ASCII character of scripts that take 2.5 or more UTF-8 bytes each (Chinese, Japanese, Hindi, emoji)."""
NARROW_TOKENS = 0.25
"""Tokens per non-ASCII character of the other scripts (accented Latin, Cyrillic, Greek, Arabic)."""
MESSAGE_TOKENS = 4
"""What a turn costs beside its words: role and separators, about the same in every chat template."""
MEDIA_TOKENS = 1600
"""At most this much for a sound or file: providers charge by second or page, not by the bytes of its base64."""

_WIDE_BYTES = 2.5
_HIGH = bytes(range(128, 256))
_MEDIA = ("image", "input_image", "audio", "input_audio", "video", "file", "input_file", "document")


def estimate_tokens(text: str) -> int:
    """About how many tokens a model counts in `text`; 0 for nothing, else at least 1."""
    if text.isascii():
        return (len(text) + 3) // 4
    encoded = text.encode("utf-8", "surrogatepass")
    plain = len(encoded.translate(None, _HIGH))
    other = len(text) - plain
    wide = len(encoded) - plain >= _WIDE_BYTES * other
    return max(1, round(plain * ASCII_TOKENS + other * (WIDE_TOKENS if wide else NARROW_TOKENS)))


def estimate_request(request: ChatRequest) -> int:
    """About how many input tokens the whole conversation has, all turns and parts."""
    total = estimate_messages(request.messages)
    return total + sum([_estimate_tool(tool) for tool in request.tools]) if request.tools else total


def estimate_messages(messages: Sequence[Message]) -> int:
    """About how many input tokens these turns have, all their parts."""
    return sum([_estimate_message(message) for message in messages])


def _estimate_message(message: Message) -> int:
    total = MESSAGE_TOKENS
    for part in message.parts:
        total += estimate_tokens(part.text) if type(part) is Text else _estimate_part(part)
    return total


def _estimate_part(part: Part) -> int:
    if isinstance(part, Text):
        return estimate_tokens(part.text)
    if isinstance(part, Media):
        if part.kind == "image":
            return picture_tokens(part)[0]
        return min(estimate_tokens(part.data), MEDIA_TOKENS) if part.data else MEDIA_TOKENS
    if isinstance(part, Result):
        return MESSAGE_TOKENS + sum([_estimate_part(inner) for inner in part.parts])
    if isinstance(part, Reasoning):
        return estimate_tokens(part.text)
    if isinstance(part, Foreign):
        return _estimate_foreign(part)
    return MESSAGE_TOKENS + estimate_tokens(part.name) + estimate_tokens(part.arguments)


def _estimate_tool(tool: Tool) -> int:
    """A declaration: its words and its schema, whose punctuation the providers' own renderings mostly leave out."""
    told = len(tool.name) + len(tool.description) + len(bytes(tool.parameters)) // 2
    return MESSAGE_TOKENS + (told + 3) // 4


def _estimate_foreign(part: Foreign) -> int:
    tokens = (len(bytes(part.raw)) + 3) // 4
    return min(tokens, MEDIA_TOKENS) if part.kind.startswith(_MEDIA) else tokens
