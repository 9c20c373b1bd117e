"""What a well-formed answer says, gone wrong: usage, calls, several answers, unknown names, vectors. Framing is left alone."""

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

import msgspec

from ..domain.answer import Completion, Delta, ToolCall, Usage
from . import good
from .exchange import Exchange
from .fault import Fault, Play, altered, changed

_COUNT = re.compile(
    rb'("(?:prompt_tokens|completion_tokens|total_tokens|input_tokens|output_tokens'
    rb'|promptTokenCount|candidatesTokenCount|totalTokenCount)":)[0-9]+'
)
_NUMBER = re.compile(rb"-?[0-9]+\.[0-9eE+-]+")
_USAGE: Final = ("usage", "usageMetadata")
_FEW: Final = Usage(input_tokens=9, output_tokens=7)
_NAME: Final = "toxic_tool"


def counting(literal: bytes) -> Play:
    """Each count of the usage is this, whatever JSON says to it."""
    return changed(lambda data: _COUNT.sub(rb"\g<1>" + literal, data))


def rewritten(change: Callable[[dict[str, Any]], bool]) -> Play:
    """Each JSON object of the answer changed in place; False leaves an event out."""

    def body(data: bytes) -> bytes:
        tree = msgspec.json.decode(data)
        change(tree)
        return msgspec.json.encode(tree)

    def event(data: bytes) -> bytes:
        before, mark, text = data.partition(b"data: ")
        if not text.startswith(b"{"):
            return data
        tree = msgspec.json.decode(text)
        return before + mark + msgspec.json.encode(tree) + b"\n\n" if change(tree) else b""

    return altered(lambda said: filter(None, map(event, said.events)), body)


def without_usage(tree: dict[str, Any]) -> bool:
    """No usage anywhere; an event that held nothing else goes."""
    for place in (tree, tree.get("message")):
        for name in _USAGE:
            if isinstance(place, dict):
                place.pop(name, None)
    return tree.get("choices") != []


def null_usage(tree: dict[str, Any]) -> bool:
    """The usage is null."""
    for place in (tree, tree.get("message")):
        for name in _USAGE:
            if isinstance(place, dict) and name in place:
                place[name] = None
    return True


def unknown(tree: dict[str, Any]) -> bool:
    """Fields that no one has heard of, at every level that a reader looks at."""
    tree["x_toxic"] = {"deep": [1, None, {"a": "b"}]}
    for name in ("choices", "candidates", "content"):
        for one in tree[name] if isinstance(tree.get(name), list) else ():
            one["x_toxic"] = "unknown"
    return True


def told_twice(said: good.Stream) -> Iterable[bytes]:
    """The events with the usage twice, at first with other figures."""
    first = [_COUNT.sub(rb"\g<1>1", event) for event in said.finish]
    return (*said.content, *first, *said.finish, *said.terminator)


def with_strangers(said: good.Stream) -> Iterable[bytes]:
    """An event of an unknown type after each."""
    stranger = b'event: toxic.unknown\ndata: {"type":"toxic.unknown","choices":[]}\n\n'
    return [part for event in said.content for part in (event, stranger)] + [*said.finish, *said.terminator]


def calling(pieces: Sequence[str], index: int = 0) -> Play:
    """An answer that is a call whose arguments come in these pieces."""

    async def play(x: Exchange) -> None:
        if not x.asked.stream:
            call = ToolCall("call_toxic0", _NAME, "".join(pieces))
            answer = Completion(tool_calls=(call,), finish_reason="tool_calls", usage=_FEW, model_id=x.asked.model)
            await x.answer(200, good.rendered(x.asked, answer))
            return
        deltas = [Delta(tool_index=index, tool_id="call_toxic0", tool_name=_NAME)]
        deltas += [Delta(tool_index=index, tool_arguments=piece) for piece in pieces]
        await x.say(good.written(x.asked, [*deltas, Delta(finish_reason="tool_calls"), Delta(usage=_FEW)]).events)

    return play


