"""What the mock reads of a call to Gemini: the typed request, from Google's newer and older fields, in both spellings."""

import json
from typing import Any

import pytest

from app.clients.gemini_client import FACE, WIRE
from app.domain.request import NOTHING, Called, Media, Result, Text, Tool
from app.domain.target import Target
from app.errors import CallerError

PNG = "iVBORw0KGgoAAAANSUhEUg=="
TARGET = Target(
    name="row", provider="gemini", model_id="gemini-3.8-flash", dialect="gemini", wire="gemini", base_url="https://host"
)


def test_a_wrong_image_type_is_mended_from_the_bytes() -> None:
    """In the typed part and in the caller's own body."""
    body = {"contents": [{"parts": [{"inlineData": {"mimeType": "image/jpeg", "data": PNG}}]}]}
    request = FACE.parse(json.dumps(body).encode())
    assert request.messages[0].parts == (Media("image", "image/png", PNG),)
    assert (
        json.loads(WIRE.encode(request, TARGET, False).body)["contents"][0]["parts"][0]["inlineData"]["mimeType"] == "image/png"
    )


def test_the_face_reads_older_schemas_and_both_spellings() -> None:
    """The OpenAPI subset becomes JSON Schema; property names of the caller's stay as they are."""
    schema = {
        "type": "OBJECT",
        "properties": {"a_b": {"type": "ARRAY", "nullable": True, "min_items": "1", "items": {"type": "STRING"}}},
    }
    plain = {"type": "object", "properties": {"a_b": {"type": ["array", "null"], "minItems": 1, "items": {"type": "string"}}}}
    body = {
        "contents": [{"parts": [{"text": "hi"}]}],
        "tools": [{"function_declarations": [{"name": "t", "parameters": schema}]}],
        "generation_config": {"response_mime_type": "application/json", "response_schema": schema},
    }
    request = FACE.parse(json.dumps(body).encode())
    assert json.loads(bytes(request.tools[0].parameters)) == plain
    assert request.format is not None
    assert json.loads(bytes(request.format.schema)) == plain
    assert FACE.parse(
        b'{"contents": [{"parts": [{"text": "hi"}]}], "tools": [{"functionDeclarations": [{"name": "t"}]}]}'
    ).tools == (Tool("t", parameters=NOTHING),)


def test_results_find_their_calls_without_ids() -> None:
    """Older models give none: calls get ids of their own, and results answer the open calls of their name in order."""
    calls = [{"functionCall": {"name": "t", "args": {"n": 1}}}, {"functionCall": {"name": "t", "args": {"n": 2}}}]
    results = [{"functionResponse": {"name": "t", "response": {"output": "1"}}}, {"functionResponse": {"name": "t"}}]
    body = {"contents": [{"role": "model", "parts": calls}, {"role": "user", "parts": [*results, {"text": "so?"}]}]}
    said, told, asked = FACE.parse(json.dumps(body).encode()).messages
    ids = [part.id for part in said.parts if isinstance(part, Called)]
    assert len(set(ids)) == 2
    assert [(part.call_id, part.parts) for part in told.parts if isinstance(part, Result)] == [
        (ids[0], (Text("1"),)),
        (ids[1], (Text(""),)),
    ]
    assert (said.role, told.role, asked.role, asked.text) == ("assistant", "tool", "user", "so?")


def test_what_only_this_dialect_has_is_named() -> None:
    """Wishes without which the answer would be another one are native; what may be lost is extra; null is absent."""
    body = {
        "contents": [{"parts": [{"text": "hi", "videoMetadata": {}}, {"executableCode": {"code": "1"}}]}],
        "tools": [{"googleSearch": {}}],
        "cachedContent": "cachedContents/1",
        "safetySettings": [],
        "store": None,
        "generationConfig": {"responseModalities": ["AUDIO"], "speechConfig": {}, "enableEnhancedCivicAnswers": True},
    }
    request = FACE.parse(json.dumps(body).encode())
    assert (request.model, request.stream) == ("auto", False)
    assert sorted(request.native) == [
        "cachedContent",
        "contents[0].parts[1]",
        "generationConfig.responseModalities",
        "generationConfig.speechConfig",
        "tools.googleSearch",
    ]
    assert sorted(request.extra) == [
        "contents[0].parts[0].videoMetadata",
        "generationConfig.enableEnhancedCivicAnswers",
        "safetySettings",
    ]


@pytest.mark.parametrize(
    "body",
    [
        {"contents": []},
        {"contents": [{"role": "bot", "parts": [{"text": "hi"}]}]},
        {"contents": [{"parts": []}]},
        {"contents": [{"parts": ["hi"]}]},
        {"contents": [{"parts": [{"inlineData": {"data": "x"}}]}]},
        {"contents": [{"parts": [{"functionResponse": {"name": "t", "response": "text"}}]}]},
        {"contents": [{"parts": [{"functionCall": {"name": "t", "args": []}}]}]},
        {"contents": [{"parts": [{"text": "hi"}]}], "generationConfig": {"temperature": "hot"}},
        {"contents": [{"parts": [{"text": "hi"}]}], "tools": [{"functionDeclarations": [{"description": "no name"}]}]},
        {"contents": [{"parts": [{"text": "hi"}]}], "tools": {}},
        {"contents": {"parts": []}},
        {"messages": []},
    ],
)
def test_a_malformed_body_is_the_callers_error(body: dict[str, Any]) -> None:
    """Typed, naming the field, never a crash."""
    with pytest.raises(CallerError):
        FACE.parse(json.dumps(body).encode())
