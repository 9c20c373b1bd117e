"""Signatures come back to the model that made them, through callers who lose them, and to nobody else."""

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from app.clients.common.seal import sealed
from app.domain.answer import Completion, Thought, ToolCall
from app.domain.request import Called, ChatRequest, Message, Reasoning, Result, Text
from app.domain.target import Target
from app.pipeline.proofs import MOST_KEPT, remember, restored

TARGET = Target(name="row", provider="anthropic", model_id="claude-x", dialect="anthropic", wire="anthropic", base_url="")
ANSWER = Completion(
    thoughts=(Thought("hm", sealed("anthropic", "sig-1")), Thought(redacted=sealed("anthropic", "blob"))),
    tool_calls=(ToolCall("c1", "look", '{"a": 1}', sealed("anthropic", "sig-2")), ToolCall("c2", "look", "{}")),
)


class Shelf:
    """A cache as another worker sees it: what is not shared comes later, what is not asked for freshly is not seen yet."""

    def __init__(self) -> None:
        self.values: dict[str, bytes] = {}
        self.shared: dict[str, bytes] = {}

    async def get_many(self, keys: Sequence[str], fresh: bool = False) -> list[bytes | None]:
        return [self.shared.get(key) if fresh else None for key in keys]

    async def share(self, keys: Sequence[str]) -> None:
        self.shared |= {key: self.values[key] for key in keys}

    def set(self, key: str, value: bytes, ttl_seconds: float) -> None:
        self.values[key] = value


def house(shelf: Shelf) -> Any:
    return SimpleNamespace(proofs={}, cache=shelf)


def walk(request: ChatRequest | None = None, scope: str = "open", target: Target = TARGET) -> Any:
    return SimpleNamespace(request=request, served=target, asking=SimpleNamespace(scope=scope))


def history(*assistant: Any) -> ChatRequest:
    results = (Result("c1", (Text("one"),)), Result("c2", (Text("two"),)))
    return ChatRequest(messages=(Message("user", (Text("go"),)), Message("assistant", assistant), Message("tool", results)))


BARE = (Text("I look"), Called("c1", "look", '{"a":1}'), Called("c2", "look", ""))


@pytest.mark.parametrize("same_worker", [True, False])
async def test_what_a_caller_lost_is_put_back(same_worker: bool) -> None:
    """Thoughts before the calls they led to, and the calls' own signatures; also through another worker's cache."""
    shelf = Shelf()
    first = house(shelf)
    await remember(first, walk(), ANSWER)
    request = await restored(first if same_worker else house(shelf), walk(history(*BARE)))
    assert request.messages[1].parts == (
        Reasoning("hm", "sig-1", "", "anthropic/claude-x"),
        Reasoning("", "", "blob", "anthropic/claude-x"),
        Text("I look"),
        Called("c1", "look", '{"a":1}', "sig-2", "anthropic/claude-x"),
        Called("c2", "look", ""),
    )


async def test_what_a_caller_kept_learns_its_model() -> None:
    """A signature that came back says only the dialect; which model made it is remembered."""
    here = house(Shelf())
    await remember(here, walk(), ANSWER)
    kept = (Reasoning("hm", "sig-1", "", "anthropic"), Called("c1", "look", '{"a":1}', "sig-2", "anthropic"))
    request = await restored(here, walk(history(*kept)))
    assert {part.signer for part in request.messages[1].parts} == {"anthropic/claude-x"}


@pytest.mark.parametrize(
    "changed",
    [
        walk(history(*BARE), scope="another caller"),
        walk(history(Called("c1", "look", '{"a":2}'))),
        walk(history(Called("c1", "other", '{"a":1}'))),
        walk(history(Called("c3", "look", '{"a":1}'))),
        walk(history(Text("no calls at all"))),
    ],
)
async def test_nothing_is_put_where_it_does_not_belong(changed: Any) -> None:
    """Another caller, other arguments (hosts repeat ids), another function, another id: the request stays as it is."""
    here = house(Shelf())
    await remember(here, walk(), ANSWER)
    assert await restored(here, changed) is changed.request or await restored(here, changed) == changed.request


async def test_an_answer_without_signatures_leaves_no_trace() -> None:
    """Most answers sign nothing and cost nothing here."""
    shelf = Shelf()
    here = house(shelf)
    await remember(here, walk(), Completion(text="hi", thoughts=(Thought("hm"),), tool_calls=(ToolCall("c1", "f", "{}"),)))
    assert not shelf.values
    assert not here.proofs


async def test_the_memory_is_bounded_and_damage_is_ignored() -> None:
    """The oldest are forgotten; what does not decode is as if it were not there."""
    shelf = Shelf()
    here = house(shelf)
    for i in range(MOST_KEPT + 5):
        await remember(here, walk(), Completion(thoughts=(Thought("x", f"lr1.anthropic.{i}"),)))
    assert len(here.proofs) == MOST_KEPT
    await remember(here, walk(), ANSWER)
    here.proofs = dict.fromkeys(here.proofs, b"{")
    shelf.values.clear()
    shelf.shared.clear()
    request = history(*BARE)
    assert await restored(here, walk(request)) is request
