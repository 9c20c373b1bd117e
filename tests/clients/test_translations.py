"""A conversation of OpenAI's callers keeps its meaning on its way through every dialect and back; what is lost is named."""

import importlib
import json
import random
import warnings
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from app.clients.common.protocols import Face, Wire
from app.domain.request import Called, ChatRequest, Format, Media, Message, Part, Result, Text, Tool, ToolChoice
from app.domain.target import Target
from app.errors import UnsupportedFeature
from judges.asked import Asked

DIALECTS = ("anthropic", "gemini", "mistral", "openai")
MODELS = {
    "anthropic": "claude-sonnet-5",
    "gemini": "gemini-3.8-flash",
    "mistral": "mistral-small-2603",
    "openai": "gpt-6-sol",
}
CAPABILITIES = frozenset({"sampling", "tools", "vision", "pdf", "audio", "json_schema", "reasoning", "logprobs", "n"})
PNG = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4nGP4z8DwHwAFAAH/iZk9HQAAAABJRU5ErkJggg=="
BRIDGE = [("text", "OK.")]  # what stands between results and a user where the dialect wants the assistant there


def wire(dialect: str) -> Wire:
    found: Wire = importlib.import_module(f"app.clients.{dialect}_client").WIRE
    return found


def face(dialect: str) -> Face:
    found: Face = importlib.import_module(f"app.clients.{dialect}_client").FACE
    return found


def target(dialect: str, **changes: Any) -> Target:
    facts = {"name": "row", "provider": dialect, "model_id": MODELS[dialect], "dialect": dialect, "wire": dialect}
    facts |= {"base_url": "https://host", "key_env": ("KEY",), "capabilities": CAPABILITIES, "max_output": 64_000}
    return Target(**{**facts, **changes})


def foreign(request: ChatRequest) -> ChatRequest:
    """The same request as if it had come through no face, so that OpenAI's wire has to spell it anew."""
    return replace(request, original=None)


# what a conversation means, whatever dialect it is told in


class Meaning:
    """The instructions that lead it, and what each side says in turn; calls are counted, whatever their ids are."""

    def __init__(self, request: ChatRequest) -> None:
        self.system: list[str] = []
        self.turns: list[tuple[str, list[Any]]] = []
        self._waiting: dict[str, list[int]] = {}
        self._calls = 0
        for message in request.messages:
            self._take(message)
        for _, said in self.turns:
            # results stand in any order, and before what the user adds to them
            said.sort(key=lambda one: (one[0] != "result", one[1] if one[0] == "result" else 0))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Meaning) and (self.system, self.turns) == (other.system, other.turns)

    def __hash__(self) -> int:
        return 0

    def __repr__(self) -> str:
        return f"{self.system} {self.turns}"

    def _take(self, message: Message) -> None:
        if message.role in ("system", "developer"):
            texts = [part.text for part in message.parts if isinstance(part, Text) and part.text.strip()]
            if self.turns:
                self._say("user", [("text", f"[system] {text}") for text in texts])
            else:
                self.system += [piece for text in texts for piece in text.split("\n\n")]
            return
        side = "assistant" if message.role == "assistant" else "user"
        said = [one for part in message.parts if (one := self._one(part)) is not None]
        if side == "assistant" and said == BRIDGE:
            return
        self._say(side, said)

    def _say(self, side: str, said: list[Any]) -> None:
        if said and self.turns and self.turns[-1][0] == side:
            self.turns[-1][1].extend(said)
        elif said:
            self.turns.append((side, said))

    def _one(self, part: Part) -> tuple[Any, ...] | None:
        if isinstance(part, Text):
            return ("text", part.text) if part.text.strip() else None
        if isinstance(part, Media):
            return ("media", part.kind, part.url or part.data)
        if isinstance(part, Called):
            self._calls += 1
            self._waiting.setdefault(part.id, []).append(self._calls)
            return ("call", part.name, json.loads(part.arguments or "{}"))
        if isinstance(part, Result):
            inner = [("text", one.text) if isinstance(one, Text) else ("media", one.data) for one in part.parts]
            return ("result", self._waiting[part.call_id].pop(0), unwrapped(inner))
        return None


