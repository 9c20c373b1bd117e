"""What the keys of a config mean together: references, circles, doubles, missing keys. Types are already sound here."""

import difflib
from collections.abc import Iterable, Mapping
from pathlib import Path

from .providers import BUILT_IN, Provider, providers_of
from .settings import Settings
from .yaml_text import ConfigError, Document

AUTO = ("auto", "auto-fast", "auto-balanced", "auto-accurate")


class _Complaint:
    """Builds the one line for a key of this file."""

    def __init__(self, path: Path, document: Document) -> None:
        self._path = path
        self._lines = document.lines

    def __call__(self, key: str, reason: str) -> ConfigError:
        return ConfigError(self._path, key, reason, self._lines.get(key) or self._lines.get(key.rpartition(".")[0]))


def check(settings: Settings, document: Document, path: Path, env: Mapping[str, str]) -> None:
    """Raises ConfigError for the first thing that does not fit together."""
    fault = _Complaint(path, document)
    providers = providers_of(settings)
    _check_providers(providers, fault)
    _check_models(settings, providers, fault)
    _check_fallbacks(settings, fault)
    _check_successors(settings, fault)
    _check_aliases(settings, fault)
    baseline = settings.routing.baseline
    if baseline is not None and baseline not in settings.models:
        raise fault("routing.baseline", _unknown(baseline, settings.models))
    if settings.logging.per_call_path == settings.logging.daily_rollup_path:
        raise fault("logging.daily_rollup_path", "is the journal's own path: give the rollup another file")
    if settings.mock == "never":
        _check_keys(settings, providers, env, fault)


def _unknown(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, list(known), n=1)
    return f"{name} is not a row of models" + (f"; did you mean {near[0]}?" if near else "")


def _check_providers(providers: dict[str, Provider], fault: _Complaint) -> None:
    for name, provider in providers.items():
        if not provider.base_url:
            raise fault(f"providers.{name}.base_url", "is required for a provider that is not built in")
        if not provider.key_env and not provider.keyless:
            raise fault(f"providers.{name}.key_env", "is required: name the variable that holds the key, or null for none")


def _check_models(settings: Settings, providers: dict[str, Provider], fault: _Complaint) -> None:
    places: dict[tuple[str, str], str] = {}
    for name, row in settings.models.items():
        if name in AUTO:
            raise fault(f"models.{name}", "this name is taken by the router itself")
        for where, provider, model_id in [
            (f"models.{name}", row.provider, row.id),
            *((f"models.{name}.deployments.{i}", d.provider, d.id) for i, d in enumerate(row.deployments)),
        ]:
            if provider not in providers:
                near = difflib.get_close_matches(provider, list(providers), n=1)
                hint = f"did you mean {near[0]}?" if near else f"add it under providers, or use one of {', '.join(BUILT_IN)}"
                raise fault(f"{where}.provider", f"unknown provider {provider}; {hint}")
            other = places.setdefault((provider, model_id), where)
            if other != where:
                raise fault(f"{where}.id", f"{provider}/{model_id} is already {other}: keep one of them")


def _check_fallbacks(settings: Settings, fault: _Complaint) -> None:
    for name, row in settings.models.items():
        for i, other in enumerate(row.fallbacks):
            if other not in settings.models:
                raise fault(f"models.{name}.fallbacks.{i}", _unknown(other, settings.models))
    graph = {name: tuple(row.fallbacks) for name, row in settings.models.items()}
    circle = _circle(graph)
    if circle:
        raise fault(f"models.{circle[0]}.fallbacks", f"lead in a circle: {' -> '.join([*circle, circle[0]])}")


def _check_successors(settings: Settings, fault: _Complaint) -> None:
    for name, row in settings.models.items():
        if row.successor in (name, f"{row.provider}/{row.id}"):
            raise fault(f"models.{name}.successor", "a model cannot succeed itself")
        if row.successor is not None and row.successor not in settings.models and "/" not in row.successor:
            raise fault(f"models.{name}.successor", _unknown(row.successor, settings.models) + " nor provider/id")
    circle = _circle({name: (row.successor,) for name, row in settings.models.items() if row.successor in settings.models})
    if circle:
        raise fault(f"models.{circle[0]}.successor", f"leads in a circle: {' -> '.join([*circle, circle[0]])}")


def _check_aliases(settings: Settings, fault: _Complaint) -> None:
    full_ids = {f"{row.provider}/{row.id}" for row in settings.models.values()}
    for alias, meant in settings.aliases.items():
        if alias in AUTO or alias in settings.models:
            raise fault(f"aliases.{alias}", "this name is already taken and would never be reached")
        known = meant in AUTO or meant in settings.models or meant in full_ids or meant in settings.aliases
        if not known:
            near = difflib.get_close_matches(meant, [*AUTO, *settings.models, *full_ids], n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise fault(f"aliases.{alias}", f"{meant} is neither auto*, a row of models, provider/id nor an alias{hint}")
    circle = _circle({alias: (meant,) for alias, meant in settings.aliases.items()})
    if circle:
        raise fault(f"aliases.{circle[0]}", f"leads in a circle: {' -> '.join([*circle, circle[0]])}")


def _circle(graph: Mapping[str, Iterable[str | None]]) -> list[str]:
    """The first circle found, as its members in order; empty when there is none."""
    done: set[str] = set()

    def walk(name: str, trail: list[str]) -> list[str]:
        if name in trail:
            return trail[trail.index(name) :]
        if name in done:
            return []
        for other in graph.get(name, ()):
            if other is not None and (found := walk(other, [*trail, name])):
                return found
        done.add(name)
        return []

    return next((found for name in graph if (found := walk(name, []))), [])


def _check_keys(settings: Settings, providers: dict[str, Provider], env: Mapping[str, str], fault: _Complaint) -> None:
    for name, row in settings.models.items():
        provider = providers[row.provider]
        if row.enabled and provider.enabled and not provider.has_key(env):
            variables = " or ".join(provider.key_env)
            raise fault("mock", f"is never, but {variables} is not set and the enabled model {name} needs it")
