"""Every string that a caller's `model` may be, in the contract's order of precedence. Only names; nothing is chosen here."""

from collections.abc import Mapping

from msgspec import Struct

from .settings import Settings
from .snapshot import Asked, Model

AUTO: dict[str, Asked] = {
    "auto": Asked(),
    "auto-fast": Asked(mode="fast"),
    "auto-balanced": Asked(mode="balanced"),
    "auto-accurate": Asked(mode="accurate"),
}


class Names(Struct, frozen=True):
    """Exact names, aliases by prefix in the order of the config, and ids that are not one model's alone."""

    exact: dict[str, Asked]
    prefixes: tuple[tuple[str, Asked], ...]
    ambiguous: dict[str, tuple[str, ...]]


def names_of(settings: Settings, models: Mapping[str, Model]) -> Names:
    """All names of this configuration; an earlier kind hides a later one."""
    full: dict[str, Asked] = {}
    by_id: dict[str, list[str]] = {}
    for name, row in settings.models.items():
        full[f"{row.provider}/{row.id}"] = Asked(name=name)
        by_id.setdefault(row.id, []).append(name)
        for deployment in row.deployments:
            full.setdefault(f"{deployment.provider}/{deployment.id}", Asked(name=name))
            if name not in by_id.setdefault(deployment.id, []):
                by_id[deployment.id].append(name)
    exact: dict[str, Asked] = dict(AUTO)
    exact |= {name: Asked(name=name) for name in models}
    meanings = {alias: _meaning(settings, alias, exact, full) for alias in settings.aliases}
    for alias, asked in meanings.items():
        if not alias.endswith("*"):
            exact.setdefault(alias, asked)
    prefixes = tuple((alias[:-1], asked) for alias, asked in meanings.items() if alias.endswith("*"))
    ids = full | {model_id: Asked(name=names[0]) for model_id, names in by_id.items() if len(names) == 1}
    for name, asked in ids.items():
        # an alias with a `*` comes before ids
        exact.setdefault(name, next((meant for prefix, meant in prefixes if name.startswith(prefix)), asked))
    ambiguous = {model_id: tuple(names) for model_id, names in by_id.items() if len(names) > 1 and model_id not in exact}
    return Names(exact, prefixes, ambiguous)


def _meaning(settings: Settings, alias: str, exact: Mapping[str, Asked], full: Mapping[str, Asked]) -> Asked:
    """What an alias stands for, through other aliases if need be; circles were refused before."""
    meant = settings.aliases[alias]
    while meant not in exact and meant not in full:
        meant = settings.aliases[meant]
    return exact.get(meant) or full[meant]
