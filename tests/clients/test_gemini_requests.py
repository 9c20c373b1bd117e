"""What goes to Gemini: every typed wish finds its place, is reported as dropped, or is refused."""

import json
from typing import Any

import pytest
from msgspec import Raw

from app.clients.common.protocols import Call
from app.clients.common.seal import sealed
from app.clients.gemini_client import FACE, WIRE
from app.domain.request import (
    Called,
    ChatRequest,
    Foreign,
    Format,
    Media,
    Message,
    Original,
    Reasoning,
    Result,
    Text,
    Thinking,
    Tool,
    ToolChoice,
)
from app.domain.target import Target
from app.errors import CallerError, UnsupportedFeature

THINKS = frozenset({"sampling", "reasoning", "tools", "vision"})
PNG = "iVBORw0KGgoAAAANSUhEUg=="
SCHEMA = Raw(b'{"type":"object","properties":{"city":{"type":"string"}},"required":["city"]}')
WEATHER = Tool("weather", "The weather of a city.", SCHEMA)
TIME = Tool("time")


def target(model_id: str = "gemini-3.8-flash", **changes: Any) -> Target:
    facts: dict[str, Any] = {"name": "row", "provider": "gemini", "model_id": model_id, "dialect": "gemini", "wire": "gemini"}
    facts |= {"base_url": "https://host", "key_env": ("KEY",), "capabilities": THINKS}
    return Target(**{**facts, **changes})


def call(request: ChatRequest, model_id: str = "gemini-3.8-flash", **changes: Any) -> Call:
    return WIRE.encode(request, target(model_id, **changes), False)


def sent(request: ChatRequest, model_id: str = "gemini-3.8-flash", **changes: Any) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(call(request, model_id, **changes).body)
    return body


def asks(*parts: Any, **wishes: Any) -> ChatRequest:
    return ChatRequest(messages=(Message("user", parts or (Text("hi"),)),), **wishes)


def loop(*said: Any, results: tuple[Result, ...] = (), before: tuple[Message, ...] = ()) -> ChatRequest:
    """A running tool loop: a question, the model's turn, the results."""
    turns = (*before, Message("user", (Text("Weather?"),)), Message("assistant", said))
    return ChatRequest(messages=(*turns, *(Message("tool", (result,)) for result in results)))


OSLO = Called("c1", "weather", '{"city":"Oslo"}')
COLD = Result("c1", (Text("-4"),))


def test_all_declarations_stand_in_one_tool_as_plain_json_schema() -> None:
    """A tool without parameters takes an empty object; nothing else of a tool is told."""
    assert sent(asks(tools=(WEATHER, TIME)))["tools"] == [
        {
            "functionDeclarations": [
                {"name": "weather", "description": "The weather of a city.", "parametersJsonSchema": json.loads(bytes(SCHEMA))},
                {"name": "time", "parametersJsonSchema": {"type": "object", "properties": {}}},
            ]
        }
    ]


@pytest.mark.parametrize(
    ("choice", "config", "names"),
    [
        (ToolChoice("auto"), {"mode": "AUTO"}, ["weather", "time"]),
        (ToolChoice("none"), {"mode": "NONE"}, ["weather", "time"]),
        (ToolChoice("required"), {"mode": "ANY"}, ["weather", "time"]),
        (ToolChoice("required", ("time",)), {"mode": "ANY", "allowedFunctionNames": ["time"]}, ["weather", "time"]),
        (ToolChoice("auto", ("time",)), {"mode": "AUTO"}, ["time"]),
    ],
)
def test_a_choice_of_tools_is_kept(choice: ToolChoice, config: dict[str, Any], names: list[str]) -> None:
    """Forced names are told; names to choose among narrow the declarations, since only forced calls can be narrowed."""
    body = sent(asks(tools=(WEATHER, TIME), tool_choice=choice))
    assert body["toolConfig"] == {"functionCallingConfig": config}
    assert [tool["name"] for tool in body["tools"][0]["functionDeclarations"]] == names
    assert "toolConfig" not in sent(asks(tool_choice=ToolChoice("auto")))


