"""The reply headers of the contract. ASCII and bounded; built as bytes, since every call pays for them."""

from functools import lru_cache

from ..pipeline.estimate import estimated_nano
from ..pipeline.settle import NANO, Settled
from ..pipeline.walk import Walk
from . import asgi

BY_NAME = "asked for by name"
_NO_CONTROLS = bytes(code if 32 <= code < 127 else ord("?") for code in range(256))
_CACHE = {state: state.encode() for state in ("hit", "miss", "off")}


def reply_headers(walk: Walk, settled: Settled | None) -> asgi.Headers:
    """Headers of a good answer: whole when it is settled, else of a dry run, which carries the estimate."""
    headers: asgi.Headers = [asgi.JSON, *_facts(walk), *error_facts(walk)]
    if settled is None:
        return headers + _estimate(walk)
    record = settled.record
    if record.cost_nano_usd is not None:
        headers.append((b"x-router-cost-usd", b"%.9f" % (record.cost_nano_usd / NANO)))
    headers.append((b"x-router-overhead-ms", b"%.3f" % record.overhead_ms))
    return headers


def stream_headers(walk: Walk) -> asgi.Headers:
    """Headers of a stream: with the estimate, and before the first delta with the candidate that is meant to answer."""
    headers: asgi.Headers = [asgi.EVENTS, *_facts(walk), *error_facts(walk), *_estimate(walk)]
    if walk.first_token is not None:
        overhead = walk.first_token - walk.asking.started - walk.waited - walk.queue_ms / 1000
        headers.append((b"x-router-overhead-ms", b"%.3f" % (max(overhead, 0.0) * 1000)))
    return headers


def _estimate(walk: Walk) -> asgi.Headers:
    estimate = 0 if walk.cache == "hit" else estimated_nano(walk)
    return [] if estimate is None else [(b"x-router-estimated-cost-usd", b"%.9f" % (estimate / NANO))]


def _facts(walk: Walk) -> asgi.Headers:
    target = walk.served or walk.targets[0]
    headers: asgi.Headers = [
        *asgi.id_headers(walk.asking.id, walk.asking.face),
        (b"x-router-model", _bytes(target.name)),
        (b"x-router-provider", _bytes(target.provider)),
        (b"x-router-reason", _bytes(BY_NAME) if walk.decision is None else _shown(walk.decision.reason)),
        (b"x-cache", _CACHE[walk.cache]),
    ]
    if walk.mode is not None:
        headers.append((b"x-router-mode", walk.mode.encode()))
    if target.mock:
        headers.append((b"x-router-mock", b"true"))
    if walk.dropped:
        headers.append((b"x-router-dropped", _shown(", ".join(walk.dropped))))
    return headers


def _shown(text: str) -> bytes:
    """Text that a caller may have had a hand in, as a header value: no line ends there."""
    return text[:300].encode("ascii", "replace").translate(_NO_CONTROLS)


@lru_cache(maxsize=512)
def _bytes(name: str) -> bytes:
    """A name of the configuration as a header value."""
    return name.encode("ascii", "replace")


def error_facts(walk: Walk) -> asgi.Headers:
    """What an accepted call says of the way it went, also when it failed."""
    headers: asgi.Headers = [(b"x-router-config", _bytes(walk.compiled.snapshot.digest))]
    if walk.left_for is not None and _left(walk):
        headers.append((b"x-router-fallback", walk.left_for.encode()))
    return headers


def _left(walk: Walk) -> bool:
    """Whether somebody else than the first choice was tried or answered; a failure alone, or a second try, leaves nobody."""
    first = walk.targets[0]
    tried = [(one.model, one.provider, one.model_id) for one in walk.attempts]
    return any(one != (first.name, first.provider, first.model_id) for one in tried)


def reason(walk: Walk) -> str:
    """Why this model: the decision's sentence, or that the caller named it."""
    return walk.decision.reason if walk.decision is not None else BY_NAME
