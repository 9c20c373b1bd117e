"""The names that users depend on, frozen: the code, these lists and `docs/reference/` say the same.

A change here needs a line in CHANGELOG.md.
"""

import re
import typing
from collections.abc import Iterator
from typing import Any

import pytest
import typer
from pydantic import BaseModel

import app.errors as errors
from app.cli.commands import app as command_line
from app.clients.openai_client.parse import RouterWishes
from app.config.home import Environment
from app.config.load import OVERRIDES
from app.config.providers import BUILT_IN
from app.config.settings import Settings
from app.domain.record import Attempt, DecisionNote, Record, ScoreLine, StandingLine
from app.domain.request import Constraints
from app.endpoints.query_body import Query
from app.logging_utils.sums import Row
from app.metrics.names import ALL
from app.server.door import Door
from app.service import create_app
from app.tracing.wanted import ENDPOINT
from app.worker import Worker
from support import ROOT, Service, running, shipped

PACKAGE = ROOT / "services" / "api" / "app"
REFERENCE = ROOT / "docs" / "reference"

ROUTES = {
    "POST /query", "POST /route", "POST /v1/chat/completions", "POST /v1/responses", "POST /v1/messages",
    "POST /v1/messages/count_tokens", "POST /v1/embeddings", "GET /v1/models", "GET /v1/models/{name}", "GET /health",
    "GET /ready", "GET /metrics", "GET /usage", "GET /", "GET /docs", "GET /redoc", "GET /openapi.json", "GET /docs-assets",
    "GET /dashboard", "GET /dashboard/{rest}",
}  # fmt: skip
REQUEST_HEADERS = {
    "x-request-id", "x-request-timeout", "traceparent", "cache-control", "x-router-mode", "x-router-cache", "x-router-session",
    "content-type", "content-encoding", "content-length", "transfer-encoding", "authorization", "x-api-key", "anthropic-version",
    "x-forwarded-for", "x-real-ip",
    "anthropic-beta", "access-control-request-method", "access-control-request-headers",
}  # fmt: skip
REPLY_HEADERS = {
    "x-request-id", "request-id", "x-router-model", "x-router-provider", "x-router-mode", "x-router-reason", "x-router-mock",
    "x-router-cost-usd", "x-router-estimated-cost-usd", "x-router-overhead-ms", "x-router-config", "x-router-fallback",
    "x-router-dropped", "x-cache", "retry-after", "x-should-retry", "allow", "www-authenticate", "content-type", "content-length",
    "connection", "vary", "access-control-allow-origin", "access-control-expose-headers", "access-control-allow-methods",
    "access-control-allow-headers", "access-control-max-age",
}  # fmt: skip
QUERY = [
    "prompt", "messages", "mode", "model", "system", "max_tokens", "temperature", "top_p", "stop", "seed", "tools", "tool_choice",
    "response_format", "stream", "constraints", "cache", "session", "user", "metadata", "dry_run",
]  # fmt: skip
CONSTRAINTS = ["max_cost_usd", "max_latency_ms", "min_quality", "providers", "exclude"]
WISHES = ["mode", "constraints", "cache", "session", "explain"]
RECORD = [
    "id", "at", "face", "purpose", "mode", "asked", "decided", "served", "provider", "model_id", "stream", "status", "outcome",
    "error", "finish_reason", "tokens_in", "tokens_out", "cached_tokens", "reasoning_tokens", "usage_source", "cost_usd",
    "cost_nano_usd", "price_source", "saved_usd", "baseline_usd", "latency_ms", "first_token_ms", "queue_ms", "overhead_ms",
    "cache", "score", "score_reasons", "scorer", "mock", "prompt_hash", "attempts", "decision", "dropped", "client_request_id",
    "user", "metadata", "config_digest", "session", "prompt", "response",
]  # fmt: skip
ATTEMPT = ["model", "provider", "model_id", "status", "error", "latency_ms"]
DECISION = ["policy", "weights", "z", "wishes", "standing", "draw", "propensity", "ranking"]
SCORE = ["call", "call_at", "model", "at", "scorer", "score", "reasons", "replaces"]
STANDING = ["id", "at", "models"]
DAILY = {
    "calls", "failures", "abandoned", "tokens_in", "tokens_out", "cached_tokens", "reasoning_tokens", "cost_usd", "saved_usd",
    "latency_ms_mean", "cache_hits", "cache_misses", "cache_off", "score_mean", "scored",
}  # fmt: skip
CONFIG = {
    "mode", "mock", "mock_latency_scale", "aliases",
    *(f"providers.<name>.{key}" for key in ("dialect", "base_url", "key_env", "enabled", "quirks", "trusted", "on_disconnect")),
    *(f"providers.<name>.limits.{key}" for key in ("max_in_flight", "max_queue")),
    *(
        f"models.<name>.{key}"
        for key in (
            "provider", "id", "price_in", "price_out", "price_in_per_million", "price_out_per_million", "avg_latency_ms", "enabled",
            "context_window", "max_output", "kind", "capabilities", "fallbacks", "deployments", "deployments[].provider",
            "deployments[].id", "quality", "abilities", "retires_on", "successor", "efforts", "thinking", "max_tokens_field",
        )
    ),
    "routing.baseline", "routing.exploration", "routing.exploration_gap",
    *(f"routing.hedge.{key}" for key in ("enabled", "min_samples", "max_share")),
    *(f"routing.breaker.{key}" for key in ("failures", "success_rate", "cooldown", "longest_cooldown", "key_cooldown")),
    *(f"routing.retries.{key}" for key in ("attempts", "share", "per_second")),
    *(f"routing.weights.<mode>.{key}" for key in ("quality", "cost", "latency", "floor")),
    "scoring.gates",
    *(f"cache.{key}" for key in ("backend", "ttl_seconds", "redis_url", "path", "version", "max_mb", "quality_slack", "faces")),
    *(f"logging.{key}" for key in ("per_call_path", "daily_rollup_path", "prompts", "max_bytes", "keep", "usage_path")),
    *(f"timeouts.{key}" for key in ("connect", "first_token", "idle", "attempt", "total")),
    *(f"limits.{key}" for key in ("max_body_bytes", "max_in_flight", "max_queue", "drain_seconds")),
    *(f"server.{key}" for key in ("host", "port", "root_path", "allowed_hosts", "cors_origins", "keepalive_seconds")),
}  # fmt: skip
ENVIRONMENT = {
    "OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GEMINI_API_KEY", "MISTRAL_API_KEY", "LLAMA_API_KEY", "REDIS_URL", "CACHE_TTL_SECONDS",
    "HOST", "PORT", "LLM_ROUTER_API_KEYS", "LLM_ROUTER_ADMIN_KEY", "LLM_ROUTER_CONFIG", "LLM_ROUTER_HOME",
    "LLM_ROUTER_URL", "LLM_ROUTER_KEY",
    "LLM_ROUTER_TRANSPORT", "LLM_ROUTER_LOG_LEVEL", "LLM_ROUTER_LOG_FORMAT", "OTEL_EXPORTER_OTLP_ENDPOINT",
}  # fmt: skip
INTERNAL = {"LLM_ROUTER_QUIET"}  # from `serve` to its own workers
METRICS = {  # after llm_router_
    "requests_total": ["model", "provider", "route", "status"],
    "failed_requests_total": ["model", "provider", "route", "code"],
    "refused_requests_total": ["route", "code"],
    "request_duration_seconds": ["model", "provider"],
    "time_to_first_token_seconds": ["model", "provider"],
    "overhead_seconds": ["route"],
    "tokens_total": ["model", "provider", "type"],
    "cost_usd_total": ["model", "provider"],
    "saved_usd_total": ["model", "provider"],
    "cache_hits_total": ["model", "provider"],
    "cache_misses_total": ["model", "provider"],
    "cache_errors_total": ["kind"],
    "attempts_total": ["model", "provider", "result"],
    "retries_total": ["model", "provider", "code"],
    "fallbacks_total": ["model", "provider", "code"],
    "retry_budget_refusals_total": [],
    "circuit_state": ["model", "provider"],
    "in_flight_requests": [],
    "queued_requests": [],
    "upstream_connections": ["state"],
    "event_loop_lag_seconds": [],
    "log_write_errors_total": [],
    "log_lost_records_total": [],
    "log_waiting_records": [],
    "config_reload_failures_total": [],
    "config_refused": [],
    "workers": [],
    "build_info": ["version"],
}
COMMANDS = {
    "serve",
    "query",
    "explain",
    "compare",
    "models",
    "stats",
    "tail",
    "top",
    "demo",
    "doctor",
    "config check",
    "config show",
    "cache check",
    "cache stats",
    "cache purge",
    "rollup",
    "replay",
    "version",
    "toxic-upstream",
}
ERRORS = {
    "bad_request": 400, "invalid_json": 400, "duplicate_key": 400, "ambiguous_model": 400, "unsupported_feature": 400,
    "no_candidate": 400, "context_length_exceeded": 400, "content_filter": 400, "provider_rejected": 400, "invalid_api_key": 401,
    "keys_required": 403, "model_not_found": 404, "not_found": 404, "method_not_allowed": 405, "body_too_large": 413,
    "unsupported_media_type": 415, "rate_limited": 429, "internal_error": 500, "provider_error": 502, "provider_refused": 502,
    "provider_auth_error": 502, "provider_quota": 502, "provider_unreachable": 502, "bad_upstream_body": 502,
    "truncated_answer": 502, "unexpected_redirect": 502, "provider_overloaded": 503, "overloaded": 503, "not_ready": 503,
    "deadline_exceeded": 504, "thread_unsupported_request": 400, "host_not_allowed": 403, "request_timeout": 408, "headers_too_large": 431,
}  # fmt: skip