def unwrapped(inner: list[Any]) -> list[Any]:
    """A result without the object that a dialect without bare texts puts around it; no text is an empty one."""
    if len(inner) == 1 and inner[0][0] == "text" and inner[0][1].startswith('{"output":'):
        inner = [("text", json.loads(inner[0][1])["output"])]
    return [one for one in inner if one != ("text", "")]


def tools_of(request: ChatRequest) -> list[tuple[str, str, Any]]:
    return [(tool.name, tool.description, parameters_of(tool)) for tool in request.tools]


def parameters_of(tool: Tool) -> Any:
    told = json.loads(bytes(tool.parameters) or b"{}")
    return told or {"type": "object", "properties": {}}


# the conversations

TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=12).map(lambda text: f"t{text}t")
IDS = st.sampled_from(["call_1", "call_2", "call_3", "toolu_01AbCd", "aB3dE5gH7", "id with spaces", "x" * 90])
ARGUMENTS = st.dictionaries(
    TEXTS, st.one_of(TEXTS, st.integers(-(2**40), 2**40), st.booleans(), st.none(), st.lists(TEXTS, max_size=2)), max_size=2
)
TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "weather",
            "description": "Of a city.",
            "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
        },
    },
    {"type": "function", "function": {"name": "clock"}},
    {
        "type": "function",
        "function": {
            "name": "search_web",
            "description": "Finds.",
            "parameters": {"type": "object", "properties": {"q": {"type": "string", "enum": ["a", "b"]}}},
        },
    },
]
NAMES = [str(tool["function"]["name"]) for tool in TOOLS]  # type: ignore[index]


@st.composite
def users(draw: st.DrawFn) -> dict[str, Any]:
    """What a user says: a text, or parts with images."""
    text = draw(TEXTS)
    if draw(st.booleans()):
        return {"role": "user", "content": text}
    image = {"type": "image_url", "image_url": {"url": draw(st.sampled_from([PNG, "https://a.b/c.png"]))}}
    return {"role": "user", "content": [{"type": "text", "text": text}, image, {"type": "text", "text": draw(TEXTS)}]}


@st.composite
def rounds(draw: st.DrawFn) -> list[dict[str, Any]]:
    """A user's turn and what follows it: an answer, or calls with their results in any order."""
    said = [draw(users())]
    if draw(st.booleans()):
        return [*said, {"role": "assistant", "content": draw(TEXTS)}]
    ids = draw(st.lists(IDS, min_size=1, max_size=3, unique=True))
    calls = [
        {
            "id": one,
            "type": "function",
            "function": {"name": draw(st.sampled_from(NAMES)), "arguments": json.dumps(draw(ARGUMENTS))},
        }
        for one in ids
    ]
    results = [{"role": "tool", "tool_call_id": one, "content": draw(st.one_of(TEXTS, st.just("")))} for one in ids]
    random.Random(draw(st.integers(0, 9))).shuffle(results)
    said += [{"role": "assistant", "content": draw(st.one_of(st.none(), TEXTS)), "tool_calls": calls}, *results]
    if draw(st.booleans()):
        said.append({"role": "assistant", "content": draw(TEXTS)})
    return said


