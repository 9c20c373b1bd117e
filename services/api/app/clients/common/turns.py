"""A conversation for dialects with one system prompt beside alternating turns (Anthropic, Gemini). Values in, values out."""

from collections.abc import Sequence

from msgspec import Struct

from ...domain.request import Called, ChatRequest, Foreign, Message, Part, Text
from ...errors import CallerError, UnsupportedFeature

# what asks for JSON where the dialect has no field for it
JSON_WISH = "Answer with one JSON object and nothing else: no prose, no code fence."
PREFILL = "prefill"
"""The name under which callers are told that an answer of their own beginning was not gone on with."""
_INSTRUCTIONS = frozenset({"system", "developer"})
_OPENING = Text("Hello.")
_GO_ON = Text("Continue.")


class Turn(Struct):
    """What one side says, in one or more parts, none of them a blank text. The tools' results are the user's side."""

    assistant: bool
    parts: list[Part]


def conversation(request: ChatRequest) -> tuple[list[Text], list[Turn]]:
    """The leading instructions, and the turns with neighbours of one side merged. At least one turn, the first the user's.

    A later instruction becomes a marked text of the user, since there is no other place for it. Instructions alone are
    the user's turn. Where the assistant speaks first, the user is made to greet it. Raises UnsupportedFeature for parts of
    another dialect, CallerError when nothing is said at all.
    """
    system: list[Text] = []
    turns: list[Turn] = []
    for message in request.messages:
        if message.role not in _INSTRUCTIONS:
            _add(turns, message.role == "assistant", parts_of(message))
            continue
        texts = _texts_of(message)
        if turns:
            _add(turns, False, [Text(f"[system] {text.text}", text.marker) for text in texts])
        else:
            system += texts
    if not turns:
        _add(turns, False, system)
        system = []
    if not turns:
        raise CallerError("messages: there is no text in them", param="messages")
    if turns[0].assistant:
        turns.insert(0, Turn(False, [_OPENING]))
    return system, turns


def is_prefilled(turns: Sequence[Turn]) -> bool:
    """Whether the last word is the assistant's: the caller wishes the answer to go on from there."""
    last = turns[-1]
    return last.assistant and not any(isinstance(part, Called) for part in last.parts)


def asked_to_go_on(turns: list[Turn]) -> None:
    """Give the user the last word, for models that refuse a conversation that ends with the assistant's."""
    turns.append(Turn(False, [_GO_ON]))


def parts_of(message: Message) -> list[Part]:
    """The parts of a message, without blank texts (providers refuse them). Raises UnsupportedFeature for foreign ones."""
    for part in message.parts:
        if isinstance(part, Foreign):
            raise UnsupportedFeature(f"a part of type {part.kind} cannot be carried to this model", param="messages")
    return [part for part in message.parts if not isinstance(part, Text) or part.text.strip()]


def _texts_of(message: Message) -> list[Text]:
    texts: list[Text] = []
    for part in parts_of(message):
        if not isinstance(part, Text):
            raise UnsupportedFeature("a system message can hold nothing but text for this model", param="messages")
        texts.append(part)
    return texts


def _add(turns: list[Turn], assistant: bool, parts: Sequence[Part]) -> None:
    if not parts:
        return
    if turns and turns[-1].assistant == assistant:
        turns[-1].parts += parts
    else:
        turns.append(Turn(assistant, list(parts)))
