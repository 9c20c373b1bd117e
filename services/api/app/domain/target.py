"""Where a model lives and what it costs. No secret ever: a key is named by its environment variable."""

from msgspec import Struct

from .answer import Usage


class Rates(Struct, frozen=True, gc=False):
    """Prices in pico-dollars (1e-12 US dollars) per token, integers, so that sums are exact.

    Above `tier_above` input tokens (0 = no tier) the whole request is priced at the `tier_` rates (genai-prices' cliffs).
    """

    input: int
    output: int
    cached: int
    cache_write: int
    source: str = "config"
    tier_above: int = 0
    tier_input: int = 0
    tier_output: int = 0
    tier_cached: int = 0
    tier_cache_write: int = 0


def price(usage: Usage, rates: Rates) -> int:
    """Cost of `usage` in nano-dollars (1e-9 US dollars), rounded half up once at the end; never negative."""
    if rates.tier_above and usage.input_tokens > rates.tier_above:
        r_in, r_out, r_cached, r_write = rates.tier_input, rates.tier_output, rates.tier_cached, rates.tier_cache_write
    else:
        r_in, r_out, r_cached, r_write = rates.input, rates.output, rates.cached, rates.cache_write
    plain = usage.input_tokens - usage.cached_tokens - usage.cache_write_tokens
    pico = usage.cached_tokens * r_cached + usage.cache_write_tokens * r_write + usage.output_tokens * r_out
    if plain > 0:
        pico += plain * r_in
    return (pico + 500) // 1000


class Target(Struct, frozen=True, kw_only=True):
    """One deployment of one catalogue row: everything a wire and a transport need to call it.

    `name` is the catalogue row that answers; `asked` differs from it only for a retired model whose successor is called.
    `key_env` lists environment variables tried in order; empty means the host takes no key. `mock` = answered in process.
    `dialect` is what the host speaks; `wire` names the client that speaks it to this host (OpenAI's dialect has two:
    `openai` for OpenAI itself, `llama` for every other host). `quirks` names repairs that this host needs.
    `known` = its capabilities are vouched for by the catalogue or the configuration. `efforts` are the words it takes for how
    much to think and `thinking` the ways of saying so on Anthropic's wire (empty = nothing is known); `max_tokens_field`
    is the name of the output limit in OpenAI's dialect ("" = the wire's own). `dimensions` is the length of an embedding
    model's vectors (0 = not known, or it makes none). `on_disconnect` = what becomes of a call whose caller left: `cancel` or `drain`
    (read to the end, for a provider that bills it anyway).
    """

    name: str
    provider: str
    model_id: str
    dialect: str
    wire: str
    base_url: str
    key_env: tuple[str, ...] = ()
    mock: bool = False
    capabilities: frozenset[str] = frozenset()
    context_window: int | None = None
    max_output: int | None = None
    known: bool = True
    quirks: tuple[str, ...] = ()
    efforts: tuple[str, ...] = ()
    thinking: tuple[str, ...] = ()
    max_tokens_field: str = ""
    dimensions: int = 0
    avg_latency_ms: float = 1000.0
    rates: Rates | None = None
    on_disconnect: str = "cancel"
