"""The first half of a call, pure and synchronous: what is asked becomes a plan of targets and cache keys."""

from ..config.resolve import resolve
from ..config.snapshot import Snapshot
from ..domain.decision import Decision
from ..domain.request import ChatRequest, Mode, Wishes
from ..errors import CallerError, UnsupportedFeature, shown
from ..router_engine.decide import decide
from ..router_engine.first_stage import first_stage
from ..router_engine.lengths import effort_of
from ..router_engine.refusal import FIELD_OF
from ..text.pictures import pictures_beyond
from ..text.tokens import estimate_request
from .conversation import conversation_key, with_model
from .house import House
from .named import take_row
from .walk import Asking, Walk


def begin(house: House, asking: Asking, request: ChatRequest) -> Walk:
    """The plan of one call. Raises CallerError when nothing may answer it: such a call is refused and leaves no record."""
    walk = Walk(asking, request, house.compiled)
    snapshot = walk.compiled.snapshot
    asked = resolve(snapshot, request.model)
    walk.tokens_in = estimate_request(request)
    if asked.name is not None:
        _by_name(walk, snapshot, asked.name)
    else:
        _by_choice(house, walk, asked.mode or request.mode or snapshot.mode)
    walk.recall_wish = _recall_wish(walk, snapshot)
    return walk


def _by_name(walk: Walk, snapshot: Snapshot, name: str) -> None:
    """That row's deployments, then its fallbacks, nothing else; no prediction."""
    if snapshot.models[name].kind == "embedding":
        raise CallerError(f"{name} makes embeddings and cannot chat: POST /v1/embeddings", param="model")
    take_row(walk, snapshot, name)
    _keep_able(walk, name)


def _keep_able(walk: Walk, name: str) -> None:
    """Leave out the targets that cannot fulfil what is asked; of a host nobody vouches for everything is expected."""
    request = walk.request
    dialect = _only_dialect(request)
    if dialect is not None:
        walk.targets = [target for target in walk.targets if target.dialect == dialect]
        if not walk.targets:
            fields = shown(", ".join(request.native[:5]), 120)
            raise UnsupportedFeature(
                f"{name} cannot be given {fields}: only a model that speaks the same dialect as this route can",
                param=shown(request.native[0], 100),
            )
    needs = request.needs
    if needs:
        able = [target for target in walk.targets if not target.known or needs <= target.capabilities]
        if not able:
            lacking = sorted(needs - walk.targets[0].capabilities)
            raise UnsupportedFeature(
                f"{name} is not capable of {', '.join(lacking)}: leave it out, or ask for a model that is (GET /v1/models)",
                param=FIELD_OF.get(lacking[0], lacking[0]),
            )
        walk.targets = able


def _only_dialect(request: ChatRequest) -> str | None:
    """The one dialect that can carry the request, None when every one can."""
    return request.original.dialect if request.native and request.original is not None else None


def _by_choice(house: House, walk: Walk, mode: Mode) -> None:
    request = walk.request
    walk.mode = mode
    walk.standing = house.live.snapshot(house.clock(), house.open_rows)
    wishes = wishes_of(request, mode, walk.tokens_in, _only_dialect(request))
    _take(walk, decide(first_stage(request), wishes, walk.compiled.table, walk.standing, house.draw()))
    walk.conversation = conversation_key(request, walk.asking.scope)


def wishes_of(request: ChatRequest, mode: Mode, tokens_in: int, dialect: str | None = None) -> Wishes:
    """What a request asks of a decision."""
    needs = request.needs
    effort, budget = effort_of(request.thinking)
    return Wishes(
        mode=mode,
        constraints=request.constraints,
        needs=needs,
        dialect=dialect,
        native=request.native,
        tokens_in=tokens_in,
        max_tokens=request.max_tokens,
        effort=effort,
        budget=budget,
        pictures=pictures_beyond(request) or () if "vision" in needs else (),
    )


def decide_with(walk: Walk, name: str) -> None:
    """Decide again, now that the conversation is known to be with the row `name`. Everything else stays as it was."""
    first = walk.decision
    if first is not None and name in walk.compiled.snapshot.models:
        wishes = with_model(first.wishes, walk, name)
        _take(walk, decide(first.z, wishes, walk.compiled.table, walk.standing, first.draw))


def _take(walk: Walk, decision: Decision) -> None:
    walk.decision = decision
    models = walk.compiled.snapshot.models
    walk.targets = [target for name in decision.ranking for target in models[name].targets]
    if decision.wishes.dialect is not None or decision.wishes.needs:
        _keep_able(walk, decision.chosen)


def _recall_wish(walk: Walk, snapshot: Snapshot) -> str:
    """The caller's wish, else on for the faces that the config lists, else on where the answer is meant to be repeatable."""
    request = walk.request
    if snapshot.cache.backend == "none":
        return "off"
    if request.cache is not None:
        return request.cache
    if walk.asking.face in snapshot.cache.faces or request.temperature == 0 or request.seed is not None:
        return "use"
    return "off"