def test_calls_and_results_alternate_and_share_id_and_name() -> None:
    """Two calls of one turn; their results and what the user says next are one turn, results first."""
    request = ChatRequest(
        messages=(
            Message("user", (Text("Weather?"),)),
            Message("assistant", (Text("Let me look."), OSLO, Called("c 2", "time", ""))),
            Message("tool", (Result("c 2", (Text("12:00"),)),)),
            Message("user", (Text("Quick!"),)),
            Message("tool", (COLD,)),
        )
    )
    question, said, told = sent(request, "gemini-2.5-flash")["contents"]
    assert [question["role"], said["role"], told["role"]] == ["user", "model", "user"]
    second = said["parts"][2]["functionCall"]
    assert said["parts"] == [
        {"text": "Let me look."},
        {"functionCall": {"id": "c1", "name": "weather", "args": {"city": "Oslo"}}},
        {"functionCall": {"id": second["id"], "name": "time", "args": {}}},
    ]
    assert second["id"].startswith("call_")
    assert told["parts"] == [
        {"functionResponse": {"id": second["id"], "name": "time", "response": {"output": "12:00"}}},
        {"functionResponse": {"id": "c1", "name": "weather", "response": {"output": "-4"}}},
        {"text": "Quick!"},
    ]


@pytest.mark.parametrize(
    ("parts", "failed", "response"),
    [
        ((Text('{"degrees": -4}'),), False, {"degrees": -4}),
        ((Text("[1, 2]"),), False, {"output": "[1, 2]"}),
        ((Text("{broken"),), False, {"output": "{broken"}),
        ((Text("a"), Text("b")), False, {"output": "a\nb"}),
        ((), False, {"output": ""}),
        ((Text("no such city"),), True, {"error": "no such city"}),
        ((Text('{"code": 7}'),), True, {"error": '{"code": 7}'}),
    ],
)
def test_a_result_is_always_an_object(parts: tuple[Text, ...], failed: bool, response: Any) -> None:
    """A JSON object goes as it is, anything else under the key that the dialect names for it."""
    request = loop(OSLO, results=(Result("c1", parts, failed=failed),))
    assert sent(request)["contents"][2]["parts"][0]["functionResponse"]["response"] == response


def test_a_result_without_its_call_needs_a_name() -> None:
    """The dialect matches by name: a name of the result's own will do, none at all is the caller's error."""
    named = ChatRequest(messages=(Message("tool", (Result("x", (Text("1"),), name="time"),)),))
    assert sent(named)["contents"][0]["parts"][0]["functionResponse"]["name"] == "time"
    with pytest.raises(CallerError) as caught:
        call(ChatRequest(messages=(Message("tool", (Result("x", (Text("1"),)),)),)))
    assert caught.value.param == "messages"


def test_arguments_that_are_no_object_are_the_callers_error() -> None:
    """They would be refused by the provider, with less to go by."""
    for arguments in ("[1]", "{", '"x"'):
        with pytest.raises(CallerError):
            call(loop(Called("c1", "weather", arguments), results=(COLD,)))


def test_images_in_results_stand_within_them_or_beside() -> None:
    """Models from the third generation on look into results; older ones are shown the image beside it, as are URLs."""
    shot = Result("c1", (Text("seen"), Media("image", "image/png", PNG), Media("image", url="https://x.test/a.webp")))
    data = {"inlineData": {"mimeType": "image/png", "data": PNG}}
    link = {"fileData": {"mimeType": "image/webp", "fileUri": "https://x.test/a.webp"}}
    result, *beside = sent(loop(OSLO, results=(shot,)))["contents"][2]["parts"]
    assert (result["functionResponse"]["parts"], beside) == ([data], [link])
    result, *beside = sent(loop(OSLO, results=(shot,)), "gemini-2.5-pro")["contents"][2]["parts"]
    assert ("parts" in result["functionResponse"], beside) == (False, [data, link])


