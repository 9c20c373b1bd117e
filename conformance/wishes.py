"""Features that are one parameter: how each face says it and where each provider finds it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from cells import HELLO, Cell, feature
from shown import Item, Shown

from judges.said import Said
from judges.wish import Wish

BEFORE = {"anthropic-version": "2023-06-01"}
"""Under Anthropic's previous version the messages face takes sampling parameters."""
SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}


def _answered(_shown: Shown) -> bool:
    return True


@dataclass(frozen=True)
class Parameter:
    """`fields` by face; `arrived` judges what the provider understood; `names` may stand in a refusal or among the drops."""

    name: str
    fields: dict[str, Item]
    arrived: Callable[[Wish], bool]
    names: tuple[str, ...]
    said: Said = HELLO
    shown: Callable[[Shown], bool] = _answered
    model: str = "sampling"
    asks: str = "What is the weather in Paris?"
    stream: bool = False

    def __call__(self, cell: Cell) -> None:
        """Say it, see it arrive, see the answer."""
        how: dict[str, Any] = {name: getattr(self, name) for name in ("said", "model", "stream")}
        how["fields"] = self.fields[cell.face]
        if cell.face == "messages":
            how["headers"] = BEFORE
        exchange = cell.tell(cell.ask(self.asks), **how)
        cell.arrives(self.arrived(exchange.wish), exchange, *self.names)
        cell.shows(self.shown(exchange.shown), exchange, "the reply does not show it")


def everywhere(**fields: Any) -> dict[str, Item]:
    """The same fields on every face."""
    return dict.fromkeys(("query", "chat", "responses", "messages"), fields)


_JSON = Said(text='{"city": "Paris"}')
_NAMED = {"name": "place", "schema": SCHEMA, "strict": True}
_FORMAT = {"response_format": {"type": "json_schema", "json_schema": _NAMED}}
_OBJECT = {"response_format": {"type": "json_object"}}
_LOGPROBS: dict[str, Item] = {
    "chat": {"logprobs": True, "top_logprobs": 1},
    "responses": {"top_logprobs": 1, "include": ["message.output_text.logprobs"]},
}
_N = ("n:", "`n`", "n must", '"n"')
_MANY = ["one", "two", "three", "four", "five", "six"]
_UNLIMITED: dict[str, Item] = {"query": {}, "chat": {}, "responses": {}, "messages": {"max_tokens": None}}


def _wants_json(wish: Wish) -> bool:
    """In the dialect's own place, or by words where it has none."""
    return wish.format == "json" or "JSON" in wish.said_by("system")


