"""The official SDKs of OpenAI and Anthropic as clients of the running service, over several wires each.

The upstream is scripted and judges every request with the SDK types of the dialect it plays: a test that ends with a complaint of its
fails. The SDKs are imported where they are used, so that this file costs nothing where it is only collected.
"""

# ruff: noqa: PLC0415 - see above

import asyncio
import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import BaseModel

from judged_service import ROWS, judged
from judges.said import Counts, Overflow, Said, SaidCall
from judges.upstream import JudgedUpstream
from support import Service

if TYPE_CHECKING:
    import anthropic
    import openai

WIRES = list(ROWS)
SCHEMA_WIRES = [wire for wire in WIRES if wire != "llama"]  # that row's host promises no schemas
WEATHER = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
CALL = SaidCall("get_weather", {"city": "Oslo"}, id="call_w1")
QUESTION = "What is the weather in Oslo?"


class City(BaseModel):
    """A form to fill in."""

    name: str
    people: int


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Service, JudgedUpstream]]:
    with judged(tmp_path_factory.mktemp("sdk")) as started:
        yield started


@pytest.fixture
def upstream(house: tuple[Service, JudgedUpstream]) -> Iterator[JudgedUpstream]:
    house[1].forget()
    yield house[1]
    assert house[1].complaints == []


@pytest.fixture
def gpt(house: tuple[Service, JudgedUpstream]) -> "Iterator[openai.OpenAI]":
    import openai

    with openai.OpenAI(base_url=f"{house[0].url}/v1", api_key="any", max_retries=0) as client:
        yield client


@pytest.fixture
def claude(house: tuple[Service, JudgedUpstream]) -> "Iterator[anthropic.Anthropic]":
    import anthropic

    with anthropic.Anthropic(base_url=house[0].url, api_key="any", max_retries=0) as client:
        yield client


def _said(call: Any) -> dict[str, Any]:
    """A call as it stands in a history."""
    return {"id": call.id, "type": "function", "function": {"name": call.function.name, "arguments": call.function.arguments}}


def _read(arguments: Any) -> Any:
    """Arguments, which some dialects spell as text."""
    return json.loads(arguments) if isinstance(arguments, str) else arguments


# --- OpenAI: chat completions


@pytest.mark.parametrize("wire", WIRES)
def test_openai_gets_an_answer_with_its_usage(gpt: "openai.OpenAI", upstream: JudgedUpstream, wire: str) -> None:
    upstream.script(Said(text="Hello.", counts=Counts(input=21, output=4, cached=6)))
    answer = gpt.chat.completions.create(model=ROWS[wire], messages=[{"role": "user", "content": "Hi"}])
    assert (answer.choices[0].message.content, answer.choices[0].finish_reason) == ("Hello.", "stop")
    assert answer.usage is not None and answer.usage.prompt_tokens_details is not None
    assert (answer.usage.prompt_tokens, answer.usage.prompt_tokens_details.cached_tokens) == (21, 6)
    assert upstream.heard[-1].asked.wire == wire


