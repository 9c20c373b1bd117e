"""From a ChatRequest to Anthropic's Messages call. The caller's own fields, when they are of this dialect, travel untouched."""

from typing import Any, Final

import msgspec

from ...domain.request import ChatRequest, Format, Text
from ...domain.target import Target
from ...errors import CallerError, UnsupportedFeature
from ..common.protocols import Call
from ..common.turns import JSON_WISH, PREFILL, Turn, asked_to_go_on, conversation, is_prefilled
from .blocks import cache_control, messages_of, text_block
from .dialect import DIALECT
from .own import own_fields
from .schema import enforceable
from .thinking import by_budget, limit_of, told, unthought_loop
from .tools import add_tools, forces

# Since 2026-10-21 a request that names any sampling parameter is refused, even at its default
# (platform.claude.com/docs/en/api/migration-2026-10-21), so models that still sample are asked by the version before.
VERSION: Final = "2026-10-21"
SAMPLING_VERSION: Final = "2023-06-01"
FAST_BETA: Final = "fast-mode-2026-02-01"

_SAMPLING: Final = ("temperature", "top_p", "top_k")
_HEADERS: Final = frozenset({"anthropic-version", "anthropic-beta"})
_OFF: Final = {"type": "disabled"}
_TIERS: Final = {"auto": "auto", "default": "standard_only", "priority": "auto"}
# wishes that this dialect has no word for, by their names in OpenAI's
_WORDLESS: Final = ("presence_penalty", "frequency_penalty", "seed", "top_logprobs", "verbosity")
_encode = msgspec.json.Encoder().encode


def encode(request: ChatRequest, target: Target, stream: bool) -> Call:
    """The HTTP request. `dropped` names what this model, or this dialect, cannot be told."""
    fields, headers, dropped = body_of(request, target)
    fields["model"] = target.model_id
    if stream:
        fields["stream"] = True
    return called(f"{target.base_url}/v1/messages", fields, headers, target, stream, dropped)


def body_of(request: ChatRequest, target: Target) -> tuple[dict[str, Any], dict[str, str], list[str]]:
    """(fields but for model and stream, headers of the version and its betas, names of what was dropped)."""
    dropped: list[str] = []
    headers: dict[str, str] = {}
    original = request.original
    if original is not None and original.dialect == DIALECT:
        headers = {name: value for name, value in original.headers if name in _HEADERS}
        fields = own_fields(request, original, target, dropped)
    else:
        fields = _translated(request, target, dropped)
        if fields.get("speed") == "fast":
            headers["anthropic-beta"] = FAST_BETA
    samples = "sampling" in target.capabilities or not target.known
    if not samples or headers.get("anthropic-version") == VERSION:
        dropped += [name for name in _SAMPLING if fields.pop(name, None) is not None]
    if headers.get("anthropic-version") not in (VERSION, SAMPLING_VERSION):
        headers["anthropic-version"] = VERSION if fields.keys().isdisjoint(_SAMPLING) else SAMPLING_VERSION
    return fields, headers, dropped


def called(url: str, fields: dict[str, Any], headers: dict[str, str], target: Target, stream: bool, dropped: list[str]) -> Call:
    """The HTTP request of these fields and headers."""
    return Call(
        url=url,
        body=_encode(fields),
        headers=(("content-type", "application/json"), *headers.items()),
        auth="x-api-key" if target.key_env else "",
        stream=stream,
        dropped=tuple(dict.fromkeys(dropped)),
    )


def _translated(request: ChatRequest, target: Target, dropped: list[str]) -> dict[str, Any]:
    _refuse_impossible(request)
    system, turns = conversation(request)
    if is_prefilled(turns):
        _begin(turns, request, target, dropped)
    fields: dict[str, Any] = {"messages": messages_of(turns, target, dropped)}
    if request.format is not None and request.format.kind == "json_object":
        system.append(Text(JSON_WISH))
    if any(part.marker for part in system):
        fields["system"] = [text_block(part) for part in system]
    elif system:
        fields["system"] = "\n\n".join([part.text for part in system])
    add_tools(request, target, fields, dropped)
    _add_thinking(request, target, fields, dropped)
    _add_format(request.format, fields)
    _add_sampling(request, fields, dropped)
    _add_stop(request.stop, fields, dropped)
    _add_labels(request, fields, dropped)
    dropped += _wordless(request)
    return fields


