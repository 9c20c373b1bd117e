"""Features of the answer: usage, how it ended, refusals, overflows, streams."""

from cells import ERROR, Cell, Ended, Exchange, feature

from judges.said import Counts, Overflow, Said
from support import Answer

COUNTS = Counts(input=100, output=30, cached=40, reasoning=12)
SORRY = "I cannot help with that."


@feature("usage")
def usage(cell: Cell) -> None:
    """Tokens by the face's own convention, cached and reasoning ones told apart."""
    exchange = cell.tell(cell.ask(), said=Said(counts=COUNTS))
    cell.shows(exchange.shown.counts == COUNTS, exchange, f"the usage is {exchange.shown.counts}")


@feature("stream-usage")
def stream_usage(cell: Cell) -> None:
    """The same, streamed; chat's callers ask for it."""
    fields = {"stream_options": {"include_usage": True}} if cell.face == "chat" else {}
    exchange = cell.tell(cell.ask(), said=Said(counts=COUNTS), fields=fields, stream=True)
    cell.shows(exchange.shown.counts == COUNTS, exchange, f"the usage is {exchange.shown.counts}")


@feature("stream-text")
def stream_text(cell: Cell) -> None:
    """A text in pieces of one character, bytes cut anywhere."""
    said = Said(text="caf\u00e9 \u2603 \u2028 \U0001f600", piece=1, stride=7)
    exchange = cell.tell(cell.ask(), said=said, stream=True)
    cell.shows(exchange.shown.text == said.text, exchange, f"the text is {exchange.shown.text!r}")
    cell.shows(exchange.shown.finish == "stop", exchange, f"it ended by {exchange.shown.finish}")


def _cut(cell: Cell, exchange: Exchange) -> None:
    cell.shows(exchange.shown.text == "Hello from upstream.", exchange, f"the text is {exchange.shown.text!r}")
    cell.shows(exchange.shown.finish == "length", exchange, f"it ended by {exchange.shown.finish}")


@feature("finish-length")
def finish_length(cell: Cell) -> None:
    """An answer cut by its limit says so."""
    _cut(cell, cell.tell(cell.ask(), said=Said(finish="length")))


@feature("stream-length")
def stream_length(cell: Cell) -> None:
    """The same, streamed."""
    _cut(cell, cell.tell(cell.ask(), said=Said(finish="length"), stream=True))


@feature("refusal")
def refusal(cell: Cell) -> None:
    """A model that declines is shown as declining: in the place for refusals, or by how it ended."""
    _declined(cell, cell.tell(cell.ask(), said=Said(refusal=SORRY)))


@feature("stream-refusal")
def stream_refusal(cell: Cell) -> None:
    """The same, streamed."""
    _declined(cell, cell.tell(cell.ask(), said=Said(refusal=SORRY), stream=True))


def _declined(cell: Cell, exchange: Exchange) -> None:
    shown = exchange.shown
    told = bool(shown.refusal) or shown.finish == "content_filter" or shown.text == SORRY
    cell.shows(told, exchange, "it looks like an answer")


@feature("safety-block")
def safety_block(cell: Cell) -> None:
    """A provider that answers nothing at all for safety's sake: an empty answer that ended by the filter."""
    exchange = cell.tell(cell.ask(), said=Said(blocked=True))
    cell.shows(exchange.shown.finish == "content_filter", exchange, f"it ended by {exchange.shown.finish}")


@feature("context-overflow")
def context_overflow(cell: Cell) -> None:
    """A prompt that is too long is told in the face's own words, with the provider's numbers, so that clients compact."""
    answer = cell.send(cell.ask(), said=Said(failure=Overflow(200_123, 128_000)))
    if not _tells_overflow(cell.face, answer):
        raise Ended(ERROR, f"{answer.status}: {answer.body.decode()[:400]}")


def _tells_overflow(face: str, answer: Answer) -> bool:
    error = answer.json().get("error", {})
    message = error.get("message", "")
    if face == "messages":
        worded = "prompt is too long: 200123 tokens > 128000 maximum" in message and error.get("type") == "invalid_request_error"
        return answer.status == 400 and worded
    words = ("maximum context length is 128000 tokens", "200123 tokens")
    return answer.status == 400 and error.get("code") == "context_length_exceeded" and all(word in message for word in words)
