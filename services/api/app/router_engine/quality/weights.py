"""The shipped weights: read once, never written. They are data, and the hash of their file is part of every decision. No prompt, no
model's name and no judgement may enter.

`weights.npz` is made by `make train DATA=<folder>` (`python -m training.export <folder>`), bit for bit the same from the same rows.
"""

import hashlib
import io
from pathlib import Path
from typing import Final

import numpy as np

from .learned import Table, Weights

POLICY: Final = "quality-2"
"""Names both stages' form; a change of it is another policy."""
FILE: Final = Path(__file__).with_name("weights.npz")


def parse(raw: bytes) -> Weights:
    """The weights of a file's bytes. Raises KeyError or ValueError for anything else."""
    with np.load(io.BytesIO(raw), allow_pickle=False) as arrays:
        return Weights(
            facets=tuple(str(name) for name in arrays["facets"]),
            domains=tuple(int(place) for place in arrays["domains"]),
            words=_table(arrays["words"]),
            numbers=_table(arrays["numbers"]),
            center=_table(arrays["center"]),
            scale=_table(arrays["scale"]),
            bias=_table(arrays["bias"]),
            reach=(float(arrays["reach"][0]), float(arrays["reach"][1])),
        )


def _table(stored: Table) -> Table:
    table = np.ascontiguousarray(stored, dtype=np.float32)
    table.setflags(write=False)
    return table


_RAW: Final = FILE.read_bytes()
SHIPPED: Final = parse(_RAW)
WEIGHTS_ID: Final = hashlib.sha256(_RAW).hexdigest()[:12]
"""The same weights always have the same id, whoever computes it."""
