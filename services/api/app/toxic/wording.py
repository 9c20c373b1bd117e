"""Each dialect's own error bodies, byte for byte as the providers word them. The router's error tree may not enter."""

from typing import Any, Final

import msgspec
from msgspec import Struct

_encode = msgspec.json.Encoder().encode
_RPC = "type.googleapis.com/google.rpc."


class Words(Struct, frozen=True):
    """One failure in every dialect: OpenAI's type and code, Anthropic's type, Google's status, Mistral's type, and the text."""

    openai: tuple[str, str | None]
    anthropic: str
    google: str
    mistral: str
    message: str


_INVALID: Final = Words(
    ("invalid_request_error", None),
    "invalid_request_error",
    "INVALID_ARGUMENT",
    "invalid_request_error",
    "The request is invalid.",
)
_BROKEN: Final = Words(
    ("server_error", None),
    "api_error",
    "INTERNAL",
    "internal_server_error",
    "The server had an error while processing your request.",
)
OVERLOADED: Final = Words(
    ("server_error", "server_is_overloaded"), "overloaded_error", "UNAVAILABLE", "service_tier_capacity_exceeded", "Overloaded"
)
LIMITED: Final = Words(
    ("requests", "rate_limit_exceeded"),
    "rate_limit_error",
    "RESOURCE_EXHAUSTED",
    "rate_limited",
    "Rate limit reached for requests.",
)
QUOTA: Final = Words(
    ("insufficient_quota", "insufficient_quota"),
    "billing_error",
    "RESOURCE_EXHAUSTED",
    "insufficient_quota",
    "You exceeded your current quota, please check your plan and billing details.",
)
_BY_STATUS: Final = {
    401: Words(
        ("invalid_request_error", "invalid_api_key"), "authentication_error", "UNAUTHENTICATED", "unauthorized", "Invalid API key."
    ),
    403: Words(
        ("invalid_request_error", "unsupported_country_region_territory"),
        "permission_error",
        "PERMISSION_DENIED",
        "forbidden",
        "This key may not use this resource.",
    ),
    404: Words(
        ("invalid_request_error", "model_not_found"), "not_found_error", "NOT_FOUND", "invalid_model", "The model does not exist."
    ),
    408: Words(("server_error", None), "timeout_error", "DEADLINE_EXCEEDED", "timeout", "The request took too long."),
    409: Words(("conflict_error", None), "invalid_request_error", "ABORTED", "conflict", "The resource is being changed."),
    410: Words(
        ("invalid_request_error", "model_not_found"), "not_found_error", "NOT_FOUND", "gone", "The model has been shut down."
    ),
    425: Words(("server_error", None), "api_error", "UNAVAILABLE", "too_early", "Too early."),
    429: LIMITED,
    503: OVERLOADED,
    504: Words(("server_error", None), "timeout_error", "DEADLINE_EXCEEDED", "timeout", "The upstream took too long."),
    529: OVERLOADED,
}  # fmt: skip
TOO_LONG: Final = {
    "openai": "This model's maximum context length is 8192 tokens. However, your messages resulted in 9000 tokens.",
    "anthropic": "prompt is too long: 9000 tokens > 8192 maximum",
    "gemini": "The input token count (9000) exceeds the maximum number of tokens allowed (8192).",
    "mistral": "Prompt contains 9000 tokens, too large for model with 8192 maximum context length",
}


def words_of(status: int) -> Words:
    """What a provider says with this status."""
    return _BY_STATUS.get(status, _INVALID if status < 500 else _BROKEN)


def error_body(dialect: str, status: int, words: Words | None = None, message: str = "") -> bytes:
    """The error in the dialect's shape; `message` replaces the usual text."""
    words = words or words_of(status)
    return _encode(_SHAPES[dialect](status, words, message or words.message))


def _openai(status: int, words: Words, message: str) -> dict[str, Any]:
    kind, code = words.openai
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}


def _anthropic(status: int, words: Words, message: str) -> dict[str, Any]:
    return {"type": "error", "error": {"type": words.anthropic, "message": message}, "request_id": "req_toxic"}


def _gemini(status: int, words: Words, message: str) -> dict[str, Any]:
    error: dict[str, Any] = {"code": status, "message": message, "status": words.google}
    if words is QUOTA:
        error["details"] = [
            {"@type": f"{_RPC}ErrorInfo", "reason": "BILLING_DISABLED", "domain": "googleapis.com"},
            {"@type": f"{_RPC}QuotaFailure", "violations": [{"quotaId": "MonthlySpend"}]},
        ]
    return {"error": error}


def _mistral(status: int, words: Words, message: str) -> dict[str, Any]:
    return {"object": "error", "message": message, "type": words.mistral, "param": None, "code": None, "raw_status_code": status}


_SHAPES: Final = {"openai": _openai, "anthropic": _anthropic, "gemini": _gemini, "mistral": _mistral}


def context_length(dialect: str) -> bytes:
    """A prompt that does not fit."""
    code = ("invalid_request_error", "context_length_exceeded")
    words = Words(code, "invalid_request_error", "INVALID_ARGUMENT", "invalid_request_prompt", "")
    return error_body(dialect, 400, words, TOO_LONG[dialect])


def content_filter(dialect: str) -> bytes:
    """A prompt that is refused."""
    code = ("invalid_request_error", "content_policy_violation")
    words = Words(code, "invalid_request_error", "INVALID_ARGUMENT", "content_filter", "")
    return error_body(dialect, 400, words, "Your request was rejected by the safety system.")


def error_event(dialect: str, words: Words) -> bytes:
    """The error as it stands in a stream."""
    status = 429 if words is LIMITED else 529 if dialect == "anthropic" else 503
    name = b"event: error\n" if dialect == "anthropic" else b""
    return name + b"data: " + error_body(dialect, status, words) + b"\n\n"
