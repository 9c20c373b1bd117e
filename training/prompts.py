"""Prompts as the service reads them: its own code turns each into words, numbers and signals, so that what is trained on and what is served
agree to the last bit. No score and no label may enter.
"""

from collections.abc import Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from app.domain.request import ChatRequest, Message, Text
from app.router_engine.first_stage import first_stage, read_request
from app.router_engine.quality.learned import Vector, Weights, judge
from app.router_engine.quality.lexical import difficulty
from app.router_engine.quality.reading import Reading
from app.text.hashed import BITS

from .rows import Matrix


class Prompts(Struct, frozen=True, eq=False):
    """n prompts: what the first stage reads of each, and the difficulty that hand-set words give it, 0..1."""

    readings: tuple[Reading, ...]
    by_words: Vector

    def __len__(self) -> int:
        return len(self.readings)

    def words(self) -> csr_matrix:
        """How often each bucket occurs (n, buckets)."""
        ends = np.cumsum([0, *(read.buckets.size for read in self.readings)])
        found = np.concatenate([read.buckets for read in self.readings]) if len(self) else np.empty(0, dtype=np.intp)
        counts = csr_matrix((np.ones(found.size), found, ends), shape=(len(self), 2**BITS))
        counts.sum_duplicates()
        return counts

    def numbers(self) -> Matrix:
        """The numbers of each (n, k)."""
        return np.array([read.numbers for read in self.readings], dtype=np.float64)

    def at(self, rows: NDArray[np.intp]) -> "Prompts":
        """Some of them."""
        return Prompts(tuple(self.readings[i] for i in rows), self.by_words[rows])

    def judged(self, weights: Weights) -> tuple[Matrix, Vector, Vector]:
        """`(facets (n, f), talk (n,), learned difficulty (n,) in log-odds)` by the first stage's own code."""
        found = [judge(read, weights) for read in self.readings]
        facets = np.array([one.facets for one in found]).reshape(len(found), len(weights.facets))
        return facets, np.array([one.talk for one in found]), np.array([one.difficulty for one in found])


def read_all(prompts: Sequence[str]) -> Prompts:
    """Each prompt as a conversation of one turn."""
    found = [read_request(request_of(prompt)) for prompt in prompts]
    by_words = np.array([difficulty(signals) for signals, _ in found])
    return Prompts(tuple(read for _, read in found), by_words)


def request_of(prompt: str) -> ChatRequest:
    """A conversation of one turn."""
    return ChatRequest(messages=(Message("user", (Text(prompt),)),))


def served_z(prompts: Sequence[str], weights: Weights) -> NDArray[np.float32]:
    """The service's z (n, d) of each prompt."""
    slots = [np.frombuffer(first_stage(request_of(prompt), weights), dtype="<f4") for prompt in prompts]
    return np.array(slots, dtype=np.float32)
