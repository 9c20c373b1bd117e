"""What the configuration asks for: is it sound, are its keys there, can its files be written, does its cache answer."""

import asyncio
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from ...access.admin import AdminKey
from ...access.keys import CallerKeys, KeysError, is_loopback
from ...caching.examine import examine
from ...config.places import places_of, try_to_write
from ...config.redaction import without_password
from ..configuration import Here
from .finding import Finding, State

LITTLE: Final = 50 * 1024 * 1024
SOME: Final = 1024 * 1024 * 1024


def configuration(here: Here) -> Iterator[Finding]:
    """The file is sound, or nobody would ask; its warnings."""
    snapshot = here.snapshot
    yield Finding("configuration", "ok", f"{snapshot.source}: {len(snapshot.models)} models, digest {snapshot.digest}")
    for warning in snapshot.warnings:
        yield Finding("configuration", "warning", warning)


def keys(here: Here) -> Iterator[Finding]:
    """Of providers, of callers and of the operator."""
    yield from _provider_keys(here)
    values, host = here.environment.values, here.snapshot.server.host
    try:
        callers = CallerKeys.from_env(values)
        admin = AdminKey.from_env(values)
    except KeysError as error:
        yield Finding("keys", "error", str(error), "python -c 'import secrets; print(secrets.token_urlsafe(32))' makes one")
        return
    if callers:
        yield Finding("keys", "ok", "callers need a key of LLM_ROUTER_API_KEYS")
    elif is_loopback(host):
        yield Finding("keys", "ok", "callers need no key; without LLM_ROUTER_API_KEYS only this machine is answered")
    else:
        yield Finding("keys", "error", f"server.host {host} is open to others and callers need no key", "set LLM_ROUTER_API_KEYS")
    if not admin and not is_loopback(host):
        says = "LLM_ROUTER_ADMIN_KEY is not set: dashboard and usage are closed to other machines"
        yield Finding("keys", "warning", says, "set it to open them")


def _provider_keys(here: Here) -> Iterator[Finding]:
    values, snapshot = here.environment.values, here.snapshot
    needed: dict[str, set[str]] = {}
    for model in snapshot.models.values():
        for target in model.targets if model.enabled else ():
            needed.setdefault(target.provider, set()).update(target.key_env)
    for provider, state in snapshot.provider_states().items():
        names = sorted(needed.get(provider, ()))
        odd = [name for name in names if not _is_sound(values.get(name, "").strip())]
        if odd:
            yield Finding("keys", "error", f"{odd[0]} holds blanks or characters that no key has", "copy the key again")
        elif state == "real":
            where = ", ".join(f"{name} ({here.environment.origin(name)})" for name in names if values.get(name, "").strip())
            yield Finding("keys", "ok", f"{provider}: {where or 'needs none'}")
        elif snapshot.any_real:
            says = (
                f"{provider}: {', '.join(names) or 'no key'} is not set, so its models answer only when they are named, as mocks"
            )
            yield Finding("keys", "warning", says, f"put it into {here.environment.home / '.env'}, or disable the provider")
    if not snapshot.any_real:
        remedy = f"put a provider's key into {here.environment.home / '.env'} and restart (see .env.example)"
        yield Finding("keys", "warning", "no provider has a key: every answer is simulated", remedy)


def _is_sound(key: str) -> bool:
    return not key or (key.isascii() and key.isprintable() and " " not in key)


def folders(here: Here) -> Iterator[Finding]:
    """Each file that is written, and the room around it."""
    room: dict[int, tuple[Path, int]] = {}
    for key, path in places_of(here.snapshot):
        try:
            try_to_write(path)
        except OSError as error:
            says = f"{key}: cannot write {path} ({error.strerror or error})"
            yield Finding("folders", "error", says, "make it writable for this user, or set another path")
            continue
        yield Finding("folders", "ok", f"{key}: {path} can be written")
        room[path.parent.stat().st_dev] = (path.parent, shutil.disk_usage(path.parent).free)
    for folder, free in room.values():
        if free < SOME:
            state: State = "error" if free < LITTLE else "warning"
            yield Finding(
                "folders", state, f"only {free // 2**20} MiB are free at {folder}", "make room, or set logging.max_bytes"
            )


def cache(here: Here) -> Iterator[Finding]:
    """The local file is whole, or Redis answers."""
    plan = here.snapshot.cache
    if plan.backend == "redis":
        yield _redis(plan.redis_url)
        return
    yield Finding("redis", "ok", "not used")
    if plan.backend == "none":
        yield Finding("cache", "ok", "none is configured")
        return
    found = examine(Path(plan.path))
    if found.faults:
        remedy = "the service moves it aside and begins a new one by itself"
        yield Finding("cache", "warning", f"{plan.path}: {found.faults[0]}", remedy)
    else:
        yield Finding("cache", "ok", f"{plan.path}: {found.answers} answers in {found.size} bytes")


def _redis(url: str) -> Finding:
    from ...caching.redis_contents import Unanswered, ping_redis  # noqa: PLC0415 - redis-py takes 150 ms of CPU to import

    shown = without_password(url)
    try:
        version = asyncio.run(ping_redis(url))
    except Unanswered as error:
        remedy = "start it or correct cache.redis_url; until then calls go on without a cache"
        return Finding("redis", "error", f"{shown}: {error}", remedy)
    return Finding("redis", "ok", f"{shown} answers, version {version or 'unknown'}")