PARAMETERS = (
    Parameter(
        "max-tokens",
        {
            "query": {"max_tokens": 321},
            "chat": {"max_completion_tokens": 321},
            "responses": {"max_output_tokens": 321},
            "messages": {"max_tokens": 321},
        },
        lambda wish: wish.max_tokens == 321,
        ("max_tokens", "max_completion_tokens"),
    ),
    Parameter(
        "stop",
        {**everywhere(stop=["END", "###"]), "messages": {"stop_sequences": ["END", "###"]}},
        lambda wish: wish.stop == ["END", "###"],
        ("stop",),
    ),
    Parameter(
        "stop-list-too-long",
        {**everywhere(stop=_MANY), "messages": {"stop_sequences": _MANY}},
        lambda wish: wish.stop == _MANY,
        ("stop",),
    ),
    Parameter("max-tokens-missing", _UNLIMITED, lambda wish: wish.max_tokens is None or wish.max_tokens > 1000, ("max_tokens",)),
    Parameter("temperature", everywhere(temperature=0.5), lambda wish: wish.temperature == 0.5, ("temperature",)),
    Parameter(
        "temperature-without-sampling",
        everywhere(temperature=0.5),
        lambda wish: wish.temperature == 0.5,
        ("temperature",),
        model="thinking",
    ),
    Parameter("top-p", everywhere(top_p=0.75), lambda wish: wish.top_p == 0.75, ("top_p",)),
    Parameter("top-k", everywhere(top_k=5), lambda wish: wish.top_k == 5, ("top_k",)),
    Parameter("seed", everywhere(seed=7), lambda wish: wish.seed == 7, ("seed",)),
    Parameter(
        "penalties",
        everywhere(presence_penalty=0.5, frequency_penalty=0.25),
        lambda wish: (wish.presence, wish.frequency) == (0.5, 0.25),
        ("presence_penalty", "frequency_penalty"),
    ),
    Parameter(
        "logprobs",
        _LOGPROBS,
        lambda wish: wish.logprobs == 1,
        ("logprobs", "top_logprobs"),
        Said(text="Hello", logprobs=True),
        lambda shown: shown.logprobs == [("Hello", -0.25)],
    ),
    Parameter(
        "stream-logprobs",
        _LOGPROBS,
        lambda wish: wish.logprobs == 1,
        ("logprobs", "top_logprobs"),
        Said(text="Hello", logprobs=True, piece=5),
        lambda shown: shown.logprobs == [("Hello", -0.25)],
        stream=True,
    ),
    Parameter("n-2", everywhere(n=2), lambda wish: wish.n == 2, _N, shown=lambda shown: len(set(shown.texts)) == 2),
    Parameter(
        "stream-n-2",
        everywhere(n=2),
        lambda wish: wish.n == 2,
        _N,
        shown=lambda shown: shown.texts == [HELLO.text, f"{HELLO.text} (1)"],
        stream=True,
    ),
    Parameter(
        "reasoning-effort",
        {
            "chat": {"reasoning_effort": "high"},
            "responses": {"reasoning": {"effort": "high"}},
            "messages": {"output_config": {"effort": "high"}},
        },
        lambda wish: wish.effort == "high",
        ("reasoning_effort",),
        model="thinking",
    ),
    Parameter(
        "reasoning-off",
        {
            "chat": {"reasoning_effort": "none"},
            "responses": {"reasoning": {"effort": "none"}},
            "messages": {"thinking": {"type": "disabled"}},
        },
        lambda wish: wish.effort == "none",
        ("reasoning_effort", "thinking"),
        model="thinking",
    ),
    Parameter(
        "thinking-budget",
        {"messages": {"thinking": {"type": "enabled", "budget_tokens": 2048}, "max_tokens": 4096}},
        lambda wish: wish.budget == 2048,
        ("thinking",),
        model="budgeted",
    ),
    Parameter(
        "adaptive-thinking",
        {"messages": {"thinking": {"type": "adaptive"}}},
        lambda wish: wish.effort != "none",
        ("thinking",),
        model="thinking",
    ),
    Parameter(
        "service-tier",
        {**everywhere(service_tier="default"), "messages": {"service_tier": "standard_only"}},
        lambda wish: wish.tier == "default",
        ("service_tier",),
    ),
    Parameter("service-tier-flex", everywhere(service_tier="flex"), lambda wish: wish.tier == "flex", ("service_tier",)),
    Parameter(
        "verbosity",
        {"chat": {"verbosity": "low"}, "responses": {"text": {"verbosity": "low"}}},
        lambda wish: wish.verbosity == "low",
        ("verbosity",),
    ),
    Parameter("prompt-cache-key", everywhere(prompt_cache_key="k7"), lambda wish: wish.cache_key == "k7", ("prompt_cache_key",)),
    Parameter(
        "json-mode",
        {**everywhere(**_OBJECT), "responses": {"text": {"format": {"type": "json_object"}}}},
        _wants_json,
        ("response_format",),
        _JSON,
        lambda shown: shown.text == _JSON.text,
        asks="Name the place as JSON.",
    ),
    Parameter(
        "json-schema",
        {
            **everywhere(**_FORMAT),
            "responses": {"text": {"format": {"type": "json_schema", **_NAMED}}},
            "messages": {"output_config": {"format": {"type": "json_schema", "schema": SCHEMA}}},
        },
        lambda wish: wish.schema == SCHEMA,
        ("response_format",),
        _JSON,
        lambda shown: shown.text == _JSON.text,
    ),
    Parameter(
        "user",
        {**everywhere(user="customer-7"), "messages": {"metadata": {"user_id": "customer-7"}}},
        lambda wish: wish.user == "customer-7",
        ("user", "metadata", "safety_identifier"),
    ),
    Parameter("metadata", everywhere(metadata={"team": "blue"}), lambda wish: wish.metadata.get("team") == "blue", ("metadata",)),
)

for _parameter in PARAMETERS:
    feature(_parameter.name, *_parameter.names)(_parameter)
