"""Features of hosts that do what they should not: usage in odd places, calls without numbers and ids, answers that break off."""

from calling import TWO, WEATHER, called
from cells import Cell, feature
from replies import COUNTS
from turns import Echo, Results

from judges.said import Said, SaidCall
from support import Answer, Event

BOTH = [("get_weather", {"city": "Paris"}), ("get_weather", {"city": "Rome"})]


def _counted(cell: Cell, said: Said) -> None:
    fields = {"stream_options": {"include_usage": True}} if cell.face == "chat" else {}
    exchange = cell.tell(cell.ask(), said=said, fields=fields, stream=True)
    cell.shows(exchange.shown.counts == COUNTS, exchange, f"the usage is {exchange.shown.counts}")
    cell.shows(exchange.shown.text == said.text, exchange, f"the text is {exchange.shown.text!r}")


@feature("stream-usage-first")
def stream_usage_first(cell: Cell) -> None:
    """Usage with the first event alone; at Anthropic the prompt's."""
    _counted(cell, Said(counts=COUNTS, counted="first"))


@feature("stream-usage-last")
def stream_usage_last(cell: Cell) -> None:
    """Usage with the event that ends the answer."""
    _counted(cell, Said(counts=COUNTS, counted="last"))


@feature("stream-usage-after")
def stream_usage_after(cell: Cell) -> None:
    """Usage in an event of its own, after the answer."""
    _counted(cell, Said(counts=COUNTS, counted="after"))


@feature("stream-tools-crowded", "tools")
def stream_tools_crowded(cell: Cell) -> None:
    """All calls in one event, their numbers with gaps or all alike."""
    exchange = cell.tell(cell.ask(), tools=[WEATHER], said=Said(calls=TWO.calls, crowded=True), stream=True)
    cell.shows(called(exchange) == BOTH, exchange, f"other calls: {exchange.shown.calls}")
    cell.shows(exchange.shown.numbers in ([], [0, 1]), exchange, f"tool indexes {exchange.shown.numbers}")
    cell.shows(exchange.shown.finish == "tool_calls", exchange, f"it ended by {exchange.shown.finish}")


def _nameless(cell: Cell, stream: bool) -> None:
    """Two calls without ids get some, by which their results find them."""
    asked = cell.ask()
    first = cell.tell(asked, tools=[WEATHER], said=Said(calls=TWO.calls, nameless=True), stream=stream)
    cell.shows(called(first) == BOTH, first, f"other calls: {first.shown.calls}")
    ids = [call_id for call_id, _, _ in first.shown.calls]
    cell.shows(len(set(ids)) == 2 and all(ids), first, f"ids {ids}")
    if not stream:
        results = Results(((ids[0], "sunny"), (ids[1], "rainy")))
        second = cell.tell(asked, Echo(first.shown.echo), results, tools=[WEATHER])
        cell.arrives([result.text for result in second.wish.results] == ["sunny", "rainy"], second)


@feature("tool-calls-without-ids", "tools")
def tool_calls_without_ids(cell: Cell) -> None:
    """Some hosts give their calls no ids, which every caller needs."""
    _nameless(cell, False)


@feature("stream-tool-calls-without-ids", "tools")
def stream_tool_calls_without_ids(cell: Cell) -> None:
    """The same, streamed."""
    _nameless(cell, True)


def _broken(cell: Cell, said: Said) -> None:
    answer = cell.send(cell.ask(), said=said, stream=True, tools=[WEATHER])
    if answer.status == 502 and cell.face == "query" and said.calls:  # pieces of calls are not shown there
        cell.stands(_is_told(cell.face, answer, "truncated_answer"), answer, "another error")
        return
    events = [event for event in answer.events() if event.data]
    cell.stands(answer.status == 200 and bool(events), answer, f"{answer.status} with {len(events)} events")
    cell.stands(_is_failure(cell.face, events), answer, "it does not end as a failure does")


def _is_failure(face: str, events: list[Event]) -> bool:
    """Whether a stream ends with the face's own event of a failure, and with nothing of a good end."""
    last = events[-1]
    names = {event.name for event in events}
    if any(event.data == "[DONE]" for event in events):
        return False
    if face == "chat":
        return bool(last.json().get("error", {}).get("message"))
    if face == "responses":
        good = {"response.completed", "response.incomplete"} & names
        return last.name == "response.failed" and last.json()["response"]["status"] == "failed" and not good
    good = {"message_stop", "message_delta", "done"} & names
    return last.name == "error" and bool(last.json()["error"]["message"]) and not good


@feature("stream-error")
def stream_error(cell: Cell) -> None:
    """An error in the middle of a stream is told in the face's own way; no good end follows."""
    _broken(cell, Said(breaks="error"))


@feature("stream-cut")
def stream_cut(cell: Cell) -> None:
    """A stream that stops in its middle is a failure, not a short answer."""
    _broken(cell, Said(breaks="cut"))


@feature("stream-cut-in-a-call")
def stream_cut_in_a_call(cell: Cell) -> None:
    """Nor is a call whose arguments break off a call."""
    _broken(cell, Said(calls=(SaidCall("get_weather", {"city": "Paris", "days": list(range(20))}),), piece=4, breaks="cut"))


@feature("reply-cut")
def reply_cut(cell: Cell) -> None:
    """A whole reply that is cut is the provider's failure."""
    answer = cell.send(cell.ask(), said=Said(breaks="cut"))
    cell.stands(answer.status == 502 and _is_told(cell.face, answer, "bad_upstream_body"), answer, f"{answer.status}")


def _is_told(face: str, answer: Answer, code: str) -> bool:
    error = answer.json()["error"]
    return error["code"] == code and (face != "messages" or error["type"] == "api_error")
