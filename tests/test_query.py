"""`POST /query` and `POST /route` over real sockets: the reply's fields, streams, dry runs, wishes, the cache and the record."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support import Service, Upstream, eventually, running, shipped, well_behaved

REPLY = {
    "id", "selected_model", "prompt", "mode", "response", "finish_reason", "tool_calls", "usage", "cost_usd", "saved_usd",
    "latency_ms", "cached", "mock", "score", "score_reasons", "scorer", "decision", "attempts", "warnings",
}  # fmt: skip
DRY = {"id", "selected_model", "prompt", "mode", "mock", "decision", "warnings"}
CANDIDATE = {"name", "quality", "cost_usd", "latency_ms", "excluded", "utility", "below_floor", "flip", "interval"}
RECORD = [
    "kind", "id", "at", "face", "purpose", "mode", "asked", "decided", "served", "provider", "model_id", "stream", "status",
    "outcome", "error", "finish_reason", "tokens_in", "tokens_out", "cached_tokens", "reasoning_tokens", "usage_source",
    "cost_usd", "cost_nano_usd", "price_source", "saved_usd", "baseline_usd", "latency_ms", "first_token_ms", "queue_ms",
    "overhead_ms", "cache", "score", "score_reasons", "scorer", "mock", "prompt_hash", "attempts", "decision", "dropped",
    "client_request_id", "user", "metadata", "config_digest",
]  # fmt: skip
DECISION = {"policy", "weights", "z", "wishes", "standing", "draw", "propensity", "ranking"}

PRICED = """
mode: balanced
mock_latency_scale: 0
providers:
  hosted: {base_url: "%s", key_env: HOSTED_KEY}
models:
  big: {provider: hosted, id: big-1, price_in: 0.01, price_out: 0.03, quality: 0.9}
  free: {provider: hosted, id: no-price-known}
  played: {provider: openai, id: gpt-4o-mini}
"""


@pytest.fixture(scope="module")
def mock(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The service as shipped, without any key."""
    with running(tmp_path_factory.mktemp("mock"), shipped()) as service:
        yield service


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    host = Upstream(well_behaved)
    yield host
    host.close()


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory, upstream: Upstream) -> Iterator[Service]:
    """A service with one real provider."""
    with running(tmp_path_factory.mktemp("real"), PRICED % upstream.base_url, HOSTED_KEY="sk-hosted") as service:
        yield service


def test_a_whole_reply_has_exactly_the_fields_of_the_contract(mock: Service) -> None:
    answer = mock.query("What is a monad?", mode="balanced", cache="off")
    reply = answer.json()
    assert answer.status == 200 and answer.headers["content-type"] == "application/json"
    assert set(reply) == REPLY
    assert set(reply["selected_model"]) == {"name", "provider", "model_id", "estimated_cost"}
    assert set(reply["usage"]) == {"input_tokens", "output_tokens", "cached_input_tokens", "reasoning_tokens"}
    assert set(reply["decision"]) == {"reason", "policy", "session_model", "candidates"}
    assert all(set(candidate) == CANDIDATE for candidate in reply["decision"]["candidates"])
    assert [set(attempt) for attempt in reply["attempts"]] == [{"model", "provider", "model_id", "status", "error", "latency_ms"}]
    assert (reply["prompt"], reply["mode"], reply["finish_reason"], reply["tool_calls"]) == (
        "What is a monad?", "balanced", "stop", None,
    )  # fmt: skip
    assert reply["usage"]["output_tokens"] > 5 and reply["latency_ms"] > 0 and 0 < reply["score"] <= 1


def test_the_chosen_model_is_among_the_candidates_and_not_excluded(mock: Service) -> None:
    reply = mock.query("Name three rivers.", cache="off").json()
    chosen = next(c for c in reply["decision"]["candidates"] if c["name"] == reply["selected_model"]["name"])
    assert chosen["excluded"] is None and reply["decision"]["reason"].startswith(chosen["name"])


