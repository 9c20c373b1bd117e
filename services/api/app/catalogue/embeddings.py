"""What is known of embedding models, as of November 2026. Data alone; `facts` joins it with what is known of chat models.

Sources: providers' documentation for windows and lengths of vectors, genai-prices 0.2.3 for prices (US dollars per million
tokens), which stand here because that library has no output price for them and a price without one is taken for unknown.
`latency_ms` is our own estimate for one short text.
"""

from msgspec import Struct


class Embedder(Struct, frozen=True):
    """One model: `window` tokens per input, `dimensions` of a vector unless fewer are asked for, the price of its input."""

    window: int
    dimensions: int
    price: str
    latency_ms: float


EMBEDDERS: dict[tuple[str, str], Embedder] = {
    ("openai", "text-embedding-3-small"): Embedder(8_192, 1_536, "0.02", 250),
    ("openai", "text-embedding-3-large"): Embedder(8_192, 3_072, "0.13", 350),
    ("openai", "text-embedding-ada-002"): Embedder(8_192, 1_536, "0.1", 250),
    ("gemini", "gemini-embedding-001"): Embedder(2_048, 3_072, "0.15", 300),
    ("gemini", "gemini-embedding-2"): Embedder(8_192, 3_072, "0.2", 300),
    ("mistral", "mistral-embed"): Embedder(8_192, 1_024, "0.1", 250),
    ("mistral", "codestral-embed-2505"): Embedder(8_192, 1_536, "0.15", 250),
}
