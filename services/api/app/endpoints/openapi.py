"""The OpenAPI paths of the hot endpoints, written out, with schemas generated from the very types that parse the bodies."""

from typing import Any

import msgspec

from ..clients.anthropic_client.parse import CountBody, MessagesBody
from ..clients.embedding.parse import EmbeddingsBody
from ..clients.openai_client.parse import ChatBody
from ..clients.responses_client.body import ResponsesBody
from ..domain.decision import Candidate, Saving
from ..domain.record import Attempt
from .query_body import Query

_ANY: dict[str, Any] = {"type": "object"}
_REF = "#/components/schemas/{name}"


def _an_error(name: str) -> dict[str, Any]:
    return {"description": "an error", "content": {"application/json": {"schema": {"$ref": _REF.format(name=name)}}}}


AN_ERROR = _an_error("Error")
_ERROR = {
    "type": "object",
    "properties": {
        "error": {
            "type": "object",
            "required": ["type", "code", "message", "param", "request_id"],
            "properties": {
                "type": {"type": "string"},
                "code": {"type": "string", "description": "a stable word, documented with its remedy"},
                "message": {"type": "string"},
                "param": {"type": ["string", "null"]},
                "request_id": {"type": "string"},
            },
        }
    },
}

_ANTHROPIC_ERROR = {
    "type": "object",
    "required": ["type", "error", "request_id"],
    "properties": {
        "type": {"const": "error"},
        "error": {
            "type": "object",
            "required": ["type", "message"],
            "properties": {
                "type": {"type": "string", "description": "Anthropic's word"},
                "message": {"type": "string"},
                "code": {"type": "string", "description": "ours"},
                "param": {"type": ["string", "null"]},
            },
        },
        "request_id": {"type": "string"},
    },
}


def describe(schema: dict[str, Any]) -> dict[str, Any]:
    """Add the hot paths and their schemas to FastAPI's own description."""
    bodies, components = msgspec.json.schema_components(
        (Query, ChatBody, Candidate, Attempt, ResponsesBody, MessagesBody, CountBody, EmbeddingsBody, Saving), ref_template=_REF
    )
    query, chat, candidate, attempt, responses, messages, count, embeddings, saving = bodies
    components = {**components, "Error": _ERROR, "AnthropicError": _ANTHROPIC_ERROR, "Reply": _reply(candidate, attempt, saving)}
    schema.setdefault("components", {}).setdefault("schemas", {}).update(components)
    reply = {"$ref": _REF.format(name="Reply")}
    schema["paths"].update(
        {
            "/query": _post("Answer a prompt with the model that the router picks", query, reply, streams=True),
            "/route": _post("Decide without calling anyone", query, reply),
            "/v1/chat/completions": _post("OpenAI's chat completions", chat, _ANY, streams=True),
            "/v1/responses": _post("OpenAI's Responses, stateless", responses, _ANY, streams=True),
            "/v1/messages": _post("Anthropic's Messages", messages, _ANY, streams=True, error="AnthropicError"),
            "/v1/messages/count_tokens": _post(
                "How many tokens a prompt has, in Anthropic's shape", count, _ANY, error="AnthropicError"
            ),
            "/v1/embeddings": _post("Embeddings in OpenAI's shape, by a model's name", embeddings, _ANY),
        }
    )
    return schema


def _post(
    summary: str, body: dict[str, Any], reply: dict[str, Any], streams: bool = False, error: str = "Error"
) -> dict[str, Any]:
    content: dict[str, Any] = {"application/json": {"schema": reply}}
    if streams:
        content["text/event-stream"] = {"schema": {"type": "string"}}
    return {
        "post": {
            "summary": summary,
            "requestBody": {"required": True, "content": {"application/json": {"schema": body}}},
            "responses": {
                "200": {"description": "the answer", "content": content},
                "4XX": _an_error(error),
                "5XX": _an_error(error),
            },
        }
    }


def _reply(candidate: dict[str, Any], attempt: dict[str, Any], saving: dict[str, Any]) -> dict[str, Any]:
    number, text = {"type": ["number", "null"]}, {"type": ["string", "null"]}
    reason = {"type": "string"}
    decision = {
        "type": "object",
        "properties": {
            "reason": reason,
            "policy": reason,
            "session_model": {"type": ["string", "null"], "description": "the row that served the conversation so far"},
            "candidates": {"type": "array", "items": candidate},
            "modes": {"type": "object", "additionalProperties": reason, "description": "dry: the best row of each mode"},
            "saving": {"anyOf": [saving, {"type": "null"}], "description": "dry: beside routing.baseline"},
            "flips": {"type": "array", "items": reason, "description": "dry: what would have made another row win"},
        },
    }
    return {
        "type": "object",
        "properties": {
            "id": {"type": "string"},
            "selected_model": {
                "type": "object",
                "properties": {
                    "name": {"type": "string"},
                    "provider": {"type": "string"},
                    "model_id": {"type": "string"},
                    "estimated_cost": number,
                },
            },
            "prompt": {"type": "string"},
            "mode": text,
            "response": {"type": "string"},
            "finish_reason": text,
            "tool_calls": {"type": ["array", "null"], "items": {"type": "object"}},
            "usage": {"type": "object", "additionalProperties": {"type": "integer"}},
            "cost_usd": number,
            "saved_usd": {"type": "number"},
            "latency_ms": {"type": "number"},
            "cached": {"type": "boolean"},
            "mock": {"type": "boolean"},
            "score": number,
            "score_reasons": {"type": "array", "items": {"type": "string"}},
            "scorer": text,
            "decision": decision,
            "attempts": {"type": "array", "items": attempt},
            "warnings": {"type": "array", "items": {"type": "string"}},
        },
    }
