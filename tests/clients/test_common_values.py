"""The values that all dialects share: media types, ids of calls, seals of signatures, tools and efforts, turns, faults."""

import base64
import random
import re
import string

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from app.clients.common.body import opened
from app.clients.common.call_ids import CallIds, minted, spelled_hex, spelled_short
from app.clients.common.fault import MAX_RETRY_AFTER, fault_of, numbers_of, retry_after
from app.clients.common.media import data_url, is_mended, known_type, media_of, true_type
from app.clients.common.seal import is_sealed, sealed, signed_by, unsealed
from app.clients.common.tools import chosen_tools, input_of, nearest_effort, schema_of
from app.clients.common.turns import conversation, parts_of
from app.domain.request import EFFORTS, Called, ChatRequest, Effort, Foreign, Media, Message, Part, Result, Role, Text, Tool
from app.errors import (
    CallerError,
    ContentFiltered,
    ContextTooLong,
    ProviderAuth,
    ProviderError,
    ProviderOverloaded,
    ProviderQuota,
    ProviderRefused,
    ProviderRejected,
    UnexpectedRedirect,
    UnsupportedFeature,
)

# media

FILES = {
    "image/png": b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
    "image/jpeg": b"\xff\xd8\xff\xe0\0\x10JFIF",
    "image/gif": b"GIF89a\x01\0\x01\0",
    "image/webp": b"RIFF\x24\0\0\0WEBPVP8 ",
    "audio/wav": b"RIFF\x24\0\0\0WAVEfmt ",
    "audio/mp3": b"ID3\x04\0\0\0",
    "application/pdf": b"%PDF-1.7\n",
}


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


@pytest.mark.parametrize("media_type", FILES)
@pytest.mark.parametrize("more", [0, 1, 2, 3, 500])
def test_a_type_is_known_by_its_first_bytes(media_type: str, more: int) -> None:
    """However long the file is, and with or without the padding of base64."""
    data = encoded(FILES[media_type] + b"x" * more)
    assert known_type(data) == media_type
    assert known_type(data.rstrip("=") if len(data) > 24 else data) == media_type
    assert true_type("image/tiff", data) == media_type


@pytest.mark.parametrize(
    "data",
    ["", "!", "aGVsbG8", "aGVsbG8=", "ID3", "é" * 30, "\ud800", "R" * 7, encoded(b"RIFF\0\0\0\0AVI "), encoded(b"ID3 is a tag")],
)
def test_bytes_that_are_no_signature_leave_the_stated_type(data: str) -> None:
    """Nothing is guessed, and nothing that is no base64 is a crash."""
    assert known_type(data) is None
    assert true_type("image/TIFF", data) == "image/tiff"


@given(st.text(max_size=60))
def test_no_text_is_a_crash_of_the_type(data: str) -> None:
    """Callers write what they like where base64 should stand."""
    assert true_type("a/b", data) in {*FILES, "a/b"}


@pytest.mark.parametrize(
    ("stated", "told"),
    [("audio/mpeg", "audio/mpeg"), ("audio/mp3", "audio/mp3"), ("AUDIO/MPEG", "audio/mpeg"), ("audio/wav", "audio/mp3")],
)
def test_another_name_of_the_same_type_is_kept(stated: str, told: str) -> None:
    """Only a wrong type is mended."""
    assert true_type(stated, encoded(FILES["audio/mp3"])) == told


@pytest.mark.parametrize("data", [encoded(FILES["image/jpeg"]), "unknown!"])
def test_the_misspelled_jpeg_is_mended(data: str) -> None:
    """No provider takes `image/jpg`, whatever the bytes show."""
    assert true_type("image/jpg", data) == "image/jpeg"


def test_a_data_url_is_read_with_its_true_type() -> None:
    """Parameters are passed over; what the URL states wrongly is mended, and that is told."""
    png = encoded(FILES["image/png"])
    for url, mended in (
        (f"data:image/png;base64,{png}", False),
        (f"data:image/PNG;charset=utf-8;base64,{png}", False),
        (f"DATA:image/png;base64,{png}", False),
        (f"data:image/jpeg;base64,{png}", True),
        (f"data:;base64,{png}", True),
    ):
        media = media_of("image", url, "here", name="n", detail="low", marker="5m")
        assert media == Media("image", "image/png", png, name="n", detail="low", marker="5m")
        assert is_mended(url, media) is mended
        assert data_url(media) == f"data:image/png;base64,{png}"