@pytest.mark.parametrize(
    ("media", "part"),
    [
        (Media("image", "image/jpeg", "/9j/"), {"inlineData": {"mimeType": "image/jpeg", "data": "/9j/"}}),
        (Media("audio", "audio/mpeg", "SUQz"), {"inlineData": {"mimeType": "audio/mp3", "data": "SUQz"}}),
        (
            Media("file", "application/pdf", "JVBERi0=", name="a.pdf"),
            {"inlineData": {"mimeType": "application/pdf", "data": "JVBERi0="}},
        ),
        (
            Media("image", url="https://x/a.PNG?w=1#f"),
            {"fileData": {"mimeType": "image/png", "fileUri": "https://x/a.PNG?w=1#f"}},
        ),
        (Media("image", url="https://x/photo"), {"fileData": {"mimeType": "image/jpeg", "fileUri": "https://x/photo"}}),
        (Media("file", url="https://x/report"), {"fileData": {"mimeType": "application/pdf", "fileUri": "https://x/report"}}),
    ],
)
def test_media_go_as_data_or_by_url(media: Media, part: dict[str, Any]) -> None:
    """A URL is passed on, never fetched; its type is its ending's, else the usual one of its kind."""
    assert sent(asks(Text("see"), media))["contents"][0]["parts"] == [{"text": "see"}, part]


def test_a_url_for_a_model_that_reads_none_is_refused() -> None:
    """The 2.0 family and older ones take data only: better a clear 400 than a prompt without its image."""
    with pytest.raises(UnsupportedFeature):
        call(asks(Media("image", url="https://x/a.png")), "gemini-1.5-pro")


@pytest.mark.parametrize(
    ("details", "resolution"),
    [
        (("low",), "MEDIA_RESOLUTION_LOW"),
        (("low", "high"), "MEDIA_RESOLUTION_HIGH"),
        (("original",), "MEDIA_RESOLUTION_HIGH"),
        (("low", ""), None),
        (("auto",), None),
        ((), None),
    ],
)
def test_the_closest_look_counts(details: tuple[str, ...], resolution: str | None) -> None:
    """There is one resolution for all media: no image is seen worse than was wished."""
    request = asks(Text("see"), *(Media("image", "image/png", PNG, detail=detail) for detail in details))
    assert sent(request).get("generationConfig", {}).get("mediaResolution") == resolution


def test_a_signature_goes_back_to_its_maker_only() -> None:
    """Thoughts and signatures of this dialect are kept, bare; another model's are left out and that is reported."""
    ours = (
        Reasoning("Think.", "S1", signer="gemini"),
        Reasoning(redacted="S2", signer="gemini"),
        Text("Look."),
        Called("c1", "weather", "{}", "S3", "gemini/gemini-3.8-flash"),
    )
    kept = call(loop(*ours, results=(COLD,)))
    assert json.loads(kept.body)["contents"][1]["parts"] == [
        {"text": "Think.", "thought": True, "thoughtSignature": "S1"},
        {"text": "Look."},
        {"text": "", "thoughtSignature": "S2"},
        {"functionCall": {"id": "c1", "name": "weather", "args": {}}, "thoughtSignature": "S3"},
    ]
    assert kept.dropped == ()
    theirs = (Reasoning("Hm.", "T", signer="anthropic"), Called("c1", "weather", "{}", "S", "gemini/gemini-4-argon"))
    left = call(loop(*theirs, results=(COLD,)), "gemini-2.5-flash")
    assert json.loads(left.body)["contents"][1]["parts"] == [{"functionCall": {"id": "c1", "name": "weather", "args": {}}}]
    assert left.dropped == ("thinking",)


def test_an_unsigned_call_of_the_running_turn_says_so() -> None:
    """Google's stand-in on the first call of each step since the user last spoke, for models that check, and nowhere else."""
    old = (
        Message("user", (Text("a"),)),
        Message("assistant", (Called("c0", "time", "{}"),)),
        Message("tool", (Result("c0", (Text("1"),)),)),
        Message("assistant", (Text("One."),)),
    )
    request = loop(OSLO, Called("c2", "time", "{}"), results=(COLD, Result("c2", (Text("2"),))), before=old)
    later = (Message("assistant", (Called("c3", "time", "{}"),)), Message("tool", (Result("c3", ()),)))
    request = ChatRequest(messages=(*request.messages, *later))

    def signatures(model_id: str) -> list[str | None]:
        parts = [part for content in sent(request, model_id)["contents"] for part in content["parts"]]
        return [part.get("thoughtSignature") for part in parts if "functionCall" in part]

    stand_in = "skip_thought_signature_validator"
    for model_id in ("gemini-3.8-flash", "gemini-4-argon", "gemini-flash-lite-latest"):
        assert signatures(model_id) == [None, stand_in, None, stand_in]
    for model_id in ("gemini-2.5-pro", "gemini-1.5-pro", "gemma-4-31b-it"):
        assert signatures(model_id) == [None] * 4