@st.composite
def conversations(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Messages of OpenAI's dialect, with instructions before and between them."""
    said = [
        {"role": draw(st.sampled_from(["system", "developer"])), "content": text} for text in draw(st.lists(TEXTS, max_size=2))
    ]
    for turns in draw(st.lists(rounds(), min_size=1, max_size=3)):
        said += turns
        if draw(st.integers(0, 4)) == 0:
            said.append({"role": "system", "content": draw(TEXTS)})
    return [*said, draw(users())]


def heard(dialect: str, request: ChatRequest, **changes: Any) -> tuple[ChatRequest, tuple[str, ...]]:
    """The request as a host of this dialect reads it, and what was reported as left out."""
    call = wire(dialect).encode(request, target(dialect, **changes), False)
    return face(dialect).parse(call.body), call.dropped


def asked(messages: list[dict[str, Any]], **wishes: Any) -> ChatRequest:
    return face("openai").parse(json.dumps({"model": "m", "messages": messages, **wishes}).encode())


@pytest.mark.parametrize("dialect", DIALECTS)
@settings(max_examples=60)
@given(messages=conversations())
def test_a_conversation_keeps_its_meaning_there_and_back(dialect: str, messages: list[dict[str, Any]]) -> None:
    """OpenAI -> X as X's own face reads it, and on to OpenAI again: instructions, texts, images, calls and results."""
    request = asked(messages)
    meant = Meaning(request)
    there, dropped = heard(dialect, foreign(request))
    assert dropped == ()
    assert there.native == ()
    assert Meaning(there) == meant
    back, dropped = heard("openai", foreign(there))
    assert dropped == ()
    assert Meaning(back) == meant


@pytest.fixture(scope="module")
def judged() -> Any:
    """The judge of every dialect. Importing the SDKs costs seconds, so only here and once; what they warn of is theirs."""
    from judges import anthropic_asked, gemini_asked, mistral_asked, openai_asked, upstream  # noqa: PLC0415

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for dialect in (anthropic_asked, gemini_asked, mistral_asked, openai_asked):
            dialect.types()
    return upstream.judge


KEYS = {"bearer": ("authorization", "Bearer k"), "x-api-key": ("x-api-key", "k"), "x-goog-api-key": ("x-goog-api-key", "k")}


@pytest.mark.parametrize("dialect", DIALECTS)
@settings(max_examples=60, deadline=None)
@given(messages=conversations(), stream=st.booleans())
def test_a_conversation_is_one_that_the_provider_takes(
    judged: Any, dialect: str, messages: list[dict[str, Any]], stream: bool
) -> None:
    """By its own SDK's types, unknown fields refused, and by the rules of its API for turns, calls, results and media."""
    request = asked(messages, tools=TOOLS)
    call = wire(dialect).encode(foreign(request), target(dialect), stream)
    asked_ = Asked.of(dialect, call.url.removeprefix("https://host"), dict([*call.headers, KEYS[call.auth]]), call.body)
    assert judged(asked_).complaints == ()


CHOICES: list[Any] = [
    None,
    "auto",
    "none",
    "required",
    {"type": "function", "function": {"name": "clock"}},
    {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [{"type": "function", "function": {"name": "clock"}}]}},
    {
        "type": "allowed_tools",
        "allowed_tools": {"mode": "required", "tools": [{"type": "function", "function": {"name": name}} for name in NAMES[:2]]},
    },
]


def chosen(request: ChatRequest) -> tuple[str, set[str]]:
    """(how tools are chosen, the tools that can be called): a narrowed choice and fewer tools mean the same."""
    choice = request.tool_choice or ToolChoice("auto")
    every = {tool.name for tool in request.tools}
    names = every & set(choice.names) if choice.names else every
    return ("none", set()) if choice.mode == "none" else (choice.mode, names)


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("choice", CHOICES)
@pytest.mark.parametrize("parallel", [None, True, False])
def test_tools_keep_their_meaning(dialect: str, choice: Any, parallel: bool | None) -> None:
    """Names, descriptions, schemas, the choice, and whether several may be called at once, unless that is named as dropped."""
    wishes: dict[str, Any] = {"tools": TOOLS, "tool_choice": choice, "parallel_tool_calls": parallel}
    request = asked([{"role": "user", "content": "hi"}], **{name: wish for name, wish in wishes.items() if wish is not None})
    there, dropped = heard(dialect, foreign(request))
    back, _ = heard("openai", foreign(there))
    for read in (there, back):
        assert chosen(read) == chosen(request)
        left = chosen(request)[1]
        assert [tool for tool in tools_of(read) if tool[0] in left] == [tool for tool in tools_of(request) if tool[0] in left]
    if parallel is False and chosen(request)[0] != "none":
        assert (there.parallel_tools is False) is ("parallel_tool_calls" not in dropped)
        assert back.parallel_tools == there.parallel_tools


SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "days": {"type": "array", "items": {"type": "integer"}}},
    "required": ["city", "days"],
    "additionalProperties": False,
}
JSON_SCHEMA = {"type": "json_schema", "json_schema": {"name": "trip", "schema": SCHEMA, "strict": True, "description": "A trip."}}


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_schema_keeps_its_meaning(dialect: str) -> None:
    """The answer's schema arrives whole; what is told of it stands in it where the dialect has no other place."""
    request = asked([{"role": "user", "content": "hi"}], response_format=JSON_SCHEMA)
    there, _ = heard(dialect, foreign(request))
    back, _ = heard("openai", foreign(there))
    for read in (there, back):
        assert read.format is not None
        told = {"description": "A trip."} if dialect in ("anthropic", "gemini") else {}
        assert (read.format.kind, json.loads(bytes(read.format.schema))) == ("json_schema", {**SCHEMA, **told})
    if dialect in ("mistral", "openai"):
        assert (there.format, back.format) == (request.format, request.format)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_json_is_asked_for_everywhere(dialect: str) -> None:
    """In a field, or in words where the dialect has no field for JSON of any schema."""
    request = asked([{"role": "user", "content": "hi"}], response_format={"type": "json_object"})
    there, dropped = heard(dialect, foreign(request))
    assert dropped == ()
    if dialect == "anthropic":
        assert "JSON" in there.messages[0].text
    else:
        assert there.format == Format("json_object")


# each wish by its name in OpenAI's dialect and in ours
WISHES: dict[str, tuple[str, Any]] = {
    "max_completion_tokens": ("max_tokens", 99),
    "temperature": ("temperature", 0.25),
    "top_p": ("top_p", 0.5),
    "top_k": ("top_k", 40),
    "seed": ("seed", 7),
    "stop": ("stop", ["END", "FIN"]),
    "presence_penalty": ("presence_penalty", 0.5),
    "frequency_penalty": ("frequency_penalty", -0.5),
    "n": ("n", 2),
    "logprobs": ("logprobs", True),
    "user": ("user", "someone"),
    "metadata": ("metadata", {"team": "a"}),
    "reasoning_effort": ("thinking", "high"),
    "service_tier": ("tier", "default"),
    "logit_bias": ("logit_bias", {"1": 2}),
    "verbosity": ("verbosity", "low"),
    "prediction": ("prediction", {"type": "content", "content": "x"}),
    "prompt_cache_key": ("prompt_cache_key", "k"),
    "store": ("store", False),
    "brand_new": ("brand_new", {"deep": [1]}),
}


@pytest.mark.parametrize("dialect", ["anthropic", "gemini", "mistral"])
@pytest.mark.parametrize("name", WISHES)
def test_a_wish_arrives_or_is_named(dialect: str, name: str) -> None:
    """Nothing is lost in silence: a host reads the same wish, the caller is told that it was dropped, or it is refused."""
    ours, value = WISHES[name]
    request = asked([{"role": "user", "content": "hi"}], **{name: value})
    try:
        call = wire(dialect).encode(request, target(dialect), False)
    except UnsupportedFeature as refused:
        assert refused.param == name
        assert (name, dialect) in (("n", "anthropic"), ("n", "gemini"), ("logprobs", "anthropic"))
        return
    there = face(dialect).parse(call.body)
    if not hasattr(request, ours) or name in request.extra:
        assert (name in call.dropped) is (name not in json.loads(call.body))
        return
    wished, read = getattr(request, ours), getattr(there, ours)
    if ours == "thinking":
        wished, read = wished.effort, read and read.effort
    if (ours, dialect) == ("user", "gemini"):
        wished, read = {"user": wished}, there.metadata  # a label here, among others
    assert (read == wished) is not (name in call.dropped or ours in call.dropped)
