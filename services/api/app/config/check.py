"""What the keys of a config mean together: references, circles, doubles, missing keys. Types are already sound here."""

import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from .hosts import doubt
from .providers import BUILT_IN, Provider, providers_of
from .settings import Settings
from .yaml_text import ConfigError, Document

AUTO = ("auto", "auto-fast", "auto-balanced", "auto-accurate")


class _Complaint:
    """Builds the one line for a key of this file."""

    def __init__(self, path: Path, document: Document) -> None:
        self._path = path
        self._document = document

    def __call__(self, key: str, reason: str) -> ConfigError:
        return ConfigError(self._path, key, reason, self._document.line_of(key))


def check(settings: Settings, document: Document, path: Path, env: Mapping[str, str]) -> None:
    """Raises ConfigError for the first thing that does not fit together."""
    fault = _Complaint(path, document)
    providers = providers_of(settings)
    _check_providers(providers, fault)
    _check_models(settings, providers, fault)
    _check_fallbacks(settings, fault)
    _check_successors(settings, providers, fault)
    _check_aliases(settings, fault)
    baseline = settings.routing.baseline
    if baseline is not None and baseline not in settings.models:
        raise fault("routing.baseline", _unknown(baseline, settings.models))
    if baseline is not None and settings.models[baseline].kind != "chat":
        raise fault("routing.baseline", f"{baseline} is no chat model: savings are counted against one")
    _check_places(settings, fault)
    _check_redis(settings, path, env, fault)
    if settings.mock == "never":
        _check_keys(settings, providers, env, fault)


def _check_places(settings: Settings, fault: _Complaint) -> None:
    """Files of ours must not be taken for one another; what begins with the journal's name is read as a rotated journal."""
    row = settings.logging
    if row.per_call_path == row.daily_rollup_path:
        raise fault("logging.daily_rollup_path", "is the journal's own path: give the rollup another file")
    if row.usage_path is None:
        return
    if row.usage_path in (row.daily_rollup_path, settings.cache.path):
        raise fault("logging.usage_path", "is the path of another file of the service: give the projection its own")
    if row.usage_path.startswith(row.per_call_path):
        raise fault(
            "logging.usage_path", "begins as the journal's path, so it would be read as a rotated journal: choose another"
        )


def _check_redis(settings: Settings, path: Path, env: Mapping[str, str], fault: _Complaint) -> None:
    """A port that is none would only be found when the cache is first asked."""
    try:
        sound = urlsplit(settings.cache.redis_url).port != 0
    except ValueError:
        sound = False
    if sound:
        return
    reason = "must have a port between 1 and 65535 (and a password with its special characters percent-encoded)"
    if env.get("REDIS_URL", "").strip():
        raise ConfigError("REDIS_URL", "", f"{reason}; it overrides cache.redis_url of {path}")
    raise fault("cache.redis_url", reason)


def _reserved(name: str) -> bool:
    """Also the names that do not exist yet: a later version's `auto-...` must not change what a file means."""
    return name.startswith("auto-") or name.removesuffix("*") == "auto"


def _unknown(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, list(known), n=1)
    return f"{name} is not a row of models" + (f"; did you mean {near[0]}?" if near else "")


def _check_providers(providers: dict[str, Provider], fault: _Complaint) -> None:
    for name, provider in providers.items():
        if not provider.base_url:
            raise fault(f"providers.{name}.base_url", "is required for a provider that is not built in")
        if not provider.key_env and not provider.keyless:
            raise fault(f"providers.{name}.key_env", "is required: name the variable that holds the key, or null for none")
        doubtful = None if provider.trusted else doubt(provider.base_url)
        if doubtful:
            raise fault(
                f"providers.{name}.base_url", f"{doubtful}: use https to a public host, or say trusted: true if you mean it"
            )