def test_a_mock_says_so_in_reply_header_text_and_record_and_costs_nothing(mock: Service) -> None:
    answer = mock.query("Is this real?", cache="off")
    reply, record = answer.json(), mock.record(answer.json()["id"])
    assert reply["mock"] is True and answer.headers["x-router-mock"] == "true" and record["mock"] is True
    assert reply["response"].startswith("[MOCK]")
    assert (reply["cost_usd"], record["cost_nano_usd"], answer.headers["x-router-cost-usd"]) == (0, 0, "0.000000000")
    assert reply["selected_model"]["estimated_cost"] > 0, "the estimate is at list price, in mock mode too"


def test_the_reply_headers_name_what_the_reply_says(mock: Service) -> None:
    answer = mock.query("Which header?", cache="off")
    reply = answer.json()
    assert answer.headers["x-request-id"] == reply["id"]
    assert answer.headers["x-router-model"] == reply["selected_model"]["name"]
    assert answer.headers["x-router-provider"] == reply["selected_model"]["provider"]
    assert answer.headers["x-router-mode"] == reply["mode"]
    assert answer.headers["x-router-reason"] == reply["decision"]["reason"][:300]
    assert answer.headers["x-router-config"] == mock.record(reply["id"])["config_digest"]
    assert float(answer.headers["x-router-overhead-ms"]) < reply["latency_ms"] + 0.01
    assert answer.headers["x-cache"] == "off" and "x-router-fallback" not in answer.headers


def test_a_record_has_exactly_the_fields_of_the_contract(mock: Service) -> None:
    reply = mock.query("What is kept?", cache="off").json()
    record = mock.record(reply["id"])
    assert list(record) == RECORD
    assert set(record["decision"]) == DECISION and set(record["decision"]["propensity"]) == {"intended", "served"}
    assert record["at"].endswith("Z") and record["face"] == "query" and record["purpose"] == "caller"
    assert (record["asked"], record["decided"], record["served"]) == ("auto", *[reply["selected_model"]["name"]] * 2)
    assert (record["status"], record["outcome"], record["error"]) == (200, "answered", None)
    assert record["tokens_in"] == reply["usage"]["input_tokens"] and record["latency_ms"] == reply["latency_ms"]
    assert record["decision"]["ranking"][0] == record["decided"]


def test_the_default_record_keeps_a_hash_of_the_prompt_and_no_word_of_it(mock: Service) -> None:
    reply = mock.query("the heliotrope password", cache="off").json()
    again = mock.query("the heliotrope password", cache="off").json()
    assert mock.record(reply["id"])["prompt_hash"] == mock.record(again["id"])["prompt_hash"]
    assert "heliotrope" not in (mock.home / "logs" / "per_call.jsonl").read_text() and "heliotrope" not in mock.log()


def test_the_record_stands_in_the_journal_before_the_caller_has_the_last_byte(mock: Service) -> None:
    for turn in range(20):
        answer = mock.query(f"turn {turn}", cache="off", stream=bool(turn % 2))
        assert mock.record(answer.headers["x-request-id"])["outcome"] == "answered"


def test_metadata_user_and_the_callers_request_id_reach_the_record(mock: Service) -> None:
    body = {"prompt": "tagged", "metadata": {"team": "search", "run": "7"}, "user": "u-1", "cache": "off"}
    reply = mock.request("/query", body, {"x-request-id": "my-id.7"}).json()
    record = mock.record(reply["id"])
    assert record["metadata"] == {"team": "search", "run": "7"} and record["user"] == "u-1"
    assert record["client_request_id"] == "my-id.7" and reply["id"] != "my-id.7"


def test_a_session_is_in_the_record_when_one_was_given(mock: Service) -> None:
    reply = mock.query("In a session.", session="s-1", cache="off").json()
    assert list(mock.record(reply["id"])) == [*RECORD, "session"] and mock.record(reply["id"])["session"] == "s-1"


