"""The model that a conversation is with, remembered for an hour: by the caller's `session`, else by a hash of all that was said before.

Kept: a hash and the name of a catalogue row. The caller's scope is part of the hash, so nobody steers another's conversation. Where a
provider may hold a prompt cache (or a session is named) all workers find it, in the cache's backend; a shorter conversation has
nothing there to lose, and is remembered by the worker alone that served it. Whatever fails is a conversation without a model.
"""

import hashlib
from collections.abc import Sequence

import msgspec

from ..domain.answer import Completion
from ..domain.request import ChatRequest, Message, Wishes
from ..router_engine.subject import words_of
from ..text.tokens import estimate_messages, estimate_request
from .house import House
from .walk import Walk

KEPT_SECONDS = 3_600.0
CACHED_FROM = 1_024
"""Tokens of the shortest prompt that providers cache."""
CACHED_SHARE = 0.8
"""What of a conversation so far is expected to be in its provider's prompt cache: whole blocks alone are cached, for minutes."""
MOST_TURNS = 64
"""Of a longer conversation its latest turns are hashed."""
END_BYTES = 256
"""Of a longer turn so many bytes at either end are hashed, white space left out."""
LONGEST_NAME = 200
_BLANKS = b" \t\n\r\v\f"
MARKED_ONLY = "anthropic"
"""The dialect whose hosts cache a prompt only up to a breakpoint that the caller set."""


def conversation_key(request: ChatRequest, scope: str) -> str:
    """Where the memory of this conversation lies, "" where it is none: no session is named and nobody answered yet."""
    if request.session:
        return _key("session", scope, request.session.encode("utf-8", "surrogatepass"))
    return _said_key(scope, _said(request.messages[: _answered_before(request.messages)]))


def next_key(request: ChatRequest, scope: str, completion: Completion) -> str:
    """Where the request that follows this answer will look: what it then finds said before its new turn."""
    if request.session:
        return _key("session", scope, request.session.encode("utf-8", "surrogatepass"))
    answer = _bounded(completion.text or completion.refusal)
    said = _said(request.messages)
    return _said_key(scope, [*said, answer] if answer else said)


async def read(house: House, walk: Walk, keys: Sequence[str]) -> tuple[str | None, list[bytes | None]]:
    """`(the conversation's model, the values under keys)`, in one read where the backend has to be asked for both."""
    key = walk.conversation
    if not key:
        return None, await house.cache.get_many(keys) if keys else []
    found = house.conversations.get(key)
    if not _is_shared(walk.request, walk.tokens_in) or (found is not None and not walk.request.session):
        return _name(found), await house.cache.get_many(keys) if keys else []
    told, *values = await house.cache.get_many([key, *keys], fresh=True)
    return _name(told or found), values


def with_model(wishes: Wishes, walk: Walk, name: str) -> Wishes:
    """The wishes of a conversation that the row `name` served, with what of the prompt its provider may have cached."""
    return msgspec.structs.replace(wishes, session_model=name, session_tokens=_cached_tokens(walk, name))


def keep_model(house: House, walk: Walk, completion: Completion) -> None:
    """Remember who served, for the request that follows. Never waits. Nothing for a model asked by name."""
    served = walk.served
    if walk.decision is None or served is None:
        return
    key, value = next_key(walk.request, walk.asking.scope, completion), served.name.encode()
    if not key:
        return
    house.conversations.set(key, value, house.now() + KEPT_SECONDS)
    used = completion.usage
    tokens = used.input_tokens + used.output_tokens if used is not None else walk.tokens_in
    if _is_shared(walk.request, tokens):
        house.cache.set(key, value, KEPT_SECONDS)


def _is_shared(request: ChatRequest, tokens: int) -> bool:
    return bool(request.session) or tokens >= CACHED_FROM // 2


def _cached_tokens(walk: Walk, name: str) -> int:
    """Tokens of this prompt that are expected in the prompt cache of the row's provider."""
    request, model = walk.request, walk.compiled.snapshot.models.get(name)
    if model is None or (model.targets[0].dialect == MARKED_ONLY and not _is_marked(request)):
        return 0
    end = _answered_before(request.messages)
    if end:
        before = walk.tokens_in - estimate_messages(request.messages[end:])
    else:  # the session's earlier calls had other turns, and at most these in common
        before = estimate_request(ChatRequest(messages=_standing(request.messages), tools=request.tools))
    return round(before * CACHED_SHARE) if before >= CACHED_FROM else 0


def _is_marked(request: ChatRequest) -> bool:
    if request.marker or any(tool.marker for tool in request.tools):
        return True
    return any(getattr(part, "marker", "") for message in request.messages for part in message.parts)


def _standing(messages: Sequence[Message]) -> tuple[Message, ...]:
    return tuple(message for message in messages if message.role in ("system", "developer"))


def _answered_before(messages: Sequence[Message]) -> int:
    """How many messages there are up to the last answer that somebody answered in turn; 0 = none."""
    end = len(messages)
    while end and messages[end - 1].role == "assistant":  # an answer that the caller began
        end -= 1
    while end and messages[end - 1].role != "assistant":
        end -= 1
    return end


def _said(messages: Sequence[Message]) -> list[bytes]:
    """The words of users and assistants in their order. Clients' own blocks, thoughts, calls, results and system prompts are left out, all
    of which clients drop, spell anew or change from call to call; so is where one message ends and the next begins.
    """
    said: list[bytes] = []
    for message in reversed(messages):
        role = message.role
        if role in ("user", "assistant"):
            words = _bounded(words_of(message) if role == "user" else message.text)
            if words:
                said.append(words)
                if len(said) == MOST_TURNS:
                    break
    said.reverse()
    return said


def _bounded(text: str) -> bytes:
    """A turn as it is hashed, without ASCII's white space."""
    if len(text) <= 8 * END_BYTES:
        words = _words(text)
        return words if len(words) <= 2 * END_BYTES else words[:END_BYTES] + words[-END_BYTES:]
    return _words(text[: 4 * END_BYTES])[:END_BYTES] + _words(text[-4 * END_BYTES :])[-END_BYTES:]


def _words(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass").translate(None, _BLANKS)


def _said_key(scope: str, said: Sequence[bytes]) -> str:
    return _key("said", scope, b"".join(said[-MOST_TURNS:])) if said else ""


def _key(kind: str, scope: str, told: bytes) -> str:
    """A key of another form than those of answers and of proofs."""
    head = f"{kind}\x1f{len(scope)}:{scope}\x1f".encode("utf-8", "surrogatepass")
    return f"session:{hashlib.sha256(head + told).hexdigest()}"


def _name(value: bytes | None) -> str | None:
    """What was kept; nothing if somebody else wrote it."""
    if not value or len(value) > LONGEST_NAME:
        return None
    return value.decode("utf-8", "replace")
