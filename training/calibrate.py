"""How a public benchmark's figure becomes an ability: `python -m training.calibrate` prints what to add to its log-odds, and how far single
models lie from that. `catalogue/abilities.py` holds the result. No score of the scoreboard may enter.

Figures: the table in the README of openai/simple-evals (MIT), commit 0f2cf33, zero-shot; GSM8K from the model card of Llama 3.1
(meta-llama/llama-models) and the paper of Mixtral (arXiv 2401.04088, 8 samples).
"""

from typing import Final

import numpy as np

from app.catalogue.abilities import log_odds
from app.router_engine.quality.weights import FILE

FIGURES: Final[dict[str, dict[str, float]]] = {
    "zeroeval:gpt-4o-2024-08-06": {"mmlu": 0.887, "gpqa": 0.531, "math": 0.759, "humaneval": 0.902},
    "zeroeval:gpt-4o-2024-05-13": {"mmlu": 0.872, "gpqa": 0.499, "math": 0.766, "humaneval": 0.910},
    "zeroeval:gpt-4o-mini-2024-07-18": {"mmlu": 0.820, "gpqa": 0.402, "math": 0.702, "humaneval": 0.872},
    "zeroeval:gpt-4-turbo-2024-04-09": {"mmlu": 0.867, "gpqa": 0.493, "math": 0.734, "humaneval": 0.882},
    "zeroeval:o1-preview-2024-09-12": {"mmlu": 0.908, "gpqa": 0.733, "math": 0.855, "humaneval": 0.924},
    "zeroeval:o1-mini-2024-09-12": {"mmlu": 0.852, "gpqa": 0.600, "math": 0.900, "humaneval": 0.924},
    "zeroeval:claude-3-5-sonnet-20240620": {"mmlu": 0.883, "gpqa": 0.594, "math": 0.711, "humaneval": 0.920},
    "zeroeval:claude-3-opus-20240229": {"mmlu": 0.868, "gpqa": 0.504, "math": 0.601, "humaneval": 0.849},
    "zeroeval:gemini-1.5-pro": {"mmlu": 0.819, "math": 0.585, "humaneval": 0.719},
    "zeroeval:gemini-1.5-flash": {"mmlu": 0.779, "gpqa": 0.386, "math": 0.409, "humaneval": 0.715},
    "zeroeval:Meta-Llama-3.1-405B-Instruct@hyperbolic": {
        "mmlu": 0.886, "gpqa": 0.507, "math": 0.738, "humaneval": 0.890, "gsm8k": 0.968,
    },
    "mmlu-pro:Meta-Llama-3_1-70B-Instruct": {"mmlu": 0.820, "gpqa": 0.417, "math": 0.680, "humaneval": 0.805, "gsm8k": 0.951},
    "mmlu-pro:Meta-Llama-3_1-8B-Instruct": {"mmlu": 0.684, "gpqa": 0.304, "math": 0.519, "humaneval": 0.726, "gsm8k": 0.845},
    "mmlu-pro:Mixtral-8x7B-Instruct-v0.1": {"mmlu": 0.706, "gsm8k": 0.744},
}  # fmt: skip


def shifts() -> dict[str, list[float]]:
    """By benchmark: each model's trained overall ability less the log-odds of its figure."""
    with np.load(FILE, allow_pickle=False) as arrays:
        overall = dict(zip(arrays["models"].tolist(), arrays["places"][:, 0].tolist(), strict=True))
    found: dict[str, list[float]] = {}
    for model, figures in FIGURES.items():
        for benchmark, figure in figures.items():
            found.setdefault(benchmark, []).append(overall[model] - log_odds(figure))
    return found


if __name__ == "__main__":
    for benchmark, seen in shifts().items():
        print(f"{benchmark:10} {np.mean(seen):+.2f}, standard deviation {np.std(seen):.2f} of {len(seen)} models")
