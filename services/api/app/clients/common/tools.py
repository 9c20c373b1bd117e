"""Tools and efforts between dialects: what each of them needs of a call's arguments, a schema and a word. Values only."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec
from msgspec import Raw

from ...domain.request import EFFORTS, Called, Effort, Tool, ToolChoice
from ...errors import CallerError, shown

_NO_PARAMETERS: Final = Raw(b'{"type":"object","properties":{}}')
_UNSAID: Final = frozenset({b"", b"null", b"{}"})
_object = msgspec.json.Decoder(dict[str, Raw])


def input_of(called: Called) -> Raw:
    """A call's arguments as a JSON object, for dialects that want one. Raises CallerError for anything else."""
    text = called.arguments.strip()
    if not text:
        return Raw(b"{}")
    data = text.encode("utf-8", "surrogatepass")
    try:
        _object.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise CallerError(
            f"messages: the arguments of the call {called.id[:60]!r} are not a JSON object", param="messages"
        ) from None
    return Raw(data)


def schema_of(tool: Tool) -> Raw:
    """A tool's parameters; a tool without any, be they null or {}, takes an empty object and says so."""
    return _NO_PARAMETERS if bytes(tool.parameters) in _UNSAID else tool.parameters


def described(schema: dict[str, Any], description: str) -> dict[str, Any]:
    """A form's schema with what is told of the form, for dialects in which only the schema can say it."""
    own = schema.get("description")
    told = [text for text in (description, own) if isinstance(text, str) and text]
    return {**schema, "description": "\n\n".join(dict.fromkeys(told))} if description else schema


def chosen_tools(tools: tuple[Tool, ...], names: tuple[str, ...]) -> tuple[Tool, ...]:
    """The tools that a choice leaves, for dialects that cannot narrow them themselves."""
    return tuple(tool for tool in tools if tool.name in names) if names else tools


def held_choice(choice: ToolChoice | None, tools: Sequence[Tool], field: str = "tool_choice") -> ToolChoice | None:
    """`choice`, when there is something to choose from. Raises CallerError where it demands or names what is not in `tools`.

    Only for tools that are all functions: what else a provider has may go by any name.
    """
    if choice is None or choice.mode == "none":
        return choice
    if choice.mode == "required" and not tools:
        raise CallerError(f"{field}: a call is demanded, but `tools` holds nothing to call", param=field)
    known = {tool.name for tool in tools}
    for name in choice.names:
        if name not in known:
            raise CallerError(f"{field}: no tool in `tools` is called {shown(name, 60)!r}", param=field)
    return choice


def nearest_effort(wish: Effort, accepted: Sequence[str]) -> Effort:
    """`wish`, or the nearest of the words a model accepts (the lower of two equally near); nothing known = `wish`."""
    known = [word for word in EFFORTS if word in accepted]
    if not known or wish in known:
        return wish
    place = EFFORTS.index(wish)
    return min(known, key=lambda word: (abs(EFFORTS.index(word) - place), EFFORTS.index(word)))
