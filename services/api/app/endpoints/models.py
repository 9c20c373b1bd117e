"""`GET /v1/models` and `/v1/models/{id}` in OpenAI's shape, and what every shape tells of a name. Anthropic's is in `model_infos`."""

from collections.abc import Iterator
from typing import Any

from msgspec import Struct

from ..config.resolve import resolve
from ..config.snapshot import Asked, Model, Snapshot
from ..domain.target import Target


class Told(Struct, frozen=True):
    """One name that `model` accepts. `rows` are those that may answer it: the one meant, or all that `auto` picks from."""

    name: str
    asked: Asked
    rows: tuple[Model, ...]

    @property
    def model(self) -> Model | None:
        """The row meant, None for the router's own choice."""
        return self.rows[0] if self.asked.name is not None else None

    @property
    def targets(self) -> list[Target]:
        """Where each of the rows is called first."""
        return [row.targets[0] for row in self.rows]

    @property
    def capabilities(self) -> frozenset[str]:
        """What some row can do: `auto` picks one that can do what a prompt needs."""
        return frozenset[str]().union(*[row.capabilities for row in self.rows])

    @property
    def context_window(self) -> int | None:
        """Tokens of the largest window, None where it is not known: `auto` picks a row that the prompt fits."""
        return max([row.context_window for row in self.rows if row.context_window], default=None)

    @property
    def max_output(self) -> int | None:
        """Tokens of the longest answer, None where it is not known."""
        return max([row.max_output for row in self.rows if row.max_output], default=None)


def names(snapshot: Snapshot) -> Iterator[Told]:
    """All names that answer, the router's own first."""
    for name, asked in snapshot.names.items():
        if asked.name is None or snapshot.models[asked.name].enabled:
            yield _told(snapshot, name, asked)


def named(snapshot: Snapshot, name: str) -> Told:
    """One name. Raises UnknownModel or, for an ambiguous one, CallerError."""
    return _told(snapshot, name, resolve(snapshot, name))


def _told(snapshot: Snapshot, name: str, asked: Asked) -> Told:
    if asked.name is not None:
        return Told(name, asked, (snapshot.models[asked.name],))
    return Told(name, asked, tuple([model for model in snapshot.models.values() if model.routable]))


def listed(snapshot: Snapshot) -> dict[str, Any]:
    """OpenAI's list of all names."""
    return {"object": "list", "data": [_entry(snapshot, told) for told in names(snapshot)]}


def one(snapshot: Snapshot, name: str) -> dict[str, Any]:
    """OpenAI's description of one name. Raises as `named`."""
    return _entry(snapshot, named(snapshot, name))


def _entry(snapshot: Snapshot, told: Told) -> dict[str, Any]:
    model = told.model
    return {
        "id": told.name,
        "object": "model",
        "created": 0,
        "owned_by": "llm-router" if model is None else model.provider,
        "shutdown_date": None if model is None else model.retires_on,
        "context_window": told.context_window,
        "max_output_tokens": told.max_output,
        "router": {"mode": told.asked.mode or snapshot.mode} if model is None else _facts(model),
    }


def _facts(model: Model) -> dict[str, Any]:
    target = model.targets[0]
    return {
        "name": model.name,
        "provider": model.provider,
        "model_id": target.model_id,
        "mock": not model.real,
        "kind": model.kind,
        "context_window": model.context_window,
        "max_output": model.max_output,
        "dimensions": target.dimensions or None,
        "capabilities": sorted(model.capabilities),
        "retires_on": model.retires_on,
        "warning": model.warning,
    }