def page(name: str) -> str:
    return (REFERENCE / f"{name}.md").read_text()


def first_cells(text: str) -> set[str]:
    """The names in backticks of the first column of a page's tables."""
    rows = re.findall(r"^\| (`.*?) \|", text, re.MULTILINE)
    return {name.split(":")[0] for row in rows for name in re.findall(r"`([^`]+)`", row)}


def assert_mentioned(names: set[str] | list[str], text: str) -> None:
    missing = [name for name in names if not re.search(rf"(?<![\w.-]){re.escape(name)}(?![\w-])", text)]
    assert missing == [], f"not in the reference: {missing}"


def sources(*folders: str) -> Iterator[str]:
    for folder in folders:
        for path in sorted((PACKAGE / folder).rglob("*.py") if (PACKAGE / folder).is_dir() else [PACKAGE / folder]):
            yield path.read_text()


# HTTP


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Door:
    home = tmp_path_factory.mktemp("app")
    (home / "config.yaml").write_text(shipped())
    made = create_app(Worker(Environment(home, {"LLM_ROUTER_QUIET": "1"}, frozenset())))
    assert isinstance(made, Door)
    return made


def test_the_routes_are_these(app: Door) -> None:
    hot = {f"POST {path}" for path in app._hot}
    cool = set()
    for route in app.routes:
        path: str = route.path.replace(":path}", "}")  # type: ignore[attr-defined]
        cool |= {f"{method} {path}" for method in getattr(route, "methods", None) or {"GET"} if method != "HEAD"}
    assert hot | cool == ROUTES


