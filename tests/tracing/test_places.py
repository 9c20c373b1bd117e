"""Ids, samplers, spans and the waiting line of traces, each alone."""

import threading
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.sdk.trace.sampling import TraceIdRatioBased

from app.domain.record import Attempt, Record
from app.domain.request import ChatRequest, Message, Text
from app.domain.target import Target
from app.tracing.place import Caller, Trace, caller_of, new_span_id, new_trace_id
from app.tracing.sampling import sampler
from app.tracing.spans import Call, Span, asked_by, spans_of
from app.tracing.start import destination, open_tracer, warnings
from app.tracing.tracer import Tracer
from app.tracing.wanted import Wanted, wanted
from support import child_env, eventually, running, shipped

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
TARGET = Target(
    name="a", provider="openai", model_id="a-1", dialect="openai", wire="openai", base_url="https://api.openai.com/v1"
)


@pytest.mark.parametrize(
    "told",
    [
        None, "", "00", f"00-{TRACE}-{SPAN}", f"ff-{TRACE}-{SPAN}-01", f"00-{'0' * 32}-{SPAN}-01", f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE.upper()}-{SPAN}-01", f"00-{TRACE}-{SPAN}-01-more", f" 00-{TRACE}-{SPAN}-01", f"00-{TRACE}-{SPAN}-01\n",
    ],
)  # fmt: skip
def test_what_is_no_trace_context_is_none(told: str | None) -> None:
    assert caller_of(told) is None


@pytest.mark.parametrize(("flags", "sampled"), [("00", False), ("01", True), ("03", True), ("02", False)])
def test_a_caller_s_place_is_read(flags: str, sampled: bool) -> None:
    assert caller_of(f"00-{TRACE}-{SPAN}-{flags}") == Caller(TRACE, SPAN, sampled)


@given(st.floats(min_value=0, max_value=1e9), st.booleans())
def test_what_goes_upstream_is_a_sound_child_of_the_call(began: float, sampled: bool) -> None:
    trace = Trace(new_trace_id(), new_span_id(), None, sampled)
    child = caller_of(trace.upstream(began))
    assert child == Caller(trace.id, trace.span_of(began), sampled) and child.span != trace.span


def test_ids_differ() -> None:
    assert len({new_trace_id() for _ in range(1000)} | {new_span_id() for _ in range(1000)}) == 2000


@pytest.mark.parametrize(
    ("name", "argument", "alone", "sampled_caller", "quiet_caller"),
    [
        ("", "", True, True, False),
        ("always_on", "", True, True, True),
        ("always_off", "", False, False, False),
        ("parentbased_always_off", "", False, True, False),
        ("traceidratio", "0", False, False, False),
        ("parentbased_traceidratio", "0", False, True, False),
        ("parentbased_traceidratio", "1", True, True, False),
        ("traceidratio", "", True, True, True),
    ],
)
def test_the_standard_samplers(name: str, argument: str, alone: bool, sampled_caller: bool, quiet_caller: bool) -> None:
    decide, fault = sampler({"OTEL_TRACES_SAMPLER": name, "OTEL_TRACES_SAMPLER_ARG": argument})
    assert fault is None
    assert decide(TRACE, None) is alone
    assert (decide(TRACE, Caller(TRACE, SPAN, True)), decide(TRACE, Caller(TRACE, SPAN, False))) == (sampled_caller, quiet_caller)


@given(st.integers(min_value=1, max_value=2**128 - 1), st.floats(min_value=0, max_value=1))
def test_a_ratio_keeps_the_traces_that_the_sdk_keeps(trace: int, ratio: float) -> None:
    decide, _ = sampler({"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": repr(ratio)})
    theirs = TraceIdRatioBased(ratio).should_sample(None, trace, "x").decision.is_sampled()
    assert decide(f"{trace:032x}", None) is theirs


@pytest.mark.parametrize(
    ("name", "argument"), [("sometimes", ""), ("traceidratio", "half"), ("traceidratio", "2"), ("traceidratio", "nan")]
)
def test_a_sampler_that_is_not_understood_is_the_default_and_a_warning(name: str, argument: str) -> None:
    values = {"OTEL_TRACES_SAMPLER": name, "OTEL_TRACES_SAMPLER_ARG": argument, ENDPOINT: "http://here:4318"}
    decide, fault = sampler(values)
    assert decide(TRACE, None) and fault is not None and name in fault
    assert warnings(values) == [fault] and destination(values) == "http://here:4318/v1/traces"


