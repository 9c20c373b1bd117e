"""Repairs that hosts of OpenAI's dialect need, by name, and the hosts known to need them. A table; what is done is in `repairs_*`.

A repair stands here only with the source that documents the need. Without a quirk named for a host nothing is done.
"""

from collections.abc import Callable, Mapping
from typing import Final

from msgspec import Struct

from . import repairs_reply as replies
from . import repairs_request as requests


class Quirk(Struct, frozen=True):
    """One repair: what it is for (`doc`), where the need is documented (`source`), and what it does.

    `request` edits the fields of a body and returns the names of the wishes it left out. `reply` makes the editor of one
    answer, whole or streamed. A quirk without either is heeded elsewhere.
    """

    doc: str
    source: str
    request: Callable[[requests.Fields], tuple[str, ...]] | None = None
    reply: Callable[[], replies.Editor] | None = None


QUIRKS: Final[Mapping[str, Quirk]] = {
    "developer_as_system": Quirk(
        "The host has no developer role: those messages become system messages.",
        "DeepSeek: unknown variant `developer` (github.com/earendil-works/pi/issues/1048)",
        requests.developer_as_system,
    ),
    "string_content": Quirk(
        "The host takes a message's content as one string only: text parts are joined by blank lines.",
        "AssemblyAI (github.com/earendil-works/pi/issues/4779), Sarvam (github.com/can1357/oh-my-pi/issues/6341)",
        requests.string_content,
    ),
    "short_ids": Quirk(
        "The host takes ids of tool calls of nine letters and digits only: others are mapped, the same ones always alike.",
        "Mistral: must be a-z, A-Z, 0-9, with a length of 9 (github.com/vllm-project/vllm/issues/9019)",
        requests.short_ids,
    ),
    "no_names": Quirk(
        "The host refuses `name` in messages: it is left out.",
        "Groq (console.groq.com/docs/openai, unsupported features)",
        requests.no_names,
    ),
    "no_reasoning_input": Quirk(
        "The host refuses reasoning fields in the history: they are left out.",
        "MiniMax: mismatch type ReasoningDetail (github.com/iOfficeAI/gemini-cli-pro/pull/33)",
        requests.no_reasoning_input,
    ),
    "no_tool_choice_other_than_auto": Quirk(
        "The host takes no tool choice but auto: named tools alone are offered, none are for `none`, the rest is left out.",
        "Meta Model API (ocaml.org/p/chatoyant, Provider.Meta)",
        requests.auto_choice_only,
    ),
    "no_parallel_tool_calls": Quirk(
        "The host refuses `parallel_tool_calls`: it is left out.",
        "Cerebras (inference-docs.cerebras.ai/resources/openai; hexdocs.pm/req_llm/cerebras.html)",
        requests.leaving_out("parallel_tool_calls"),
    ),
    "no_empty_tools": Quirk(
        "The host refuses an empty list of tools: it is left out, with the choice among them.",
        "vLLM (github.com/vllm-project/vllm/pull/39780)",
        requests.no_empty_tools,
    ),
    "no_stream_options": Quirk(
        "The host refuses `stream_options`: they are left out, and usage is what it tells unasked or else an estimate.",
        "Mistral (docs.mistral.ai/api: the field is unknown, and unknown fields are refused)",
        requests.no_stream_options,
    ),
    "no_penalties": Quirk(
        "The host refuses presence and frequency penalties: they are left out.",
        "Cerebras (hexdocs.pm/req_llm/cerebras.html, unsupported features)",
        requests.leaving_out("presence_penalty", "frequency_penalty"),
    ),
    "no_logit_bias": Quirk(
        "The host refuses `logit_bias`: it is left out.",
        "Groq (console.groq.com/docs/openai, unsupported features)",
        requests.leaving_out("logit_bias"),
    ),
    "no_service_tier": Quirk(
        "The host refuses `service_tier`: it is left out.",
        "Cerebras (hexdocs.pm/req_llm/cerebras.html, unsupported features)",
        requests.leaving_out("service_tier"),
    ),
    "no_stop": Quirk(
        "The host ignores stop sequences without a word: they are left out, and that is told.",
        "Meta Model API (ocaml.org/p/chatoyant, Provider.Meta)",
        requests.leaving_out("stop"),
    ),
    "max_tokens_only": Quirk(
        "The host knows the output limit as `max_tokens` only: the newer name is changed to it.",
        "Ollama (docs.ollama.com/api/openai-compatibility, supported request fields)",
        requests.max_tokens_only,
    ),
    "integer_logprobs": Quirk(
        "The host knows `logprobs` as the number of likeliest tokens only: the two fields become that one.",
        "Together: an integer between 0 and 20 (github.com/togethercomputer/openapi/pull/104)",
        requests.integer_logprobs,
    ),
    "missing_tool_index": Quirk(
        "The host streams tool calls without an index, or without an id: both are added, as SDKs cannot do without.",
        "Gemini's OpenAI-compatible endpoint (github.com/openai/openai-python/issues/2806)",
        reply=replies.ToolIndexes,
    ),
    "finish_from_content": Quirk(
        "The host says `stop` after tool calls: it becomes `tool_calls`, since agents go on by that word.",
        "Gemini's OpenAI-compatible endpoint (github.com/googleapis/python-genai/issues/2868)",
        reply=replies.FinishReasons,
    ),
    "float_embeddings": Quirk(
        "The host refuses `encoding_format` for embeddings: it is not told, and what it sends is encoded here as the caller asked.",
        "LM Studio (github.com/lmstudio-ai/lmstudio-bug-tracker/issues/756)",
    ),
}

KNOWN_HOSTS: Final[Mapping[str, tuple[str, ...]]] = {
    "api.deepseek.com": ("developer_as_system", "no_empty_tools", "max_tokens_only"),
    "api.groq.com": ("no_names", "no_logit_bias"),
    "api.cerebras.ai": ("developer_as_system", "no_parallel_tool_calls", "no_penalties", "no_logit_bias", "no_service_tier"),
    "generativelanguage.googleapis.com": ("missing_tool_index", "finish_from_content"),
    "api.meta.ai": ("no_tool_choice_other_than_auto", "no_stop"),
    "api.mistral.ai": ("developer_as_system", "short_ids", "no_stream_options", "max_tokens_only"),
    "api.together.ai": ("max_tokens_only", "integer_logprobs"),
    "api.together.xyz": ("max_tokens_only", "integer_logprobs"),
    "ollama.com": ("max_tokens_only",),
    "api.sarvam.ai": ("string_content",),
}
