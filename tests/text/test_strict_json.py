"""The strict pass refuses what JSON decoders let through, and nothing else."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import CallerError
from app.text.strict_json import MAX_DEPTH, strict_json

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=20,
)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "invalid_json"),
        (b"{", "invalid_json"),
        (b'{"a":1} x', "invalid_json"),
        (b'{"a":NaN}', "invalid_json"),
        (b'{"a":Infinity}', "invalid_json"),
        (b'{"a":1e999}', "invalid_json"),
        (b'{"a":' + b"9" * 5000 + b"}", "invalid_json"),
        (b'{"a":"\\ud800"}', "invalid_json"),
        (b'{"a":"\\ud800abc"}', "invalid_json"),
        (b'{"a":"\\udc00"}', "invalid_json"),
        (b'{"a":"\xff"}', "invalid_json"),
        (b'\xef\xbb\xbf{"a":1}', "invalid_json"),
        ('{"a":1}'.encode("utf-16"), "invalid_json"),
        (b"[" * 100_000 + b"]" * 100_000, "invalid_json"),
        (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "invalid_json"),
        (b'{"a":1,"a":1}', "duplicate_key"),
        (b'{"a" :1,"a":2}', "duplicate_key"),
        (b'{"x":[{"b":1,"c":{"d":0,"d":0}}]}', "duplicate_key"),
        (b'{"\\u0061":1,"a":2}', "duplicate_key"),
    ],
)
def test_what_is_not_strict_json_is_refused_with_a_typed_error(body: bytes, code: str) -> None:
    """Each fault is a 400 of its own code, and the body is never repeated in the message."""
    with pytest.raises(CallerError) as caught:
        strict_json(body)
    assert caught.value.code == code
    assert caught.value.status == 400
    assert len(caught.value.message) < 150


@given(VALUES)
def test_ordinary_json_passes_and_keeps_its_value(value: object) -> None:
    """Whatever a serialiser writes is read back the same, also with odd keys and colons in strings."""
    assert strict_json(json.dumps(value).encode()) == value


@pytest.mark.parametrize("between", [1, 1_000])
@pytest.mark.parametrize("gap", ["", " ", "\n", "\t", "\r"])
def test_a_repeated_key_is_found_among_many_and_few_colons(between: int, gap: str) -> None:
    """Also beside a text full of colons, or a large one that has hardly any, and where the key's own stands apart."""
    body = f'{{"t":"{("a" * between + ":") * 50}","k"{gap}:1,"k":2}}'.encode()
    with pytest.raises(CallerError) as caught:
        strict_json(body)
    assert caught.value.code == "duplicate_key"
    assert strict_json(body.replace(b'"k":2', b'"l":2'))["l"] == 2


@given(st.dictionaries(st.text(max_size=5), VALUES, min_size=1, max_size=4), st.sampled_from(["", " ", "\n", "\t "]))
def test_a_repeated_key_is_found_whatever_stands_around_it(fields: dict[str, object], gap: str) -> None:
    """One key written twice is refused, with any white space before its colon."""
    pairs = [f"{json.dumps(key)}{gap}:{json.dumps(value)}" for key, value in fields.items()]
    with pytest.raises(CallerError) as caught:
        strict_json(("{" + ",".join([*pairs, pairs[0]]) + "}").encode())
    assert caught.value.code == "duplicate_key"


def test_nesting_is_bounded_exactly() -> None:
    """The deepest accepted body has MAX_DEPTH levels; one more is refused."""
    assert strict_json(b"[" * MAX_DEPTH + b"]" * MAX_DEPTH)
    with pytest.raises(CallerError):
        strict_json(b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1))