def test_traces_are_wanted_where_an_endpoint_says_so() -> None:
    assert wanted({}) is None and wanted({ENDPOINT: " "}) is None
    assert wanted({ENDPOINT: "http://here:4318"}) == Wanted("http://here:4318/v1/traces")
    assert wanted({ENDPOINT: "http://here:4318/x/"}) == Wanted("http://here:4318/x/v1/traces")
    assert wanted({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://here/as-it-is"}) == Wanted("http://here/as-it-is")
    for off in ({"OTEL_SDK_DISABLED": "true"}, {"OTEL_TRACES_EXPORTER": "none"}):
        assert wanted({ENDPOINT: "http://here:4318", **off}) is None
    odd = wanted({ENDPOINT: "http://here", "OTEL_BSP_MAX_QUEUE_SIZE": "-1", "OTEL_BSP_SCHEDULE_DELAY": "soon"})
    assert odd == Wanted("http://here/v1/traces")


@pytest.mark.parametrize(
    "values", [{ENDPOINT: "here:4317"}, {ENDPOINT: "http://here:4317", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}]
)
def test_what_cannot_be_sent_is_said_once_at_the_start_and_nothing_is_opened(values: dict[str, str]) -> None:
    (line,) = warnings(values)
    assert line.startswith("OTEL_EXPORTER_OTLP_") and destination(values) is None
    assert open_tracer(values, "1", float, float) is None


def test_a_missing_extra_is_one_warning_that_names_the_command(tmp_path: Path) -> None:
    """An empty package in front of the SDK stands for one that is not there."""
    (tmp_path / "shadow" / "opentelemetry" / "sdk").mkdir(parents=True)
    (tmp_path / "shadow" / "opentelemetry" / "sdk" / "__init__.py").touch()
    env = {ENDPOINT: "http://127.0.0.1:9", "PYTHONPATH": str(tmp_path / "shadow")}
    with running(tmp_path, shipped(), 2, **env) as service:
        assert service.query("hello").status == 200
        assert service.log().count(ENDPOINT) == 1
        assert "-m pip install opentelemetry-sdk opentelemetry-exporter-otlp-proto-http" in service.log()
    assert child_env().keys().isdisjoint(env)


def test_a_package_that_cannot_be_loaded_is_a_warning_and_no_end(tmp_path: Path) -> None:
    """A module without its classes stands for a version that does not fit."""
    broken = tmp_path / "shadow" / "opentelemetry" / "exporter" / "otlp" / "proto" / "http"
    broken.mkdir(parents=True)
    (broken / "__init__.py").touch()
    env = {ENDPOINT: "http://127.0.0.1:9", "PYTHONPATH": str(tmp_path / "shadow")}
    with running(tmp_path, shipped(), **env) as service:
        assert service.query("hello").status == 200
        eventually(lambda: "OpenTelemetry cannot be loaded" in service.log())


def test_a_password_in_the_endpoint_is_not_shown() -> None:
    assert destination({ENDPOINT: "https://me:canary@here"}) == "https://me:***@here/v1/traces"


def record(**facts: object) -> Record:
    base = {"id": "x", "at": "", "face": "query", "asked": "auto", "status": 200, "outcome": "answered", "latency_ms": 10.0}
    return Record(**{**base, **facts})  # type: ignore[arg-type]


def call(made: Record, *began: float) -> Call:
    trace = Trace(TRACE, SPAN, None, True)
    for moment in began:
        trace.note(TARGET, moment)
    return Call(made, trace, asked_by(ChatRequest(messages=(Message("user", (Text("hi"),)),))), 1_000.0, 5.0)


def test_hedged_tries_overlap_and_the_winner_lasts_until_the_end() -> None:
    attempts = (
        Attempt("a", "openai", "a-1", None, "cancelled", 7.0),
        Attempt("b", "openai", "b-1", 200, None, 2.0),
    )
    made = record(stream=True, first_token_ms=7.0, attempts=attempts)
    whole, lost, won = spans_of(call(made, 5.0, 5.005), content=False)
    assert (whole.began, whole.ended) == (1_000_000_000_000, 1_000_010_000_000)
    assert lost.began == whole.began and abs(lost.ended - 1_000_007_000_000) < 1000
    assert abs(won.began - 1_000_005_000_000) < 1000 and won.ended == whole.ended
    assert won.attributes["server.address"] == "api.openai.com" and "server.port" not in won.attributes


def test_numbers_and_texts_that_protobuf_cannot_hold_are_told_as_text() -> None:
    made = record(asked="half \ud800 of one", cost_usd=float("nan"), session="s" * 100_000)
    (span,) = spans_of(call(made), content=False)
    assert span.attributes["gen_ai.request.model"] == "half ? of one"
    assert len(str(span.attributes["gen_ai.conversation.id"])) == 32_768


class Slow:
    """An exporter that waits until it is let go."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.taken = 0
        self.hurried = False

    def export(self, spans: Sequence[Span]) -> str | None:
        self.go.wait(30)
        self.taken += len(spans)
        return None

    def hurry(self) -> None:
        self.hurried = True
        self.go.set()


def test_what_waits_is_bounded_and_a_stop_hurries() -> None:
    slow = Slow()
    tracer = Tracer(Wanted("http://here", waiting=10, batch=10, seconds=60), sampler({})[0], slow, lambda: 1_000.0, lambda: 5.0)
    request = ChatRequest(messages=(Message("user", (Text("hi"),)),))
    for _ in range(100):
        tracer.end(record(), request, tracer.begin(None), 4.0)
    assert tracer.lost >= 80, "ten wait, and ten are being sent at most"
    tracer.stop(1.0)
    assert slow.hurried and slow.taken + tracer.lost == 100


def test_a_call_that_waits_holds_no_prompt_in_memory() -> None:
    slow = Slow()
    tracer = Tracer(Wanted("http://here", seconds=60), sampler({})[0], slow, lambda: 1_000.0, lambda: 5.0)
    request = ChatRequest(messages=(Message("user", (Text("hi"),)),))
    tracer.end(record(prompt="long", response="longer"), request, tracer.begin(None), 4.0)
    assert "long" not in repr(tracer._calls)
    slow.go.set()
    tracer.stop(5.0)
