"""The key's promises: whatever can change the answer changes the key, whatever cannot does not, and no body breaks it."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.caching.key import NOT_IN_KEY, digest, entry_key, key_material
from app.domain.request import ChatRequest, Format, Message, Original, Text, Tool, ToolChoice

NUMBERS = st.integers(-(2**40), 2**40) | st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)
NAMES = st.sampled_from(["messages", "tools", "temperature", "seed", "thinking", "reasoning_effort", "x-new", "n", "router2"])
BODIES = st.dictionaries(NAMES, VALUES, min_size=1, max_size=5)


def of_body(text: str, dialect: str = "openai", **facts: Any) -> bytes:
    """The material of a body as a caller spelled it; the typed fields are the same for all."""
    fields = msgspec.json.decode(text, type=dict[str, msgspec.Raw])
    request = ChatRequest(messages=(), original=Original(dialect, fields))
    return key_material(request, **({"scope": "s", "mode": "fast", "version": "1", "mock": False} | facts))


def of_call(**fields: Any) -> bytes:
    """The material of a call without a body of its own."""
    request = ChatRequest(**({"messages": (Message("user", (Text("Hi"),)),)} | fields))
    return key_material(request, scope="s", mode=None, version="1", mock=False)


def reversed_keys(value: Any) -> Any:
    """The same JSON with every object's keys the other way round."""
    if isinstance(value, dict):
        return {key: reversed_keys(value[key]) for key in reversed(value)}
    return [reversed_keys(inner) for inner in value] if isinstance(value, list) else value


@given(BODIES)
def test_order_white_space_and_escapes_do_not_matter(body: dict[str, Any]) -> None:
    other = json.dumps(reversed_keys(body), indent=3, ensure_ascii=True)
    assert of_body(json.dumps(body, ensure_ascii=False, separators=(",", ":"))) == of_body(other)


@given(BODIES, NAMES, VALUES)
def test_every_field_that_differs_separates(body: dict[str, Any], name: str, value: Any) -> None:
    other = body | {name: value}
    same = json.dumps(body, sort_keys=True) == json.dumps(other, sort_keys=True)
    assert (of_body(json.dumps(body)) == of_body(json.dumps(other))) == same


@given(BODIES, st.data())
def test_absent_is_not_null(body: dict[str, Any], data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(body)))
    without = {key: value for key, value in body.items() if key != name}
    assert of_body(json.dumps(without)) != of_body(json.dumps(body | {name: None}))


@given(BODIES, st.dictionaries(st.sampled_from(sorted(NOT_IN_KEY)), VALUES, min_size=1))
def test_what_only_labels_a_call_does_not_separate(body: dict[str, Any], labels: dict[str, Any]) -> None:
    assert of_body(json.dumps(body)) == of_body(json.dumps(body | labels))


def test_a_label_counts_where_it_is_not_one() -> None:
    """The deny-list is of top-level fields: a message's or a tool's `user` or `model` is content."""
    assert of_body('{"messages":[{"user":"a"}]}') != of_body('{"messages":[{"user":"b"}]}')


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"scope": "a"}, {"scope": "b"}),
        ({"mode": "fast"}, {"mode": None}),
        ({"mode": "fast"}, {"mode": "accurate"}),
        ({"version": "1"}, {"version": "2"}),
        ({"mock": True}, {"mock": False}),
        ({"dialect": "openai"}, {"dialect": "anthropic"}),
        ({"scope": "a", "version": "b"}, {"scope": "b", "version": "a"}),
    ],
)
def test_the_surroundings_separate(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert of_body('{"n":1}', **one) != of_body('{"n":1}', **other)


@pytest.mark.parametrize(
    "field",
    [
        {"messages": (Message("user", (Text("Hi there"),)),)},
        {"messages": (Message("system", (Text("Hi"),)),)},
        {"messages": (Message("user", (Text("Hi"),), name="ann"),)},
        {"messages": (Message("user", (Text("H"), Text("i"))),)},
        {"max_tokens": 0},
        {"temperature": 0.0},
        {"top_p": 1.0},
        {"stop": ("\n",)},
        {"seed": 0},
        {"format": Format("json_object")},
        {"tools": (Tool("f"),)},
        {"tool_choice": ToolChoice("none")},
    ],
)
def test_every_typed_field_that_changes_the_answer_separates(field: dict[str, Any]) -> None:
    assert of_call(**field) != of_call()


@pytest.mark.parametrize(
    "field", [{"model": "m"}, {"stream": True}, {"user": "u"}, {"metadata": {"a": "b"}}, {"explain": True}, {"session": "s"}]
)
def test_typed_fields_that_only_label_a_call_do_not_separate(field: dict[str, Any]) -> None:
    assert of_call(**field) == of_call()


@pytest.mark.parametrize("one, other", [("1e999", "2e999"), ("1e999", '"1e999"'), ("123456789012345678901234567890", "0")])
def test_values_that_python_cannot_hold_still_have_keys_of_their_own(one: str, other: str) -> None:
    assert of_body(f'{{"seed":{one}}}') == of_body(f'{{"seed":{one}}}')
    assert of_body(f'{{"seed":{one}}}') != of_body(f'{{"seed":{other}}}')


def test_text_that_is_no_text_still_has_a_key() -> None:
    fields = {"prompt": msgspec.Raw(b'"\xff"')}
    request = ChatRequest(messages=(), original=Original("openai", fields))
    assert key_material(request, scope="s", mode=None, version="1", mock=False).decode()


ROWS = st.tuples(st.text(max_size=6), st.lists(st.text(max_size=6), max_size=3).map(tuple))


@given(ROWS, ROWS)
def test_rows_and_hosts_never_run_into_each_other(one: tuple[str, tuple[str, ...]], other: tuple[str, tuple[str, ...]]) -> None:
    base = digest(b"m")
    assert (entry_key(base, *one) == entry_key(base, *other)) == (one == other)


def test_a_key_is_hex_and_depends_on_the_request() -> None:
    key = entry_key(digest(b"m"), "row", ("host",))
    assert len(key) == 64
    assert bytes.fromhex(key)
    assert key != entry_key(digest(b"n"), "row", ("host",))
