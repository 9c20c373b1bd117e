"""The five built-in providers, and the hosts that the config adds. No key is ever read here, only whether one is set."""

from collections.abc import Mapping
from urllib.parse import urlsplit

from msgspec import Struct

from ..clients.openai_client.quirks import KNOWN_HOSTS
from .settings import ProviderLimitsRow, ProviderRow, Settings


class Provider(Struct, frozen=True):
    """One host, complete. `keyless` = it takes no key. `quirks` = the repairs it needs; `trusted` = it may be
    a private address, or spoken to without encryption.

    `priced_as` = under which name list prices know it, None = under none.
    """

    name: str
    dialect: str
    wire: str
    base_url: str
    key_env: tuple[str, ...]
    keyless: bool
    enabled: bool
    priced_as: str | None
    quirks: tuple[str, ...] = ()
    trusted: bool = False
    on_disconnect: str = "cancel"
    limits: ProviderLimitsRow = ProviderLimitsRow()

    def has_key(self, env: Mapping[str, str]) -> bool:
        """Whether calls can be real: one of its variables is set and not empty, or none is needed."""
        return self.keyless or bool(self.keys_set(env))

    def keys_set(self, env: Mapping[str, str]) -> tuple[str, ...]:
        """Those of its variables that hold a key; of several with the same key the first."""
        by_key = {env[name].strip(): name for name in reversed(self.key_env) if env.get(name, "").strip()}
        return tuple(name for name in dict.fromkeys(self.key_env) if name in by_key.values())


# Llama: Groq dropped its Llama chat models in August 2026 and Together its 70B in October; DeepInfra still serves Llama 3.3 70B
BUILT_IN: dict[str, tuple[str, str, str]] = {
    "openai": ("openai", "https://api.openai.com/v1", "OPENAI_API_KEY"),
    "anthropic": ("anthropic", "https://api.anthropic.com", "ANTHROPIC_API_KEY"),
    "gemini": ("gemini", "https://generativelanguage.googleapis.com", "GEMINI_API_KEY"),
    "mistral": ("mistral", "https://api.mistral.ai/v1", "MISTRAL_API_KEY"),
    "llama": ("openai", "https://api.deepinfra.com/v1/openai", "LLAMA_API_KEY"),
}


def providers_of(settings: Settings) -> dict[str, Provider]:
    """Every provider by name: the built-in ones, changed and joined by the config's rows."""
    names = [*BUILT_IN, *(name for name in settings.providers if name not in BUILT_IN)]
    return {name: _provider(name, settings.providers.get(name, ProviderRow())) for name in names}


def _provider(name: str, row: ProviderRow) -> Provider:
    dialect, base_url, variable = BUILT_IN.get(name, ("openai", "", ""))
    dialect = row.dialect or dialect
    named = row.key_env if "key_env" in row.model_fields_set else [variable] if variable else None
    served_at = (row.base_url or base_url).rstrip("/")
    return Provider(
        name=name,
        dialect=dialect,
        wire=("openai" if name == "openai" else "llama") if dialect == "openai" else dialect,
        base_url=served_at,
        key_env=tuple(named or ()),
        keyless="key_env" in row.model_fields_set and not named,
        enabled=row.enabled,
        # open weights cost what their host asks: a moved llama has no list price of ours
        priced_as=None if name == "llama" and served_at != base_url else name,
        quirks=_quirks(row, dialect, served_at),
        trusted=row.trusted,
        on_disconnect=row.on_disconnect,
        limits=row.limits,
    )


def _quirks(row: ProviderRow, dialect: str, served_at: str) -> tuple[str, ...]:
    """The row's own list, else what is known of the host."""
    if row.quirks is not None:
        return tuple(row.quirks)
    return tuple(KNOWN_HOSTS.get(urlsplit(served_at).hostname or "", ())) if dialect == "openai" else ()