def _choices(places: Sequence[int]) -> Play:
    """Answers to one prompt, a piece of each by turns, in this order of their numbers."""

    async def play(x: Exchange) -> None:
        if not x.asked.stream:
            others = tuple([Completion(text=f"Answer {i}.", finish_reason="stop") for i in range(len(places))])
            answer = Completion(text="Answer 0.", finish_reason="stop", usage=_FEW, model_id=x.asked.model, others=others[1:])
            await x.answer(200, good.rendered(x.asked, answer))
            return
        deltas = [Delta(text=f"{word}{i} ", choice=i) for word in ("Answer ", "number ") for i in places]
        deltas += [Delta(finish_reason="stop", choice=i) for i in places]
        await x.say(good.written(x.asked, [*deltas, Delta(usage=_FEW)]).events)

    return play


def embedded(change: Callable[[list[Any]], list[Any]]) -> Play:
    """The list of vectors changed; other answers are good ones."""

    async def play(x: Exchange) -> None:
        if x.asked.kind != "embeddings":
            await x.well()
            return
        tree = msgspec.json.decode(good.whole(x.asked))
        name = "embeddings" if "embeddings" in tree else "data"
        tree[name] = change(tree[name])
        await x.answer(200, msgspec.json.encode(tree))

    return play


def _shorter(rows: list[Any]) -> list[Any]:
    last = rows[-1]
    name = "values" if "values" in last else "embedding"
    return [*rows[:-1], {**last, name: last[name][:-1]}]


async def not_a_number(x: Exchange) -> None:
    """A vector that holds a NaN."""
    body = good.whole(x.asked)
    await x.answer(200, _NUMBER.sub(b"NaN", body, count=1) if x.asked.kind == "embeddings" else body)


FAULTS: Final = (
    Fault("no-usage", "no usage at all", ("B15",), rewritten(without_usage)),
    Fault("usage-null", "the usage is null", ("B15",), rewritten(null_usage)),
    Fault("usage-twice", "the finish and its usage twice, first with other figures", ("B15",), altered(told_twice, bytes)),
    Fault("usage-negative", "each count is -5", ("B16",), counting(b"-5")),
    Fault("usage-nan", "each count is NaN", ("B16",), counting(b"NaN")),
    Fault("usage-huge", "each count is 2^63", ("B16",), counting(b"9223372036854775808")),
    Fault("usage-float", "each count is 1.5", ("B16",), counting(b"1.5")),
    Fault("usage-string", 'each count is "12"', ("B16",), counting(b'"12"')),
    Fault("usage-over-max", "each count is a billion, more than anyone asked for", ("B16",), counting(b"1000000000")),
    Fault("tool-args-split", "a call whose arguments come letter by letter", ("B17",), calling(list('{"city": "Z\u00fcrich"}'))),
    Fault("tool-args-invalid", "a call whose arguments are no JSON", ("B17",), calling(['{"city": ', '"Zu'])),
    Fault("tool-index-gap", "a call whose number is 3, with none before it", ("B17",), calling(['{"city":', '"Bern"}'], 3)),
    Fault("choices-interleaved", "two answers, a piece of each by turns (OpenAI, Mistral)", ("B18",), _choices((0, 1))),
    Fault("choices-disordered", "three answers, the last first (OpenAI, Mistral)", ("B18",), _choices((2, 0, 1))),
    Fault("unknown-events", "events of an unknown type among the others", ("B19",), altered(with_strangers, bytes)),
    Fault("unknown-fields", "fields of unknown names everywhere", ("B19",), rewritten(unknown)),
    Fault("embeddings-count", "one vector too few", ("B24",), embedded(lambda rows: rows[:-1])),
    Fault("embeddings-dimension", "the last vector one number shorter", ("B24",), embedded(_shorter)),
    Fault("embeddings-nan", "a vector with a NaN", ("B24",), not_a_number),
)  # fmt: skip
