"""`GET /v1/models` and `/v1/models/{id}`: every name that `model` accepts, in OpenAI's shape."""

from typing import Any

from ..config.resolve import resolve
from ..config.snapshot import Asked, Snapshot


def listed(snapshot: Snapshot) -> dict[str, Any]:
    """All names, the router's own first."""
    names = [name for name, asked in snapshot.names.items() if _answers(snapshot, asked)]
    return {"object": "list", "data": [_entry(snapshot, name, snapshot.names[name]) for name in names]}


def one(snapshot: Snapshot, name: str) -> dict[str, Any]:
    """One name. Raises UnknownModel or, for an ambiguous one, CallerError."""
    return _entry(snapshot, name, resolve(snapshot, name))


def _answers(snapshot: Snapshot, asked: Asked) -> bool:
    return asked.name is None or snapshot.models[asked.name].enabled


def _entry(snapshot: Snapshot, name: str, asked: Asked) -> dict[str, Any]:
    entry: dict[str, Any] = {"id": name, "object": "model", "created": 0}
    if asked.name is None:
        return {**entry, "owned_by": "llm-router", "router": {"mode": asked.mode or snapshot.mode}}
    model = snapshot.models[asked.name]
    facts = {
        "name": model.name,
        "provider": model.provider,
        "model_id": model.targets[0].model_id,
        "mock": not model.real,
        "kind": model.kind,
        "context_window": model.context_window,
        "max_output": model.max_output,
        "capabilities": sorted(model.capabilities),
        "retires_on": model.retires_on,
        "warning": model.warning,
    }
    return {**entry, "owned_by": model.provider, "router": facts}