def _check_models(settings: Settings, providers: dict[str, Provider], fault: _Complaint) -> None:
    places: dict[tuple[str, str], str] = {}
    for name, row in settings.models.items():
        if _reserved(name):
            raise fault(f"models.{name}", "auto and names that begin with auto- are the router's own")
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
            _check_kind(settings, name, other, f"models.{name}.fallbacks.{i}", fault)
    graph = {name: tuple(row.fallbacks) for name, row in settings.models.items()}
    circle = _circle(graph)
    if circle:
        raise fault(f"models.{circle[0]}.fallbacks", f"lead in a circle: {' -> '.join([*circle, circle[0]])}")


def _check_kind(settings: Settings, name: str, other: str, key: str, fault: _Complaint) -> None:
    """Who answers in a model's place must be able to: an embedding is no chat answer."""
    own, its = settings.models[name].kind, settings.models[other].kind
    if own != its:
        raise fault(key, f"{other} is of kind {its}, {name} of kind {own}: name a row of the same kind")


def _check_successors(settings: Settings, providers: dict[str, Provider], fault: _Complaint) -> None:
    places = {f"{row.provider}/{row.id}": name for name, row in settings.models.items()}
    graph: dict[str, tuple[str, ...]] = {}
    for name, row in settings.models.items():
        successor = row.successor
        if successor is None:
            continue
        successor = places.get(successor, successor)
        if successor == name:
            raise fault(f"models.{name}.successor", "a model cannot succeed itself")
        provider, slash, _ = successor.partition("/")
        if successor not in settings.models and not (slash and provider in providers):
            raise fault(f"models.{name}.successor", _unknown(successor, settings.models) + ", nor a known provider/id")
        if successor in settings.models:
            _check_kind(settings, name, successor, f"models.{name}.successor", fault)
        graph[name] = (successor,)
    circle = _circle(graph)
    if circle:
        raise fault(f"models.{circle[0]}.successor", f"leads in a circle: {' -> '.join([*circle, circle[0]])}")


def _check_aliases(settings: Settings, fault: _Complaint) -> None:
    full_ids = {f"{row.provider}/{row.id}" for row in settings.models.values()}
    full_ids |= {f"{place.provider}/{place.id}" for row in settings.models.values() for place in row.deployments}
    for alias, meant in settings.aliases.items():
        if _reserved(alias):
            raise fault(f"aliases.{alias}", "auto and names that begin with auto- are the router's own")
        if alias in settings.models:
            raise fault(f"aliases.{alias}", "this name is already taken and would never be reached")
        known = meant in AUTO or meant in settings.models or meant in full_ids or meant in settings.aliases
        if not known:
            near = difflib.get_close_matches(meant, [*AUTO, *settings.models, *full_ids], n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise fault(f"aliases.{alias}", f"{meant} is neither auto*, a row of models, provider/id nor an alias{hint}")
    circle = _circle({alias: (meant,) for alias, meant in settings.aliases.items()})
    if circle:
        raise fault(f"aliases.{circle[0]}", f"leads in a circle: {' -> '.join([*circle, circle[0]])}")


def _circle(graph: Mapping[str, Sequence[str]]) -> list[str]:
    """The first circle found, as its members in order; empty when there is none. Without recursion: chains may be long."""
    done: set[str] = set()
    for start in graph:
        trail: dict[str, Iterator[str]] = {start: iter(graph[start])}
        while trail:
            name = next(reversed(trail))
            other = next(trail[name], None)
            if other is None:
                done.add(name)
                del trail[name]
            elif other in trail:
                members = list(trail)
                return members[members.index(other) :]
            elif other in graph and other not in done:
                trail[other] = iter(graph[other])
    return []


def _check_keys(settings: Settings, providers: dict[str, Provider], env: Mapping[str, str], fault: _Complaint) -> None:
    for name, row in settings.models.items():
        for provider in (providers[place] for place in (row.provider, *(d.provider for d in row.deployments))):
            if row.enabled and provider.enabled and not provider.has_key(env):
                variables = " or ".join(provider.key_env)
                raise fault("mock", f"is never, but {variables} is not set and the enabled model {name} needs it")
