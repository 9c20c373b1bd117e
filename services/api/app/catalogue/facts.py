"""Facts per provider and model id, as of November 2026. Data alone; nothing here is computed.

Sources: providers' documentation and the price map of LiteLLM 1.109.1 (2026-11-12) for windows, limits and capabilities; the
`openai` 3.54 and `anthropic` 2.12 SDKs and the providers' deprecation pages for lifecycles. `quality` is our own estimate of
P(good answer) for a prompt of middling difficulty, from public standing and price; `abilities` are published figures, each with its
source; `latency_ms` our own estimate of a typical short answer. All are priors: config rows override them, live figures and measured
weights take their place.
"""

from msgspec import Struct

from .embeddings import EMBEDDERS

_BASE = frozenset({"streaming", "sampling", "tools", "json_schema"})
_ODDS = frozenset({"logprobs"})  # older OpenAI models, Gemini, Mistral and open weights; OpenAI's newest refuse them
_SIGHT = _BASE | {"vision"}
_PDF = _SIGHT | {"pdf"}
_THINKING = frozenset({"streaming", "tools", "json_schema", "vision", "pdf", "reasoning"})  # newest models refuse sampling
_THINKING_SAMPLING = _THINKING | {"sampling"}

# OpenAI's 6.2 and Astra models refuse none and minimal, Sol and Luna before 6.2 take them
_EFFORTS = ("low", "medium", "high", "xhigh", "max")
_ALL_EFFORTS = ("none", "minimal", *_EFFORTS)
_ADAPTIVE = ("adaptive", "disabled")
_LEVELS = ("minimal", "low", "medium", "high", "xhigh")

# README of openai/simple-evals, commit 0f2cf33; model card of Llama 3.3 (meta-llama/llama-models)
_GPT_4O = (("mmlu", 0.887), ("gpqa", 0.531), ("math", 0.759), ("humaneval", 0.902))
_GPT_4O_MINI = (("mmlu", 0.82), ("gpqa", 0.402), ("math", 0.702), ("humaneval", 0.872))
_LLAMA_3_3_70B = (("mmlu", 0.86), ("gpqa", 0.505), ("math", 0.77), ("humaneval", 0.884))


class Facts(Struct, frozen=True, kw_only=True):
    """One model. `prices` = (input, output, cached input) in US dollars per million tokens, where genai-prices has none yet.

    `efforts` = the words it takes for how much to think, `thinking` = the ways of saying so on Anthropic's wire; empty = unknown.
    `max_tokens_field` = the name of the output limit in OpenAI's dialect where it is not the wire's usual one.
    `quality` = P(good answer), None = nobody says; `abilities` = figures of public benchmarks (`catalogue.abilities`).
    `dimensions` = the length of an embedding model's vectors, 0 for any other model.
    """

    window: int | None = None
    max_output: int | None = None
    capabilities: frozenset[str] = frozenset({"streaming", "sampling"})
    quality: float | None = None
    abilities: tuple[tuple[str, float], ...] = ()
    latency_ms: float = 1500.0
    efforts: tuple[str, ...] = ()
    thinking: tuple[str, ...] = ()
    max_tokens_field: str = ""
    dimensions: int = 0
    retires_on: str | None = None
    successor: str | None = None
    prices: tuple[str, str, str] | None = None


UNKNOWN = Facts()
"""What is assumed of a model that is not listed: that it can stream and takes sampling parameters, nothing else."""

