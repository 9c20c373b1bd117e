"""Estimates with their intervals as a picture: one panel for each outcome, in plain SVG. Knows no policy, reads no file."""

from collections.abc import Sequence
from typing import Final
from xml.sax.saxutils import escape

from msgspec import Struct

from .estimators import Estimate

WIDTH: Final = 720
LABEL: Final = 150
RIGHT: Final = 24
LINE: Final = 26
HEAD: Final = 44
FOOT: Final = 30
_STYLE: Final = (
    "text{font:13px system-ui,sans-serif;fill:#222}.small{font-size:11px;fill:#555}.title{font-size:15px;font-weight:600}"
    ".axis{stroke:#bbb}.logged{stroke:#888;stroke-dasharray:4 3}.bar{stroke:#1f5fa8;stroke-width:2}.dot{fill:#1f5fa8}"
)


class Panel(Struct, frozen=True):
    """One outcome: rows of estimates beside `reference`, a line that is called `told`."""

    title: str
    reference: float
    rows: Sequence[tuple[str, Estimate]]
    told: str = "logged"


def picture(title: str, panels: Sequence[Panel]) -> str:
    """The whole file. Estimates that are no numbers are left out."""
    parts: list[str] = [f'<text class="title" x="12" y="22">{escape(title)}</text>']
    top = 40.0
    for panel in panels:
        parts += _panel(panel, top)
        top += HEAD + LINE * len(panel.rows) + FOOT
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {top:.0f}" width="{WIDTH}" height="{top:.0f}" role="img">'
    )
    return "\n".join([head, f"<style>{_STYLE}</style>", '<rect width="100%" height="100%" fill="#fff"/>', *parts, "</svg>", ""])


def _panel(panel: Panel, top: float) -> list[str]:
    rows = [(label, one) for label, one in panel.rows if one.low - one.low == 0 and one.high - one.high == 0]
    low = min([panel.reference, *(one.low for _, one in rows)])
    high = max([panel.reference, *(one.high for _, one in rows)])
    margin = (high - low) * 0.06 or abs(high) * 0.06 or 1.0
    low, high = low - margin, high + margin

    def across(value: float) -> str:
        return f"{LABEL + (value - low) / (high - low) * (WIDTH - LABEL - RIGHT):.1f}"

    first, last = top + HEAD, top + HEAD + LINE * len(panel.rows)
    parts = [f'<text x="12" y="{top + 18:.0f}">{escape(panel.title)}</text>']
    parts.append(f'<line class="axis" x1="{LABEL}" y1="{last:.0f}" x2="{WIDTH - RIGHT}" y2="{last:.0f}"/>')
    parts.append(
        f'<line class="logged" x1="{across(panel.reference)}" y1="{first - 6:.0f}" x2="{across(panel.reference)}" y2="{last:.0f}"/>'
    )
    parts.append(
        f'<text class="small" x="{across(panel.reference)}" y="{first - 9:.0f}" text-anchor="middle">{escape(panel.told)}</text>'
    )
    for anchor, value, x in (("start", low, LABEL), ("end", high, WIDTH - RIGHT)):
        parts.append(f'<text class="small" x="{x}" y="{last + 15:.0f}" text-anchor="{anchor}">{value:.4g}</text>')
    for n, (label, one) in enumerate(rows):
        y = first + LINE * n + LINE / 2
        parts.append(f'<text class="small" x="12" y="{y + 4:.0f}">{escape(label)}</text>')
        parts.append(f'<line class="bar" x1="{across(one.low)}" y1="{y:.0f}" x2="{across(one.high)}" y2="{y:.0f}"/>')
        parts.append(f'<circle class="dot" cx="{across(one.value)}" cy="{y:.0f}" r="4"/>')
    return parts
