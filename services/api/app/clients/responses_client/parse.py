"""From a caller's Responses body to a ChatRequest. Stateless: what needs an answer or a file kept by a server is refused by name."""

from typing import Any, Final

import msgspec
from msgspec import Raw

from ...domain.request import (
    EFFORTS,
    NO_CONSTRAINTS,
    ChatRequest,
    Effort,
    Format,
    Message,
    Original,
    Text,
    Thinking,
    ToolChoice,
)
from ...errors import CallerError
from ..common.body import opened, typed
from ..common.tools import held_choice
from ..common.wishes import NO_WISHES, cache_of, mode_of
from .body import Choice, ReasoningWish, ResponsesBody, TextFormat, TextWish, read, told, unsupported
from .items import Conversation, conversation_of
from .kit import DIALECT, Kit, function_name, kit_of

# of these every value but null asks for something that is kept on a server, or done by it
_KEPT: Final = {
    "previous_response_id": "no answer is kept here: send the whole conversation in `input`",
    "conversation": "no conversation is kept here: send it whole in `input`",
    "prompt": "no prompt template is kept here: send its text in `instructions` and `input`",
    "moderation": "nothing is moderated here",
}
# fields read below, or without effect on an answer; `store` false or absent is what happens anyway
_READ: Final = frozenset(ResponsesBody.__struct_fields__) | _KEPT.keys() | {"store", "background"}
_LOGPROBS: Final = "message.output_text.logprobs"

_body = msgspec.json.Decoder(ResponsesBody)
_choice = msgspec.json.Decoder(Choice)


def parse(data: bytes) -> ChatRequest:
    """The caller's request. Raises CallerError naming the field to change, UnsupportedFeature for what needs a server's memory."""
    tree, fields = opened(data)
    _refuse_other_faces(tree)
    _refuse_kept(tree)
    body = typed(data, _body)
    said = _conversation(body)
    declared = [(f"tools[{place}]", raw) for place, raw in enumerate(body.tools or ())] + list(said.tools)
    kit = kit_of(declared)
    if said.tools:
        fields["tools"] = Raw(b"[" + b",".join([bytes(raw) for _, raw in declared]) + b"]")
    router = body.router or NO_WISHES
    return ChatRequest(
        messages=said.messages,
        model=body.model,
        stream=bool(body.stream),
        max_tokens=body.max_output_tokens,
        temperature=body.temperature,
        top_p=body.top_p,
        logprobs=_LOGPROBS in (body.include or ()) or bool(body.top_logprobs),
        top_logprobs=body.top_logprobs,
        tools=kit.tools,
        tool_choice=_tool_choice(body.tool_choice, kit),
        parallel_tools=body.parallel_tool_calls,
        format=_format(body.text),
        thinking=_thinking(body.reasoning),
        tier=body.service_tier,
        verbosity=body.text.verbosity if body.text is not None else None,
        extra=(*_extra(tree, body), *kit.dropped),
        mode=mode_of(router.mode, "router.mode"),
        constraints=router.constraints or NO_CONSTRAINTS,
        cache=cache_of(router.cache, "router.cache"),
        session=router.session,
        explain=router.explain,
        user=body.safety_identifier or body.user,
        metadata=body.metadata,
        original=Original(DIALECT, fields),
    )


def _refuse_other_faces(tree: dict[str, Any]) -> None:
    """A body of another face, sent here by mistake, is told its right route instead of a missing field."""
    if "encoding_format" in tree or "dimensions" in tree:
        raise CallerError("this is an embeddings body: send it to POST /v1/embeddings", param="input")
    if "input" in tree:
        asked = tree["input"]
        if type(asked) is list and asked and type(asked[0]) is str:
            raise CallerError("input: a list of texts is for POST /v1/embeddings; here it holds items", param="input")
        return
    if "messages" in tree:
        raise CallerError(
            "`messages` belongs to POST /v1/chat/completions or POST /v1/messages; this route takes `input`", param="messages"
        )
    if isinstance(tree.get("prompt"), str):
        raise CallerError("`prompt` as text belongs to POST /query; this route takes `input`", param="prompt")
    if "contents" in tree:
        raise CallerError(
            "this route takes `input`; Gemini's shape has none here: use POST /v1/chat/completions", param="contents"
        )
    if "prompt" not in tree:
        raise CallerError("input: required field is missing", param="input")


