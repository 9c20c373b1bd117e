"""Pictures as SVG, the same bytes for the same figures: no date, no random ids, text as outlines so that no font is needed.

Drawing alone; no figure is computed here.
"""

import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

Vector = NDArray[np.float64]


@contextmanager
def _axes(drawn: list[bytes]) -> Iterator[Axes]:
    """Axes to draw on; the picture is appended to `drawn` at the end."""
    with mpl.rc_context({"svg.hashsalt": "llm-router", "font.size": 9.0, "axes.grid": True, "grid.alpha": 0.3}):
        figure = Figure(figsize=(6.4, 4.0), layout="constrained")
        axes = figure.add_subplot()
        axes.spines[["top", "right"]].set_visible(False)
        yield axes
        out = io.BytesIO()
        figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
        drawn.append(out.getvalue())


def quality_over_cost(
    title: str,
    curves: Mapping[str, tuple[Vector, Vector]],
    singles: tuple[Vector, Vector],
    modes: Mapping[str, tuple[float, float]],
    ylabel: str = "mean score",
) -> bytes:
    """Curves of mean quality over mean US dollars per 1,000 prompts, every single model as a dot, the modes as marks."""
    drawn: list[bytes] = []
    with _axes(drawn) as axes:
        axes.scatter(singles[0] * 1000, singles[1], s=12, color="0.6", label="single models", zorder=1)
        for name, (cost, quality) in curves.items():
            axes.plot(cost * 1000, quality, marker=".", markersize=4, label=name)
        for (mode, (dollars, score)), mark in zip(modes.items(), "vDs", strict=False):
            axes.plot(dollars * 1000, score, mark, color="black", markersize=6, label=mode)
        axes.set(xscale="log", xlabel="US dollars per 1,000 prompts", ylabel=ylabel, title=title)
        axes.legend(frameon=False)
    return drawn[0]


def curves_of_routers(title: str, curves: Mapping[str, tuple[Vector, Vector]]) -> bytes:
    """Accuracy over the share of prompts that the strong model answers."""
    drawn: list[bytes] = []
    with _axes(drawn) as axes:
        for name, (share, accuracy) in curves.items():
            axes.plot(share, accuracy, marker=".", markersize=4, label=name)
        axes.set(xlabel="share sent to the strong model", ylabel="accuracy", title=title)
        axes.legend(frameon=False)
    return drawn[0]


def reliability(curves: Mapping[str, tuple[Vector, Vector]]) -> bytes:
    """Observed mean score over predicted probability, with the diagonal of perfect calibration."""
    drawn: list[bytes] = []
    with _axes(drawn) as axes:
        axes.plot([0, 1], [0, 1], color="0.6", linewidth=1)
        for name, (predicted, observed) in curves.items():
            axes.plot(predicted, observed, marker="o", markersize=3, label=name)
        axes.set(
            xlabel="predicted P(good answer)", ylabel="mean score", title="Reliability, cross-validated", xlim=(0, 1), ylim=(0, 1)
        )
        axes.legend(frameon=False)
    return drawn[0]
