"""The tools of a Responses call as plain functions, and the way back to what the caller declared. No items may enter.

No other dialect has custom tools (free text, perhaps bound by a grammar) or namespaces. A custom tool goes on as a function
with the one argument `input`, a tool of a namespace as a function whose name begins with it; their calls are shown as
what the caller declared. Tools that OpenAI's servers run (web search and so on) exist nowhere else. Coding agents offer
some of them in every call, whether or not they are needed: those are left out and reported as dropped where the caller's
own tools stand beside them; alone, or of any other kind, they are refused.
"""

import hashlib
from typing import Final

import msgspec
from msgspec import Raw, Struct

from ...domain.request import ChatRequest, Tool
from ...errors import CallerError
from .body import NOTHING, DeclaredTool, Kind, read, told, unsupported

DIALECT: Final = "responses"
_OFFERED_IN_PASSING: Final = ("web_search", "tool_search", "image_generation")
# what a tool may say beside its function, in this dialect alone and without changing what it is
_ADVICE: Final = ("allowed_callers", "async", "defer_loading", "output_schema")
_DEFAULT_NAMESPACE: Final = "functions"  # what it holds is called by the bare name
_MOST_NAME: Final = 64
_FREE_TEXT: Final = Raw(
    b'{"type":"object","properties":{"input":{"type":"string"}},"required":["input"],"additionalProperties":false}'
)

_tool = msgspec.json.Decoder(DeclaredTool)
_kind = msgspec.json.Decoder(Kind)
_raws = msgspec.json.Decoder(list[Raw])
_fields = msgspec.json.Decoder(dict[str, Raw])
_encode = msgspec.json.Encoder().encode


class Input(Struct, frozen=True):
    """The arguments of a custom tool as a function."""

    input: str


_input = msgspec.json.Decoder(Input)


class Own(Struct, frozen=True):
    """A tool as its caller calls it; `namespace` "" for none."""

    name: str
    namespace: str = ""
    custom: bool = False


class Kit(Struct, frozen=True):
    """The tools as functions; whose they are, by the function's name; the offers, and the words about tools, that were left out."""

    tools: tuple[Tool, ...] = ()
    own: dict[str, Own] = {}
    dropped: tuple[str, ...] = ()


def kit_of(declared: list[tuple[str, Raw]]) -> Kit:
    """The kit of tools declared at places (`tools[0]`...). Raises CallerError for what is wrong or cannot be carried."""
    tools: list[Tool] = []
    own: dict[str, Own] = {}
    passing: list[tuple[str, str]] = []
    advice: list[str] = []
    for where, raw in declared:
        kind = read(raw, _kind, where).type
        if kind == "namespace":
            group = read(raw, _tool, where)
            for place, inner in enumerate(group.tools or ()):
                _declare(inner, f"{where}.tools[{place}]", group, tools, own)
                advice += _advice_of(inner)
        elif kind is not None and kind.startswith(_OFFERED_IN_PASSING):
            passing.append((where, kind))
        else:
            _declare(raw, where, None, tools, own)
            advice += _advice_of(raw)
    if passing and not tools:
        raise _unrun(*passing[0])
    return Kit(tuple(tools), own, tuple(dict.fromkeys([f"tools.{name}" for name in (*(kind for _, kind in passing), *advice)])))


def _advice_of(raw: Raw) -> list[str]:
    fields = _fields.decode(raw)
    return [name for name in _ADVICE if told(fields.get(name, NOTHING))]


def own_tools(request: ChatRequest) -> dict[str, Own]:
    """Whose the functions of a parsed request are, by the function's name."""
    if request.original is None or request.original.dialect != DIALECT:
        return {}
    raw = request.original.fields.get("tools", NOTHING)
    return kit_of([("tools", tool) for tool in _raws.decode(raw)]).own if told(raw) else {}


def function_name(name: str, namespace: str | None) -> str:
    """The function's name of a tool in a namespace; one too long for other dialects ends in its hash."""
    if not namespace or namespace == _DEFAULT_NAMESPACE:
        return name
    joined = f"{namespace}__{name}"
    if len(joined) <= _MOST_NAME:
        return joined
    return f"{joined[: _MOST_NAME - 9]}_{hashlib.sha256(joined.encode()).hexdigest()[:8]}"


def wrapped_input(text: str) -> str:
    """The input of a custom tool as a function's arguments."""
    return _encode(Input(text)).decode()


def free_text(arguments: str) -> str:
    """The input of a custom tool out of a function's arguments; a model that wrote no such object meant the text itself."""
    try:
        return _input.decode(arguments.encode("utf-8", "surrogatepass")).input
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return arguments


def _declare(raw: Raw, where: str, group: DeclaredTool | None, tools: list[Tool], own: dict[str, Own]) -> None:
    kind = read(raw, _kind, where).type
    if kind is None and b'"input_schema"' in bytes(raw):
        raise CallerError(f"{where}: tools with `input_schema` belong to POST /v1/messages, Anthropic's shape", param=where)
    if kind not in ("function", "custom"):
        raise _unrun(where, kind or "a tool without `type`")
    if kind == "function" and b'"function":' in bytes(raw) and "function" in msgspec.json.decode(raw):
        raise CallerError(f"{where}: here `name` and `parameters` stand beside `type`, not below `function`", param=where)
    declared = read(raw, _tool, where)
    namespace = "" if group is None else group.name
    name = function_name(declared.name, namespace)
    if name in own:
        raise CallerError(f"{where}.name: two tools would go by this name", param=f"{where}.name")
    own[name] = Own(declared.name, namespace, kind == "custom")
    description = declared.description or ""
    if kind == "custom":
        tools.append(Tool(name, _explained(declared, description), _FREE_TEXT))
    else:
        parameters = declared.parameters if told(declared.parameters) else NOTHING
        tools.append(Tool(name, description, parameters, declared.strict))


def _explained(declared: DeclaredTool, description: str) -> str:
    said = [description] if description else []
    said.append("`input` is the whole text that the tool takes, as it is.")
    form = declared.format
    if form is not None and form.type == "grammar":
        said.append(f"It follows this grammar ({form.syntax}):\n{form.definition}")
    return "\n\n".join(said)


def _unrun(where: str, kind: str) -> CallerError:
    return unsupported(
        where, f"{kind[:60]} is run by OpenAI's servers, which no model here can reach: use tools of type function or custom"
    )
