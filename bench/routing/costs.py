"""What the models of the training data cost, so that quality can be drawn over cost. Data and one formula; no router may enter.

US dollars per million tokens, input and output: list prices of autumn 2024, when the answers were collected. Those of Anthropic,
Google, Mistral, OpenAI and xAI were compared with the dated ones of `genai-prices` (o1-mini stands at its price of 2024); those of
AI21, DeepSeek, Reka and 01.AI are the vendors' announcements. Open models have no vendor: for them the price bands by size that
hosts of open models charged then are taken (as in Together AI's public table: up to 4B .10, 8B .20, 21B .30, 41B .80, 80B .90,
110B 1.80; a mixture of 8 experts of 7B .60; Llama 3.1 405B 3.50). Those are marked approximate: their order is what matters here.
"""

import re
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]

ANSWER_TOKENS: Final = 300.0
"""Assumed for every answer: the data does not say how long the answers were."""
CHARS_PER_TOKEN: Final = 4.0

LIST_PRICES: Final[dict[str, tuple[float, float]]] = {
    "chatgpt-4o-latest": (5.0, 15.0),
    "claude-3-5-haiku": (0.8, 4.0),
    "claude-3-5-sonnet": (3.0, 15.0),
    "claude-3-haiku": (0.25, 1.25),
    "claude-3-opus": (15.0, 75.0),
    "claude-3-sonnet": (3.0, 15.0),
    "deepseek-coder-v2": (0.14, 0.28),
    "deepseek-v2": (0.14, 0.28),
    "gemini-1.5-flash": (0.075, 0.3),
    "gemini-1.5-pro": (1.25, 5.0),
    "gpt-3.5-turbo": (0.5, 1.5),
    "gpt-4-0314": (30.0, 60.0),
    "gpt-4-turbo": (10.0, 30.0),
    "gpt-4o-2024-05": (5.0, 15.0),
    "gpt-4o-2024-08": (2.5, 10.0),
    "gpt-4o-mini": (0.15, 0.6),
    "grok-2": (2.0, 10.0),
    "jamba-1.5-large": (2.0, 8.0),
    "mistral-large-2": (2.0, 6.0),
    "o1-mini": (3.0, 12.0),
    "o1-preview": (15.0, 60.0),
    "reka-core": (3.0, 15.0),
    "reka-flash": (0.8, 2.0),
    "yi-large": (3.0, 3.0),
}
"""By the beginning of the name, the longest that fits."""

APPROXIMATE: Final[dict[str, float]] = {
    "athene-70b": 0.9,
    "c4ai-command-r": 0.8,
    "codegemma-7b": 0.2,
    "mathstral-7b": 0.2,
    "mixtral-8x7b": 0.6,
    "phi-3-mini": 0.1,
    "phi-3.5-mini": 0.1,
}
"""The same price in and out: open models whose name does not say their size in the usual way."""

_BANDS: Final = ((4.0, 0.1), (8.0, 0.2), (21.0, 0.3), (41.0, 0.8), (80.0, 0.9), (110.0, 1.8), (1000.0, 3.5))
_SIZE: Final = re.compile(r"(?<![\d.])(\d+(?:\.\d+)?)b(?![a-z])")


def price(model: str) -> tuple[float, float, bool]:
    """`(in, out, approximate)` in US dollars per million tokens. Raises KeyError for a model that no line of the tables covers."""
    name = model.lower()
    listed = max((start for start in LIST_PRICES if name.startswith(start)), key=len, default=None)
    if listed is not None:
        return *LIST_PRICES[listed], False
    known = max((start for start in APPROXIMATE if name.startswith(start)), key=len, default=None)
    if known is not None:
        return APPROXIMATE[known], APPROXIMATE[known], True
    size = _SIZE.search(name)
    if size is None:
        raise KeyError(model)
    band = next(dollars for most, dollars in _BANDS if float(size[1]) <= most)
    return band, band, True


def costs(prompts: Sequence[str], models: Sequence[str]) -> Vector:
    """US dollars of every prompt with every model, (n, m): the prompt's estimated tokens in, ANSWER_TOKENS out."""
    tokens = np.array([len(prompt) / CHARS_PER_TOKEN for prompt in prompts])
    prices = np.array([price(model)[:2] for model in models])
    dollars: Vector = (tokens[:, None] * prices[:, 0] + ANSWER_TOKENS * prices[:, 1]) * 1e-6
    return dollars
