"""The digest of a configuration: its settings, and the figures that they became today. No file, no secret."""

import hashlib
import json
from collections.abc import Mapping
from datetime import date

import msgspec

from .redaction import without_password
from .settings import Settings
from .snapshot import Grounds

_ENCODER = msgspec.json.Encoder(order="deterministic")


def settings_hash(settings: Settings, keys: Mapping[str, tuple[str, ...]], today: date) -> str:
    """The same for the same effective settings, day and names of keys that are set; no secret has a part in it."""
    told = settings.model_dump(mode="json")
    told["cache"]["redis_url"] = without_password(settings.cache.redis_url)
    facts = {
        "settings": told,
        "real": sorted(keys),
        "keys": {name: set_ones for name, set_ones in keys.items() if len(set_ones) > 1},
        "day": str(today),
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def grounds(snapshot: Grounds) -> bytes:
    """What decisions under it stand on, as JSON: equal bytes for equal figures in every process, without the digest itself."""
    fields = {name: getattr(snapshot, name) for name in Grounds.__struct_fields__ if name != "digest"}
    return _ENCODER.encode(fields)


def digest_of(settings: str, grounds: bytes) -> str:
    """The digest of both parts. Prices and facts that came with another version of a library are other grounds."""
    return hashlib.sha256(settings.encode() + grounds).hexdigest()[:16]