def test_openapi_and_the_reference_name_every_route(app: Door) -> None:
    described = {f"{method.upper()} {path}" for path, methods in app.openapi()["paths"].items() for method in methods}
    shown = {route for route in ROUTES if not re.search(r"/(docs|redoc|openapi\.json|docs-assets|dashboard)", route)}
    assert described == shown
    assert_mentioned(
        [route.split(" ")[1] for route in shown - {"GET /"}] + ["/docs", "/redoc", "/openapi.json", "/dashboard"], page("http")
    )


def test_the_headers_in_the_code_are_these() -> None:
    literals = {name for text in sources("endpoints", "server") for name in re.findall(r'b"([a-z]+(?:-[a-z]+)+|allow)"', text)}
    assert {name for name in literals if not name.startswith("application")} <= REQUEST_HEADERS | REPLY_HEADERS
    own = {name for name in literals if name.startswith("x-")}
    assert own == {name for name in REQUEST_HEADERS | REPLY_HEADERS if name.startswith("x-")}


def test_the_reference_names_every_header() -> None:
    assert_mentioned({name for name in REQUEST_HEADERS | REPLY_HEADERS if name.startswith("x-")}, page("http"))
    assert_mentioned(["traceparent", "cache-control", "retry-after", "allow"], page("http") + page("errors"))


