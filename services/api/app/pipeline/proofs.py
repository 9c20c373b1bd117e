"""Providers' signatures, remembered for callers whose dialect has no place for them, and for knowing which model signed.

A thinking model wants its signed thoughts back beside the calls they led to, and refuses those of another model. Callers of
OpenAI's shape mostly give back text and calls alone. So what a model signed is kept under each of its calls (and under each
signature), and put back into the next turn of the conversation. No wire's format may enter here.
"""

import hashlib

import msgspec
from msgspec import Struct

from ..clients.common.seal import unsealed
from ..domain.answer import Completion, Thought
from ..domain.request import Called, ChatRequest, Message, Part, Reasoning
from .house import House
from .walk import Walk

KEPT_SECONDS = 86_400.0
MOST_KEPT = 2_000


class Proof(Struct, frozen=True):
    """What one answer signed: `signer` is dialect/model id, `thoughts` come before the calls, `signatures` are the calls' own."""

    signer: str
    thoughts: tuple[Thought, ...] = ()
    signatures: dict[str, str] = {}


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Proof).decode


async def remember(house: House, walk: Walk, completion: Completion) -> None:
    """Keep what this answer signed, if it did. When it returns, other workers find it: a tool's result may be there in no time."""
    target = walk.served
    signatures = {call.id: call.signature for call in completion.tool_calls if call.signature}
    signed = [thought for thought in completion.thoughts if thought.signature or thought.redacted]
    if target is None or not (signatures or signed):
        return
    signer = f"{target.dialect}/{target.model_id}"
    scope = walk.asking.scope
    kept: dict[str, bytes] = {}
    if completion.tool_calls:
        value = _encode(Proof(signer, completion.thoughts, signatures))
        for call in completion.tool_calls:
            kept[_call_key(scope, call.id, call.name, call.arguments)] = value
    mark = _encode(Proof(signer))
    for signature in [thought.signature or thought.redacted for thought in signed] + list(signatures.values()):
        kept[_mark_key(scope, _bare(signature))] = mark
    for key, value in kept.items():
        _keep(house, key, value)
    await house.cache.share(list(kept))


async def restored(house: House, walk: Walk) -> ChatRequest:
    """The request with the signatures that its earlier answers had, and with the models that signed; itself if nothing is known."""
    request, scope = walk.request, walk.asking.scope
    wanted: dict[str, None] = {}
    for message in request.messages:
        if message.role == "assistant":
            for part in message.parts:
                if isinstance(part, Called | Reasoning):
                    wanted.update(dict.fromkeys(_keys(scope, part)))
    if not wanted:
        return request
    found = await _found(house, list(wanted))
    if not found:
        return request
    messages = [_restored(scope, message, found) if message.role == "assistant" else message for message in request.messages]
    return msgspec.structs.replace(request, messages=tuple(messages))


def _restored(scope: str, message: Message, found: dict[str, Proof]) -> Message:
    parts = [_marked(scope, part, found) for part in message.parts]
    if not any(isinstance(part, Reasoning) and (part.signature or part.redacted) for part in parts):
        before = next((proof for part in message.parts if (proof := _proof(scope, part, found)) is not None), None)
        if before is not None and before.thoughts:
            parts = [part for part in parts if not isinstance(part, Reasoning)]
            parts[:0] = [_reasoning(thought, before.signer) for thought in before.thoughts]
    return msgspec.structs.replace(message, parts=tuple(parts))


def _marked(scope: str, part: Part, found: dict[str, Proof]) -> Part:
    """A part that says which model signed it; a call that lost its signature gets it back."""
    if not isinstance(part, Called | Reasoning):
        return part
    signature = part.signature or (part.redacted if isinstance(part, Reasoning) else "")
    if signature:
        proof = found.get(_mark_key(scope, signature))
        return part if proof is None else msgspec.structs.replace(part, signer=proof.signer)
    proof = _proof(scope, part, found)
    if proof is None or not isinstance(part, Called) or part.id not in proof.signatures:
        return part
    return msgspec.structs.replace(part, signature=_bare(proof.signatures[part.id]), signer=proof.signer)


def _reasoning(thought: Thought, signer: str) -> Reasoning:
    return Reasoning(thought.text, _bare(thought.signature), _bare(thought.redacted), signer)


def _bare(signature: str) -> str:
    """A signature as its provider wrote it."""
    return unsealed(signature, "")[0]


def _proof(scope: str, part: Part, found: dict[str, Proof]) -> Proof | None:
    """What was signed with this call."""
    return found.get(_call_key(scope, part.id, part.name, part.arguments)) if isinstance(part, Called) else None


def _keys(scope: str, part: Called | Reasoning) -> list[str]:
    keys = [_call_key(scope, part.id, part.name, part.arguments)] if isinstance(part, Called) else []
    signature = part.signature or (part.redacted if isinstance(part, Reasoning) else "")
    return [*keys, _mark_key(scope, signature)] if signature else keys


def _call_key(scope: str, call_id: str, name: str, arguments: str) -> str:
    """Hosts give the same id to several calls, so that what is called counts too, however it is spelled."""
    try:
        told = msgspec.json.encode(msgspec.json.decode(arguments or "{}"), order="sorted")
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        told = arguments.encode("utf-8", "surrogatepass")
    return _key("call", scope, call_id, name, told)


def _mark_key(scope: str, signature: str) -> str:
    return _key("mark", scope, signature, "", b"")


def _key(kind: str, scope: str, first: str, second: str, last: bytes) -> str:
    """The key in the cache, of another form than those of answers; the caller's scope keeps one caller's from another's."""
    told = msgspec.json.encode([kind, scope, first, second]) + last
    return f"proof:{hashlib.sha256(told).hexdigest()}"


def _keep(house: House, key: str, value: bytes) -> None:
    """Into this worker's memory, and into the cache where other workers find it."""
    kept = house.proofs
    kept.pop(key, None)
    kept[key] = value
    while len(kept) > MOST_KEPT:
        del kept[next(iter(kept))]
    house.cache.set(key, value, KEPT_SECONDS)


async def _found(house: House, keys: list[str]) -> dict[str, Proof]:
    values = {key: house.proofs[key] for key in keys if key in house.proofs}
    missing = [key for key in keys if key not in values]
    if missing:
        told = await house.cache.get_many(missing, fresh=True)
        values |= {key: value for key, value in zip(missing, told, strict=True) if value is not None}
    found = {}
    for key, value in values.items():
        try:
            found[key] = _decode(value)
        except (msgspec.MsgspecError, UnicodeDecodeError):  # tampered with, or of another version: as if it were not there
            continue
    return found
