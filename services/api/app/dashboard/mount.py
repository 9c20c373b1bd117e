"""How the service opens the dashboard: two routes and one application behind them. Nothing that a page needs is loaded here."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI
from starlette.routing import Route

from .door import ASGI, Door

if TYPE_CHECKING:
    from .kit import Standpoint

PATH = "/dashboard"


def mount(app: FastAPI, here: "Standpoint", asked_of: Mapping[str, Callable[[Any, Any, Any], Any]]) -> None:
    """Open `/dashboard` and all below it. `asked_of` are the endpoints that the playground asks, by path."""

    def made() -> ASGI:
        from .figures import Figures  # noqa: PLC0415 - see the module's docstring
        from .kit import Kit  # noqa: PLC0415
        from .routes import Site  # noqa: PLC0415

        def paths() -> tuple[Path | None, Path]:
            plan = here.snapshot().logging
            return Path(plan.usage_path) if plan.usage_path is not None else None, Path(plan.per_call_path)

        return Site(Kit(here=here, figures=Figures(paths), asked_of=asked_of, version=app.version))

    door = Door(made)
    for path in (PATH, PATH + "/{rest:path}"):
        app.router.routes.append(Route(path, door, include_in_schema=False))
