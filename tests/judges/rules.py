"""What every provider refuses and no type says: broken pairs of calls and results, images that are not what they claim."""

import base64
import binascii
import re

from .said import is_proof
from .wish import Seen, Turn, Wish

_MAGIC = {
    b"\x89PNG": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF8": "image/gif",
    b"RIFF": "image/webp",
    b"%PDF": "application/pdf",
}


def faults(wish: Wish, wire: str, model: str, body: str) -> list[str]:
    """Everything wrong by these rules."""
    found = [*_unpaired(wish.turns), *(fault for seen in wish.media for fault in _mislabelled(seen))]
    found += [
        f"a signature that is not this model's: {signature[:40]}"
        for signature in wish.signatures
        if not is_proof(signature, wire, model)
    ]
    if re.search(r'"lr1\.', body):
        found.append("a signature still in the router's seal")
    if wish.choice not in ("", "auto", "none") and not wish.tools:
        found.append("a tool choice without tools")
    if not any(turn.role in ("user", "tool") for turn in wish.turns):
        found.append("nobody asks anything")
    return found


def _unpaired(turns: list[Turn]) -> list[str]:
    """Calls without results before the next question, results without calls, ids used twice in a turn."""
    found: list[str] = []
    waiting: list[str] = []
    for turn in turns:
        if turn.role in ("system", "developer"):
            continue
        for result in turn.results:
            if result.call_id in waiting:
                waiting.remove(result.call_id)
            else:
                found.append(f"a result for {result.call_id!r}, which is no call of the turn before")
        if waiting and not turn.results:
            found.append(f"calls without a result: {waiting}")
            waiting = []
        ids = [call.id for call in turn.calls]
        if len(set(ids)) != len(ids):
            found.append(f"two calls of one turn have the same id: {ids}")
        waiting += ids
    return found + ([f"calls without a result: {waiting}"] if waiting else [])


def _mislabelled(seen: Seen) -> list[str]:
    if seen.kind == "audio":
        return []
    if not seen.data:
        return [] if seen.url.startswith(("https://", "http://")) else [f"a {seen.kind} without data or URL"]
    try:
        data = base64.b64decode(seen.data, validate=True)
    except (binascii.Error, ValueError):
        return [f"a {seen.kind} whose data is not base64"]
    true = next((kind for magic, kind in _MAGIC.items() if data.startswith(magic)), seen.media_type)
    return [] if true == seen.media_type else [f"a {seen.kind} called {seen.media_type} that is {true}"]
