"""Every name that traces carry: OpenTelemetry's conventions for generative AI, for HTTP, and what only a router knows. No logic.

The conventions (github.com/open-telemetry/semantic-conventions-genai) are still in development: a name that moves is changed here.
"""

from typing import Final

# generative AI: what was asked
OPERATION: Final = "gen_ai.operation.name"
PROVIDER: Final = "gen_ai.provider.name"
REQUEST_MODEL: Final = "gen_ai.request.model"
REQUEST_STREAM: Final = "gen_ai.request.stream"
MAX_TOKENS: Final = "gen_ai.request.max_tokens"
TEMPERATURE: Final = "gen_ai.request.temperature"
TOP_P: Final = "gen_ai.request.top_p"
SEED: Final = "gen_ai.request.seed"
CHOICES: Final = "gen_ai.request.choice.count"
STOPS: Final = "gen_ai.request.stop_sequences"
OUTPUT_TYPE: Final = "gen_ai.output.type"
CONVERSATION: Final = "gen_ai.conversation.id"

# generative AI: what came back
RESPONSE_ID: Final = "gen_ai.response.id"
RESPONSE_MODEL: Final = "gen_ai.response.model"
FINISH_REASONS: Final = "gen_ai.response.finish_reasons"
FIRST_CHUNK: Final = "gen_ai.response.time_to_first_chunk"
TOKENS_IN: Final = "gen_ai.usage.input_tokens"
TOKENS_OUT: Final = "gen_ai.usage.output_tokens"
TOKENS_CACHED: Final = "gen_ai.usage.cache_read.input_tokens"
TOKENS_REASONING: Final = "gen_ai.usage.reasoning.output_tokens"

# generative AI: what was said; only where it is configured
INPUT_MESSAGES: Final = "gen_ai.input.messages"
OUTPUT_MESSAGES: Final = "gen_ai.output.messages"

# HTTP and general
ERROR_TYPE: Final = "error.type"
METHOD: Final = "http.request.method"
ROUTE: Final = "http.route"
STATUS: Final = "http.response.status_code"
SERVER: Final = "server.address"
PORT: Final = "server.port"

# ours
CALL_ID: Final = "llm_router.call.id"
CLIENT_REQUEST_ID: Final = "llm_router.client_request_id"
MODE: Final = "llm_router.mode"
DECIDED: Final = "llm_router.model.decided"
SERVED: Final = "llm_router.model.served"
ROW: Final = "llm_router.model"
HOST: Final = "llm_router.provider"
OUTCOME: Final = "llm_router.outcome"
CACHE: Final = "llm_router.cache"
MOCK: Final = "llm_router.mock"
COST: Final = "llm_router.cost_usd"
SAVED: Final = "llm_router.saved_usd"
SCORE: Final = "llm_router.score"
QUEUE: Final = "llm_router.queue_ms"
OVERHEAD: Final = "llm_router.overhead_ms"
DIGEST: Final = "llm_router.config_digest"
SPOKE: Final = "llm_router.first_token"
"""The event at which the first piece of the answer was there."""

SERVICE: Final = "llm-router"
"""The service's name where `OTEL_SERVICE_NAME` gives none; also the scope of its spans."""

CHAT: Final = "chat"
EMBEDDINGS: Final = "embeddings"
_PROVIDERS: Final = {"gemini": "gcp.gemini", "mistral": "mistral_ai"}


def provider_name(provider: str) -> str:
    """The conventions' word for a provider of the configuration; its own name where they have none."""
    return _PROVIDERS.get(provider, provider)
