"""Features of thoughts: told, signed, given back, left out."""

from typing import Any

from calling import WEATHER
from cells import Cell, Exchange, feature
from shown import Item
from turns import Echo, Results

from judges.said import Said, SaidCall

THOUGHT = "The user asks for the weather, so a call is due."
PROVEN = Said(thought=THOUGHT, signed=True, calls=(SaidCall("get_weather", {"city": "Paris"}, signed=True),))


def _wanted(cell: Cell) -> Item:
    """How a caller of this face asks to be told the thoughts; chat has no words for it."""
    wishes: dict[str, Item] = {
        "responses": {"reasoning": {"summary": "auto"}, "include": ["reasoning.encrypted_content"]},
        "messages": {"max_tokens": 4096, "thinking": {"type": "adaptive", "display": "summarized"}},
    }
    return wishes.get(cell.face, {})


def _told(cell: Cell, **how: Any) -> Exchange:
    exchange = cell.tell(cell.ask(), model="thinking", fields=_wanted(cell), said=Said(thought=THOUGHT, signed=True), **how)
    cell.shows(exchange.shown.thoughts == THOUGHT, exchange, f"the thoughts are {exchange.shown.thoughts!r}")
    cell.shows(exchange.shown.text == "Hello from upstream.", exchange, f"the text is {exchange.shown.text!r}")
    return exchange


@feature("thinking-shown", "thinking", "reasoning")
def thinking_shown(cell: Cell) -> None:
    """What the model thought is told where the face tells thoughts, and was asked for where it must be."""
    exchange = _told(cell)
    if _wanted(cell) and cell.wire in ("anthropic", "gemini"):
        cell.arrives(exchange.wish.thoughts_wanted, exchange, "thinking")


@feature("stream-thinking", "thinking", "reasoning")
def stream_thinking(cell: Cell) -> None:
    """The same, streamed."""
    _told(cell, stream=True)


def _second_turn(cell: Cell, signer: str) -> Exchange:
    """A first turn with a proven call by `signer`, a second one by this cell's wire."""
    asked = cell.ask()
    first = cell.tell(asked, model="thinking", fields=_wanted(cell), tools=[WEATHER], said=PROVEN, wire=signer)
    cell.shows(len(first.shown.calls) == 1, first, "no call")
    results = Results(((first.shown.calls[0][0], "sunny"),))
    return cell.tell(asked, Echo(first.shown.echo), results, model="thinking", fields=_wanted(cell), tools=[WEATHER])


@feature("signature-kept", "thinking")
def signature_kept(cell: Cell) -> None:
    """The provider gets back what it signed: the proof of its thought or of its call."""
    second = _second_turn(cell, cell.wire)
    cell.arrives(len(second.wish.signatures) == 1, second, "thinking")
    cell.arrives([result.text for result in second.wish.results] == ["sunny"], second)


@feature("signature-of-another-model", "thinking")
def signature_of_another_model(cell: Cell) -> None:
    """Another provider gets the conversation without the proof, and without the thought as if it were text."""
    second = _second_turn(cell, "gemini" if cell.wire == "anthropic" else "anthropic")
    cell.arrives(not second.wish.signatures and THOUGHT not in second.sent, second)
    cell.arrives([result.text for result in second.wish.results] == ["sunny"], second)
    cell.arrives(False, second, "thinking")
