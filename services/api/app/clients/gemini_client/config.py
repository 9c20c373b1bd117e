"""From a request's wishes to Gemini's `generationConfig`, `tools` and `toolConfig`. Nothing of the conversation may enter."""

from typing import Any, Final

import msgspec

from ...domain.request import ChatRequest, Effort, Format, Media, Result, Text, Thinking, Tool
from ...domain.target import Target
from ...errors import CallerError
from ..common.tools import chosen_tools, described, nearest_effort, schema_of
from . import model

MOST_STOPS: Final = 5
MOST_LOGPROBS: Final = 20
_SEEDS: Final = range(-(2**31), 2**31)
_MODES: Final = {"auto": "AUTO", "none": "NONE", "required": "ANY"}
_LEVELS: Final[dict[Effort, str]] = {
    "minimal": "MINIMAL",
    "low": "LOW",
    "medium": "MEDIUM",
    "high": "HIGH",
    "xhigh": "XHIGH",
    "max": "XHIGH",
}
# what Google's own OpenAI-shaped endpoint makes of an effort for models that count, and the most that each of them takes
_BUDGETS: Final[dict[Effort, int]] = {"minimal": 1024, "low": 1024, "medium": 8192, "high": 24576, "xhigh": 24576, "max": 24576}
_MOST_BUDGET: Final = 24576
_MOST_BUDGET_PRO: Final = 32768
# how closely to look: an image of which nothing is said stands between a glance and a close look
_DETAILS: Final = {"low": 1, "high": 3, "original": 3}
_UNSAID: Final = 2
_RESOLUTIONS: Final = {1: "MEDIA_RESOLUTION_LOW", 3: "MEDIA_RESOLUTION_HIGH"}
_schema = msgspec.json.Decoder(dict[str, Any])


def generation_config(request: ChatRequest, target: Target, dropped: list[str]) -> dict[str, Any]:
    """The whole of `generationConfig`, {} when nothing is wished; `dropped` gets the wishes that cannot be told."""
    config = _limits(request, target, dropped) | _sampling(request, target, dropped) | _form(request, dropped)
    if request.thinking is not None and (thinking := _thinking(request.thinking, target, dropped)):
        config["thinkingConfig"] = thinking
    looks = _looks(request)
    closest = max(looks, default=0)
    if closest in _RESOLUTIONS:
        config["mediaResolution"] = _RESOLUTIONS[closest]
    if looks - {closest, _UNSAID}:
        dropped.append("detail")  # one word is told for all media, so the closest look that one of them wishes
    return config


def _limits(request: ChatRequest, target: Target, dropped: list[str]) -> dict[str, Any]:
    """How the answer ends."""
    config: dict[str, Any] = {}
    if request.max_tokens is not None:
        most = target.max_output
        config["maxOutputTokens"] = request.max_tokens if most is None else min(request.max_tokens, most)
    stop = [text for text in request.stop if text][:MOST_STOPS]
    if stop:
        config["stopSequences"] = stop
    if len(stop) < len(request.stop):
        dropped.append("stop")
    return config


def _sampling(request: ChatRequest, target: Target, dropped: list[str]) -> dict[str, Any]:
    """Temperature and the like, for models that take them; a seed is a 32-bit number here."""
    config: dict[str, Any] = {}
    samples = "sampling" in target.capabilities or not target.known
    for name, ours, wish in (
        ("temperature", "temperature", request.temperature),
        ("top_p", "topP", request.top_p),
        ("top_k", "topK", request.top_k),
        ("presence_penalty", "presencePenalty", request.presence_penalty),
        ("frequency_penalty", "frequencyPenalty", request.frequency_penalty),
    ):
        if wish is None:
            continue
        if samples and (wish >= 0 or name != "top_k"):
            config[ours] = wish
        else:
            dropped.append(name)
    if request.seed is not None:
        if request.seed in _SEEDS:
            config["seed"] = request.seed
        else:
            dropped.append("seed")
    return config