def _begin(turns: list[Turn], request: ChatRequest, target: Target, dropped: list[str]) -> None:
    """Let the model go on with the beginning of its answer, which may not end in a blank.

    No model from 4.6 on does so (they are those that take no sampling parameters any more), none while it thinks.
    """
    thinks = request.thinking is not None and request.thinking.effort != "none"
    if thinks or (target.known and "sampling" not in target.capabilities):
        asked_to_go_on(turns)
        dropped.append(PREFILL)
        return
    last = turns[-1].parts[-1]
    if isinstance(last, Text):
        turns[-1].parts[-1] = Text(last.text.rstrip(), last.marker)


def _refuse_impossible(request: ChatRequest) -> None:
    """What changes the answer and has no place here at all."""
    impossible = [*request.native, *(["n"] if request.n > 1 else []), *(["logprobs"] if request.logprobs else [])]
    if impossible:
        raise UnsupportedFeature(f"{impossible[0]}: this model cannot be asked for it", param=impossible[0])


def _add_thinking(request: ChatRequest, target: Target, fields: dict[str, Any], dropped: list[str]) -> None:
    """Set `max_tokens`, which is required, and how much to think."""
    wish = request.thinking
    if wish is None:
        fields["max_tokens"] = limit_of(request.max_tokens, target)
        return
    forced = forces(request) or (by_budget(wish, target) and unthought_loop(request, target))
    said = told(wish, target, request.max_tokens, forced, dropped)
    fields["max_tokens"] = said.max_tokens
    if said.thinking is not None:
        fields["thinking"] = said.thinking
    if said.effort is not None:
        fields["output_config"] = {"effort": said.effort}


def _add_format(form: Format | None, fields: dict[str, Any]) -> None:
    if form is None or form.kind != "json_schema":
        return
    try:
        schema = enforceable(form.schema, form.description)
    except msgspec.MsgspecError:
        raise CallerError("response_format: its schema is not an object", param="response_format") from None
    fields.setdefault("output_config", {})["format"] = {"type": "json_schema", "schema": schema}


def _add_sampling(request: ChatRequest, fields: dict[str, Any], dropped: list[str]) -> None:
    """Sampling as models take it: not beside thinking, and temperature and top_p not beside each other."""
    wishes = {name: wish for name in _SAMPLING if (wish := getattr(request, name)) is not None}
    fields |= wishes
    if "temperature" in wishes:
        fields["temperature"] = min(wishes["temperature"], 1.0)  # the scale ends at 1 here, at 2 elsewhere
    if "top_k" in wishes:
        fields["top_k"] = max(int(wishes["top_k"]), 0)  # a whole number; less than none means all, which is 0 here
    dropped += [name for name, wish in wishes.items() if fields[name] != wish]
    if fields.get("thinking", _OFF)["type"] != "disabled":
        dropped += [name for name in _SAMPLING if fields.pop(name, None) is not None]
    elif "temperature" in fields and fields.pop("top_p", None) is not None:
        dropped.append("top_p")


def _add_labels(request: ChatRequest, fields: dict[str, Any], dropped: list[str]) -> None:
    """What does not change the answer's words: breakpoints, the user, the tier."""
    if request.marker:
        fields["cache_control"] = cache_control(request.marker)
    if request.user is not None:
        fields["metadata"] = {"user_id": request.user}
    tier = request.tier
    if tier == "fast":
        fields["speed"] = tier
    elif tier in _TIERS:
        fields["service_tier"] = _TIERS[tier]
    elif tier is not None:
        dropped.append("service_tier")


def _add_stop(stop: tuple[str, ...], fields: dict[str, Any], dropped: list[str]) -> None:
    """Stop sequences, without blank ones: they would get the whole request refused."""
    said = [text for text in stop if text.strip()]
    if said:
        fields["stop_sequences"] = said
    if len(said) < len(stop):
        dropped.append("stop")


def _wordless(request: ChatRequest) -> list[str]:
    """The wishes that this dialect has no words for."""
    names = [name for name in _WORDLESS if getattr(request, name) is not None]
    if request.metadata and request.original is not None:  # without a body of a dialect they are for our own record
        names.append("metadata")
    if any(message.name for message in request.messages):
        names.append("name")
    return [*names, *request.extra]