def test_a_turn_of_foreign_thoughts_alone_leaves_no_hole() -> None:
    """What is left when it is gone still alternates."""
    request = ChatRequest(
        messages=(
            Message("user", (Text("a"),)),
            Message("assistant", (Reasoning("hm", "sig", "", "anthropic"),)),
            Message("user", (Text("b"),)),
        )
    )
    assert sent(request)["contents"] == [{"role": "user", "parts": [{"text": "a"}, {"text": "b"}]}]


@pytest.mark.parametrize(
    ("wish", "model_id", "config", "dropped"),
    [
        (Thinking("high"), "gemini-3.8-flash", {"thinkingLevel": "HIGH", "includeThoughts": True}, ()),
        (Thinking("max"), "gemini-3.8-flash", {"thinkingLevel": "XHIGH", "includeThoughts": True}, ()),
        (Thinking("low", shown=False), "gemini-3.8-flash", {"thinkingLevel": "LOW"}, ()),
        (Thinking("minimal"), "gemini-3.8-flash", {"thinkingLevel": "LOW", "includeThoughts": True}, ("reasoning_effort",)),
        (Thinking("none"), "gemini-3.8-flash", {"thinkingLevel": "LOW"}, ("reasoning_effort",)),
        (Thinking(budget=2048), "gemini-3.8-flash", {"thinkingBudget": 2048, "includeThoughts": True}, ()),
        (Thinking("high", 2048), "gemini-3.8-flash", {"thinkingLevel": "HIGH", "includeThoughts": True}, ("thinking",)),
        (Thinking(shown=True), "gemini-3.8-flash", {"includeThoughts": True}, ()),
        (Thinking("medium"), "gemini-2.5-flash", {"thinkingBudget": 8192, "includeThoughts": True}, ()),
        (Thinking(budget=32000), "gemini-2.5-flash", {"thinkingBudget": 24576, "includeThoughts": True}, ("thinking",)),
        (Thinking(budget=32000), "gemini-2.5-pro", {"thinkingBudget": 32000, "includeThoughts": True}, ()),
    ],
)
def test_thinking_is_told_as_a_level_or_a_budget(
    wish: Thinking, model_id: str, config: dict[str, Any], dropped: tuple[str, ...]
) -> None:
    """Never both; models before the third generation count tokens; a word that had to change is reported."""
    efforts = ("low", "medium", "high", "xhigh") if model_id == "gemini-3.8-flash" else ()
    made = call(asks(thinking=wish), model_id, efforts=efforts)
    assert json.loads(made.body)["generationConfig"]["thinkingConfig"] == config
    assert made.dropped == dropped


def test_not_thinking_is_a_budget_of_nothing_where_it_is_allowed() -> None:
    """And a model that cannot think is not told to: a wish left out is reported, the wish for none is fulfilled."""
    made = call(asks(thinking=Thinking("none")), efforts=("none", "low"))
    assert json.loads(made.body)["generationConfig"]["thinkingConfig"] == {"thinkingBudget": 0}
    plain = frozenset({"sampling"})
    assert call(asks(thinking=Thinking("high")), capabilities=plain).dropped == ("reasoning_effort",)
    assert call(asks(thinking=Thinking(budget=9)), capabilities=plain).dropped == ("thinking",)
    assert call(asks(thinking=Thinking("none")), capabilities=plain).dropped == ()
    assert "generationConfig" not in sent(asks(thinking=Thinking("high")), capabilities=plain)