@pytest.mark.parametrize("sent", ["two words", "x" * 65, "tab\\t", "é"])
def test_an_unsound_request_id_of_the_callers_is_not_kept(mock: Service, sent: str) -> None:
    reply = mock.request("/query", {"prompt": "id"}, {"x-request-id": sent.encode().decode("latin-1")}).json()
    assert mock.record(reply["id"])["client_request_id"] is None


def test_a_stream_is_deltas_then_one_done_that_is_the_reply_without_its_text(mock: Service) -> None:
    answer = mock.query("Tell me a short story.", stream=True, cache="off")
    *deltas, done = answer.events()
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert len(deltas) > 3 and {event.name for event in deltas} == {"delta"}
    assert all(set(event.json()) == {"text"} for event in deltas)
    assert done.name == "done" and set(done.json()) == REPLY - {"response"}
    assert "".join(event.json()["text"] for event in deltas).startswith("[MOCK]")
    assert done.json()["id"] == answer.headers["x-request-id"] and mock.record(done.json()["id"])["stream"] is True
    assert "x-router-estimated-cost-usd" in answer.headers and "x-router-cost-usd" not in answer.headers


def test_a_stream_and_a_whole_answer_say_the_same(mock: Service) -> None:
    whole = mock.query("Say the same.", cache="off").json()
    *deltas, done = mock.query("Say the same.", cache="off", stream=True).events()
    assert "".join(event.json()["text"] for event in deltas) == whole["response"]
    assert done.json()["usage"] == whole["usage"] and done.json()["finish_reason"] == whole["finish_reason"]


@pytest.mark.parametrize(("path", "extra"), [("/route", {}), ("/query", {"dry_run": True}), ("/route", {"stream": True})])
def test_a_dry_run_decides_calls_nobody_and_leaves_no_record(mock: Service, path: str, extra: dict[str, bool]) -> None:
    before = len(mock.records())
    answer = mock.request(path, {"prompt": "Prove Fermat's little theorem.", **extra})
    assert answer.status == 200 and set(answer.json()) == DRY
    assert answer.json()["selected_model"]["estimated_cost"] > 0
    assert len(mock.records()) == before


def test_a_dry_run_chooses_what_a_real_one_calls(mock: Service) -> None:
    prompt = "Translate 'good morning' into Finnish, Basque and Welsh."
    dry, wet = (mock.request(path, {"prompt": prompt, "cache": "off"}).json() for path in ("/route", "/query"))
    assert dry["selected_model"]["name"] == wet["selected_model"]["name"]
    dry["decision"]["candidates"] = [{**one, "flip": None, "interval": None} for one in dry["decision"]["candidates"]]
    assert wet["decision"].items() <= dry["decision"].items()


def test_a_dry_run_says_what_would_have_flipped_the_decision_and_what_it_saves(mock: Service) -> None:
    """Every loser's lack, the other modes' choices, the baseline of the shipped configuration."""
    reply = mock.request("/route", {"prompt": "Compare renting and buying a flat for four years.", "mode": "balanced"}).json()
    told = reply["decision"]
    assert set(told) == {"reason", "policy", "session_model", "candidates", "modes", "saving", "flips"}
    first, *losers = [one for one in told["candidates"] if one["excluded"] is None]
    assert first["flip"] is None
    assert all(low <= one["quality"] <= high for one in told["candidates"] for low, high in [one["interval"]])
    assert all(set(one["flip"]) == {"quality", "cost_usd", "latency_ms"} for one in losers)
    assert all(one["flip"]["quality"] is None or one["flip"]["quality"] > one["quality"] - 0.001 for one in losers)
    assert told["modes"]["balanced"] == reply["selected_model"]["name"] == first["name"]
    assert told["saving"]["baseline"] == "openai_gpt4o"
    assert told["saving"]["saved_usd"] == pytest.approx(told["saving"]["baseline_usd"] - told["saving"]["chosen_usd"])
    assert any("would win at quality >= " in text for text in told["flips"])
    assert any(text.startswith("mode accurate picks ") for text in told["flips"])
    by_name = mock.request("/route", {"prompt": "hello", "model": "openai_gpt4o"}).json()["decision"]
    assert (by_name["policy"], by_name["candidates"]) == ("by-name", [])


