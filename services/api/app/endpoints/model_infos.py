"""`GET /v1/models` and `/v1/models/{id}` as Anthropic's clients read them: pages, lifecycles, capabilities. OpenAI's is in `models`."""

from collections.abc import Sequence
from typing import Any, Final, Literal

from msgspec import Struct

from ..config.snapshot import Snapshot
from ..errors import CallerError
from .models import Told, named, names

Lifecycle = Literal["active", "deprecated", "retired"]
_LIFECYCLES: Final = ("active", "deprecated", "retired")
_USUAL: Final = frozenset({"active", "deprecated"})
_LIMIT: Final = 20
_MOST: Final = 1000
_EPOCH: Final = "1970-01-01T00:00:00Z"
"""What the dialect says for a date that is not known."""
_LEVELS: Final = ("low", "medium", "high", "xhigh", "max")
_THINKING: Final = ("adaptive", "between_tools", "disabled", "enabled")


class Paging(Struct, frozen=True):
    """Which part of the list is wanted: at most `limit`, just after or just before an id, of these lifecycles."""

    limit: int = _LIMIT
    after: str | None = None
    before: str | None = None
    lifecycles: frozenset[str] = _USUAL


def paging(query: Sequence[tuple[str, str]]) -> Paging:
    """The query string's pairs as a Paging; names that are not ours are ignored. Raises CallerError for a value that is wrong."""
    told = {name: value for name, value in query if value}
    lifecycles = frozenset(value for name, value in query if name in ("lifecycle", "lifecycle[]"))
    if not lifecycles <= set(_LIFECYCLES):
        raise CallerError(f"lifecycle: some of {', '.join(_LIFECYCLES)}", param="lifecycle")
    if "after_id" in told and "before_id" in told:
        raise CallerError("before_id: not together with after_id", param="before_id")
    limit = told.get("limit", str(_LIMIT))
    if not (limit.isascii() and limit.isdigit() and len(limit) < 6 and 1 <= int(limit) <= _MOST):
        raise CallerError(f"limit: a number from 1 to {_MOST}", param="limit")
    return Paging(int(limit), told.get("after_id"), told.get("before_id"), lifecycles or _USUAL)


def listed(snapshot: Snapshot, wanted: Paging) -> dict[str, Any]:
    """One page of all names that chat: this dialect has nothing else. Raises CallerError for an id that is not in the list."""
    all_told = [told for told in names(snapshot) if _chats(told) and lifecycle(told) in wanted.lifecycles]
    ids = [told.name for told in all_told]
    if wanted.before is not None:
        end = _place(ids, wanted.before, "before_id")
        start = max(end - wanted.limit, 0)
        more = start > 0
    else:
        start = 0 if wanted.after is None else _place(ids, wanted.after, "after_id") + 1
        end = start + wanted.limit
        more = end < len(ids)
    page = [_info(told) for told in all_told[start:end]]
    return {
        "data": page,
        "has_more": more,
        "first_id": page[0]["id"] if page else None,
        "last_id": page[-1]["id"] if page else None,
    }


def _place(ids: list[str], cursor: str, param: str) -> int:
    if cursor not in ids:
        raise CallerError(f"{param}: not an id of this list", param=param)
    return ids.index(cursor)


def one(snapshot: Snapshot, name: str) -> dict[str, Any]:
    """One name. Raises UnknownModel or, for an ambiguous one, CallerError."""
    return _info(named(snapshot, name))


def _chats(told: Told) -> bool:
    return told.model is None or told.model.kind == "chat"


def lifecycle(told: Told) -> Lifecycle:
    """`deprecated` = a day is set from which the model is gone, `retired` = it has come; a successor may answer all the same."""
    model = told.model
    if model is None or model.retires_on is None:
        return "active"
    return "retired" if model.retired else "deprecated"


def _info(told: Told) -> dict[str, Any]:
    model = told.model
    stage = lifecycle(told)
    return {
        "type": "model",
        "id": told.name,
        "display_name": "chosen by the router for each prompt" if model is None else f"{model.model_id} ({model.provider})",
        "created_at": _EPOCH,
        "lifecycle": stage,
        "deprecated_at": None,  # nobody we ask says since when
        "retires_at": None if model is None or stage == "active" else f"{model.retires_on}T00:00:00Z",
        "line": None,
        "max_input_tokens": told.context_window,
        "max_tokens": told.max_output,
        "capabilities": _capabilities(told) if any(target.known for target in told.targets) else None,
    }


def _capabilities(told: Told) -> dict[str, Any]:
    """What the catalogue or the configuration vouches for; what neither speaks of is not claimed."""
    able = told.capabilities
    efforts = frozenset(word for target in told.targets for word in target.efforts)
    return {
        "batch": _support(False),
        "citations": _support(False),
        "code_execution": _support(False),
        "context_management": {
            **_support(False),
            "clear_thinking_20251015": None,
            "clear_tool_uses_20250919": None,
            "compact_20260112": None,
        },
        "effort": {**_support(not efforts.isdisjoint(_LEVELS)), **{level: _support(level in efforts) for level in _LEVELS}},
        "image_input": _support("vision" in able),
        "pdf_input": _support("pdf" in able),
        "server_tools": {**_support(False), "code_execution": _support(False), "web_search": _support(False)},
        "structured_outputs": _support("json_schema" in able),
        "thinking": {**_support("reasoning" in able), "types": _thinking(told)},
    }


def _thinking(told: Told) -> dict[str, Any]:
    """The ways of asking for thought: the model's own words, else those we translate for a model that thinks."""
    words: set[str] = set()
    for row, target in zip(told.rows, told.targets, strict=True):
        words |= set(target.thinking) or (
            {"adaptive", "enabled", "disabled"} if "reasoning" in row.capabilities else {"disabled"}
        )
    return {word: _support(word in words) for word in _THINKING}


def _support(supported: bool) -> dict[str, Any]:
    return {"supported": supported}