def test_sampling_form_and_tier_find_their_words() -> None:
    """Everything the map names; a format without a schema is JSON of any kind."""
    form = Format("json_schema", schema=SCHEMA, strict=True)
    wishes = {
        "top_k": 40.0,
        "presence_penalty": 0.5,
        "frequency_penalty": -0.5,
        "logprobs": True,
        "top_logprobs": 3,
        "tier": "default",
    }
    body = sent(asks(format=form, **wishes))
    assert body["generationConfig"] == {
        "topK": 40.0,
        "presencePenalty": 0.5,
        "frequencyPenalty": -0.5,
        "responseMimeType": "application/json",
        "responseJsonSchema": json.loads(bytes(SCHEMA)),
        "responseLogprobs": True,
        "logprobs": 3,
    }
    assert body["serviceTier"] == "standard"
    assert sent(asks(format=Format("json_object")))["generationConfig"] == {"responseMimeType": "application/json"}
    assert "serviceTier" not in sent(asks(tier="auto"))


def test_what_has_no_word_here_is_reported() -> None:
    """By the names that a caller of OpenAI's chat gave it; the caller's unknown fields by their own."""
    wishes: dict[str, Any] = {"tier": "scale", "parallel_tools": False, "user": "u@b.c", "tools": (WEATHER,)}
    request = ChatRequest(
        messages=(Message("user", (Text("hi", marker="5m"),), name="Ann"),), extra=("logit_bias", "verbosity"), **wishes
    )
    reported = ("user", "service_tier", "parallel_tool_calls", "name", "cache_control", "logit_bias", "verbosity")
    made = call(request)
    assert made.dropped == reported
    assert set(json.loads(made.body)) == {"contents", "tools"}
    assert call(asks(tools=(Tool("t", marker="1h"),))).dropped == ("cache_control",)
    assert call(loop(OSLO, results=(Result("c1", (Text("x", marker="5m"),)),))).dropped == ("cache_control",)


def test_nothing_is_dropped_for_the_sake_of_an_unknown_model() -> None:
    """Where nothing is known of a model the wire sends all it can say."""
    wishes = {"temperature": 1.0, "top_k": 5.0, "thinking": Thinking("high")}
    made = call(asks(**wishes), "tuned-1", capabilities=frozenset(), known=False)
    assert made.dropped == ()
    assert set(json.loads(made.body)["generationConfig"]) == {"temperature", "topK", "thinkingConfig"}
    gone = call(asks(presence_penalty=1.0, top_k=5.0), capabilities=frozenset({"reasoning"}))
    assert gone.dropped == ("top_k", "presence_penalty")


def test_several_answers_and_foreign_parts_are_refused() -> None:
    """Both would change the answer silently."""
    with pytest.raises(UnsupportedFeature) as caught:
        call(asks(n=2))
    assert caught.value.param == "n"
    with pytest.raises(UnsupportedFeature):
        call(asks(Text("see"), Foreign("video_url", Raw(b"{}"))))


def test_a_body_of_this_dialect_travels_untouched() -> None:
    """Byte for byte, unknown fields too, but for what is the router's own."""
    contents = '[{"role": "user",  "parts": [{"text": "hi", "brandNew": 1}]}]'
    body = f'{{"contents": {contents}, "safetySettings": [], "router": {{"mode": "fast"}}, "generationConfig": {{"topK": 3}}}}'
    made = call(FACE.parse(body.encode()))
    assert contents.encode() in made.body
    assert json.loads(made.body) == {"contents": json.loads(contents), "safetySettings": [], "generationConfig": {"topK": 3}}
    assert made.dropped == ()


def test_foreign_signatures_in_a_body_of_this_dialect_are_mended() -> None:
    """A sealed signature of Gemini's goes on bare; another model's is left out, its thoughts with it, its calls without it."""
    parts = [
        {"text": "Hm.", "thought": True, "thoughtSignature": sealed("anthropic", "T")},
        {"text": "Look.", "thoughtSignature": sealed("gemini", "S")},
        {"functionCall": {"name": "time", "args": {}}, "thoughtSignature": sealed("anthropic", "T")},
    ]
    body = {"contents": [{"parts": [{"text": "a"}]}, {"role": "model", "parts": parts}]}
    made = call(FACE.parse(json.dumps(body).encode()))
    assert json.loads(made.body)["contents"][1]["parts"] == [
        {"text": "Look.", "thoughtSignature": "S"},
        {"functionCall": {"name": "time", "args": {}}, "thoughtSignature": "skip_thought_signature_validator"},
    ]
    assert made.dropped == ("thinking",)


