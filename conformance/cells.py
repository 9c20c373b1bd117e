"""One cell of the table: exchanges of one feature over one face with one wire, and the verdict that follows from them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from shown import Item, Misshaped, Shown, whole
from streams import streamed
from turns import PATHS, Function, Turn, User, body_of

from judges.said import Said
from judges.upstream import JudgedUpstream
from judges.wish import Wish
from support import Answer, Service

PASS, DROPPED, REFUSED, LOST, ERROR, ABSENT = "pass", "dropped", "refused", "LOST", "error", "n/a"
HELLO: Final = Said()
STRENGTH: Final = {ERROR: 0, LOST: 0, REFUSED: 1, DROPPED: 2, PASS: 3}


class Ended(Exception):
    """The cell's verdict is known: `verdict` and what was seen."""

    def __init__(self, verdict: str, why: str) -> None:
        super().__init__(why)
        self.verdict = verdict
        self.why = why


@dataclass(frozen=True)
class Exchange:
    """One call: what the provider understood and what the caller got."""

    wish: Wish
    sent: str
    shown: Shown
    answer: Answer


class Cell:
    """Lets a feature speak over one face with one wire; see `tell`, `arrives` and `shows`."""

    def __init__(self, face: str, wire: str, name: str, service: Service, upstream: JudgedUpstream) -> None:
        self.face = face
        self.wire = wire
        self.name = name
        self.mark = f"({name} {face}/{wire})"
        self._service = service
        self._upstream = upstream
        self.reported: set[str] = set()
        self._expected_drops: set[str] = set()

    def ask(self, text: str = "What is the weather in Paris?") -> User:
        """A question that carries the cell's mark, by which the upstream finds its script."""
        return User(f"{text} {self.mark}")

    def send(
        self,
        *turns: Turn,
        said: Said = HELLO,
        tools: Sequence[Function] = (),
        fields: Item | None = None,
        headers: dict[str, str] | None = None,
        stream: bool = False,
        model: str = "sampling",
        wire: str = "",
    ) -> Answer:
        """One call as it comes; `said` is what the provider answers."""
        self._upstream.script(said, mark=self.mark)
        body = {"model": f"{wire or self.wire}_{model}", **body_of(self.face, turns, tools), **(fields or {})}
        if stream:
            body["stream"] = True
        return self._service.request(PATHS[self.face], body, headers)

    def raw(self, body: Item) -> Answer:
        """One call with this very body."""
        return self._service.request(PATHS[self.face], body)

    def tell(self, *turns: Turn, **how: Any) -> Exchange:
        """One call that is to succeed; raises Ended when it is refused or goes wrong."""
        before = len(self._upstream.heard_of(self.mark))
        answer = self.send(*turns, **how)
        heard = self._upstream.heard_of(self.mark)[before:]
        complaints = [complaint for judged in heard for complaint in judged.complaints]
        if complaints:
            raise Ended(ERROR, f"the provider would not take it: {'; '.join(complaints)} <- {heard[-1].asked.sent[:400]}")
        if answer.status == 400 and not heard:
            raise Ended(REFUSED, answer.body.decode()[:300])
        if answer.status != 200 or len(heard) != 1:
            raise Ended(ERROR, f"{answer.status} after {len(heard)} upstream calls: {answer.body.decode()[:300]}")
        self.reported |= {name.strip() for name in answer.headers.get("x-router-dropped", "").split(",") if name.strip()}
        try:
            shown = streamed(self.face, answer.events()) if how.get("stream") else whole(self.face, answer.body)
        except (Misshaped, KeyError, TypeError, ValueError, AssertionError) as error:
            raise Ended(
                ERROR, f"not the face's shape: {type(error).__name__}: {error} in {answer.body.decode()[:400]}"
            ) from error
        return Exchange(heard[0].wish, heard[0].asked.sent, shown, answer)

    def arrives(self, arrived: bool, exchange: Exchange, *names: str) -> None:
        """The wish stands in what the provider understood, or one of `names` is reported as dropped; else it is lost."""
        self._expected_drops |= set(names)
        if not arrived and not self.reported & set(names):
            raise Ended(LOST, f"dropped: {sorted(self.reported)}; the provider got {exchange.sent[:600]}")

    def shows(self, shown: bool, exchange: Exchange, what: str) -> None:
        """The reply says what the provider said."""
        if not shown:
            raise Ended(ERROR, f"{what}; the caller got {exchange.answer.body.decode()[:600]}")

    def stands(self, stood: bool, answer: Answer, what: str) -> None:
        """The same of an answer that is no exchange."""
        if not stood:
            raise Ended(ERROR, f"{what}; the caller got {answer.body.decode()[-600:]}")

    @property
    def verdict(self) -> tuple[str, str]:
        """After every exchange went well: pass, or dropped where the feature's own name was reported."""
        besides = self.reported - self._expected_drops
        if besides:
            return ERROR, f"reported as dropped though nobody wished it dropped: {sorted(besides)}"
        return (DROPPED, ", ".join(sorted(self.reported))) if self.reported else (PASS, "")


Feature = Callable[[Cell], None]
FEATURES: dict[str, Feature] = {}
NAMES: dict[str, tuple[str, ...]] = {}


def feature(name: str, *named: str) -> Callable[[Feature], Feature]:
    """Enter a feature under its row's name; a refusal must name one of `named` (or the row's own name)."""

    def enter(run: Feature) -> Feature:
        FEATURES[name] = run
        NAMES[name] = named or (name,)
        return run

    return enter


def verdict_of(cell: Cell) -> tuple[str, str]:
    """(verdict, what was seen) of a cell whose feature is run now."""
    try:
        FEATURES[cell.name](cell)
    except Ended as ended:
        if ended.verdict == REFUSED and not any(name in ended.why for name in NAMES[cell.name]):
            return ERROR, f"a 400 that names none of {NAMES[cell.name]}: {ended.why}"
        return ended.verdict, ended.why
    return cell.verdict