def test_the_modes_differ(mock: Service) -> None:
    prompt = "Derive the closed form of the Fibonacci numbers with generating functions, step by step."
    chosen = {mode: mock.request("/route", {"prompt": prompt, "mode": mode}).json() for mode in ("fast", "balanced", "accurate")}
    names = {mode: reply["selected_model"]["name"] for mode, reply in chosen.items()}
    facts = {m: next(c for c in r["decision"]["candidates"] if c["name"] == names[m]) for m, r in chosen.items()}
    assert names["fast"] != names["accurate"]
    assert facts["fast"]["latency_ms"] < facts["accurate"]["latency_ms"]
    assert facts["fast"]["quality"] < facts["accurate"]["quality"]
    assert facts["balanced"]["cost_usd"] < facts["accurate"]["cost_usd"]


def test_mode_words_in_model_beat_the_mode_field(mock: Service) -> None:
    assert mock.request("/route", {"prompt": "x", "model": "auto-accurate", "mode": "fast"}).json()["mode"] == "accurate"


def test_constraints_bound_the_choice_and_say_who_was_excluded(mock: Service) -> None:
    body = {
        "prompt": "hello",
        "mode": "accurate",
        "constraints": {"providers": ["mistral", "gemini"], "exclude": ["gemini_argon"]},
    }
    reply = mock.request("/route", body).json()
    assert reply["selected_model"]["provider"] in ("mistral", "gemini")
    assert reply["selected_model"]["name"] != "gemini_argon"
    excluded = {c["name"]: c["excluded"] for c in reply["decision"]["candidates"]}
    assert excluded["gemini_argon"] and excluded["openai_gpt4o"]


def test_a_cost_limit_is_kept(mock: Service) -> None:
    body = {"prompt": "hello", "mode": "accurate", "constraints": {"max_cost_usd": 0.0001}}
    assert mock.request("/route", body).json()["selected_model"]["estimated_cost"] <= 0.0001


def test_constraints_that_nobody_meets_are_an_error_that_names_them(mock: Service) -> None:
    answer = mock.query("hello", constraints={"max_cost_usd": 0.0, "min_quality": 0.9})
    assert (answer.status, answer.json()["error"]["code"]) == (400, "no_candidate")
    assert "max_cost_usd" in answer.json()["error"]["message"]


@pytest.mark.parametrize("model", ["openai_gpt4o_mini", "openai/gpt-4o-mini", "gpt-4o-mini"])
def test_a_model_answers_to_its_row_its_full_id_and_its_own_id(mock: Service, model: str) -> None:
    reply = mock.query("hello", model=model, cache="off").json()
    assert reply["selected_model"]["name"] == "openai_gpt4o_mini" and reply["selected_model"]["model_id"] == "gpt-4o-mini"
    assert reply["mode"] is None and mock.record(reply["id"])["asked"] == model


def test_a_retired_model_is_answered_by_its_successor_with_a_warning(mock: Service) -> None:
    reply = mock.query("hello", model="anthropic_claude3_sonnet", cache="off").json()
    assert reply["selected_model"]["model_id"] == "claude-sonnet-5-5"
    assert any("claude-3-sonnet" in warning and "retired" in warning for warning in reply["warnings"])


def test_json_mode_gives_json(mock: Service) -> None:
    reply = mock.query("A colour as JSON.", response_format={"type": "json_object"}, cache="off").json()
    assert reply["response"].startswith("{") and reply["score_reasons"] == []


def test_a_conversation_shows_its_last_user_text_as_prompt(mock: Service) -> None:
    turns = [
        {"role": "user", "content": "First?"},
        {"role": "assistant", "content": "Yes."},
        {"role": "user", "content": "Second?"},
    ]
    answer = mock.request("/query", {"messages": turns, "system": "Be brief.", "cache": "off"})
    assert answer.status == 200 and answer.json()["prompt"] == "Second?"


