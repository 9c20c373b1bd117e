"""Features of tools: declaring, choosing, calling, answering."""

from typing import Any

from cells import Cell, Exchange, feature
from turns import Call, Calls, Echo, Function, Results, User
from wishes import SCHEMA, everywhere

from judges.said import Said, SaidCall

WEATHER = Function("get_weather", "The weather in a city.", SCHEMA)
CLOCK = Function("get_time", "The time of day.")
BELL = Function("ring_bell", "Rings the bell.")
ONE = Said(calls=(SaidCall("get_weather", {"city": "Paris"}),))
TWO = Said(calls=(SaidCall("get_weather", {"city": "Paris"}), SaidCall("get_weather", {"city": "Rome"})))


def called(exchange: Exchange) -> list[tuple[str, Any]]:
    """Names and arguments of the calls in the answer."""
    return [(name, arguments) for _, name, arguments in exchange.shown.calls]


@feature("tools")
def tools(cell: Cell) -> None:
    """A function with a schema arrives whole and is called."""
    exchange = cell.tell(cell.ask(), tools=[WEATHER], said=ONE)
    wish = exchange.wish
    cell.arrives(wish.tools == {"get_weather": SCHEMA}, exchange)
    cell.arrives(wish.descriptions == {"get_weather": "The weather in a city."}, exchange)
    cell.shows(called(exchange) == [("get_weather", {"city": "Paris"})], exchange, "another call")
    cell.shows(exchange.shown.finish == "tool_calls", exchange, f"it ended by {exchange.shown.finish}")


@feature("tool-without-parameters", "tools")
def tool_without_parameters(cell: Cell) -> None:
    """A function without arguments is declared, called and called without any."""
    exchange = cell.tell(cell.ask(), tools=[CLOCK], said=Said(calls=(SaidCall("get_time", {}),)))
    cell.arrives(set(exchange.wish.tools) == {"get_time"}, exchange)
    cell.shows(called(exchange) == [("get_time", {})], exchange, "another call")


@feature("parallel-tool-calls", "tools")
def parallel_tool_calls(cell: Cell) -> None:
    """Two calls of one turn come, are given back with two results, and pair up at the provider."""
    asked = cell.ask()
    first = cell.tell(asked, tools=[WEATHER], said=TWO)
    cell.shows(called(first) == [("get_weather", {"city": "Paris"}), ("get_weather", {"city": "Rome"})], first, "other calls")
    ids = [call_id for call_id, _, _ in first.shown.calls]
    cell.shows(len(set(ids)) == 2 and all(ids), first, f"ids {ids}")
    results = Results(((ids[0], "sunny"), (ids[1], "rainy")))
    second = cell.tell(asked, Echo(first.shown.echo), results, tools=[WEATHER])
    cell.arrives(_paired(second) == [("Paris", "sunny"), ("Rome", "rainy")], second)
    cell.shows(second.shown.text == "Hello from upstream.", second, "another answer")


def _paired(exchange: Exchange) -> list[tuple[str, str]]:
    """The city of each call with the text of its result, by id where the dialect has ids, else by order."""
    calls, results = exchange.wish.calls, exchange.wish.results
    if len({call.id for call in calls}) == len(calls):
        texts = {result.call_id: result.text for result in results}
        told = [texts.get(call.id, "") for call in calls]
    else:
        told = [result.text for result in results]
    cities = [next((city for city in ("Paris", "Rome") if city in str(call.arguments)), "") for call in calls]
    return list(zip(cities, told, strict=False))


@feature("foreign-call-ids", "tools", "id")
def foreign_call_ids(cell: Cell) -> None:
    """A history whose calls another model made, with ids that this dialect may not take, goes on."""
    ids = ("functions.get_weather:0", "chatcmpl-tool-" + "0123456789abcdef" * 2)  # as open models and vLLM make them
    if cell.face == "messages":
        ids = ("toolu_01A09q90qw90lq917835lq9", ids[1])
    history = Calls((Call(ids[0], "get_weather", {"city": "Paris"}), Call(ids[1], "get_weather", {"city": "Rome"})))
    exchange = cell.tell(cell.ask(), history, Results(((ids[0], "sunny"), (ids[1], "rainy"))), tools=[WEATHER])
    cell.arrives(_paired(exchange) == [("Paris", "sunny"), ("Rome", "rainy")], exchange)


