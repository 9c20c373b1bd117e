"""What is wrong with tools and parts is said by its place, and what another route would take is told that route. Every face."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from app.clients.anthropic_client import FACE as MESSAGES
from app.clients.openai_client import FACE as CHAT
from app.clients.responses_client import FACE as RESPONSES
from app.domain.request import ChatRequest
from app.endpoints.query_body import parse_query
from app.errors import CallerError

USER = {"role": "user", "content": "hi"}
FUNCTION = {"name": "f", "parameters": {"type": "object"}}
SOURCE = {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}
Ask = Callable[..., ChatRequest]


def asks(parse: Callable[[bytes], ChatRequest], **plain: Any) -> Ask:
    return lambda **fields: parse(json.dumps({**plain, **fields}).encode())


FACES: dict[str, Ask] = {
    "query": asks(parse_query, messages=[USER]),
    "chat": asks(CHAT.parse, model="auto", messages=[USER]),
    "responses": asks(RESPONSES.parse, model="auto", input="hi"),
    "messages": asks(MESSAGES.parse, model="auto", max_tokens=5, messages=[USER]),
}
TOOLS: dict[str, dict[str, Any]] = {
    "query": {"type": "function", "function": FUNCTION},
    "chat": {"type": "function", "function": FUNCTION},
    "responses": {"type": "function", **FUNCTION},
    "messages": {"name": "f", "input_schema": {"type": "object"}},
}
# a choice that demands any call, and one that demands the tool of a name
ANY: dict[str, Any] = {"query": "required", "chat": "required", "responses": "required", "messages": {"type": "any"}}
NAMED: dict[str, Callable[[str], Any]] = {
    "query": lambda name: {"type": "function", "function": {"name": name}},
    "chat": lambda name: {"type": "function", "function": {"name": name}},
    "responses": lambda name: {"type": "function", "name": name},
    "messages": lambda name: {"type": "tool", "name": name},
}


def refused(face: str, **fields: Any) -> CallerError:
    with pytest.raises(CallerError) as caught:
        FACES[face](**fields)
    assert (caught.value.status, caught.value.should_retry) == (400, False)
    return caught.value


@pytest.mark.parametrize("face", FACES)
def test_a_choice_of_tools_that_are_not_there_is_refused(face: str) -> None:
    """Providers refuse it too; translated, the wish would be lost with the tools that are not there."""
    for tools in ([], None):
        fields = {} if tools is None else {"tools": tools}
        assert refused(face, tool_choice=ANY[face], **fields).param == "tool_choice"
    assert "zz" in refused(face, tool_choice=NAMED[face]("zz"), tools=[TOOLS[face]]).message or face == "responses"
    for choice in (ANY[face], NAMED[face]("f")):
        assert FACES[face](tool_choice=choice, tools=[TOOLS[face]]).tool_choice is not None


@pytest.mark.parametrize("face", ["query", "chat", "responses"])
def test_a_choice_that_demands_nothing_needs_no_tools(face: str) -> None:
    """Frameworks say `auto` or `none` whether or not they have tools."""
    for word in ("auto", "none"):
        FACES[face](tool_choice=word)


def test_what_is_no_function_may_go_by_any_name() -> None:
    """Custom tools and those that a provider runs are called by names that stand nowhere else."""
    custom = {"type": "custom", "custom": {"name": "sql"}}
    FACES["chat"](tools=[custom], tool_choice={"type": "function", "function": {"name": "sql"}})
    FACES["messages"](tools=[{"type": "web_search_20250305", "name": "web_search"}], tool_choice=NAMED["messages"]("web_search"))


def test_the_older_functions_are_held_to_the_same() -> None:
    assert refused("chat", functions=[FUNCTION], function_call={"name": "zz"}).param == "function_call"
    FACES["chat"](functions=[FUNCTION], function_call={"name": "f"})


PART_HOMES = {
    "image_url": ({"image_url": {"url": "https://x/y.png"}}, {"query", "chat"}, "POST /v1/chat/completions"),
    "file": ({"file": {"file_data": "data:application/pdf;base64,eA=="}}, {"query", "chat"}, "POST /v1/chat/completions"),
    "image": ({"source": SOURCE}, {"messages"}, "POST /v1/messages"),
    "document": ({"source": {**SOURCE, "media_type": "application/pdf"}}, {"messages"}, "POST /v1/messages"),
    "tool_result": ({"tool_use_id": "a", "content": "x"}, {"messages"}, "POST /v1/messages"),
    "input_text": ({"text": "x"}, {"responses"}, "POST /v1/responses"),
    "input_image": ({"image_url": "https://x/y.png"}, {"responses"}, "POST /v1/responses"),
    "text": ({"text": "x"}, {"query", "chat", "messages"}, "POST /v1/chat/completions or POST /v1/messages"),
}


@pytest.mark.parametrize("kind", PART_HOMES)
@pytest.mark.parametrize("face", FACES)
def test_a_part_of_another_face_is_told_its_route(face: str, kind: str) -> None:
    """Never passed on as something that only the provider could know, nor refused without a word of where it belongs."""
    fields, takers, home = PART_HOMES[kind]
    turns = [{"role": "user", "content": [{"type": kind, **fields}]}]
    body = {"input": turns} if face == "responses" else {"messages": turns}
    if face in takers:
        FACES[face](**body)
        return
    error = refused(face, **body)
    assert f"`{kind}`" in error.message
    assert home in error.message
    assert (error.param or "").startswith(("messages[0].content[0]", "input[0].content[0]"))


@pytest.mark.parametrize(
    ("face", "tool", "param", "said"),
    [
        ("chat", TOOLS["responses"], "tools[0]", "POST /v1/responses"),
        ("query", TOOLS["responses"], "tools[0]", "POST /v1/responses"),
        ("chat", TOOLS["messages"], "tools[0]", "POST /v1/messages"),
        ("responses", TOOLS["messages"], "tools[0]", "POST /v1/messages"),
        ("messages", TOOLS["chat"], "tools[0]", "POST /v1/chat/completions"),
        ("messages", TOOLS["responses"], "tools[0]", "POST /v1/responses"),
        ("chat", {"type": "function", "function": {"description": "x"}}, "tools[0].function.name", "missing"),
        ("query", {"type": "function", "function": {"name": 5}}, "tools[0].function.name", "expected str, got int"),
        ("chat", 1, "tools[0]", "expected object, got int"),
    ],
)
def test_a_tool_of_another_spelling_is_told_what_to_change(face: str, tool: Any, param: str, said: str) -> None:
    error = refused(face, tools=[tool])
    assert error.param == param
    assert said in error.message


def test_a_missing_limit_names_the_route_that_needs_none() -> None:
    """A plain chat body differs from Anthropic's in nothing else."""
    with pytest.raises(CallerError, match=r"max_tokens: required field is missing .*POST /v1/chat/completions"):
        MESSAGES.parse(json.dumps({"model": "auto", "messages": [USER]}).encode())


def test_a_missing_field_is_named_with_its_place() -> None:
    with pytest.raises(CallerError) as caught:
        MESSAGES.parse(json.dumps({"model": "auto", "max_tokens": 5, "messages": [{"role": "user"}]}).encode())
    assert caught.value.param == "messages[0].content"