@pytest.mark.parametrize("url", ["https://a.b/c.png", "http://a.b/c", "HTTPS://A.B/c"])
def test_a_link_stays_a_link(url: str) -> None:
    """Nothing is fetched, so nothing is known of it."""
    media = media_of("file", url, "here")
    assert (media, data_url(media), is_mended(url, media)) == (Media("file", url=url), url, False)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "file:///etc/passwd",
        "data:",
        "data:image/png,abc",
        "data:image/png;base64,",
        "data:image/png;base64",
        "ftp://a.b",
        "//a.b/c",
        "gs://b/o",
    ],
)
def test_any_other_url_is_refused_by_its_place(url: str) -> None:
    """No file, no other scheme, no data that is not base64; the URL itself is not repeated."""
    with pytest.raises(CallerError) as refused:
        media_of("image", url, "messages[0].content[1]")
    assert refused.value.param == "messages[0].content[1]"
    assert "passwd" not in refused.value.message


# ids of calls

SHORT = re.compile(r"[a-zA-Z0-9]{9}")
IDS = st.one_of(
    st.text(max_size=12),
    st.sampled_from(["call_1", "call_2", "abcdefghi", "toolu_1", ""]),
    st.text(string.ascii_letters, min_size=9, max_size=9),
)


def short() -> CallIds:
    return CallIds(SHORT, spelled_short)


@given(st.lists(IDS, max_size=12))
def test_ids_are_mapped_one_to_one_and_back(told: list[str]) -> None:
    """Every call gets an accepted id that no other call has, and it leads back to its own."""
    ids = short()
    mapped = [ids.called(one) for one in told]
    assert all(SHORT.fullmatch(one) for one in mapped)
    assert len(set(mapped)) == len(mapped)
    assert [ids.original(one) for one in mapped] == told


@given(st.lists(IDS, max_size=8), st.lists(IDS, max_size=4))
def test_ids_do_not_change_as_the_conversation_grows(told: list[str], later: list[str]) -> None:
    """Else a provider's prompt cache would be lost with every turn."""
    one, other = short(), short()
    first = [one.called(call) for call in told]
    assert [other.called(call) for call in told + later][: len(told)] == first


def test_an_accepted_id_stays_unless_it_is_taken() -> None:
    """Also when an id that had to be replaced was given that very spelling before."""
    ids = short()
    made = ids.called("call_1")
    assert ids.called("abcdefghi") == "abcdefghi"
    assert ids.called(made) != made
    assert ids.answered("call_1") == made


@given(st.lists(st.lists(IDS, unique=True, min_size=1, max_size=4), max_size=4), st.randoms())
def test_results_find_their_calls(rounds: list[list[str]], chance: random.Random) -> None:
    """In any order within a turn, and in every turn, though a host gives the same ids again."""
    ids = short()
    for calls in rounds:
        mapped = {call: ids.called(call) for call in calls}
        answers = list(calls)
        chance.shuffle(answers)
        assert {call: ids.answered(call) for call in answers} == mapped


def test_calls_of_one_id_in_one_turn_are_answered_in_order() -> None:
    """The first result belongs to the first of them; one result too many belongs to the last."""
    ids = short()
    first, second = ids.called("x"), ids.called("x")
    assert first != second
    assert [ids.answered("x") for _ in range(3)] == [first, second, second]


def test_a_result_without_a_call_keeps_one_id() -> None:
    """It is mapped as its call would have been, and always alike; the same id called later is another call."""
    ids = short()
    orphan = ids.answered("call_9")
    assert ids.answered("call_9") == orphan == short().called("call_9")
    assert ids.called("call_9") != orphan


