"""Damaged answers of every provider: an error of the tree or an answer, never a crash, and never a success that says nothing."""

import copy
import importlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.clients.common.protocols import Wire
from app.clients.openai_client.quirks import QUIRKS
from app.domain.answer import Completion
from app.errors import RouterError

SAID = Path(__file__).parent / "said"
# wire -> the module that holds it and the folder of what its hosts say
WIRES = {name: (f"{name}_client", name) for name in ("anthropic", "gemini", "mistral", "openai")}
WIRES |= {"llama": ("llama_client", "openai"), "quirky": ("llama_client", "openai")}
BODIES = [(wire, path.name) for wire, (_, folder) in WIRES.items() for path in sorted((SAID / folder).glob("*.json"))]
STREAMS = [(wire, path.name) for wire, (_, folder) in WIRES.items() for path in sorted((SAID / folder).glob("*.sse"))]
GONE = object()
# what may stand in the place of any value; the first four are of no kind that an answer's own words are
WRONG: list[Any] = [7, True, {"a": 1}, [7]]
ODD: list[Any] = [*WRONG, -1, 2**70, 1e300, "x", "", None, [], {}, GONE]
FREE = {"input", "args", "arguments"}  # a tool's arguments hold what they like


def wire(name: str) -> Wire:
    found: Wire = importlib.import_module(f"app.clients.{WIRES[name][0]}").WIRE
    return found.suited(tuple(QUIRKS)) if name == "quirky" else found


def said(name: str, file: str) -> bytes:
    return (SAID / WIRES[name][1] / file).read_bytes()


def places(tree: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if at:
        yield at
    inner = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in inner:
        yield from places(value, (*at, key))


def damaged(tree: Any, at: tuple[Any, ...], value: Any) -> Any:
    tree = copy.deepcopy(tree)
    node = tree
    for key in at[:-1]:
        node = node[key]
    if value is GONE:
        del node[at[-1]]
    else:
        node[at[-1]] = value
    return tree


def read(wire: Wire, body: bytes) -> Completion:
    reader = wire.reader()
    deltas = reader.feed(body)
    return Completion.folded(deltas + reader.close())


def words(answer: Completion) -> Any:
    """What the caller sees of an answer."""
    calls = [(call.name, call.arguments) for call in answer.tool_calls]
    return answer.text, answer.refusal, answer.reasoning, calls, [words(other) for other in answer.others]


def attempt(read_: Any, body: bytes) -> Completion | None:
    """The answer, or None for an error of the tree; anything else is the test's failure."""
    try:
        found: Completion = read_(body)
    except RouterError:
        return None
    return found


def is_wrong(name: str, tree: Any, at: tuple[Any, ...], value: Any) -> bool:
    """Whether the value is of a kind that cannot stand in this place, and that no repair takes for a missing one."""
    if name == "quirky" and at[-1] == "index":
        return False
    for key in at:
        tree = tree[key]
    return any(value is wrong for wrong in WRONG) and type(value) is not type(tree) and not FREE & set(at)


def check(answer: Completion | None, whole: Completion | None = None, about: object = None) -> None:
    """An answer says something and its calls can be made; beside a `whole` one it says the same, word for word."""
    if answer is None:
        return
    assert any((answer.text, answer.thoughts, answer.refusal, answer.tool_calls, answer.finish_reason)), about
    for one in (answer, *answer.others):
        assert all(call.name and call.id for call in one.tool_calls), about
    if whole is not None:
        assert words(answer) == words(whole), about


@pytest.mark.parametrize(("name", "file"), BODIES)
def test_a_body_with_any_value_changed_is_an_error_or_an_answer(name: str, file: str) -> None:
    """Every value of it in turn replaced by what does not belong there, as an answer, and as what explains a failure."""
    spoken = wire(name)
    tree = json.loads(said(name, file))
    whole = attempt(spoken.decode, json.dumps(tree).encode())
    for at in places(tree):
        for value in ODD:
            body = json.dumps(damaged(tree, at, value)).encode()
            check(attempt(spoken.decode, body), whole if is_wrong(name, tree, at, value) else None, (at, value))
            assert isinstance(spoken.fault(400, {}, body), RouterError)


def events(body: bytes) -> list[str]:
    return body.decode().replace("\r\n", "\n").split("\n\n")


@pytest.mark.parametrize(("name", "file"), STREAMS)
def test_a_stream_with_any_value_changed_is_an_error_or_an_answer(name: str, file: str) -> None:
    """Every value of every event in turn."""
    spoken, told = wire(name), events(said(name, file))
    whole = attempt(lambda body: read(spoken, body), said(name, file))
    for number, event in enumerate(told):
        head, mark, data = event.rpartition("data:")
        if not mark or "\n" in data or not data.strip().startswith("{"):
            continue
        tree = json.loads(data)
        for at in places(tree):
            for value in ODD:
                changed = f"{head}data: {json.dumps(damaged(tree, at, value))}"
                body = "\n\n".join([*told[:number], changed, *told[number + 1 :]]).encode()
                answer = attempt(lambda body: read(spoken, body), body)
                check(answer, whole if is_wrong(name, tree, at, value) else None, (number, at, value))


@settings(max_examples=150)
@given(st.sampled_from(STREAMS), st.data())
def test_a_stream_with_its_events_shuffled_is_an_error_or_an_answer(stream: tuple[str, str], data: st.DataObject) -> None:
    """Events lost, doubled and in another order."""
    name, file = stream
    told = data.draw(st.lists(st.sampled_from(events(said(name, file))), max_size=12))
    spoken = wire(name)
    check(attempt(lambda body: read(spoken, body), ("\n\n".join(told) + "\n\n").encode()))


@settings(max_examples=150)
@given(st.sampled_from(BODIES + STREAMS), st.integers(0, 5000), st.binary(max_size=6), st.integers(0, 6), st.integers(200, 599))
def test_damaged_bytes_are_an_error_or_an_answer(file: tuple[str, str], place: int, junk: bytes, gone: int, status: int) -> None:
    """Bytes lost, added and replaced anywhere; as an answer, as a stream, and as the body of any failure."""
    spoken = wire(file[0])
    body = bytearray(said(*file))
    body[place % len(body) : place % len(body) + gone] = junk
    check(attempt(spoken.decode, bytes(body)))
    check(attempt(lambda data: read(spoken, data), bytes(body)))
    assert isinstance(spoken.fault(status, {}, bytes(body)), RouterError)