FACTS: dict[tuple[str, str], Facts] = {
    # OpenAI
    ("openai", "gpt-4o"): Facts(
        window=128_000, max_output=16_384, capabilities=_PDF | _ODDS, quality=0.62, latency_ms=1100,
        abilities=_GPT_4O,
        retires_on="2027-01-14", successor="openai/gpt-6.1-terra",
    ),
    ("openai", "gpt-4o-mini"): Facts(
        window=128_000, max_output=16_384, capabilities=_PDF | _ODDS, quality=0.5, latency_ms=800,
        abilities=_GPT_4O_MINI,
        retires_on="2027-01-14", successor="openai/gpt-6-luna",
    ),
    ("openai", "gpt-6.2-astra"): Facts(
        window=1_050_000, max_output=128_000, capabilities=_THINKING, quality=0.93, latency_ms=4200, prices=("8", "40", "0.4"),
        efforts=_EFFORTS,
    ),
    ("openai", "gpt-6-astra"): Facts(
        window=1_050_000, max_output=128_000, capabilities=_THINKING, quality=0.91, latency_ms=4600,
        efforts=_EFFORTS,
    ),
    ("openai", "gpt-6.2-sol"): Facts(
        window=1_050_000, max_output=128_000, capabilities=_THINKING, quality=0.85, latency_ms=2200, prices=("2", "10", "0.1"),
        efforts=_EFFORTS,
    ),
    ("openai", "gpt-6.1-sol"): Facts(
        window=1_050_000, max_output=128_000, capabilities=_THINKING, quality=0.84, latency_ms=2300,
        efforts=_ALL_EFFORTS,
    ),
    ("openai", "gpt-6.1-terra"): Facts(
        window=1_050_000, max_output=128_000, capabilities=_THINKING, quality=0.78, latency_ms=1700,
        efforts=_ALL_EFFORTS,
    ),
    ("openai", "gpt-6-luna"): Facts(
        window=1_050_000, max_output=128_000, capabilities=_THINKING, quality=0.66, latency_ms=900,
        efforts=_ALL_EFFORTS,
    ),
    # Anthropic
    ("anthropic", "claude-3-sonnet-20240229"): Facts(
        window=200_000, max_output=4_096, capabilities=_SIGHT, quality=0.52, latency_ms=1800,
        retires_on="2025-07-21", successor="anthropic/claude-sonnet-5-5",
    ),
    ("anthropic", "claude-fable-5-2"): Facts(
        window=1_000_000, max_output=128_000, capabilities=_THINKING, quality=0.94, latency_ms=4500,
        efforts=_EFFORTS, thinking=_ADAPTIVE,
    ),
    ("anthropic", "claude-opus-5-5"): Facts(
        window=1_000_000, max_output=128_000, capabilities=_THINKING, quality=0.9, latency_ms=3200,
        efforts=_EFFORTS, thinking=_ADAPTIVE,
    ),
    ("anthropic", "claude-sonnet-5-5"): Facts(
        window=1_000_000, max_output=128_000, capabilities=_THINKING, quality=0.86, latency_ms=2000,
        efforts=_EFFORTS, thinking=_ADAPTIVE,
    ),
    ("anthropic", "claude-haiku-5-5"): Facts(
        window=1_000_000, max_output=128_000, capabilities=_THINKING, quality=0.68, latency_ms=850,
        efforts=_EFFORTS, thinking=_ADAPTIVE,
    ),
    ("anthropic", "claude-haiku-4-5"): Facts(
        window=200_000, max_output=64_000, capabilities=_THINKING_SAMPLING, quality=0.66, latency_ms=1000,
        thinking=("enabled", "disabled"),
    ),
    # Google
    ("gemini", "gemini-1.5-pro"): Facts(
        window=2_097_152, max_output=8_192, capabilities=_PDF | _ODDS, quality=0.6, latency_ms=1600,
        retires_on="2025-09-24", successor="gemini/gemini-4-argon",
    ),
    ("gemini", "gemini-4-argon"): Facts(
        window=1_048_576, max_output=1_048_576, capabilities=_THINKING_SAMPLING | _ODDS, quality=0.9, latency_ms=2900,
        efforts=("low", "medium", "high", "xhigh"),
    ),
    ("gemini", "gemini-3.8-flash"): Facts(
        window=1_048_576, max_output=65_536, capabilities=_THINKING_SAMPLING | _ODDS, quality=0.8, latency_ms=1300,
        efforts=_LEVELS,
    ),
    ("gemini", "gemini-3.5-flash-lite"): Facts(
        window=1_048_576, max_output=65_536, capabilities=_THINKING_SAMPLING | _ODDS, quality=0.64, latency_ms=650,
        efforts=_LEVELS,
    ),
    # Mistral
    ("mistral", "mistral-large-2411"): Facts(
        window=128_000, max_output=128_000, capabilities=_BASE | _ODDS, quality=0.6, latency_ms=1700,
        retires_on="2026-05-31", successor="mistral/mistral-large-4-0",
    ),
    ("mistral", "mistral-large-4-0"): Facts(
        window=1_048_576, max_output=1_048_576, capabilities=_SIGHT | {"reasoning"} | _ODDS, quality=0.82, latency_ms=1700,
        efforts=_ALL_EFFORTS,
    ),
    ("mistral", "mistral-medium-3-5"): Facts(
        window=262_144, max_output=262_144, capabilities=_SIGHT | {"reasoning"} | _ODDS, quality=0.74, latency_ms=1400,
        efforts=_ALL_EFFORTS,
    ),
    ("mistral", "mistral-small-2603"): Facts(
        window=262_144, max_output=262_144, capabilities=_SIGHT | {"reasoning"} | _ODDS, quality=0.6, latency_ms=700,
        efforts=_ALL_EFFORTS,
    ),
    # Llama and other open weights, at DeepInfra (not in genai-prices; prices from LiteLLM's map)
    ("llama", "meta-llama/Meta-Llama-3-70B-Instruct"): Facts(
        window=8_192, max_output=8_192, quality=0.48, latency_ms=1500,
        retires_on="2025-12-23", successor="llama/meta-llama/Llama-3.3-70B-Instruct-Turbo",
    ),
    ("llama", "meta-llama/Llama-3.3-70B-Instruct-Turbo"): Facts(
        window=131_072, max_output=131_072, capabilities=_BASE - {"json_schema"} | _ODDS, quality=0.58, latency_ms=900,
        abilities=_LLAMA_3_3_70B,
        prices=("0.1", "0.32", "0.1"),
    ),
    ("llama", "openai/gpt-oss-120b"): Facts(
        # the price at this host is not published where we could check it
        window=131_072, max_output=65_536, capabilities=_BASE | {"reasoning"} | _ODDS, quality=0.66, latency_ms=1000,
        efforts=("low", "medium", "high"),
    ),
}  # fmt: skip

FACTS |= {
    place: Facts(
        window=known.window,
        capabilities=frozenset(),
        latency_ms=known.latency_ms,
        dimensions=known.dimensions,
        prices=(known.price, "0", known.price),
    )
    for place, known in EMBEDDERS.items()
}
