"""A conversation for dialects with one system prompt beside alternating turns (Anthropic, Gemini). Values in, values out."""

from collections.abc import Sequence

from msgspec import Struct

from ...domain.request import ChatRequest, Message, Part, Text
from ...errors import CallerError, UnsupportedFeature

# what asks for JSON where the dialect has no field for it
JSON_WISH = "Answer with one JSON object and nothing else: no prose, no code fence."
_INSTRUCTIONS = frozenset({"system", "developer"})


class Turn(Struct):
    """What one side says, as one or more texts, none of them blank."""

    assistant: bool
    texts: list[str]


def conversation(request: ChatRequest) -> tuple[list[str], list[Turn]]:
    """The leading instructions, and the turns with neighbours of one side merged. At least one turn.

    A later instruction becomes a marked text of the user, since there is no other place for it. Instructions alone are
    the user's turn. Raises UnsupportedFeature for parts of another dialect, CallerError when there is no text at all.
    """
    system: list[str] = []
    turns: list[Turn] = []
    for message in request.messages:
        if message.role not in _INSTRUCTIONS:
            _add(turns, message.role == "assistant", texts_of(message))
        elif turns:
            _add(turns, False, [f"[system] {text}" for text in texts_of(message)])
        else:
            system += texts_of(message)
    if not turns:
        _add(turns, False, system)
        system = []
    if not turns:
        raise CallerError("messages: there is no text in them", param="messages")
    return system, turns


def texts_of(message: Message) -> list[str]:
    """The texts of a message that are not blank (providers refuse blank ones)."""
    if message.role == "tool":
        raise UnsupportedFeature("tool results cannot be carried to this model", param="messages")
    return [text for text in map(_text, message.parts) if text.strip()]


def _text(part: Part) -> str:
    if isinstance(part, Text):
        return part.text
    raise UnsupportedFeature(f"a part of type {part.kind} cannot be carried to this model", param="messages")


def _add(turns: list[Turn], assistant: bool, texts: Sequence[str]) -> None:
    if not texts:
        return
    if turns and turns[-1].assistant == assistant:
        turns[-1].texts += texts
    else:
        turns.append(Turn(assistant, list(texts)))