@pytest.mark.parametrize("wire", WIRES)
def test_openai_streams_with_its_own_helper(gpt: "openai.OpenAI", upstream: JudgedUpstream, wire: str) -> None:
    upstream.script(Said(text="Hello over the wire.", piece=3, stride=7))
    said = ""
    with gpt.chat.completions.stream(
        model=ROWS[wire], messages=[{"role": "user", "content": "Hi"}], stream_options={"include_usage": True}
    ) as stream:
        for event in stream:
            if event.type == "content.delta":
                said += event.delta
        final = stream.get_final_completion()
    assert said == final.choices[0].message.content == "Hello over the wire."
    assert final.usage is not None and final.usage.completion_tokens == 7


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("wire", WIRES)
def test_openai_calls_a_tool_and_goes_on_with_its_result(
    gpt: "openai.OpenAI", upstream: JudgedUpstream, wire: str, streamed: bool
) -> None:
    upstream.script(Said(calls=(CALL, SaidCall("get_weather", {"city": "Rome"}, id="call_w2"))), Said(text="Cold and warm."))
    tools: Any = [{"type": "function", "function": {"name": "get_weather", "parameters": WEATHER, "strict": True}}]
    messages: list[Any] = [{"role": "user", "content": QUESTION}]
    ask: dict[str, Any] = {"model": ROWS[wire], "messages": messages, "tools": tools}
    if streamed:
        with gpt.chat.completions.stream(**ask) as stream:
            stream.until_done()
            first = stream.get_final_completion().choices[0]
    else:
        first = gpt.chat.completions.create(**ask).choices[0]
    assert first.finish_reason == "tool_calls" and first.message.tool_calls is not None
    assert [json.loads(call.function.arguments) for call in first.message.tool_calls] == [{"city": "Oslo"}, {"city": "Rome"}]
    messages.append({"role": "assistant", "content": None, "tool_calls": [_said(call) for call in first.message.tool_calls]})
    for place, call in enumerate(first.message.tool_calls):
        messages.append({"role": "tool", "tool_call_id": call.id, "content": f"{place} degrees"})
    assert gpt.chat.completions.create(**ask).choices[0].message.content == "Cold and warm."
    wish = upstream.heard[-1].wish
    assert [(call.name, _read(call.arguments)) for call in wish.calls] == [
        ("get_weather", {"city": city}) for city in ("Oslo", "Rome")
    ]
    assert [place for place, result in enumerate(wish.results) if f"{place} degrees" in result.text] == [0, 1]
    assert list(wish.tools) == ["get_weather"]


@pytest.mark.parametrize("wire", WIRES)
def test_openais_own_message_goes_back_as_it_came(gpt: "openai.OpenAI", upstream: JudgedUpstream, wire: str) -> None:
    """As agents do it: the SDK's object is put into the history."""
    upstream.script(Said(thought="Let me see.", signed=True, calls=(CALL,)), Said(text="Cold."))
    tools: Any = [{"type": "function", "function": {"name": "get_weather", "parameters": WEATHER}}]
    messages: list[Any] = [{"role": "user", "content": QUESTION}]
    message = gpt.chat.completions.create(model=ROWS[wire], messages=messages, tools=tools).choices[0].message
    assert message.tool_calls is not None
    messages += [message, {"role": "tool", "tool_call_id": message.tool_calls[0].id, "content": "-3 degrees"}]
    answer = gpt.chat.completions.create(model=ROWS[wire], messages=messages, tools=tools)
    assert answer.choices[0].message.content == "Cold."
    assert "-3 degrees" in upstream.heard[-1].wish.results[0].text


@pytest.mark.parametrize("wire", SCHEMA_WIRES)
def test_openai_parses_a_form(gpt: "openai.OpenAI", upstream: JudgedUpstream, wire: str) -> None:
    upstream.script(Said(text='{"name": "Oslo", "people": 700000}'))
    answer = gpt.chat.completions.parse(model=ROWS[wire], messages=[{"role": "user", "content": QUESTION}], response_format=City)
    assert answer.choices[0].message.parsed == City(name="Oslo", people=700000)
    assert upstream.heard[-1].wish.format == "schema" and set(upstream.heard[-1].wish.schema["properties"]) == {"name", "people"}


@pytest.mark.parametrize("wire", ["openai", "anthropic"])
def test_openai_asynchronously_parses_tool_arguments_from_a_stream(
    house: tuple[Service, JudgedUpstream], upstream: JudgedUpstream, wire: str
) -> None:
    import openai

    upstream.script(Said(calls=(SaidCall("City", {"name": "Oslo", "people": 3}, id="call_c"),), piece=1))

    async def ask() -> Any:
        async with (
            openai.AsyncOpenAI(base_url=f"{house[0].url}/v1", api_key="any", max_retries=0) as client,
            client.chat.completions.stream(
                model=ROWS[wire],
                messages=[{"role": "user", "content": QUESTION}],
                tools=[openai.pydantic_function_tool(City)],
            ) as stream,
        ):
            return await stream.get_final_completion()

    final = asyncio.run(ask())
    assert final.choices[0].message.tool_calls[0].function.parsed_arguments == City(name="Oslo", people=3)