def test_spellings_are_what_the_dialects_take() -> None:
    """And an id that was never mapped is its own original."""
    assert CallIds(re.compile(r"toolu_\w+"), spelled_hex("toolu_")).called("call 1").startswith("toolu_")
    assert re.fullmatch(r"call_[0-9a-f]{24}", minted("r", "0", "1"))
    assert minted("r", "0", "1") == minted("r", "0", "1") != minted("r", "0", "2")
    assert minted("\ud800")
    assert short().original("abc") == "abc"


# seals

DIALECTS = st.sampled_from(["anthropic", "gemini", "mistral", "openai"])


@given(DIALECTS, DIALECTS, st.text(min_size=1))
def test_a_seal_carries_whose_signature_it_is(signer: str, reader: str, signature: str) -> None:
    """Whichever dialect it comes back through, dots and other seals in it included."""
    text = sealed(signer, signature)
    assert is_sealed(text)
    assert unsealed(text, reader) == (signature, signer)


@given(DIALECTS, st.text().filter(lambda text: not is_sealed(text)))
def test_a_signature_without_a_seal_is_of_the_callers_dialect(dialect: str, signature: str) -> None:
    """And nothing is nobody's."""
    assert unsealed(signature, dialect) == (signature, dialect if signature else "")
    assert sealed(dialect, "") == ""


@pytest.mark.parametrize("text", ["lr1.", "lr1.mistral", "lr1..", "lr1..x"])
def test_a_broken_seal_is_never_taken_for_a_signature(text: str) -> None:
    """What is left of it may not go to a provider as a proof of its own."""
    signature, signer = unsealed(text, "openai")
    assert not signature or not signed_by(signer, "openai", "m")


def test_a_signature_goes_to_its_own_dialect_or_model() -> None:
    """Where the model is known only to that one; an unsigned part to none."""
    assert signed_by("gemini", "gemini", "g")
    assert signed_by("gemini/g", "gemini", "g")
    assert not signed_by("gemini/h", "gemini", "g")
    assert not signed_by("mistral", "gemini", "g")
    assert not signed_by("", "gemini", "g")


# tools and efforts


@pytest.mark.parametrize("text", ["{}", ' {"a": [1, null]}\n', '{"a":1e400}', '{"\\ud83d\\ude00":"é"}'])
def test_arguments_are_an_object_as_the_model_wrote_it(text: str) -> None:
    """Not a byte changes but for the space around it."""
    assert bytes(input_of(Called("1", "f", text))) == text.strip().encode()


@pytest.mark.parametrize("text", ["", "  \n"])
def test_no_arguments_are_an_empty_object(text: str) -> None:
    """Models write nothing at all for a tool without parameters."""
    assert bytes(input_of(Called("1", "f", text))) == b"{}"


@pytest.mark.parametrize(
    "text",
    [
        "null",
        "[]",
        '"x"',
        "{",
        '{"a":1}{"b":2}',
        "{'a':1}",
        '{"a":NaN}',
        "[" * 100_000,
        "\ud800",
        '{"a":\ud800}',
        '{"a":' * 100_000,
    ],
)
def test_other_arguments_are_the_callers_error(text: str) -> None:
    """Named by the call, whatever it is called."""
    with pytest.raises(CallerError, match="'call_7"):
        input_of(Called("call_7" + "x" * 200, "f", text))


@given(st.text(max_size=40))
def test_no_arguments_are_a_crash(text: str) -> None:
    """An object or an error of the caller's kind."""
    try:
        assert isinstance(msgspec.json.decode(input_of(Called("1", "f", text))), dict)
    except CallerError:
        return


@pytest.mark.parametrize("schema", [b"", b"null", b"{}"])
def test_a_tool_without_parameters_takes_an_empty_object(schema: bytes) -> None:
    """Providers want its type to be said."""
    assert msgspec.json.decode(schema_of(Tool("f", parameters=Raw(schema)))) == {"type": "object", "properties": {}}


def test_a_tools_schema_is_its_own() -> None:
    """Whatever stands in it."""
    schema = Raw(b'{"type": "object", "$ref": "#/x"}')
    assert schema_of(Tool("f", parameters=schema)) == schema


