"""Embeddings in every dialect, judged by the providers' own SDKs: what they put on the wire, what they read, and what must not pass."""

import json
import math
import struct
from base64 import b64decode, b64encode
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from google import genai
from google.genai import _api_client
from google.genai import types as google_types
from hypothesis import given, settings
from hypothesis import strategies as st
from mistralai.client.models import EmbeddingRequest, EmbeddingResponse
from openai.types import CreateEmbeddingResponse

from app.clients.common.protocols import Call
from app.clients.embedding.dialects import SPEECHES, carries, decode, encode
from app.clients.embedding.mock import UNKNOWN_DIMENSIONS, played, plays
from app.clients.embedding.parse import MOST_INPUTS, parse
from app.clients.embedding.render import render
from app.clients.embedding.vectors import packed, unit, unpacked
from app.domain.answer import Usage
from app.domain.embedding import Embedded, EmbedRequest
from app.domain.target import Target
from app.errors import BadAnswer, CallerError, RouterError

BASES = {"openai": "https://api.openai.com/v1", "mistral": "https://api.mistral.ai/v1", "gemini": "https://host.example"}
MODELS = {"openai": "text-embedding-3-small", "mistral": "mistral-embed", "gemini": "gemini-embedding-001"}
DIALECTS = list(BASES)


def target(dialect: str = "openai", **changes: Any) -> Target:
    plain = Target(
        name="row",
        provider=dialect,
        model_id=MODELS.get(dialect, "model"),
        dialect=dialect,
        wire=dialect,
        base_url=BASES.get(dialect, "https://host.example"),
        key_env=("KEY",),
        dimensions=8,
    )
    return msgspec.structs.replace(plain, **changes)


def asked(given: Any = "hello", **fields: Any) -> EmbedRequest:
    return parse(json.dumps({"model": "row", "input": given, **fields}).encode())


def sent(dialect: str, request: EmbedRequest, **changes: Any) -> tuple[Call, Any]:
    call = encode(request, target(dialect, **changes))
    return call, json.loads(call.body)


def reply(*vectors: Any, **changes: Any) -> bytes:
    data = [{"object": "embedding", "index": i, "embedding": vector} for i, vector in enumerate(vectors)]
    body = {"object": "list", "data": data, "model": "m-1", "usage": {"prompt_tokens": 5, "total_tokens": 5}}
    return json.dumps({**body, **changes}).encode()


def base64_of(*numbers: float) -> str:
    return b64encode(struct.pack(f"<{len(numbers)}f", *numbers)).decode()


# what a caller may ask


@pytest.mark.parametrize(
    ("given", "texts", "tokens"),
    [
        ("one", ("one",), ()),
        (["one", "two"], ("one", "two"), ()),
        ([1, 2, 3], (), ((1, 2, 3),)),
        ([[1, 2], [3]], (), ((1, 2), (3,))),
        ([" "], (" ",), ()),
    ],
)
def test_the_four_kinds_of_input_are_told_apart(given: Any, texts: Any, tokens: Any) -> None:
    request = asked(given)
    assert (request.texts, request.tokens) == (texts, tokens)
    assert request.count == max(len(texts), len(tokens))


@pytest.mark.parametrize(
    "given",
    [
        "",
        [],
        [""],
        ["a", ""],
        [[]],
        [[1], []],
        ["a", 1],
        [1, "a"],
        ["a", [1]],
        [[1], "a"],
        [-1],
        [[-1]],
        [True],
        [1.5],
        7,
        None,
        {},
    ],
)
def test_an_input_that_cannot_be_embedded_is_a_400_that_names_it(given: Any) -> None:
    with pytest.raises(CallerError) as refused:
        asked(given)
    assert refused.value.status == 400 and (refused.value.param or "").startswith("input")


def test_an_absent_input_or_model_is_named() -> None:
    for body, param in (({"model": "m"}, "input"), ({"input": "x"}, "model")):
        with pytest.raises(CallerError) as refused:
            parse(json.dumps(body).encode())
        assert refused.value.param == param