@pytest.mark.parametrize("wire", ["openai", "anthropic", "gemini"])
def test_openai_learns_that_the_prompt_is_too_long(gpt: "openai.OpenAI", upstream: JudgedUpstream, wire: str) -> None:
    import openai

    upstream.script(Said(failure=Overflow(tokens=212_345, limit=200_000)))
    with pytest.raises(openai.BadRequestError) as caught:
        gpt.chat.completions.create(model=ROWS[wire], messages=[{"role": "user", "content": "Hi"}])
    assert caught.value.code == "context_length_exceeded"
    assert "212345" in str(caught.value) and "200000" in str(caught.value)


# --- OpenAI: responses


@pytest.mark.parametrize("wire", WIRES)
def test_responses_gets_an_answer(gpt: "openai.OpenAI", upstream: JudgedUpstream, wire: str) -> None:
    upstream.script(Said(text="Hello."))
    answer = gpt.responses.create(model=ROWS[wire], instructions="Be kind.", input="Hi")
    assert (answer.output_text, answer.status) == ("Hello.", "completed")
    assert answer.usage is not None and answer.usage.total_tokens == 18
    assert "Be kind." in upstream.heard[-1].wish.said_by("system", "developer")


@pytest.mark.parametrize("wire", WIRES)
def test_responses_streams_events_in_sequence(gpt: "openai.OpenAI", upstream: JudgedUpstream, wire: str) -> None:
    upstream.script(Said(text="Hello over the wire.", piece=4, stride=11))
    with gpt.responses.stream(model=ROWS[wire], input="Hi") as stream:
        events = list(stream)
        final = stream.get_final_response()
    assert final.output_text == "Hello over the wire."
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert (events[0].type, events[-1].type) == ("response.created", "response.completed")


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("wire", WIRES)
def test_responses_calls_a_tool_and_goes_on_with_its_result(
    gpt: "openai.OpenAI", upstream: JudgedUpstream, wire: str, streamed: bool
) -> None:
    upstream.script(Said(calls=(CALL,)), Said(text="Cold."))
    tools: Any = [{"type": "function", "name": "get_weather", "parameters": WEATHER, "strict": True}]
    said: list[Any] = [{"role": "user", "content": QUESTION}]
    if streamed:
        with gpt.responses.stream(model=ROWS[wire], input=said, tools=tools) as stream:
            first = stream.get_final_response()
    else:
        first = gpt.responses.create(model=ROWS[wire], input=said, tools=tools)
    calls = [item for item in first.output if item.type == "function_call"]
    assert [json.loads(call.arguments) for call in calls] == [{"city": "Oslo"}]
    said += first.output
    said.append({"type": "function_call_output", "call_id": calls[0].call_id, "output": "-3 degrees"})
    assert gpt.responses.create(model=ROWS[wire], input=said, tools=tools).output_text == "Cold."
    assert "-3 degrees" in upstream.heard[-1].wish.results[0].text


@pytest.mark.parametrize("wire", SCHEMA_WIRES)
def test_responses_parses_a_form(gpt: "openai.OpenAI", upstream: JudgedUpstream, wire: str) -> None:
    upstream.script(Said(text='{"name": "Oslo", "people": 700000}'))
    answer = gpt.responses.parse(model=ROWS[wire], input=QUESTION, text_format=City)
    assert answer.output_parsed == City(name="Oslo", people=700000)
    assert upstream.heard[-1].wish.format == "schema"


def test_responses_asynchronously(house: tuple[Service, JudgedUpstream], upstream: JudgedUpstream) -> None:
    import openai

    upstream.script(Said(text='{"name": "Oslo", "people": 5}', piece=2))

    async def ask() -> Any:
        async with (
            openai.AsyncOpenAI(base_url=f"{house[0].url}/v1", api_key="any", max_retries=0) as client,
            client.responses.stream(model=ROWS["anthropic"], input="Hi", text_format=City) as stream,
        ):
            return await stream.get_final_response()

    assert asyncio.run(ask()).output_parsed == City(name="Oslo", people=5)