@feature("tool-result-as-error", "is_error")
def tool_result_as_error(cell: Cell) -> None:
    """A tool that failed is told as one that failed."""
    history = Calls((Call("toolu_01A", "get_weather", {"city": "Paris"}),))
    exchange = cell.tell(cell.ask(), history, Results((("toolu_01A", "the station is closed"),), failed=True), tools=[WEATHER])
    result = exchange.wish.results[0]
    cell.arrives("the station is closed" in result.text, exchange)
    cell.arrives(result.failed or "error" in result.text.lower(), exchange, "is_error")


def _chosen(cell: Cell, choices: dict[str, Any], word: str) -> None:
    said = Said() if word == "none" else ONE
    exchange = cell.tell(cell.ask(), tools=[WEATHER, CLOCK], fields={"tool_choice": choices[cell.face]}, said=said)
    cell.arrives(exchange.wish.choice == word, exchange)


@feature("tool-choice-none", "tool_choice")
def tool_choice_none(cell: Cell) -> None:
    """No tool may be called."""
    _chosen(cell, {**dict.fromkeys(("query", "chat", "responses"), "none"), "messages": {"type": "none"}}, "none")


@feature("tool-choice-required", "tool_choice")
def tool_choice_required(cell: Cell) -> None:
    """Some tool must be called."""
    _chosen(cell, {**dict.fromkeys(("query", "chat", "responses"), "required"), "messages": {"type": "any"}}, "required")


@feature("tool-choice-named", "tool_choice")
def tool_choice_named(cell: Cell) -> None:
    """This tool must be called."""
    named = {"type": "function", "function": {"name": "get_weather"}}
    choices = {
        "query": named,
        "chat": named,
        "responses": {"type": "function", "name": "get_weather"},
        "messages": {"type": "tool", "name": "get_weather"},
    }
    _chosen(cell, choices, "=get_weather")


@feature("tool-choice-narrowed", "tool_choice")
def tool_choice_narrowed(cell: Cell) -> None:
    """Some tool must be called, of two out of three."""
    names = ("get_weather", "get_time")
    nested = {"mode": "required", "tools": [{"type": "function", "function": {"name": name}} for name in names]}
    flat = {"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": name} for name in names]}
    choice = flat if cell.face == "responses" else {"type": "allowed_tools", "allowed_tools": nested}
    exchange = cell.tell(cell.ask(), tools=[WEATHER, CLOCK, BELL], fields={"tool_choice": choice}, said=ONE)
    cell.arrives(exchange.wish.choice == "required" and exchange.wish.offered == set(names), exchange)


@feature("strict-tools", "strict")
def strict_tools(cell: Cell) -> None:
    """The schema of a tool's arguments is to be enforced."""
    strict = Function(WEATHER.name, WEATHER.description, WEATHER.schema, strict=True)
    exchange = cell.tell(cell.ask(), tools=[strict], said=ONE)
    cell.arrives(exchange.wish.strict == ["get_weather"], exchange, "strict")


@feature("parallel-tool-calls-false", "parallel_tool_calls")
def parallel_tool_calls_false(cell: Cell) -> None:
    """At most one call at a time."""
    fields = {
        **everywhere(parallel_tool_calls=False),
        "messages": {"tool_choice": {"type": "auto", "disable_parallel_tool_use": True}},
    }
    exchange = cell.tell(cell.ask(), tools=[WEATHER], fields=fields[cell.face], said=ONE)
    cell.arrives(exchange.wish.parallel is False, exchange, "parallel_tool_calls")


@feature("stream-tools-in-pieces", "tools")
def stream_tools_in_pieces(cell: Cell) -> None:
    """Arguments in pieces of one character, bytes cut anywhere: the calls come out whole."""
    said = Said(calls=TWO.calls, piece=1, stride=13)
    exchange = cell.tell(User(cell.ask().text), tools=[WEATHER], said=said, stream=True)
    expected = [("get_weather", {"city": "Paris"}), ("get_weather", {"city": "Rome"})]
    cell.shows(called(exchange) == expected, exchange, f"other calls: {exchange.shown.calls}")
    cell.shows(exchange.shown.numbers in ([], [0, 1]), exchange, f"tool indexes {exchange.shown.numbers}")
    cell.shows(exchange.shown.finish == "tool_calls", exchange, f"it ended by {exchange.shown.finish}")