def _refuse_kept(tree: dict[str, Any]) -> None:
    for name, reason in _KEPT.items():
        if tree.get(name) is not None:
            raise unsupported(name, reason)
    if tree.get("store"):
        raise unsupported("store", "answers are not stored here: leave it out or send false")
    if tree.get("background"):
        raise unsupported("background", "answers are not made in the background here: leave it out or send false")


def _conversation(body: ResponsesBody) -> Conversation:
    if isinstance(body.input, str):
        said = Conversation((Message("user", (Text(body.input),)),))
    elif body.input:
        said = conversation_of(body.input)
    else:
        raise CallerError("input: at least one item is needed", param="input")
    if body.instructions:
        said = msgspec.structs.replace(said, messages=(Message("system", (Text(body.instructions),)), *said.messages))
    if not said.messages:
        raise CallerError("input: there is no message in it", param="input")
    return said


def _tool_choice(raw: Raw, kit: Kit) -> ToolChoice | None:
    if not told(raw):
        return None
    if bytes(raw).startswith(b'"'):
        return held_choice(ToolChoice(_mode(msgspec.json.decode(raw), "tool_choice")), kit.tools)
    choice = read(raw, _choice, "tool_choice")
    if choice.type in ("function", "custom"):
        return ToolChoice("required", (_known(choice, kit, "tool_choice"),))
    if choice.type != "allowed_tools":
        raise unsupported("tool_choice", f"{choice.type[:60]} is run by OpenAI's servers, which no model here can reach")
    named = [(f"tool_choice.tools[{place}]", raw) for place, raw in enumerate(choice.tools or ())]
    allowed = [(where, read(raw, _choice, where)) for where, raw in named]
    names = [_known(tool, kit, where) for where, tool in allowed if f"tools.{tool.type}" not in kit.dropped]
    if not names:
        raise CallerError("tool_choice.tools: name at least one function or custom tool", param="tool_choice.tools")
    return ToolChoice(_mode(choice.mode or "auto", "tool_choice.mode"), tuple(names))


def _mode(word: str, where: str) -> Any:
    if word not in ("auto", "none", "required"):
        raise CallerError(f"{where}: use auto, none, required, or an object that names tools", param=where)
    return word


def _known(choice: Choice, kit: Kit, where: str) -> str:
    """The function's name of a tool that a choice names."""
    if choice.name is not None:
        name = function_name(choice.name, choice.namespace)
        if name in kit.own:
            return name
    raise CallerError(f"{where}.name: no tool in `tools` has this name", param=f"{where}.name")


def _format(text: TextWish | None) -> Format | None:
    form: TextFormat | None = None if text is None else text.format
    if form is None or form.type == "text":
        return None
    if form.type == "json_object":
        return Format("json_object")
    if form.type != "json_schema":
        raise CallerError("text.format.type: use text, json_object or json_schema", param="text.format.type")
    if not told(form.schema):
        raise CallerError("text.format.schema: required field is missing", param="text.format.schema")
    return Format("json_schema", form.name or "answer", form.schema, form.strict, form.description or "")


def _thinking(wish: ReasoningWish | None) -> Thinking | None:
    if wish is None:
        return None
    effort: Effort | None = None
    if wish.effort is not None:
        effort = next((word for word in EFFORTS if word == wish.effort), None)
        if effort is None:
            raise CallerError(f"reasoning.effort: use one of {', '.join(EFFORTS)}", param="reasoning.effort")
    shown = True if wish.summary or wish.generate_summary else None
    return None if effort is None and shown is None else Thinking(effort, shown=shown)


def _extra(tree: dict[str, Any], body: ResponsesBody) -> list[str]:
    """What no other dialect has, by name."""
    names = [name for name, value in tree.items() if value is not None and name not in _READ]
    if body.truncation not in (None, "disabled"):
        names.append("truncation")
    if body.reasoning is not None:
        names += [f"reasoning.{name}" for name in ("context", "mode") if told(getattr(body.reasoning, name))]
    return names
