"""Features of what nobody knows yet, of what is kept, and of what was meant for somebody else."""

from cells import ERROR, REFUSED, Cell, Ended, feature
from shown import Item, Shown, whole
from streams import streamed
from turns import FACES, PATHS

from judges.said import Said
from support import eventually

NEWS = {"news": {"x": 1}}
FUTURE = {"field_of_the_future": {"x": 1}}
KNOWN = Said(knows=frozenset(FUTURE))
# a body by which each face is known
BODIES: dict[str, Item] = {
    "query": {"prompt": "Hello.", "mode": "fast"},
    "chat": {"messages": [{"role": "developer", "content": "Be brief."}, {"role": "user", "content": "Hello."}], "n": 1},
    "responses": {"input": "Hello.", "max_output_tokens": 9},
    "messages": {"messages": [{"role": "user", "content": "Hello."}], "max_tokens": 9, "stop_sequences": ["END"]},
}


def _asked(cell: Cell, stream: bool) -> None:
    exchange = cell.tell(cell.ask(), fields=FUTURE, said=KNOWN, stream=stream)
    cell.arrives('"field_of_the_future"' in exchange.sent, exchange, "field_of_the_future")


@feature("unknown-field", "field_of_the_future")
def unknown_field(cell: Cell) -> None:
    """A field that nobody knows yet travels where both sides speak one dialect."""
    _asked(cell, False)


@feature("stream-unknown-field", "field_of_the_future")
def stream_unknown_field(cell: Cell) -> None:
    """The same, for a stream."""
    _asked(cell, True)


def _told(cell: Cell, stream: bool) -> None:
    exchange = cell.tell(cell.ask(), said=Said(fields=NEWS), stream=stream)
    cell.shows(exchange.shown.fields.get("news") == {"x": 1}, exchange, "the provider's new field is gone")


@feature("unknown-field-of-the-reply")
def unknown_field_of_the_reply(cell: Cell) -> None:
    """What a provider adds to its reply reaches a caller of the same dialect."""
    _told(cell, False)


@feature("stream-unknown-field-of-the-reply")
def stream_unknown_field_of_the_reply(cell: Cell) -> None:
    """The same, streamed."""
    _told(cell, True)


def _kept(cell: Cell, stream: bool) -> Shown:
    """The second of two equal answers, which nobody was asked for."""
    fields: Item = {"cache": "use"} if cell.face == "query" else {"router": {"cache": "use"}}
    asked = cell.ask()
    first = cell.tell(asked, said=Said(fields=NEWS), fields=fields, stream=stream)

    def again() -> bool:
        nonlocal answer
        answer = cell.send(asked, fields=fields, stream=stream)
        return answer.headers.get("x-cache") == "hit"

    answer = first.answer
    eventually(again, 5)
    shown = streamed(cell.face, answer.events()) if stream else whole(cell.face, answer.body)
    if (shown.text, shown.finish) != (first.shown.text, first.shown.finish):
        raise Ended(ERROR, f"another answer from the cache: {answer.body.decode()[:400]}")
    return shown


@feature("cached")
def cached(cell: Cell) -> None:
    """The same question again is answered by the same words, in the face's own shape."""
    _kept(cell, False)


@feature("stream-cached")
def stream_cached(cell: Cell) -> None:
    """The same, streamed."""
    _kept(cell, True)


def _kept_news(cell: Cell, stream: bool) -> None:
    if _kept(cell, stream).fields.get("news") != {"x": 1}:
        raise Ended(ERROR, "the provider's new field is gone from the kept answer")


@feature("cached-unknown-field-of-the-reply")
def cached_unknown_field_of_the_reply(cell: Cell) -> None:
    """What a provider adds to its reply is kept with it."""
    _kept_news(cell, False)


@feature("stream-cached-unknown-field-of-the-reply")
def stream_cached_unknown_field_of_the_reply(cell: Cell) -> None:
    """The same, streamed."""
    _kept_news(cell, True)


@feature("body-of-another-face", "POST")
def body_of_another_face(cell: Cell) -> None:
    """A body sent to the wrong route is told the right one."""
    told = []
    for face in FACES:
        if face != cell.face:
            answer = cell.raw({**BODIES[face], "model": f"{cell.wire}_sampling"})
            message = answer.json().get("error", {}).get("message", "")
            right = answer.status == 400 and f"POST {PATHS[face]}" in message
            cell.stands(right, answer, f"{answer.status} to a body of {face}")
            told.append(message)
    raise Ended(REFUSED, "; ".join(told))