@pytest.mark.parametrize(
    ("metadata", "user", "labels", "dropped"),
    [
        ({"team": "a-1"}, "u_1", {"team": "a-1", "user": "u_1"}, ()),
        ({"Team": "a"}, "u", {"user": "u"}, ("metadata",)),
        ({"team": "A B"}, None, None, ("metadata",)),
        ({"user": "x"}, "u", {"user": "x"}, ("user",)),
        (None, "Ann@example.com", None, ("user",)),
    ],
)
def test_metadata_and_user_are_labels_where_they_have_the_form_of_labels(
    metadata: dict[str, Any] | None, user: str | None, labels: dict[str, str] | None, dropped: tuple[str, ...]
) -> None:
    """Lower case and 63 characters; a label that Google would refuse would get the whole call refused."""
    asked = ChatRequest(messages=(Message("user", (Text("hi"),)),), metadata=metadata, user=user, original=Original("openai", {}))
    made = call(asked)
    assert (json.loads(made.body).get("labels"), made.dropped) == (labels, dropped)


def test_a_thought_without_a_signature_goes_on_as_a_thought() -> None:
    """A summary that the caller gives back is nobody's proof, and is no text of the answer."""
    turns = (Message("user", (Text("a"),)), Message("assistant", (Reasoning("hm"), Text("b"))), Message("user", (Text("c"),)))
    made = call(ChatRequest(messages=turns))
    assert json.loads(made.body)["contents"][1]["parts"] == [{"text": "hm", "thought": True}, {"text": "b"}]
    assert made.dropped == ()


@pytest.mark.parametrize(
    ("request_", "names"),
    [
        (asks(tools=(Tool("f", strict=True),)), ("strict",)),
        (asks(tools=(Tool("f", strict=False),)), ()),
        (asks(top_logprobs=3), ("top_logprobs",)),
        (asks(top_k=-1), ("top_k",)),
        (asks(Media("file", "application/pdf", "JVBERi0=", name="report.pdf")), ("filename",)),
        (asks(Media("image", "image/png", "iVBORw0KGgo", detail="low"), Media("image", "image/png", "iVBORw0KGgo")), ("detail",)),
        (asks(Media("image", "image/png", "iVBORw0KGgo", detail="high"), Media("image", "image/png", "iVBORw0KGgo")), ()),
    ],
)
def test_what_cannot_be_told_is_named(request_: ChatRequest, names: tuple[str, ...]) -> None:
    """No wish vanishes without a word, however small."""
    assert call(request_).dropped == names


def test_what_only_another_dialect_carries_is_refused() -> None:
    """Its loss would give another answer."""
    with pytest.raises(UnsupportedFeature) as refused:
        call(asks(native=("container",)))
    assert refused.value.param == "container"


def test_what_is_told_of_a_form_stands_in_its_schema() -> None:
    """There is no other place for it."""
    form = Format("json_schema", schema=Raw(b'{"type":"object"}'), description="A place.")
    config = json.loads(call(asks(format=form)).body)["generationConfig"]
    assert config["responseJsonSchema"] == {"type": "object", "description": "A place."}
    with pytest.raises(CallerError, match="response_format"):
        call(asks(format=Format("json_schema", schema=Raw(b"[]"), description="A place.")))


def test_the_last_word_and_the_first_are_the_users() -> None:
    """This dialect refuses a conversation that ends with the model's turn: it is asked to go on, and the caller is told."""
    made = call(ChatRequest(messages=(Message("assistant", (Text("Welcome!"),)), Message("assistant", (Text("Once"),)))))
    assert [turn["role"] for turn in json.loads(made.body)["contents"]] == ["user", "model", "user"]
    assert made.dropped == ("prefill",)
    assert sent(loop(OSLO))["contents"][-1]["role"] == "model"
