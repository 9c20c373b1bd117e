"""What a request needs of a model, and what is read from its turns."""

import pytest
from msgspec import Raw

from app.domain.request import (
    Called,
    ChatRequest,
    Foreign,
    Format,
    Media,
    MediaKind,
    Message,
    Original,
    Part,
    Reasoning,
    Result,
    Role,
    Text,
    Thinking,
    Tool,
    ToolChoice,
)


def asks(*parts: Part, role: Role = "user", **wishes: object) -> ChatRequest:
    return ChatRequest(messages=(Message(role, parts),), **wishes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("request_", "needs"),
    [
        (asks(Text("hi")), set()),
        (asks(Text("hi"), tools=(Tool("f"),)), {"tools"}),
        (asks(Called("1", "f", "{}"), role="assistant"), {"tools"}),
        (asks(Result("1", (Text("x"),)), role="tool"), set()),
        (asks(Media("image", url="https://a.b")), {"vision"}),
        (asks(Media("file", "application/pdf", "JVBERi0=")), {"pdf"}),
        (asks(Media("audio", "audio/wav", "UklG")), {"audio"}),
        (asks(Result("1", (Text("x"), Media("image", url="https://a.b"))), role="tool"), {"vision"}),
        (asks(Text("hi"), format=Format("json_schema", schema=Raw(b"{}"))), {"json_schema"}),
        (asks(Text("hi"), format=Format("json_object")), set()),
        (asks(Text("hi"), logprobs=True), {"logprobs"}),
        (asks(Text("hi"), n=2), {"n"}),
        (asks(Text("hi"), Media("image", url="https://a.b"), tools=(Tool("f"),), n=3), {"vision", "tools", "n"}),
    ],
)
def test_needs_are_what_a_model_could_not_do_without(request_: ChatRequest, needs: set[str]) -> None:
    """Tools, media (in results too), a schema, logarithms and several answers."""
    assert request_.needs == needs


@pytest.mark.parametrize(
    "request_",
    [
        asks(Text("hi"), temperature=0.5, top_p=0.9, top_k=3.0, seed=1, presence_penalty=0.1, stop=("x",), max_tokens=9),
        asks(Text("hi"), thinking=Thinking("high"), tier="flex", marker="5m", user="u", metadata={"a": "b"}),
        asks(Text("hi"), tool_choice=ToolChoice("none"), parallel_tools=False, top_logprobs=3),
        asks(Reasoning("hm", "sig", signer="gemini"), role="assistant"),
        asks(Foreign("video", Raw(b"{}")), native=("messages[0]",)),
    ],
)
def test_advice_needs_nothing(request_: ChatRequest) -> None:
    """What a model can leave out, or what only one dialect can carry, is no capability."""
    assert request_.needs == frozenset()


@pytest.mark.parametrize(("kind", "wished"), [(None, False), ("json_object", True), ("json_schema", True)])
def test_any_format_is_json(kind: str | None, wished: bool) -> None:
    """With or without a schema."""
    form = None if kind is None else Format(kind)  # type: ignore[arg-type]
    assert asks(Text("hi"), format=form).json_mode is wished


def test_the_prompt_is_the_last_thing_a_user_said() -> None:
    """Texts of one turn are joined by a newline, and other parts of it say nothing."""
    kind: MediaKind = "image"
    turns = (
        Message("system", (Text("be kind"),)),
        Message("user", (Text("look"), Media(kind, url="https://a.b"), Text("here"))),
        Message("assistant", (Text("ok"), Called("1", "f", "{}"))),
        Message("tool", (Result("1", (Text("42"),)),)),
    )
    assert ChatRequest(messages=turns).prompt == "look\nhere"
    assert ChatRequest(messages=turns[:1]).prompt == "be kind"
    assert ChatRequest(messages=()).prompt == ""
    assert turns[3].text == ""


def test_the_callers_own_body_is_no_part_of_the_question() -> None:
    """The same question through two faces is equal, so that a cache may answer it once."""
    fields = {"model": Raw(b'"m"')}
    assert asks(Text("hi"), original=Original("openai", fields)) == asks(Text("hi"), original=Original("anthropic", {}))
    assert hash(Original("openai", fields)) == hash(Original("anthropic", {}))
    assert Original("openai", fields) != "openai"
