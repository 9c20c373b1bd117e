"""Write the shipped weights: `python -m training.export <folder>` (`make train DATA=<folder>`). The same rows give the same bytes.

`weights.npz` holds plain arrays, stored and not compressed, so that its bytes depend on the numbers alone. It also holds the places of the
trained models, which the service does not read.
"""

import io
import sys
from pathlib import Path

import numpy as np

from app.router_engine.quality.weights import FILE

from .model import Fitted, fit
from .rows import load_train


def packed(fitted: Fitted) -> bytes:
    """The bytes of the weights' file."""
    weights = fitted.weights
    out = io.BytesIO()
    np.savez(
        out,
        allow_pickle=False,
        facets=np.array(weights.facets),
        domains=np.array(weights.domains, dtype=np.int64),
        words=weights.words.astype(np.float16),
        numbers=weights.numbers,
        center=weights.center,
        scale=weights.scale,
        bias=weights.bias,
        reach=np.array(weights.reach),
        models=np.array(fitted.models),
        places=fitted.places,
    )
    return out.getvalue()


def main(folder: Path, target: Path = FILE) -> None:
    """Train on every row and write the file."""
    raw = packed(fit(load_train(folder)))
    target.write_bytes(raw)
    print(f"{target.name}: {len(raw) / 1e6:.2f} MB")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