def test_an_answer_cut_at_max_tokens_says_length_and_is_not_kept(mock: Service) -> None:
    first, second = (mock.query("Cut me off.", max_tokens=3).json() for _ in range(2))
    assert first["finish_reason"] == "length" and first["score_reasons"] and second["cached"] is False


# with a real provider


def test_a_real_answer_costs_its_tokens_at_the_rows_price(real: Service) -> None:
    answer = real.query("What do you cost?", model="big", cache="off")
    reply, record = answer.json(), real.record(answer.json()["id"])
    assert reply["response"] == "Hello from upstream." and reply["mock"] is False and "x-router-mock" not in answer.headers
    assert reply["cost_usd"] == pytest.approx((11 * 0.01 + 7 * 0.03) / 1000)
    assert record["cost_nano_usd"] == 320_000 and answer.headers["x-router-cost-usd"] == "0.000320000"
    assert (record["usage_source"], record["price_source"]) == ("provider", "config")


def test_a_real_streams_usage_and_cost_come_in_done(real: Service) -> None:
    *deltas, done = real.query("Stream your cost.", model="big", cache="off", stream=True).events()
    assert "".join(event.json()["text"] for event in deltas) == "Hello from upstream."
    assert done.json()["cost_usd"] == pytest.approx(0.00032) and done.json()["usage"]["output_tokens"] == 7


def test_an_unknown_price_is_null_and_never_zero(real: Service) -> None:
    answer = real.query("Priceless.", model="free", cache="off")
    assert answer.json()["cost_usd"] is None and answer.json()["selected_model"]["estimated_cost"] is None
    assert "x-router-cost-usd" not in answer.headers and real.record(answer.json()["id"])["cost_nano_usd"] is None


def test_a_hit_is_marked_costs_nothing_and_says_what_it_saved(real: Service, upstream: Upstream) -> None:
    first = real.query("Remember me.", model="big")
    eventually(lambda: real.query("Remember me.", model="big").json()["cached"])
    heard = len(upstream.heard)
    answer = real.query("Remember me.", model="big")
    reply, record = answer.json(), real.record(answer.json()["id"])
    assert first.json()["cached"] is False and first.headers["x-cache"] == "miss"
    assert reply["cached"] is True and answer.headers["x-cache"] == record["cache"] == "hit"
    assert reply["response"] == first.json()["response"] and len(upstream.heard) == heard
    assert (reply["cost_usd"], record["cost_nano_usd"]) == (0, 0)
    assert reply["saved_usd"] == record["saved_usd"] == pytest.approx(0.00032)
    assert reply["attempts"] == [] and reply["score"] == first.json()["score"]


def test_a_kept_answer_is_replayed_as_a_stream(real: Service, upstream: Upstream) -> None:
    whole = real.query("Whole, then streamed.", model="big").json()
    eventually(lambda: real.query("Whole, then streamed.", model="big").json()["cached"])
    heard = len(upstream.heard)
    answer = real.query("Whole, then streamed.", model="big", stream=True)
    assert (answer.headers["x-cache"], float(answer.headers["x-router-estimated-cost-usd"])) == ("hit", 0)
    *deltas, done = answer.events()
    assert "".join(event.json()["text"] for event in deltas) == whole["response"]
    assert done.json()["cached"] is True and done.json()["saved_usd"] == pytest.approx(0.00032)
    assert len(upstream.heard) == heard


def test_cache_off_asks_again_and_refresh_asks_again_and_keeps_the_new(real: Service, upstream: Upstream) -> None:
    def asked(wish: str) -> int:
        before = len(upstream.heard)
        assert real.query("Three wishes.", model="big", cache=wish).json()["cached"] is (len(upstream.heard) == before)
        return len(upstream.heard) - before

    assert asked("off") == 1 and asked("use") == 1, "what was off was not kept"
    eventually(lambda: asked("use") == 0)
    assert asked("off") == 1 and asked("refresh") == 1 and asked("use") == 0