def test_responses_refuses_what_needs_a_memory(gpt: "openai.OpenAI", upstream: JudgedUpstream) -> None:
    import openai

    with pytest.raises(openai.BadRequestError) as caught:
        gpt.responses.create(model=ROWS["openai"], input="Hi", previous_response_id="resp_1")
    assert caught.value.param == "previous_response_id" and upstream.heard == []


# --- OpenAI: embeddings


@pytest.mark.parametrize("row", ["openai_embedding_small", "mistral_embedding"])
def test_openai_embeds_texts(gpt: "openai.OpenAI", upstream: JudgedUpstream, row: str) -> None:
    """The SDK asks for base64 and unpacks it itself."""
    answer = gpt.embeddings.create(model=row, input=["one", "two"])
    assert [item.index for item in answer.data] == [0, 1]
    assert all(item.embedding and isinstance(item.embedding[0], float) for item in answer.data)
    assert answer.usage.prompt_tokens > 0
    assert gpt.embeddings.create(model=row, input="one", encoding_format="float").data[0].embedding == answer.data[0].embedding


def test_openai_lists_the_names_that_it_may_use(gpt: "openai.OpenAI") -> None:
    names = {model.id for model in gpt.models.list()}
    assert {"auto", *ROWS.values()} <= names
    assert gpt.models.retrieve(ROWS["gemini"]).id == ROWS["gemini"]


# --- Anthropic: messages


@pytest.mark.parametrize("version", ["2026-10-21", "2023-06-01"])
@pytest.mark.parametrize("wire", WIRES)
def test_anthropic_gets_an_answer_with_its_usage(
    claude: "anthropic.Anthropic", upstream: JudgedUpstream, wire: str, version: str
) -> None:
    """Anthropic's count of the prompt is without what came from its cache."""
    upstream.script(Said(text="Hello.", counts=Counts(input=21, output=4, cached=6)))
    answer = claude.with_options(default_headers={"anthropic-version": version}).messages.create(
        model=ROWS[wire], max_tokens=100, system="Be kind.", messages=[{"role": "user", "content": "Hi"}]
    )
    assert (answer.content[0].text, answer.stop_reason, answer.role) == ("Hello.", "end_turn", "assistant")
    assert (answer.usage.input_tokens, answer.usage.cache_read_input_tokens, answer.usage.output_tokens) == (15, 6, 4)
    assert "Be kind." in upstream.heard[-1].wish.said_by("system")


@pytest.mark.parametrize("wire", WIRES)
def test_anthropic_streams_with_its_own_helper(claude: "anthropic.Anthropic", upstream: JudgedUpstream, wire: str) -> None:
    upstream.script(Said(text="Hello over the wire.", piece=3, stride=7))
    with claude.messages.stream(model=ROWS[wire], max_tokens=100, messages=[{"role": "user", "content": "Hi"}]) as stream:
        said = "".join(stream.text_stream)
        final = stream.get_final_message()
    assert said == final.content[0].text == "Hello over the wire."
    assert (final.stop_reason, final.usage.output_tokens) == ("end_turn", 7)


@pytest.mark.parametrize("wire", WIRES)
def test_anthropic_streams_a_call_in_pieces(claude: "anthropic.Anthropic", upstream: JudgedUpstream, wire: str) -> None:
    upstream.script(Said(calls=(CALL, SaidCall("get_weather", {"city": "Rome"}, id="call_w2")), piece=1))
    with claude.messages.stream(
        model=ROWS[wire],
        max_tokens=100,
        messages=[{"role": "user", "content": QUESTION}],
        tools=[{"name": "get_weather", "input_schema": WEATHER}],
    ) as stream:
        final = stream.get_final_message()
    assert final.stop_reason == "tool_use"
    assert [block.input for block in final.content if block.type == "tool_use"] == [{"city": "Oslo"}, {"city": "Rome"}]


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("wire", WIRES)
def test_anthropic_runs_tools_by_itself(
    claude: "anthropic.Anthropic", upstream: JudgedUpstream, wire: str, streamed: bool
) -> None:
    import anthropic

    asked: list[str] = []

    @anthropic.beta_tool
    def get_weather(city: str) -> str:
        """The weather of a city."""
        asked.append(city)
        return f"-3 degrees in {city}"

    upstream.script(Said(calls=(CALL,)), Said(text="Cold."))
    runner = claude.beta.messages.tool_runner(
        model=ROWS[wire], max_tokens=100, tools=[get_weather], messages=[{"role": "user", "content": QUESTION}], stream=streamed
    )
    final = runner.until_done()
    assert asked == ["Oslo"] and final.content[0].text == "Cold."
    assert "-3 degrees in Oslo" in upstream.heard[-1].wish.results[0].text