@pytest.mark.parametrize(
    ("shape", "fields"),
    [(Query, QUERY), (Constraints, CONSTRAINTS), (RouterWishes, WISHES)],
    ids=["query", "constraints", "router"],
)
def test_the_fields_of_requests_are_these(shape: Any, fields: list[str]) -> None:
    assert list(shape.__struct_fields__) == fields
    assert_mentioned(fields, page("http"))


def test_every_error_code_has_its_status_and_its_remedy() -> None:
    def below(kind: type[errors.RouterError]) -> Iterator[type[errors.RouterError]]:
        for child in kind.__subclasses__():
            yield child
            yield from below(child)

    codes = {kind.code: kind.status for kind in below(errors.RouterError) if kind is not errors.OurBug}
    codes[errors.OurBug.code] = errors.OurBug.status
    explicit = {code for text in sources(".") for code in re.findall(r'code="([a-z_]+)"', text)}
    codes |= dict.fromkeys(explicit - set(codes), 400)
    assert codes == ERRORS
    told = {
        code: int(status)
        for status, cell in re.findall(r"^\| (\d{3}) \| ([^|]*) \|", page("errors"), re.MULTILINE)
        for code in re.findall(r"`([a-z_]+)`", cell)
    }
    assert told == ERRORS


# files


@pytest.mark.parametrize(
    ("shape", "fields"),
    [(Record, RECORD), (Attempt, ATTEMPT), (DecisionNote, DECISION), (ScoreLine, SCORE), (StandingLine, STANDING)],
    ids=["call", "attempt", "decision", "score", "standing"],
)
def test_the_fields_of_records_are_these(shape: Any, fields: list[str]) -> None:
    assert list(shape.__struct_fields__) == fields
    assert_mentioned(fields, page("records"))


def test_the_table_of_call_fields_in_the_reference_is_complete() -> None:
    table = page("records").partition('### `kind: "call"`')[2].partition("###")[0]
    assert first_cells(table) == set(RECORD)


def test_the_metrics_and_their_labels_are_these() -> None:
    assert {metric.name: list(metric.labels) for metric in ALL} == {
        f"llm_router_{name}": labels for name, labels in METRICS.items()
    }
    assert first_cells(page("metrics").partition("| label |")[0]) == {metric.name for metric in ALL}


def test_the_columns_of_the_rollup_are_these() -> None:
    assert set(Row.__struct_fields__) == DAILY
    assert first_cells(page("records").partition("## `daily.json`")[2]) == DAILY


def _keys(shape: type[BaseModel], where: str = "") -> Iterator[str]:
    """The dotted keys of a config shape, `<name>` for what users name and `[]` for lists."""
    for key, field in shape.model_fields.items():
        rows = [part for part in _parts(field.annotation) if isinstance(part, type) and issubclass(part, BaseModel)]
        text = str(field.annotation)
        if not rows:
            yield where + key
        elif text.startswith("dict"):
            yield from _keys(rows[0], f"{where}{key}.{'<mode>' if key == 'weights' else '<name>'}.")
        elif text.startswith("list"):
            yield where + key
            yield from _keys(rows[0], f"{where}{key}[].")
        else:
            yield from _keys(rows[0], f"{where}{key}.")


def _parts(annotation: Any) -> Iterator[Any]:
    yield annotation
    for part in typing.get_args(annotation):
        yield from _parts(part)