@pytest.mark.parametrize(("control", "state"), [("no-store", "off"), ("no-cache", "miss")])
def test_cache_control_is_heeded(real: Service, control: str, state: str) -> None:
    real.query("Controlled.", model="big")
    answer = real.request("/query", {"prompt": "Controlled.", "model": "big"}, {"cache-control": control})
    assert answer.headers["x-cache"] == state


def test_a_played_answer_by_name_beside_real_ones_is_marked(real: Service) -> None:
    played = real.query("Play.", model="played", cache="off").json()
    assert played["mock"] is True and played["cost_usd"] == 0


def test_auto_never_picks_a_mock_while_a_model_is_real(real: Service) -> None:
    reply = real.request("/route", {"prompt": "hello", "mode": "fast"}).json()
    assert reply["mock"] is False
    assert next(c for c in reply["decision"]["candidates"] if c["name"] == "played")["excluded"]


# what is logged


@pytest.mark.parametrize("prompts", ["none", "redacted", "full"])
def test_prompts_are_logged_as_configured(tmp_path: Path, prompts: str) -> None:
    config = shipped().replace("prompts: hash", f"prompts: {prompts}")
    said = "Write to ada@example.com about the heliotrope."
    with running(tmp_path, config) as service:
        reply = service.query(said, cache="off").json()
        record = service.record(reply["id"])
    if prompts == "none":
        assert record["prompt_hash"] is None and not {"prompt", "response"} & set(record)
        return
    assert record["prompt_hash"] and "heliotrope" in record["prompt"] and record["response"].startswith("[MOCK]")
    assert ("ada@example.com" in record["prompt"]) is (prompts == "full")


@pytest.mark.parametrize("prompts", ["redacted", "full"])
def test_calls_are_logged_and_media_are_not(tmp_path: Path, prompts: str) -> None:
    """An answer that only calls a tool is no empty line; megabytes of an image are nobody's prompt."""
    config = shipped().replace("prompts: hash", f"prompts: {prompts}")
    answer = {"type": "object", "properties": {"to": {"const": "ada@example.com"}}, "required": ["to"]}
    tool = {"type": "function", "function": {"name": "mail", "parameters": answer}}
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgoAAAANSUhEUg=="}}
    turn = {"role": "user", "content": [image, {"type": "text", "text": "Look."}]}
    with running(tmp_path, config) as service:
        reply = service.request("/query", {"messages": [turn], "tools": [tool], "tool_choice": "required"}).json()
        record = service.record(reply["id"])
    arguments = reply["tool_calls"][0]["function"]["arguments"]
    assert "ada@example.com" in arguments
    if prompts == "redacted":
        arguments = arguments.replace("ada@example.com", "[email]")
    assert (record["prompt"], record["response"]) == ("Look.", f"mail({arguments})")
    assert "iVBORw0KGgo" not in (service.home / "logs" / "per_call.jsonl").read_text()


@pytest.mark.parametrize(
    ("body", "param", "route"),
    [
        (
            {"messages": [{"role": "user", "content": "x"}], "max_completion_tokens": 5},
            "max_completion_tokens",
            "/v1/chat/completions",
        ),
        ({"messages": [{"role": "user", "content": "x"}], "router": {"mode": "fast"}}, "router", "/v1/chat/completions"),
        ({"model": "auto", "input": "x"}, "input", "/v1/responses"),
        ({"model": "auto", "input": ["x"]}, "input", "/v1/embeddings"),
        ({"messages": [{"role": "user", "content": "x"}], "stop_sequences": ["a"]}, "stop_sequences", "/v1/messages"),
        ({"messages": [{"role": "user", "content": "x"}], "system": [{"type": "text", "text": "a"}]}, "system", "/v1/messages"),
        ({"contents": []}, "contents", "Gemini"),
    ],
)
def test_a_body_of_another_face_is_told_its_route(mock: Service, body: dict[str, Any], param: str, route: str) -> None:
    """Instead of a complaint about a field that this route never heard of."""
    answer = mock.request("/query", body)
    told = answer.json()["error"]
    assert (answer.status, told["param"]) == (400, param)
    assert route in told["message"]