def test_the_number_of_inputs_is_bounded() -> None:
    assert asked(["x"] * MOST_INPUTS).count == MOST_INPUTS
    assert asked(list(range(MOST_INPUTS + 1))).count == 1, "ids of one text are not many inputs"
    for many in (["x"] * (MOST_INPUTS + 1), [[1]] * (MOST_INPUTS + 1)):
        with pytest.raises(CallerError, match="2048"):
            asked(many)


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"dimensions": 0}, "dimensions"),
        ({"dimensions": "8"}, "dimensions"),
        ({"encoding_format": "hex"}, "encoding_format"),
        ({"user": 5}, "user"),
        ({"router": {"speed": 1}}, "router.speed"),
        ({"api_base": "https://elsewhere.example"}, "api_base"),
    ],
)
def test_a_field_that_is_wrong_is_named(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(CallerError) as refused:
        asked("x", **fields)
    assert refused.value.param == param


def test_null_counts_as_absent() -> None:
    request = asked("x", dimensions=None, encoding_format=None, user=None, metadata=None, router=None, odd=None)
    assert (request.dimensions, request.encoding, request.user, request.extra) == (None, "float", None, ())


@pytest.mark.parametrize(
    ("body", "route"),
    [
        ({"messages": [{"role": "user", "content": "x"}]}, "/v1/chat/completions"),
        ({"prompt": "x"}, "/query"),
        ({"instructions": "x"}, "/v1/responses"),
        ({"input": "x", "reasoning": {"effort": "low"}}, "/v1/responses"),
        ({"input": "x", "text": {}}, "/v1/responses"),
        ({"input": [{"role": "user", "content": "x"}]}, "/v1/responses"),
    ],
)
def test_a_body_of_another_route_is_told_where_it_belongs(body: dict[str, Any], route: str) -> None:
    with pytest.raises(CallerError, match=route):
        parse(json.dumps({"model": "m", **body}).encode())


# what goes upstream


def test_a_host_of_openais_dialect_gets_the_callers_own_fields() -> None:
    given = {"dimensions": 4, "encoding_format": "base64", "user": "u", "truncate": {"side": "left"}, "router": {"session": "s"}}
    call, body = sent("openai", asked(["a", "b"], **given))
    del given["router"]
    assert body == {"model": "text-embedding-3-small", "input": ["a", "b"], **given}
    assert (call.url, call.auth, call.dropped) == ("https://api.openai.com/v1/embeddings", "bearer", ())


def test_the_numbers_of_a_field_keep_their_spelling() -> None:
    request = parse(b'{"model":"m","input":"x","odd":1.50e0}')
    assert b'"odd":1.50e0' in encode(request, target()).body


def test_a_host_that_gives_floats_alone_is_not_told_of_another_form() -> None:
    _, body = sent("openai", asked("a", encoding_format="base64"), quirks=("float_embeddings",))
    assert "encoding_format" not in body


def test_a_host_without_keys_gets_no_key() -> None:
    assert [encode(asked(), target(dialect, key_env=())).auth for dialect in DIALECTS] == ["", "", ""]


def test_mistral_gets_its_own_names_and_nothing_else() -> None:
    fields = {"dimensions": 4, "encoding_format": "base64", "user": "u", "metadata": {"k": "v"}, "odd": 1}
    call, body = sent("mistral", asked(["a", "b"], **fields))
    assert body == {"model": "mistral-embed", "input": ["a", "b"], "output_dimension": 4, "metadata": {"k": "v"}}
    EmbeddingRequest.model_validate(body, extra="forbid")
    assert set(call.dropped) == {"user", "odd"} and call.url == "https://api.mistral.ai/v1/embeddings"


@pytest.mark.parametrize("dialect", ["mistral", "gemini"])
def test_the_length_a_model_has_anyway_is_not_asked_for(dialect: str) -> None:
    """Most of these models refuse any wish for a length, also for their own."""
    assert sent(dialect, asked("a", dimensions=8))[1] == sent(dialect, asked("a"))[1]


def test_gemini_gets_what_its_own_sdk_sends(monkeypatch: pytest.MonkeyPatch) -> None:
    heard: dict[str, Any] = {}

    def listen(self: Any, method: str, path: str, fields: Any, options: Any = None) -> google_types.HttpResponse:
        heard.update(path=path, body=json.loads(json.dumps({name: fields[name] for name in fields if name[0] != "_"})))
        return google_types.HttpResponse(headers={}, body='{"embeddings": []}')

    monkeypatch.setattr(_api_client.BaseApiClient, "request", listen)
    with genai.Client(api_key="test-key", vertexai=False) as client:
        client.models.embed_content(
            model="gemini-embedding-001",
            contents=["a", "b"],
            config=google_types.EmbedContentConfig(output_dimensionality=4),
        )
    call, body = sent("gemini", asked(["a", "b"], dimensions=4, user="u", odd=1))
    assert call.url == f"https://host.example/v1/{heard['path']}"
    for one in heard["body"]["requests"]:
        one["content"].pop("role", None)
    assert body == heard["body"]
    assert (set(call.dropped), call.auth) == ({"user", "odd"}, "x-goog-api-key")


def test_token_ids_go_only_where_the_dialect_has_them() -> None:
    request = asked([[1, 2], [3]])
    assert [dialect for dialect in [*DIALECTS, "anthropic"] if carries(request, target(dialect))] == ["openai"]
    assert [dialect for dialect in [*DIALECTS, "anthropic"] if carries(asked(), target(dialect))] == DIALECTS
    assert sent("openai", request)[1]["input"] == [[1, 2], [3]]


# what comes back


def test_a_reply_in_the_form_asked_for_goes_on_as_it_is() -> None:
    for encoding, vector in (("float", [0.25, 0.5]), ("base64", base64_of(0.25, 0.5))):
        body = reply(vector, request_cost=0.1)
        read = decode(body, asked("x", encoding_format=encoding), target())
        assert render(read, "row", 9) == body and read.usage == Usage(input_tokens=5)


def test_a_reply_in_the_other_form_is_converted_and_keeps_its_other_fields() -> None:
    floats = render(decode(reply(base64_of(0.25, -0.5), odd=[1]), asked("x"), target()), "row", 9)
    assert json.loads(floats) == json.loads(reply([0.25, -0.5], odd=[1]))
    packed_up = render(decode(reply([0.25, -0.5], odd=[1]), asked("x", encoding_format="base64"), target()), "row", 9)
    assert json.loads(packed_up) == json.loads(reply(base64_of(0.25, -0.5), odd=[1]))


def test_vectors_that_come_in_another_order_are_put_in_that_of_the_inputs() -> None:
    data = [{"index": 1, "embedding": [1.0]}, {"index": 0, "embedding": [0.0]}]
    assert decode(reply(data=data), asked(["a", "b"]), target()).vectors == ([0.0], [1.0])


def test_a_host_that_counts_nothing_is_counted_for() -> None:
    body = json.loads(render(decode(reply([1.0], usage=None), asked("x"), target()), "row", 9))
    assert body["usage"] == {"prompt_tokens": 9, "total_tokens": 9}
    CreateEmbeddingResponse.model_validate(body)


def test_fields_unknown_to_us_may_ask_for_other_numbers() -> None:
    """With `output_dtype` the base64 of some hosts holds bytes, not float32."""
    body = reply(b64encode(b"\x01\xff\x7f").decode())
    request = asked("x", encoding_format="base64", output_dtype="int8")
    assert render(decode(body, request, target()), "row", 9) == body


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b"{}",
        b'{"error": {"message": "no", "type": "server_error"}}',
        reply(),
        reply([0.1], [0.2]),
        reply([]),
        reply(None),
        reply("*not base64*"),
        reply(b64encode(b"12345").decode()),
        reply(base64_of(math.nan)),
        reply(base64_of(math.inf)),
        reply([0.1, "x"]),
        reply([0.1])[:-3],
        reply(data=[{"index": 1, "embedding": [0.1]}]),
        reply(data=None),
        b'{"data": [{"index": 0, "embedding": [NaN]}]}',
        b'{"data": [{"index": 0, "embedding": [1e999]}]}',
    ],
)
def test_what_is_no_sound_answer_is_a_fault_of_the_provider(body: bytes) -> None:
    with pytest.raises(BadAnswer):
        decode(body, asked("x"), target())


