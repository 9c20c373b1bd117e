"""What simulated providers answer: of the form that was asked for, and never a call that nobody demanded."""

import json

import msgspec
import pytest

from app.clients.played import play, spoken
from app.domain.answer import Completion
from app.domain.request import ChatRequest, Format, Message, Text, Thinking, Tool, ToolChoice
from app.domain.target import Target

TARGET = Target(
    name="row",
    provider="openai",
    model_id="m",
    dialect="openai",
    wire="openai",
    base_url="",
    capabilities=frozenset({"reasoning"}),
)
SCHEMA = msgspec.Raw(b'{"type":"object","properties":{"city":{"type":"string"}},"required":["city"]}')
TOOLS = (Tool("other"), Tool("weather", parameters=SCHEMA))


def asked(**fields: object) -> ChatRequest:
    return ChatRequest(messages=(Message("user", (Text("hello there"),)),), **fields)


@pytest.mark.parametrize("choice", [None, ToolChoice(), ToolChoice("none")])
def test_a_tool_that_need_not_be_called_is_not(choice: ToolChoice | None) -> None:
    """What a simulation called might be carried out by the caller."""
    answer = play(asked(tools=TOOLS, tool_choice=choice), TARGET)
    assert not answer.tool_calls
    assert answer.text.startswith("[MOCK]")


def test_a_demanded_tool_is_called_with_arguments_of_its_schema() -> None:
    """`required` calls the first tool, a name that tool."""
    named = play(asked(tools=TOOLS, tool_choice=ToolChoice("required", ("weather",))), TARGET)
    assert [call.name for call in named.tool_calls] == ["weather"]
    assert json.loads(named.tool_calls[0].arguments) == {"city": "[MOCK]"}
    assert named.finish_reason == "tool_calls"
    first = play(asked(tools=TOOLS, tool_choice=ToolChoice("required")), TARGET)
    assert [(call.name, call.arguments) for call in first.tool_calls] == [("other", "{}")]


def test_a_schema_is_kept() -> None:
    """The answer is JSON of the schema that was asked for."""
    answer = play(asked(format=Format("json_schema", schema=SCHEMA)), TARGET)
    assert json.loads(answer.text) == {"city": "[MOCK]"}


def test_thoughts_are_played_where_they_are_wished_and_possible() -> None:
    """Not when thinking is off, hidden, or beyond the model."""
    assert play(asked(thinking=Thinking("high")), TARGET).reasoning.startswith("[MOCK]")
    for request, target in (
        (asked(), TARGET),
        (asked(thinking=Thinking("none")), TARGET),
        (asked(thinking=Thinking("high", shown=False)), TARGET),
        (asked(thinking=Thinking("high")), msgspec.structs.replace(TARGET, capabilities=frozenset())),
    ):
        assert not play(request, target).thoughts


@pytest.mark.parametrize("wishes", [{}, {"n": 3}, {"logprobs": True}, {"thinking": Thinking("low"), "n": 2}])
def test_what_is_streamed_is_what_is_whole(wishes: dict[str, object]) -> None:
    """The played stream folds into the played answer."""
    answer = play(asked(**wishes), TARGET)
    assert len(answer.others) == wishes.get("n", 1) - 1
    assert Completion.folded(spoken(answer)) == answer