def test_a_choice_of_names_leaves_those_tools_in_their_order() -> None:
    """No names leave all."""
    tools = (Tool("a"), Tool("b"), Tool("c"))
    assert chosen_tools(tools, ("c", "a", "x")) == (tools[0], tools[2])
    assert chosen_tools(tools, ()) == tools


@given(st.sampled_from(EFFORTS), st.lists(st.sampled_from([*EFFORTS, "brand_new"]), unique=True))
def test_an_effort_is_one_that_the_model_takes(wish: Effort, accepted: list[str]) -> None:
    """No accepted word is nearer, and none as near is lower; where no word is known the wish stands."""
    found = nearest_effort(wish, accepted)
    known = [word for word in EFFORTS if word in accepted]
    if not known or wish in known:
        assert found == wish
        return
    far = {word: abs(EFFORTS.index(word) - EFFORTS.index(wish)) for word in known}
    assert found == min(known, key=lambda word: (far[word], EFFORTS.index(word)))


# turns


def told(*messages: tuple[Role, tuple[Part, ...]]) -> ChatRequest:
    return ChatRequest(messages=tuple(Message(role, parts) for role, parts in messages))


def test_leading_instructions_stand_apart_and_later_ones_among_the_users() -> None:
    """With their markers; the developer is the system; neighbours of one side are one turn."""
    system, turns = conversation(
        told(
            ("system", (Text("one", marker="5m"), Text(" "))),
            ("developer", (Text("two"),)),
            ("user", (Text("hi"),)),
            ("system", (Text("three", marker="1h"),)),
            ("assistant", (Text("hello"),)),
            ("assistant", (Called("1", "f", "{}"),)),
            ("tool", (Result("1", (Text("x"),)),)),
            ("user", (Text("go"),)),
        )
    )
    assert system == [Text("one", marker="5m"), Text("two")]
    assert [(turn.assistant, turn.parts) for turn in turns] == [
        (False, [Text("hi"), Text("[system] three", marker="1h")]),
        (True, [Text("hello"), Called("1", "f", "{}")]),
        (False, [Result("1", (Text("x"),)), Text("go")]),
    ]


def test_instructions_alone_are_the_users_turn() -> None:
    """A dialect with a system prompt beside the turns wants one turn at least."""
    system, turns = conversation(told(("system", (Text("one"),)), ("developer", (Text("two"),))))
    assert (system, [(turn.assistant, turn.parts) for turn in turns]) == ([], [(False, [Text("one"), Text("two")])])


def test_blank_texts_are_no_turns() -> None:
    """Not the sides' but what is left between them decides who speaks."""
    _, turns = conversation(told(("user", (Text("a"),)), ("assistant", (Text(""),)), ("user", (Text("b"),))))
    assert [turn.parts for turn in turns] == [[Text("a"), Text("b")]]
    assert parts_of(Message("user", (Text("\n"), Text("x")))) == [Text("x")]
    for empty in ((), (("user", (Text(" "),)),), (("system", ()), ("user", ()))):
        with pytest.raises(CallerError):
            conversation(told(*empty))


@pytest.mark.parametrize(
    "messages",
    [
        (("user", (Foreign("video", Raw(b"{}")),)),),
        (("system", (Media("image", url="https://a.b"),)), ("user", (Text("x"),))),
        (("user", (Text("x"),)), ("system", (Media("image", url="https://a.b"),))),
    ],
)
def test_a_part_that_has_no_place_is_refused(messages: tuple[tuple[Role, tuple[Part, ...]], ...]) -> None:
    """A part of another dialect anywhere, and anything but text among instructions: never lost in silence."""
    with pytest.raises(UnsupportedFeature):
        conversation(told(*messages))


# faults


