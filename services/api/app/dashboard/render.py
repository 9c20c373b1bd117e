"""Templates made into pages. Everything that is put into one is text, unless a module of ours says that it is markup.

Every value is escaped, and what hides or rearranges letters is named (`wording.plain`), in one place for all templates.
"""

from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlencode

import jinja2
from markupsafe import Markup, escape

from . import wording

HERE: Final = Path(__file__).resolve().parent


def exact(value: str) -> Markup:
    """For the value of a field that comes back to us: escaped, no letter changed, but without what no page may hold."""
    return escape(wording.without_controls(value))


def _shown(value: Any) -> Any:
    if isinstance(value, str) and not isinstance(value, Markup):
        return wording.plain(value)
    return value


def link(base: str, query: dict[str, str | int | None]) -> str:
    """`base` with the parameters that have a value."""
    pairs = [(name, str(value)) for name, value in query.items() if value is not None and value != ""]
    return f"{base}?{urlencode(pairs)}" if pairs else base


def templates() -> jinja2.Environment:
    """Compiles each template at its first use; takes tens of milliseconds in all."""
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.filters |= {
        "count": wording.count,
        "usd": wording.usd,
        "dollars": wording.dollars,
        "duration": wording.duration,
        "per_million": wording.per_million,
        "percent": wording.percent,
        "moment": wording.moment,
        "size": wording.size,
        "short": wording.short,
        "exact": exact,
        "segment": lambda text: quote(text, safe=""),
    }
    made.globals |= {"link": link}
    return made
