"""The dashboard's routes: who may see them, which view answers, what is said when none can. No page's content may enter."""

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable
from typing import Any, Final

from msgspec import Struct

from ..errors import NotReady, RouterError
from . import calls, models, overview, playground, routing, savings, state
from .answers import PRIVATE, NoPage, Page, Reply, Scope, moved, safe, send_reply
from .asked import Asked, form, parameters
from .assets import Assets
from .entrance import SESSION_COOKIE, VISIT_COOKIE, Closed, Entrance, Visitor, cookie, is_meant
from .figures import NoFigures
from .kit import Kit
from .live import Live
from .render import templates
from .session import SESSION_SECONDS

_log = logging.getLogger("llm_router")
Form = dict[str, list[str]]
View = Callable[[Kit, Asked], Awaitable[Page | Reply]]
PAGES: Final[dict[str, View]] = {
    "": overview.shown,
    "tiles": overview.tiles,
    "calls": calls.listed,
    "playground": playground.empty,
    "models": models.listed,
    "routing": routing.shown,
    "savings": savings.shown,
    "health": state.shown,
}
FORMS: Final[dict[str, Callable[[Kit, Asked, Form], Awaitable[Page | Reply]]]] = {"playground": playground.sent}
FOR_MODULES: Final = {"ask/query": "/query", "ask/route": "/route"}
"""What the playground's module asks, and which endpoint answers."""
NAV: Final = (
    ("", "Overview"),
    ("calls", "Calls"),
    ("playground", "Playground"),
    ("models", "Models"),
    ("routing", "Routing"),
    ("savings", "Savings"),
    ("health", "Health"),
)
_NEXT: Final = re.compile(r"[A-Za-z0-9/_.~-]{0,200}", re.ASCII)


class Place(Struct, frozen=True):
    """Where a request leads: the `service`'s URL as its caller wrote it, the dashboard's `base` there, the `path` below that."""

    service: str
    base: str
    path: str


def _excuse(error: Exception) -> Page:
    """The page that is shown instead of another."""
    status, title, text = 500, "This is our own fault", "The service's log says more."
    if isinstance(error, Closed):
        status, title, text = 403, "The dashboard is closed here", str(error)
    elif isinstance(error, NoPage):
        status, title, text = error.status, error.title, error.text
    elif isinstance(error, NoFigures):
        return Page("nofigures.html", {"title": "No figures yet", "text": str(error)})
    elif isinstance(error, NotReady):
        return Page("nopage.html", {"title": "The service is not ready", "text": str(error)}, 503, ((b"retry-after", b"2"),))
    else:
        _log.error("a page of the dashboard failed by our own fault", exc_info=error)
    return Page("nopage.html", {"title": title, "text": text}, status)


