"""A model asked for by name: its row's targets in the order they are tried. No kind of call may be known here."""

from ..config.snapshot import Snapshot
from ..errors import UnknownModel
from .walk import Walk


def take_row(walk: Walk, snapshot: Snapshot, name: str) -> None:
    """Plan that row's deployments, then those of its fallbacks of the same kind, nothing else. Raises UnknownModel for one switched off."""
    model = snapshot.models[name]
    if not model.enabled:
        raise UnknownModel(f"the model {name} is switched off in the configuration (models.{name}.enabled)", param="model")
    walk.named = model
    if model.warning:
        walk.warnings.append(model.warning)
    targets = list(model.targets)
    for fallback in model.fallbacks:
        if snapshot.models[fallback].kind == model.kind:
            targets += snapshot.models[fallback].targets
    # a real call never falls back to a mock, nor a mock to a bill
    walk.targets = [target for target in targets if target.mock == targets[0].mock]