def test_vectors_of_different_or_unwished_lengths_are_refused() -> None:
    with pytest.raises(BadAnswer, match="different lengths"):
        decode(reply([0.1], [0.1, 0.2]), asked(["a", "b"]), target())
    with pytest.raises(BadAnswer, match="2 dimensions where 3"):
        decode(reply([0.1, 0.2]), asked("a", dimensions=3), target())


def test_a_number_too_large_for_float32_is_not_made_infinite() -> None:
    with pytest.raises(BadAnswer):
        decode(reply([1e39]), asked("x", encoding_format="base64"), target())


def test_mistrals_numbers_become_what_the_caller_reads() -> None:
    body = reply([0.25, -0.5], id="e1")
    EmbeddingResponse.model_validate_json(body)
    read = decode(body, asked("x", encoding_format="base64"), target("mistral"))
    assert json.loads(render(read, "row", 9)) == json.loads(reply(base64_of(0.25, -0.5)))


def test_geminis_answer_becomes_openais() -> None:
    body = b'{"embeddings":[{"values":[3.0,4.0]},{"values":[0.0,1.0]}],"usageMetadata":{"promptTokenCount":8}}'
    google_types.EmbedContentResponse.model_validate_json(body)
    read = decode(body, asked(["a", "b"]), target("gemini"))
    assert read == Embedded(([3.0, 4.0], [0.0, 1.0]), Usage(input_tokens=8))
    shown = CreateEmbeddingResponse.model_validate_json(render(read, "gemini-embedding-001", 9))
    assert (shown.model, shown.usage.prompt_tokens) == ("gemini-embedding-001", 8)