@pytest.mark.parametrize("wire", SCHEMA_WIRES)
def test_anthropic_parses_a_form(claude: "anthropic.Anthropic", upstream: JudgedUpstream, wire: str) -> None:
    upstream.script(Said(text='{"name": "Oslo", "people": 700000}'))
    answer = claude.messages.parse(
        model=ROWS[wire], max_tokens=100, messages=[{"role": "user", "content": QUESTION}], output_format=City
    )
    assert answer.parsed_output == City(name="Oslo", people=700000)
    assert upstream.heard[-1].wish.format == "schema"


@pytest.mark.parametrize("wire", ["anthropic", "mistral"])
def test_anthropic_asynchronously(house: tuple[Service, JudgedUpstream], upstream: JudgedUpstream, wire: str) -> None:
    import anthropic

    upstream.script(Said(text="Hello.", thought="Let me think."))

    async def ask() -> Any:
        async with (
            anthropic.AsyncAnthropic(base_url=house[0].url, api_key="any", max_retries=0) as client,
            client.messages.stream(
                model=ROWS[wire],
                max_tokens=4000,
                thinking={"type": "adaptive"},
                messages=[{"role": "user", "content": "Hi"}],
            ) as stream,
        ):
            return await stream.get_final_message()

    blocks = {block.type: block for block in asyncio.run(ask()).content}
    assert (blocks["text"].text, blocks["thinking"].thinking) == ("Hello.", "Let me think.")


@pytest.mark.parametrize("wire", WIRES)
def test_anthropic_counts_tokens(claude: "anthropic.Anthropic", upstream: JudgedUpstream, wire: str) -> None:
    counted = claude.messages.count_tokens(
        model=ROWS[wire],
        messages=[{"role": "user", "content": "one two three four five six seven"}],
        tools=[{"name": "get_weather", "input_schema": WEATHER}],
    )
    assert counted.input_tokens > 5


@pytest.mark.parametrize("wire", ["anthropic", "openai", "mistral"])
def test_anthropic_learns_that_the_prompt_is_too_long(claude: "anthropic.Anthropic", upstream: JudgedUpstream, wire: str) -> None:
    import anthropic

    upstream.script(Said(failure=Overflow(tokens=212_345, limit=200_000)))
    with pytest.raises(anthropic.BadRequestError) as caught:
        claude.messages.create(model=ROWS[wire], max_tokens=100, messages=[{"role": "user", "content": "Hi"}])
    body: Any = caught.value.body
    assert body["error"]["type"] == "invalid_request_error"
    assert "prompt is too long: 212345 tokens > 200000 maximum" in body["error"]["message"]


def test_anthropic_hears_of_an_unknown_model_in_its_own_words(claude: "anthropic.Anthropic", upstream: JudgedUpstream) -> None:
    import anthropic

    with pytest.raises(anthropic.NotFoundError) as caught:
        claude.messages.create(model="claude-nine", max_tokens=100, messages=[{"role": "user", "content": "Hi"}])
    body: Any = caught.value.body
    assert (body["type"], body["error"]["type"]) == ("error", "not_found_error")
    assert body["request_id"] == caught.value.response.headers["x-request-id"] and upstream.heard == []


def test_anthropic_lists_the_names_that_it_may_use(claude: "anthropic.Anthropic") -> None:
    models = {model.id: model for model in claude.models.list()}
    assert {"auto", *ROWS.values()} <= set(models)
    assert (models[ROWS["anthropic"]].max_input_tokens or 0) >= 200_000
