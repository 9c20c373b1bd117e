"""Small worlds in which it is known what a router can learn: the tests' own data, since the real one is not part of a checkout."""

import hashlib

import numpy as np

from training.rows import Item, Row

EASY = ["name", "the", "colour", "of", "grass", "sky", "sea", "snow", "please"]
HARD = ["prove", "the", "integral", "theorem", "of", "a", "manifold", "tensor", "rigorously"]
FILLER = [f"word{i}" for i in range(200)]


def prompts(count: int, seed: int = 0) -> tuple[list[str], np.ndarray]:
    """Prompts, and whether each is a hard one: the words tell, the length does not."""
    rng = np.random.default_rng(seed)
    hard = rng.random(count) < 0.5
    texts = []
    for i in range(count):
        telling = rng.choice(HARD if hard[i] else EASY, size=rng.integers(6, 20))
        texts.append(" ".join([*telling, *rng.choice(FILLER, size=4), f"n{i}"]))
    return texts, hard


def items(count: int, benchmark: str = "mmlu", seed: int = 0) -> list[Item]:
    """The strong model answers nearly all, the weak one nearly all easy ones."""
    texts, hard = prompts(count, seed)
    rng = np.random.default_rng(seed + 1)
    strong, weak = rng.random(count) < 0.9, rng.random(count) < np.where(hard, 0.2, 0.9)
    return [
        Item(identity(text), benchmark, "subject", text, int(s), int(w)) for text, s, w in zip(texts, strong, weak, strict=True)
    ]


def rows(count: int, source: str = "one", seed: int = 0, models: tuple[str, str] = ("gemma-2-2b-it", "gpt-4o-mini")) -> list[Row]:
    """The first model is better on easy prompts, the second on hard ones; tasks `a`, `b`, `c` in turn."""
    texts, hard = prompts(count, seed)
    rng = np.random.default_rng(seed + 2)
    good = [rng.random(count) < np.where(hard, 0.1, 0.9), rng.random(count) < np.where(hard, 0.85, 0.65)]
    return [
        Row(identity(text), source, "abc"[i % 3], text, {name: float(good[j][i]) for j, name in enumerate(models)})
        for i, text in enumerate(texts)
    ]


def identity(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