def test_the_keys_of_the_configuration_are_these() -> None:
    assert set(_keys(Settings)) == CONFIG
    listed = {name for name in first_cells(page("config")) if "." in name or name in CONFIG}
    assert listed == CONFIG | {name for name in ("fast", "balanced", "accurate") if name in listed}


def test_the_environment_variables_are_these() -> None:
    read = {name for text in sources(".") for name in re.findall(r"\bLLM_ROUTER_[A-Z_]+\b", text)}
    keys = {variable for _, _, variable in BUILT_IN.values()}
    assert read | keys | set(OVERRIDES) | {ENDPOINT} == ENVIRONMENT | INTERNAL
    assert first_cells(page("environment")) == ENVIRONMENT


def test_the_example_environment_names_what_it_may_hold() -> None:
    text = (ROOT / ".env.example").read_text()
    assert_mentioned(ENVIRONMENT - {"LLM_ROUTER_HOME", "LLM_ROUTER_URL", "LLM_ROUTER_KEY"}, text)


# command line


def _commands() -> dict[str, list[str]]:
    """Every command with its options."""
    root = typer.main.get_command(command_line)
    found: dict[str, list[str]] = {}

    def walk(command: Any, name: str) -> None:
        below = getattr(command, "commands", None)
        if below is None:
            found[name] = [option for parameter in command.params for option in parameter.opts if option.startswith("--")]
            return
        for verb, child in below.items():
            walk(child, f"{name} {verb}".strip())

    walk(root, "")
    return found


def test_the_commands_are_these_and_all_take_json() -> None:
    commands = _commands()
    assert set(commands) == COMMANDS
    assert [name for name, options in commands.items() if "--json" not in options] == []


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_the_reference_lists_each_command_with_its_options(command: str) -> None:
    row = next(line for line in page("cli").splitlines() if line.startswith(f"| `llm-router {command}`"))
    assert set(re.findall(r"`(--[a-z-]+)`", row.split(" | ")[-1])) == set(_commands()[command])


# the reply headers as they really come


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with running(tmp_path_factory.mktemp("contract"), shipped()) as here:
        yield here


@pytest.mark.parametrize("fields", [{}, {"stream": True}, {"model": "gpt-4o-mini"}, {"dry_run": True}, {"mode": "none"}])
def test_no_reply_carries_a_header_that_is_not_listed(service: Service, fields: dict[str, Any]) -> None:
    answer = service.query("Which headers?", **fields)
    assert set(answer.headers) <= REPLY_HEADERS | {"transfer-encoding", "connection"}
    assert all(value.isascii() and len(value) <= 300 for value in answer.headers.values())


@pytest.mark.parametrize("page_path", ["/docs", "/redoc"])
def test_the_documentation_loads_nothing_from_elsewhere(service: Service, page_path: str) -> None:
    text = service.request(page_path).body.decode()
    loaded = (
        re.findall(r'(?:src|href)="([^"]+)"', text)
        + re.findall(r"url: '([^']+)'", text)
        + re.findall(r'spec-url="([^"]+)"', text)
    )
    assert loaded and all(path.startswith("/") and not path.startswith("//") for path in loaded), loaded
    assert {path: service.request(path).status for path in loaded} == dict.fromkeys(loaded, 200)


def test_the_front_page_says_what_runs_and_where_to_go_on(service: Service) -> None:
    told = service.request("/").json()
    assert set(told["providers"].values()) == {"mock"} and told["mode"] == "balanced" and told["models"] > 5
    for link in told["links"].values():
        method, _, path = link.rpartition(" ")
        assert service.request(path, {} if method else None).status in (200, 400), link


def test_the_openapi_document_is_sound(service: Service) -> None:
    """Every reference leads somewhere, and no operation promises a 422."""
    document = service.request("/openapi.json").json()
    text = service.request("/openapi.json").body.decode()
    for name in set(re.findall(r'"#/components/schemas/([^"]+)"', text)):
        assert name in document["components"]["schemas"], name
    assert '"422"' not in text