def _form(request: ChatRequest, dropped: list[str]) -> dict[str, Any]:
    """What the answer looks like: JSON, of a schema or any, and what is told of its tokens."""
    config: dict[str, Any] = {}
    form = request.format
    if form is not None:
        config["responseMimeType"] = "application/json"
        if bytes(form.schema):
            config["responseJsonSchema"] = form.schema if not form.description else _explained(form)
    if request.logprobs:
        config["responseLogprobs"] = True
        if request.top_logprobs:
            config["logprobs"] = min(request.top_logprobs, MOST_LOGPROBS)
    elif request.top_logprobs:
        dropped.append("top_logprobs")
    return config


def _explained(form: Format) -> dict[str, Any]:
    try:
        return described(_schema.decode(form.schema), form.description)
    except msgspec.MsgspecError:
        raise CallerError("response_format: its schema is not an object", param="response_format") from None


def _thinking(wish: Thinking, target: Target, dropped: list[str]) -> dict[str, Any]:
    """A level or a budget, never both (the host refuses them together): the effort, where both are wished."""
    off = wish.effort == "none" or (wish.effort is None and wish.budget == 0)
    if target.known and "reasoning" not in target.capabilities:
        if not off:
            dropped.append("thinking" if wish.effort is None else "reasoning_effort")
        return {}
    if wish.effort is not None:
        config = _effort(wish.effort, target, dropped)
        if wish.budget is not None:
            dropped.append("thinking")
    elif wish.budget is not None:
        config = {"thinkingBudget": _budget(wish.budget, target, dropped)}
    else:
        config = {}
    if not off and wish.shown is not False:
        config["includeThoughts"] = True
    return config


def _effort(wish: Effort, target: Target, dropped: list[str]) -> dict[str, Any]:
    effort = nearest_effort(wish, target.efforts)
    # `max` is no word here: the highest level is what it means
    if effort != wish and not (wish == "max" and effort == "xhigh"):
        dropped.append("reasoning_effort")
    if effort == "none":
        return {"thinkingBudget": 0}
    if model.counts_thinking(target.model_id):
        return {"thinkingBudget": _BUDGETS[effort]}
    return {"thinkingLevel": _LEVELS[effort]}


def _budget(wish: int, target: Target, dropped: list[str]) -> int:
    if not model.counts_thinking(target.model_id):
        return wish
    budget = min(wish, _MOST_BUDGET_PRO if "-pro" in target.model_id else _MOST_BUDGET)
    if budget < wish:
        dropped.append("thinking")
    return budget


def _looks(request: ChatRequest) -> set[int]:
    """How closely each image is to be looked at."""
    looks: set[int] = set()
    for message in request.messages:
        for part in message.parts:
            if type(part) is not Text:
                inner = part.parts if isinstance(part, Result) else (part,)
                looks |= {_DETAILS.get(one.detail, _UNSAID) for one in inner if isinstance(one, Media) and one.kind == "image"}
    return looks


def tool_fields(request: ChatRequest) -> dict[str, Any]:
    """`tools` and `toolConfig`; all declarations stand in one tool.

    A choice of some tools narrows the declarations themselves where calls are not required: there is no other way.
    """
    choice = request.tool_choice
    names = choice.names if choice is not None else ()
    tools = request.tools if choice is None or choice.mode != "auto" else chosen_tools(request.tools, names)
    if not tools:
        return {}
    fields: dict[str, Any] = {"tools": [{"functionDeclarations": [_declared(tool) for tool in tools]}]}
    if choice is not None:
        calling: dict[str, Any] = {"mode": _MODES[choice.mode]}
        if names and choice.mode == "required":
            calling["allowedFunctionNames"] = list(names)
        fields["toolConfig"] = {"functionCallingConfig": calling}
    return fields


def _declared(tool: Tool) -> dict[str, Any]:
    declared: dict[str, Any] = {"name": tool.name}
    if tool.description:
        declared["description"] = tool.description
    declared["parametersJsonSchema"] = schema_of(tool)
    return declared
