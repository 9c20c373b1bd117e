"""What `llm-router demo` asks: prompts of many kinds, always the same ones. Data alone."""

from typing import Final

SUBJECTS: Final = (
    "a solar panel on a balcony", "the tides", "a sorting algorithm", "sourdough bread", "a city's water supply", "compound interest",
    "the Krebs cycle", "a bicycle's gears", "honey bees", "a lighthouse", "a noisy neighbour", "the printing press",
)  # fmt: skip
KINDS: Final = (
    "Explain {} to a curious ten-year-old.",
    "Write three short headlines about {}.",
    "List the five most common mistakes people make with {}, and how to avoid each.",
    "Summarise in two sentences what matters about {}.",
    "Translate into French: I would like to know more about {}.",
    "Write a haiku about {}.",
    "Compare two ways of dealing with {} and analyse step by step which of them is better in the long run, and for whom.",
    "What does {} cost, roughly, and what does the price depend on?",
    "Answer in JSON with the keys topic, summary and keywords: {}.",
    "Draft a polite e-mail that asks an expert about {}.",
    "Prove or refute: without {} daily life would be cheaper. Derive your conclusion from stated assumptions.",
)
SINGLE: Final = (
    "Hello!",
    "Thanks, that is all.",
    "What is the capital of Portugal?",
    "17 * 23 = ?",
    "Write a Python function that merges overlapping intervals, with type hints and three tests.",
    "Why does this fail? `SELECT name, count(*) FROM calls WHERE count(*) > 3`",
    "Refactor this loop into a comprehension: out = []\nfor x in xs:\n    if x % 2:\n        out.append(x * x)",
    "Prove that the square root of two is irrational.",
    "A train leaves at 9:40 and arrives at 13:05 with two stops of 12 minutes. How long does it move?",
    "Design a database schema for a library that lends books and tools, and discuss its trade-offs in detail.",
    "Was ist der Unterschied zwischen Miete und Pacht?",
    "¿Cuál es la diferencia entre ser y estar?",
    "桜について俳句を一つ書いてください。",
    "Classify the sentiment, one word only: The delivery was late but the soup was wonderful.",
    "Extract every date as ISO 8601: We met on 3 May 2024, again a week later, and signed on 1/7/2024.",
    "Which of two treatments would you prefer with 41 of 50 and 402 of 520 successes? Show the statistics.",
)
USERS: Final = ("ana", "bruno", "chidi", "dilek", "emil", "fatima")
SYSTEMS: Final = (None, None, None, "Answer in one paragraph.", "You are a patient teacher.")
MODES: Final = ("fast", "balanced", "accurate")
