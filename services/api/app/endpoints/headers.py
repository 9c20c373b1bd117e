"""The reply headers of the contract. ASCII and bounded; built as bytes, since every call pays for them."""

from ..pipeline.estimate import estimated_nano
from ..pipeline.settle import NANO, Settled
from ..pipeline.walk import Walk
from . import asgi

BY_NAME = "asked for by name"


def reply_headers(walk: Walk, settled: Settled | None) -> asgi.Headers:
    """Headers of a good answer: whole when it is settled, else of a stream or of a dry run (which carry the estimate)."""
    streamed = settled is None and walk.first_token is not None
    headers: asgi.Headers = [asgi.EVENTS if streamed else asgi.JSON, *_facts(walk), *error_facts(walk)]
    if settled is None:
        estimate = estimated_nano(walk)
        if estimate is not None:
            headers.append((b"x-router-estimated-cost-usd", b"%.9f" % (estimate / NANO)))
        if walk.first_token is not None:
            overhead = walk.first_token - walk.asking.started - walk.waited - walk.queue_ms / 1000
            headers.append((b"x-router-overhead-ms", b"%.3f" % (max(overhead, 0.0) * 1000)))
        return headers
    record = settled.record
    if record.cost_nano_usd is not None:
        headers.append((b"x-router-cost-usd", b"%.9f" % (record.cost_nano_usd / NANO)))
    headers.append((b"x-router-overhead-ms", b"%.3f" % record.overhead_ms))
    return headers


def _facts(walk: Walk) -> asgi.Headers:
    target = walk.served or walk.targets[0]
    headers: asgi.Headers = [
        (b"x-request-id", walk.asking.id.encode()),
        (b"x-router-model", target.name.encode("ascii", "replace")),
        (b"x-router-provider", target.provider.encode("ascii", "replace")),
        (b"x-router-reason", reason(walk).encode("ascii", "replace")[:300]),
        (b"x-cache", walk.cache.encode()),
    ]
    if walk.mode is not None:
        headers.append((b"x-router-mode", walk.mode.encode()))
    if target.mock:
        headers.append((b"x-router-mock", b"true"))
    if walk.dropped:
        headers.append((b"x-router-dropped", ", ".join(walk.dropped).encode("ascii", "replace")[:300]))
    return headers


def error_facts(walk: Walk) -> asgi.Headers:
    """What an accepted call says of the way it went, also when it failed."""
    headers: asgi.Headers = [(b"x-router-config", walk.compiled.snapshot.digest.encode())]
    if walk.left_for is not None:
        headers.append((b"x-router-fallback", walk.left_for.encode()))
    return headers


def reason(walk: Walk) -> str:
    """Why this model: the decision's sentence, or that the caller named it."""
    return walk.decision.reason if walk.decision is not None else BY_NAME