@pytest.mark.parametrize(
    ("message", "tokens", "limit"),
    [
        (
            "This model's maximum context length is 8192 tokens. However, your messages resulted in 9001 tokens. Please reduce",
            9001,
            8192,
        ),
        ("maximum context length is 4097 tokens, however you requested 4226 tokens (3970 in the messages, 256 ...)", 4226, 4097),
        ("maximum context length of 4,096 tokens. However, you requested about 10,000 tokens", 10000, 4096),
        ("This model's maximum context length is 4096 tokens. However, your request has 5000 input tokens.", 5000, 4096),
        ("prompt is too long: 208732 tokens > 200000 maximum", 208732, 200000),
        ("input length and `max_tokens` exceed context limit: 190000 + 20000 > 200000, decrease input length", 210000, 200000),
        ("The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).", 1200000, 1048576),
        ("request (5000 tokens) exceeds the available context size (4096 tokens), try increasing it", 5000, 4096),
        ("Prompt contains 40312 tokens and 0 draft tokens, too large for model with 32768 maximum context length", 40312, 32768),
        ("Prompt contains 300000 tokens, too large for model with 131072 maximum context length", 300000, 131072),
        ("This model's maximum prompt length is 131072 but the request contains 537812 tokens.", 537812, 131072),
        ("maximum context length is 4096 tokens and your request has 14 input tokens", None, None),
        ("the prompt is too long", None, None),
        ("", None, None),
        ("9" * 5000 + " tokens > " + "9" * 5000, None, None),
    ],
)
def test_an_overflow_is_counted_in_every_wording(message: str, tokens: int | None, limit: int | None) -> None:
    """Clients shorten by these numbers; numbers that tell of no overflow are not given on."""
    assert numbers_of(message) == (tokens, limit)
    fault = fault_of(400, "context_length_exceeded", message)
    assert isinstance(fault, ContextTooLong)
    assert (fault.tokens, fault.limit, fault.param) == (tokens, limit, "messages")


def test_a_code_word_outweighs_the_status() -> None:
    """What providers say in words is not guessed from numbers."""
    assert type(fault_of(400, "content_filter", "no")) is ContentFiltered
    assert type(fault_of(429, "insufficient_quota", "pay")) is ProviderQuota
    assert type(fault_of(307, "", "")) is UnexpectedRedirect
    assert type(fault_of(418, "brand_new", "no")) is ProviderRejected
    for status in (400, 403, 404):
        assert type(fault_of(status, "model_decommissioned", "gone")) is ProviderRefused


def test_what_the_provider_broke_off_is_not_the_callers_fault() -> None:
    """Gemini's 499 was not cancelled by us, and Groq's 498 is a want of capacity: both are tried elsewhere."""
    assert type(fault_of(499, "CANCELLED", "")) is ProviderError
    assert type(fault_of(498, "", "")) is ProviderOverloaded


def test_a_refused_key_is_never_quoted() -> None:
    """Nor is any other text that comes with it."""
    fault = fault_of(401, "", "Incorrect API key provided: sk-abcdefghijklmnop")
    assert type(fault) is ProviderAuth
    assert "sk-" not in fault.message


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": " 2.5 "}, 2.5),
        ({"retry-after-ms": "1500", "retry-after": "9"}, 1.5),
        ({"retry-after-ms": "soon", "retry-after": "9"}, 9.0),
        ({"retry-after": "999999"}, MAX_RETRY_AFTER),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "1e9"}, None),
        ({"retry-after": "٣"}, None),
        ({"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT"}, None),
    ],
)
def test_a_wait_is_plain_seconds_or_none(headers: dict[str, str], seconds: float | None) -> None:
    """Clamped to an hour; dates and everything odd count as absent."""
    assert retry_after(headers) == seconds


@pytest.mark.parametrize("size", [10, 100_000])
def test_callers_never_name_hosts_or_keys_whatever_the_size_of_the_body(size: int) -> None:
    """At any depth and however it is spelled; where it is the caller's data it is only that."""
    text = "x" * size
    for field in ('"api_key":"k"', '"router":{"base_url":1}', '"tools":[{"\\u0061pi_base":1}]'):
        with pytest.raises(CallerError, match="is not accepted from callers"):
            opened(f'{{"text":"{text}",{field}}}'.encode())
    tree, fields = opened(f'{{"metadata":{{"api_key":"{text}"}},"content":["api_base"]}}'.encode())
    assert tree["metadata"]["api_key"] == text
    assert bytes(fields["content"]) == b'["api_base"]'
