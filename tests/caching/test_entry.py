"""An entry's promises: what was kept comes back whole, and nothing else is ever taken for it."""

import json
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from app.caching.entry import Entry
from app.domain.answer import Completion, ToolCall, Usage

MATERIAL = '[1,"s","hé"]'.encode()
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


def entry(**fields: Any) -> Entry:
    facts = {"material": MATERIAL, "row": "small", "provider": "openai", "model_id": "m-1", "completion": Completion(text="Yes")}
    return Entry(**({**facts, "stored_at": 1.5, "cost_nano": 7, "score": 0.75} | fields))


@given(TEXT, TEXT, TEXT, st.none() | st.integers(0, 2**60), st.sampled_from(["whole", "stream"]))
def test_what_was_kept_comes_back_whole(text: str, arguments: str, raw: str, cost: int | None, form: str) -> None:
    answer = Completion(text=text, tool_calls=(ToolCall("i", "n", arguments),), finish_reason="tool_calls", usage=Usage(1, 2, 3))
    kept = entry(completion=answer, raw=raw.encode(), raw_dialect="openai", form=form, cost_nano=cost, score=None)
    assert Entry.decoded(kept.encoded(), MATERIAL) == kept


def test_it_lies_there_as_readable_json() -> None:
    found = json.loads(entry(raw=b'{"id":"x"}').encoded())
    assert found["material"] == MATERIAL.decode()
    assert found["raw"] == '{"id":"x"}'


def test_the_providers_words_are_kept_once() -> None:
    kept = entry(completion=Completion(text="Yes", raw=b"words of the provider"), raw=b"words of the provider")
    assert kept.encoded().count(b"words of the provider") == 1


def test_words_that_are_no_text_are_left_out() -> None:
    found = Entry.decoded(entry(raw=b"\xff\xfe").encoded(), MATERIAL)
    assert found == entry()


def test_an_answer_to_another_request_is_none() -> None:
    assert Entry.decoded(entry().encoded(), MATERIAL + b" ") is None


def test_another_format_is_none() -> None:
    found = json.loads(entry().encoded())
    assert Entry.decoded(msgspec.json.encode(found | {"format": 3}), MATERIAL) is None
    del found["format"]
    assert Entry.decoded(msgspec.json.encode(found), MATERIAL) is None


@given(st.binary(max_size=60))
def test_garbage_is_none(value: bytes) -> None:
    assert Entry.decoded(value, MATERIAL) is None


@given(st.data())
def test_a_torn_or_bent_entry_is_none_or_well_formed(data: st.DataObject) -> None:
    value = bytearray(entry(raw=b"raw").encoded())
    value[data.draw(st.integers(0, len(value) - 1))] = data.draw(st.integers(0, 255))
    found = Entry.decoded(bytes(value), MATERIAL)
    assert found is None or found.material == MATERIAL
    assert Entry.decoded(bytes(value[: data.draw(st.integers(0, len(value) - 1))]), MATERIAL) is None


def test_json_too_deep_is_none() -> None:
    deep = b'{"completion":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    assert Entry.decoded(deep, MATERIAL) is None
