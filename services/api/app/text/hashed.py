"""A text as hashed words and pairs of words: the numbers that learned weights are looked up by. One pass of C-speed operations,
the same in every process and on every machine. The numbers can be guessed back to words, so they may never leave the process.
"""

from typing import Final
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

Buckets = NDArray[np.intp]

BITS: Final = 15
"""There are 2**BITS buckets."""
_SHIFT: Final = np.uint32(32 - BITS)
_SCRAMBLE: Final = np.uint32(0x9E3779B1)  # 2**32 / golden ratio, Knuth's multiplicative hash: the upper bits depend on all
_PAIR: Final = np.uint32(0x85EBCA6B)  # odd, so that a pair's hash differs from the reversed pair's

NO_BUCKETS: Final[Buckets] = np.empty(0, dtype=np.intp)


def buckets(words: list[bytes]) -> Buckets:
    """The buckets of the words, then of each two neighbours, in their order with repetitions; 2n - 1 for n words."""
    n = len(words)
    if n == 0:
        return NO_BUCKETS
    hashes = np.empty(2 * n - 1, dtype=np.uint32)
    single = hashes[:n]
    single[:] = list(map(crc32, words))
    np.multiply(single[:-1], _PAIR, out=hashes[n:])
    hashes[n:] += single[1:]
    hashes *= _SCRAMBLE
    hashes >>= _SHIFT
    return hashes.astype(np.intp)