class Site:
    """A raw ASGI application of all pages of one worker."""

    def __init__(self, kit: Kit) -> None:
        self._kit = kit
        self._entrance = Entrance(kit.here.admin, bool(kit.here.keys), kit.now)
        self._assets = Assets()
        self._templates = templates()
        self._live = Live(kit)

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        """Serve one request."""
        root: str = (scope.get("root_path") or "").rstrip("/")
        fields = scope.get("llm_router.fields") or dict(scope["headers"])
        place = Place(
            f"{scope.get('scheme', 'http')}://{fields.get(b'host', b'localhost').decode('latin-1')}{root}",
            f"{root}/dashboard",
            scope["path"].removeprefix(root).removeprefix("/dashboard").strip("/"),
        )
        visitor: Visitor | None = None
        opened = False

        async def watched(message: Any) -> None:
            nonlocal opened
            opened = True
            await send(message)

        try:
            visitor = self._entrance.visitor(scope, fields)
            query = parameters(scope.get("query_string", b""))
            asked = Asked(scope["method"], place.path, root, query, fields, visitor, scope, receive, watched)
            answer = await self._answered(asked)
            reply = None if answer is None else await self._whole(answer, place, visitor)
        except Exception as error:
            if opened:
                raise  # half an answer is out: the server closes the connection
            reply = await self._whole(_excuse(error), place, visitor)
        if reply is not None:
            await send_reply(send, reply)

    async def _answered(self, asked: Asked) -> Page | Reply | None:
        """None: it was answered already."""
        if asked.method not in ("GET", "POST"):
            raise NoPage(405, "Not that way", "Pages take GET, forms POST.")
        if asked.path.startswith("static/") and asked.method == "GET":
            return self._assets.reply(asked.path.removeprefix("static/"))
        if asked.path == "login":
            return await self._login(asked)
        if not asked.visitor.inside:
            return self._turned_away(asked)
        if asked.method == "POST":
            return await self._written(asked)
        return await self._read(asked)

    async def _read(self, asked: Asked) -> Page | Reply | None:
        if asked.path == "live":
            await self._live.follow(asked)
            return None
        view = PAGES.get(asked.path)
        if view is not None:
            return await view(self._kit, asked)
        if asked.path.startswith("calls/"):
            return await calls.one(self._kit, asked, asked.path.removeprefix("calls/"))
        raise NoPage(404, "There is no such page", "The links above lead to all that there are.")

    async def _written(self, asked: Asked) -> Page | Reply | None:
        if asked.path in FOR_MODULES or asked.path == "snippets":
            return await self._for_modules(asked)
        sent = await form(asked)
        self._refuse_foreign(asked, sent.get("token", [""])[0])
        if asked.path == "logout":
            gone = cookie(SESSION_COOKIE, "", asked.base, asked.visitor.secure, 0)
            return moved(f"{asked.base}/login", (b"set-cookie", gone))
        view = FORMS.get(asked.path)
        if view is None:
            raise NoPage(404, "There is no such form", "The links above lead to all pages.")
        return await view(self._kit, asked, sent)

    async def _for_modules(self, asked: Asked) -> Reply | None:
        """What takes JSON; its token comes in a field of the head, that no form of another site can send."""
        self._refuse_foreign(asked, asked.fields.get(b"x-csrf-token", b"").decode("latin-1"))
        endpoint = FOR_MODULES.get(asked.path)
        if endpoint is None:
            return await playground.snippets(self._kit, asked)
        scope = {**asked.scope, "llm_router.scope": playground.cache_scope(asked)}
        await self._kit.asked_of[endpoint](scope, asked.receive, safe(asked.send))
        return None

    def _refuse_foreign(self, asked: Asked, token: str) -> None:
        if not is_meant(asked.visitor, token, asked.fields):
            raise NoPage(
                403, "This form is not valid any more", "Load its page again (cookies have to be allowed) and send it once more."
            )

    def _turned_away(self, asked: Asked) -> Page | Reply:
        if asked.method == "POST" or asked.path in ("live", "tiles"):
            raise NoPage(401, "Log in first", "The session is over, or there was none.")
        following = asked.path if _NEXT.fullmatch(asked.path) else ""
        return moved(f"{asked.base}/login" + (f"?next={following}" if following else ""))

    async def _login(self, asked: Asked) -> Page | Reply:
        given = await form(asked) if asked.method == "POST" else {}
        wanted = (given or asked.query).get("next", [""])[0]
        following = wanted if _NEXT.fullmatch(wanted) else ""
        if asked.visitor.inside:
            return moved(f"{asked.base}/{following}".rstrip("/"))
        if asked.method != "POST":
            return Page("login.html", {"next": following, "fault": ""})
        self._refuse_foreign(asked, given.get("token", [""])[0])
        wait = self._entrance.log_in(asked.visitor, given.get("key", [""])[0].strip())
        if wait is None:
            new = cookie(SESSION_COOKIE, self._entrance.sessions.issued(), asked.base, asked.visitor.secure, SESSION_SECONDS)
            return moved(f"{asked.base}/{following}".rstrip("/"), (b"set-cookie", new))
        if wait > 0:
            seconds = max(1, round(wait))
            fault = f"Too many wrong keys. Try again in {seconds} seconds."
            return Page("login.html", {"next": following, "fault": fault}, 429, ((b"retry-after", str(seconds).encode()),))
        return Page("login.html", {"next": following, "fault": "That is not the key."}, 401)

    async def _whole(self, answer: Page | Reply, place: Place, visitor: Visitor | None) -> Reply:
        if isinstance(answer, Reply):
            return answer
        shared = {
            "base": place.base,
            "service_url": place.service,
            "asset": lambda name: self._assets.link(place.base, name),
            "nav": NAV if visitor is not None and visitor.inside else (),
            "active": place.path.partition("/")[0],
            "token": visitor.token if visitor is not None else "",
            "keyed": visitor is not None and visitor.keyed and visitor.inside,
            "version": self._kit.version,
            "played": self._played(),
        }
        template = self._templates.get_template(answer.template)
        # a page of many rows takes milliseconds to make: beside the event loop, which serves calls
        html = await asyncio.to_thread(template.render, {**shared, **answer.values})
        fields = [PRIVATE, *answer.fields]
        if visitor is not None and visitor.fresh:
            fields.append((b"set-cookie", cookie(VISIT_COOKIE, visitor.cookie, place.base, visitor.secure, None)))
        return Reply(answer.status, "text/html; charset=utf-8", html.encode("utf-8", "replace"), tuple(fields))

    def _played(self) -> bool:
        """Whether no real model is there."""
        try:
            return not self._kit.here.snapshot().any_real
        except RouterError:
            return False