def test_a_vector_that_gemini_shortened_has_length_one() -> None:
    """Gemini's first model leaves that to the caller; callers of OpenAI's shape take a dot product for a cosine."""
    body = b'{"embeddings":[{"values":[3.0,4.0]}]}'
    assert decode(body, asked("a", dimensions=2), target("gemini")).vectors == ([0.6, 0.8],)
    assert unit([0.0, 0.0]) == [0.0, 0.0]


@pytest.mark.parametrize("dialect", DIALECTS)
@given(broken=st.data())
@settings(max_examples=60, deadline=None)
def test_no_mutation_of_an_answer_escapes_as_anything_but_an_error_of_ours(dialect: str, broken: st.DataObject) -> None:
    body = played(encode(asked(["a", "b"]), target(dialect)), target(dialect))
    place = broken.draw(st.integers(0, len(body) - 1))
    cut = broken.draw(st.binary(max_size=3))
    mutated = body[:place] + cut + body[place + broken.draw(st.integers(0, 4)) :]
    try:
        read = decode(mutated, asked(["a", "b"]), target(dialect))
    except RouterError:
        return
    assert len(read.vectors) == 2


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False, width=32), min_size=1, max_size=20))
def test_base64_holds_every_float32_exactly(numbers: list[float]) -> None:
    assert unpacked(packed(numbers)) == numbers
    assert b64decode(packed(numbers)) == struct.pack(f"<{len(numbers)}f", *numbers)


# the mock

VALIDATE: dict[str, Callable[[bytes], object]] = {
    "openai": CreateEmbeddingResponse.model_validate_json,
    "mistral": EmbeddingResponse.model_validate_json,
    "gemini": google_types.EmbedContentResponse.model_validate_json,
}


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_mock_plays_every_dialect_that_has_embeddings(dialect: str) -> None:
    assert set(SPEECHES) == set(DIALECTS)
    call = encode(asked(["a", "b"]), target(dialect))
    assert plays(call)
    body = played(call, target(dialect))
    VALIDATE[dialect](body)
    read = decode(body, asked(["a", "b"]), target(dialect))
    assert {len(vector) for vector in read.vectors} == {8} and read.usage is not None and read.usage.input_tokens == 2


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_played_vector_has_length_one_and_follows_from_text_and_model(dialect: str) -> None:
    def vectors(given: list[str], **changes: Any) -> Any:
        here = target(dialect, **changes)
        return decode(played(encode(asked(given), here), here), asked(given), here).vectors

    first, second, again = vectors(["a", "b", "a"])
    assert first == again != second
    assert (vectors(["a"])[0] == first, vectors(["a"], model_id="other")[0] == first) == (True, False)
    assert math.isclose(math.hypot(*first), 1, abs_tol=1e-6)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_played_vector_is_as_long_as_asked_else_as_the_models_own(dialect: str) -> None:
    for fields, changes, length in (({"dimensions": 5}, {}, 5), ({}, {}, 8), ({}, {"dimensions": 0}, UNKNOWN_DIMENSIONS)):
        here, request = target(dialect, **changes), asked("a", **fields)
        (vector,) = decode(played(encode(request, here), here), request, here).vectors
        assert len(vector) == length


def test_a_conversation_is_not_played_as_embeddings() -> None:
    assert not plays(Call(url="https://api.openai.com/v1/chat/completions", body=b""))
