"""LangChain's ChatOpenAI and ChatAnthropic in front of the running service: tools, forms and streams over several wires.

LangChain is imported where it is used, since it takes a second or two.
"""

# ruff: noqa: PLC0415 - see above

import asyncio
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import BaseModel

from judged_service import ROWS, judged
from judges.said import Said, SaidCall
from judges.upstream import JudgedUpstream
from support import Service

if TYPE_CHECKING:
    from langchain_core.language_models.chat_models import BaseChatModel

WIRES = ["openai", "anthropic", "gemini"]
QUESTION = "What is the weather in Oslo?"

Maker = Callable[..., "BaseChatModel"]


class City(BaseModel):
    """A form to fill in."""

    name: str
    people: int


def get_weather(city: str) -> str:
    """The weather of a city."""
    return f"-3 degrees in {city}"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Service, JudgedUpstream]]:
    with judged(tmp_path_factory.mktemp("langchain")) as started:
        yield started


@pytest.fixture
def upstream(house: tuple[Service, JudgedUpstream]) -> Iterator[JudgedUpstream]:
    house[1].forget()
    yield house[1]
    assert house[1].complaints == []


class Loop:
    """One event loop for all tests here, since LangChain keeps its HTTP client, which is bound to the loop that it first ran on."""

    def __init__(self, runner: asyncio.Runner) -> None:
        self.run = runner.run
        self.used: list[Any] = []

    def closed_after(self, model: Any) -> None:
        """LangChain closes its client never."""
        self.used.append(getattr(model, "root_async_client", None) or model._async_client)


@pytest.fixture(scope="module")
def loop() -> Iterator[Loop]:
    with asyncio.Runner() as runner:
        loop = Loop(runner)
        yield loop
        for client in loop.used:
            loop.run(client.close())


def _openai(url: str, wire: str, **fields: Any) -> "BaseChatModel":
    from langchain_openai import ChatOpenAI

    return ChatOpenAI(base_url=f"{url}/v1", api_key="any", model=ROWS[wire], max_retries=0, stream_usage=True, **fields)


def _responses(url: str, wire: str, **fields: Any) -> "BaseChatModel":
    return _openai(url, wire, use_responses_api=True, **fields)


def _anthropic(url: str, wire: str, **fields: Any) -> "BaseChatModel":
    from langchain_anthropic import ChatAnthropic

    return ChatAnthropic(base_url=url, api_key="any", model=ROWS[wire], max_retries=0, max_tokens=500, **fields)


@pytest.fixture(params=[_openai, _responses, _anthropic], ids=["ChatOpenAI", "ChatOpenAI-responses", "ChatAnthropic"])
def make(request: pytest.FixtureRequest, house: tuple[Service, JudgedUpstream]) -> Maker:
    return lambda wire, **fields: request.param(house[0].url, wire, **fields)


def _text(message: Any) -> str:
    text = message.text
    return text() if callable(text) and not isinstance(text, str) else text


@pytest.mark.parametrize("wire", WIRES)
def test_a_chat_model_answers_with_its_usage(make: Maker, upstream: JudgedUpstream, wire: str) -> None:
    upstream.script(Said(text="Hello."))
    answer = make(wire).invoke([("system", "Be kind."), ("human", "Hi")])
    assert _text(answer) == "Hello."
    assert answer.usage_metadata is not None and answer.usage_metadata["total_tokens"] == 18
    assert "Be kind." in upstream.heard[-1].wish.said_by("system", "developer")


@pytest.mark.parametrize("wire", WIRES)
def test_a_chat_model_streams(make: Maker, upstream: JudgedUpstream, wire: str) -> None:
    upstream.script(Said(text="Hello over the wire.", piece=4))
    pieces = list(make(wire, streaming=True).stream("Hi"))
    whole = pieces[0]
    for piece in pieces[1:]:
        whole = whole + piece
    assert _text(whole) == "Hello over the wire." and len(pieces) > 3
    assert whole.usage_metadata is not None and whole.usage_metadata["output_tokens"] == 7


@pytest.mark.parametrize("wire", WIRES)
def test_bound_tools_are_called_and_their_results_read(make: Maker, upstream: JudgedUpstream, wire: str) -> None:
    from langchain_core.messages import HumanMessage, ToolMessage

    upstream.script(Said(calls=(SaidCall("get_weather", {"city": "Oslo"}, id="call_w1"),)), Said(text="Cold."))
    model = make(wire).bind_tools([get_weather])
    said: list[Any] = [HumanMessage(QUESTION)]
    first = model.invoke(said)
    assert [(call["name"], call["args"]) for call in first.tool_calls] == [("get_weather", {"city": "Oslo"})]
    said += [first, ToolMessage(get_weather("Oslo"), tool_call_id=first.tool_calls[0]["id"])]
    assert _text(model.invoke(said)) == "Cold."
    assert "-3 degrees in Oslo" in upstream.heard[-1].wish.results[0].text


@pytest.mark.parametrize("wire", WIRES)
def test_a_streamed_call_comes_together(make: Maker, upstream: JudgedUpstream, wire: str) -> None:
    upstream.script(Said(calls=(SaidCall("get_weather", {"city": "Oslo"}, id="call_w1"),), piece=2))
    pieces = list(make(wire, streaming=True).bind_tools([get_weather]).stream(QUESTION))
    whole = pieces[0]
    for piece in pieces[1:]:
        whole = whole + piece
    assert [(call["name"], call["args"]) for call in whole.tool_calls] == [("get_weather", {"city": "Oslo"})]


@pytest.mark.parametrize("wire", WIRES)
def test_a_form_is_filled_by_a_schema(make: Maker, upstream: JudgedUpstream, wire: str) -> None:
    upstream.script(Said(text='{"name": "Oslo", "people": 700000}'))
    model = make(wire).with_structured_output(City, method="json_schema")
    assert model.invoke(QUESTION) == City(name="Oslo", people=700000)
    assert upstream.heard[-1].wish.format == "schema"


@pytest.mark.parametrize("wire", WIRES)
def test_a_form_is_filled_by_a_forced_call(make: Maker, upstream: JudgedUpstream, wire: str) -> None:
    upstream.script(Said(calls=(SaidCall("City", {"name": "Oslo", "people": 700000}, id="call_c"),)))
    model = make(wire).with_structured_output(City, method="function_calling")
    assert model.invoke(QUESTION) == City(name="Oslo", people=700000)
    assert upstream.heard[-1].wish.choice in ("=City", "required")


def test_a_chat_model_works_asynchronously(make: Maker, upstream: JudgedUpstream, loop: Loop) -> None:
    upstream.script(Said(text="Hello."), Said(text="Hello again."))

    model = make("mistral")
    loop.closed_after(model)

    async def ask() -> tuple[str, str]:
        pieces = [_text(piece) async for piece in model.astream("Hi")]
        return _text(await model.ainvoke("Hi")), "".join(pieces)

    assert loop.run(ask()) == ("Hello again.", "Hello.")
