"""The guides as a reader follows them: their snippets load, their Python prints what the page shows, the example client works.

The programs themselves (Claude Code, Codex, ...) are no dependencies of ours; what each of them sends is kept here as its request had
it when the page was written, in our own words, and asked of the running service.
"""

import contextlib
import importlib.util
import io
import json
import re
import shutil
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.answer import Completion
from app.domain.request import ChatRequest, Media, Message, Text, Thinking, Tool
from app.domain.target import Target
from app.errors import BadAnswer, ContextTooLong, ProviderOverloaded, RouterError, TruncatedAnswer, UnsupportedFeature
from support import ROOT, STREAM_END, STREAM_HEAD, Heard, Service, Upstream, framed, http, running, shipped

GUIDES = ROOT / "docs" / "guides"
PAGES = sorted(path.name for path in GUIDES.glob("*.md"))
PACKAGE = ROOT / "services" / "api" / "app"
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(page: str, kind: str) -> list[str]:
    """The code blocks of one kind on a page."""
    return [text for language, text in FENCE.findall((GUIDES / page).read_text()) if language == kind]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with running(tmp_path_factory.mktemp("guides"), shipped()) as started:
        yield started


def test_the_index_names_every_page() -> None:
    linked = re.findall(r"\]\(([\w-]+\.md)\)", (GUIDES / "README.md").read_text())
    assert sorted({*linked, "README.md"}) == PAGES


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    for link in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", (GUIDES / page).read_text()):
        assert "://" in link or (GUIDES / link).exists(), link


# --- add-a-provider.md


def test_a_row_for_a_host_of_openais_dialect_is_called_as_its_page_says(tmp_path: Path) -> None:
    """The page's two rows, with the address of a scripted host."""
    config = blocks("add-a-provider.md", "yaml")[0]

    def script(heard: Heard) -> Iterator[bytes]:
        assert (heard.path, heard.headers["authorization"]) == ("/v1/chat/completions", "Bearer key-of-groq")
        assert heard.json()["model"] == "openai/gpt-oss-120b"
        choice = {"index": 0, "message": {"role": "assistant", "content": "Hi."}, "finish_reason": "stop"}
        usage = {"prompt_tokens": 1000, "completion_tokens": 1000, "total_tokens": 2000}
        yield http(
            json.dumps({"id": "c", "object": "chat.completion", "created": 1, "choices": [choice], "usage": usage}).encode()
        )

    host = Upstream(script)
    try:
        text = config.replace("https://api.groq.com/openai/v1", host.base_url)
        assert text != config
        with running(tmp_path, text, GROQ_API_KEY="key-of-groq") as service:
            reply = service.query("Hello", model="groq_gpt_oss").json()
    finally:
        host.close()
    assert (reply["response"], reply["mock"], round(reply["cost_usd"], 9)) == ("Hi.", False, 0.0009)


@pytest.fixture
def parrot(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The page's client, as the module it would be."""
    return _imported(monkeypatch)


def _imported(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    spec = importlib.util.spec_from_loader("app.clients.parrot_client", loader=None)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    module.__package__ = "app.clients"
    monkeypatch.setitem(sys.modules, spec.name, module)
    exec(compile(blocks("add-a-provider.md", "python")[0], "add-a-provider.md", "exec"), module.__dict__)
    return module


GREY = Target(
    name="grey", provider="parrot", model_id="grey-2", dialect="parrot", wire="parrot", base_url="http://host", key_env=("KEY",)
)
ASKED = ChatRequest(
    messages=(Message("system", (Text("Be kind."),)), Message("user", (Text("Hello"),))), max_tokens=100, stop=("END",)
)


def test_the_example_encodes_a_conversation(parrot: ModuleType) -> None:
    call = parrot.WIRE.suited(()).encode(ASKED, GREY, False)
    assert (call.url, call.auth, call.dropped) == ("http://host/say", "bearer", ())
    assert json.loads(call.body) == {
        "bird": "grey-2",
        "lines": [{"by": "human", "says": "Hello"}],
        "rules": "Be kind.",
        "most": 100,
        "until": ["END"],
    }


def test_the_example_names_what_it_leaves_out_and_refuses_what_it_cannot_carry(parrot: ModuleType) -> None:
    asked = ChatRequest(messages=ASKED.messages, temperature=0.5, thinking=Thinking(effort="low"), extra=("logit_bias",))
    assert parrot.WIRE.encode(asked, GREY, False).dropped == ("temperature", "reasoning_effort", "logit_bias")
    seeing = Message("user", (Text("What is it?"), Media("image", "image/png", "AAAA")))
    for odd in (ChatRequest(messages=ASKED.messages, tools=(Tool("t"),)), ChatRequest(messages=(seeing,))):
        with pytest.raises(UnsupportedFeature):
            parrot.WIRE.encode(odd, GREY, False)


def test_the_examples_wire_understands_what_its_face_says(parrot: ModuleType) -> None:
    """Both directions, whole and streamed, also through the bytes of a request."""
    request = parrot.FACE.parse(parrot.WIRE.encode(ASKED, GREY, True).body)
    assert (request.messages, request.max_tokens, request.stop, request.stream) == (ASKED.messages, 100, ("END",), True)
    answer = parrot.WIRE.decode(b'{"says":"Hello yourself.","why":"most","counts":{"heard":3,"said":4}}')
    assert (answer.text, answer.finish_reason, answer.usage.output_tokens) == ("Hello yourself.", "length", 4)
    assert parrot.WIRE.decode(parrot.FACE.render(answer, request, "id", 0)).usage == answer.usage
    writer = parrot.FACE.writer(request, "id", 0, "grey-2")
    stream = b"".join([writer.write(delta) for delta in answer.unfolded()]) + writer.finish("a comment")
    for size in (1, 7, len(stream)):
        reader = parrot.WIRE.reader()
        deltas = [delta for at in range(0, len(stream), size) for delta in reader.feed(stream[at : at + size])]
        told = Completion.folded(deltas + reader.close())
        assert (told.text, told.finish_reason, told.usage) == (answer.text, "length", answer.usage)


def test_the_example_reads_failures(parrot: ModuleType) -> None:
    too_long = b'{"fault":{"word":"too_long","text":"12 tokens > 8 maximum"}}'
    fault = parrot.WIRE.fault(400, {}, too_long)
    assert isinstance(fault, ContextTooLong) and (fault.tokens, fault.limit) == (12, 8)
    busy = parrot.WIRE.fault(503, {"retry-after": "7"}, b"<html>")
    assert isinstance(busy, ProviderOverloaded) and busy.retry_after == 7
    with pytest.raises(ContextTooLong):
        parrot.WIRE.decode(too_long)
    with pytest.raises(BadAnswer):
        parrot.WIRE.decode(b'{"says":"cut"}')
    reader = parrot.WIRE.reader()
    reader.feed(b'data: {"says":"He"}\n\n')
    with pytest.raises(TruncatedAnswer):
        reader.close()
    told = parrot.FACE.complain(BadAnswer("no"), "id")
    with pytest.raises(RouterError):
        parrot.WIRE.decode(told)


@settings(max_examples=60)
@given(st.binary(max_size=60), st.integers(0, 70), st.integers(1, 20))
def test_the_example_raises_nothing_but_errors_of_ours(noise: bytes, place: int, size: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        parrot = _imported(patch)
        sound = b'data: {"says":"Hello"}\n\ndata: {"why":"done","counts":{"heard":3,"said":4}}\n\n'
        spoilt = sound[:place] + noise + sound[place + len(noise) :]
        reader = parrot.WIRE.reader()
        try:
            for at in range(0, len(spoilt), size):
                reader.feed(spoilt[at : at + size])
            reader.close()
            parrot.WIRE.decode(spoilt)
        except RouterError:
            pass


def edits(page: str) -> Iterator[tuple[Path, str, str]]:
    """The page's diff as replacements: the file, the lines before and the lines after."""
    for part in re.split(r"^--- ", blocks(page, "diff")[0], flags=re.MULTILINE)[1:]:
        path, _, rest = part.partition("\n")
        for hunk in re.findall(r"(?:^-.*\n)+(?:^\+.*\n)+", rest, re.MULTILINE):
            lines = hunk.splitlines()
            old, new = ("".join(line[1:] + "\n" for line in lines if line[0] == sign) for sign in "-+")
            yield Path(path), old, new


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the package with the example in it, changed as the page says."""
    home = tmp_path_factory.mktemp("with_parrot")
    shutil.copytree(PACKAGE, home / "app")
    (home / "app" / "clients" / "parrot_client.py").write_text(blocks("add-a-provider.md", "python")[0])
    found = list(edits("add-a-provider.md"))
    assert found
    for path, old, new in found:
        target = home / "app" / path.relative_to("services/api/app")
        text = target.read_text()
        assert text.count(old) == 1, f"{path} does not hold once what the page changes: {old}"
        target.write_text(text.replace(old, new))
    return home


def test_the_new_dialect_answers_in_mock_mode(package: Path, tmp_path: Path) -> None:
    with running(tmp_path, blocks("add-a-provider.md", "yaml")[1], PYTHONPATH=str(package)) as service:
        whole = service.query("Hello", model="grey").json()
        streamed = service.request("/v1/messages", _messages("grey", stream=True))
    assert whole["mock"] and whole["response"].startswith("[MOCK] grey-2")
    assert b"message_stop" in streamed.body


def test_the_new_dialect_speaks_to_a_host(package: Path, tmp_path: Path) -> None:
    def script(heard: Heard) -> Iterator[bytes]:
        asked = heard.json()
        assert (heard.path, heard.headers["authorization"], asked["bird"]) == ("/v1/say", "Bearer key-of-parrot", "grey-2")
        if not asked.get("stream"):
            yield http(b'{"says":"Hello yourself.","why":"done","counts":{"heard":3,"said":4}}')
            return
        yield STREAM_HEAD
        for event in (b'{"says":"Hello "}', b'{"says":"yourself."}', b'{"why":"done","counts":{"heard":3,"said":4}}'):
            yield framed(b"data: " + event + b"\n\n")
        yield STREAM_END

    host = Upstream(script)
    config = blocks("add-a-provider.md", "yaml")[1].replace("https://parrot.example", host.base_url)
    try:
        with running(tmp_path, config, PYTHONPATH=str(package), PARROT_API_KEY="key-of-parrot") as service:
            whole = service.query("Hello", model="grey").json()
            chat = service.chat("Hello", model="grey", temperature=0.5, stream=True)
            tooled = service.chat("Hello", model="grey", tools=[{"type": "function", "function": {"name": "f"}}])
    finally:
        host.close()
    assert (whole["response"], whole["usage"]["output_tokens"], whole["mock"]) == ("Hello yourself.", 4, False)
    pieces = [event.json() for event in chat.events() if event.data.startswith("{")]
    assert "".join(piece["choices"][0]["delta"].get("content") or "" for piece in pieces if piece["choices"]) == "Hello yourself."
    assert chat.headers["x-router-dropped"] == "temperature"
    assert (tooled.status, tooled.json()["error"]["code"]) == (400, "unsupported_feature")


# --- the programs' pages


def test_every_name_that_a_page_gives_to_a_program_is_one_of_the_service(service: Service) -> None:
    known = {model["id"] for model in service.request("/v1/models").json()["data"]}
    claude = json.loads(blocks("claude-code.md", "json")[0])["env"]
    endpoint = yaml.safe_load(blocks("librechat.md", "yaml")[0])["endpoints"]["custom"][0]
    named = {
        "claude-code.md": {value for name, value in claude.items() if name.endswith("_MODEL")},
        "codex.md": {tomllib.loads(blocks("codex.md", "toml")[0])["model"]},
        "llm.md": {row["model_name"] for row in yaml.safe_load(blocks("llm.md", "yaml")[0])},
        "librechat.md": {endpoint["titleModel"], *endpoint["models"]["default"]},
        "langchain.md": set(re.findall(r'model="([^"]+)"', blocks("langchain.md", "python")[0])),
        "aider.md": set(re.findall(r"--model openai/(\S+)", (GUIDES / "aider.md").read_text())),
    }
    assert all(named.values())
    assert [(page, name) for page, names in named.items() for name in names - known] == []


def test_claude_codes_settings_say_what_its_variables_say() -> None:
    exported = dict(re.findall(r"^export (\w+)=(\S+)", blocks("claude-code.md", "sh")[0], re.MULTILINE))
    assert exported == json.loads(blocks("claude-code.md", "json")[0])["env"]
    assert exported["ANTHROPIC_BASE_URL"] == "http://127.0.0.1:8000", "the SDK adds /v1/messages itself"


def test_the_alias_for_claude_code_answers_its_names(tmp_path: Path) -> None:
    config = yaml.safe_load(shipped()) | yaml.safe_load(blocks("claude-code.md", "yaml")[0])
    with running(tmp_path, yaml.safe_dump(config)) as service:
        answer = service.request("/v1/messages?beta=true", _messages("claude-opus-4-8"))
    assert answer.status == 200 and answer.json()["content"]


def test_the_other_pages_point_below_v1() -> None:
    """Clients of OpenAI's dialect add the rest of the path to their base URL."""
    codex = tomllib.loads(blocks("codex.md", "toml")[0])
    host = codex["model_providers"][codex["model_provider"]]
    assert (host["base_url"], host["wire_api"]) == ("http://127.0.0.1:8000/v1", "responses")
    assert f"export {host['env_key']}=" in blocks("codex.md", "sh")[0]
    bases = {row["api_base"] for row in yaml.safe_load(blocks("llm.md", "yaml")[0])}
    bases |= {endpoint["baseURL"] for endpoint in yaml.safe_load(blocks("librechat.md", "yaml")[0])["endpoints"]["custom"]}
    for page in ("aider.md", "open-webui.md"):
        bases |= set(re.findall(r"OPENAI_API_BASE\w*=(\S+)", blocks(page, "sh")[0]))
    assert bases == {"http://127.0.0.1:8000/v1"}


def test_langchains_page_prints_what_it_says(service: Service) -> None:
    code = blocks("langchain.md", "python")[0].replace("http://127.0.0.1:8000", service.url)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(code, "langchain.md", "exec"), {"__name__": "langchain_page"})
    assert printed.getvalue() == blocks("langchain.md", "text")[0]


# --- what the programs send: their own forms (captured, see the versions on the pages) with words of ours in them

SCHEMA = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "properties": {"command": {"type": "string"}},
    "required": ["command"],
    "additionalProperties": False,
}
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+A8AAQUBAScY42YAAAAASUVORK5CYII="
BETAS = (
    "claude-code-20250219,interleaved-thinking-2025-05-14,thinking-token-count-2026-05-13,context-management-2025-06-27,"
    "prompt-caching-scope-2026-01-05,mid-conversation-system-2026-04-07,effort-2025-11-24"
)
CLAUDE_CODE: dict[str, Any] = {
    "model": "auto",
    "messages": [
        {"role": "user", "content": [{"type": "text", "text": "A reminder."}, {"type": "text", "text": "Look at it"}]},
        {"role": "system", "content": "Agents that there are."},
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "I look.", "signature": "c2lnbmVk"},
                {"type": "tool_use", "id": "toolu_01A", "name": "Read", "input": {"command": "a.png"}},
                {"type": "tool_use", "id": "toolu_01B", "name": "Bash", "input": {"command": "ls"}},
            ],
        },
        {
            "role": "user",
            "content": [
                {
                    "tool_use_id": "toolu_01A",
                    "type": "tool_result",
                    "content": [{"type": "image", "source": {"type": "base64", "data": PIXEL, "media_type": "image/png"}}],
                },
                {
                    "tool_use_id": "toolu_01B",
                    "type": "tool_result",
                    "content": "a.png",
                    "is_error": False,
                    "cache_control": {"type": "ephemeral"},
                },
                {"type": "text", "text": "Go on"},
            ],
        },
        {"role": "system", "content": "A late instruction."},
    ],
    "system": [
        {"type": "text", "text": "x-header: a=b;"},
        {"type": "text", "text": "You are an agent.", "cache_control": {"type": "ephemeral"}},
    ],
    "tools": [{"name": name, "description": "A tool.", "input_schema": SCHEMA} for name in ("Bash", "Read", "WebSearch")],
    "metadata": {"user_id": '{"device_id":"d","account_uuid":"","session_id":"s"}'},
    "max_tokens": 32000,
    "thinking": {"type": "adaptive"},
    "context_management": {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]},
    "output_config": {"effort": "high"},
    "stream": True,
}


def _claude(service: Service, body: dict[str, Any], path: str = "/v1/messages") -> Any:
    headers = {"anthropic-version": "2023-06-01", "anthropic-beta": BETAS, "authorization": "Bearer any-text", "x-app": "cli"}
    return service.request(f"{path}?beta=true", body, headers)


@pytest.mark.parametrize("model", ["auto", "openai_gpt6_sol", "anthropic_claude_haiku", "gemini_flash", "mistral_small"])
def test_a_turn_of_claude_code_is_answered_by_any_providers_model(service: Service, model: str) -> None:
    answer = _claude(service, CLAUDE_CODE | {"model": model})
    assert answer.status == 200, answer.body
    names = [event.name for event in answer.events()]
    assert (names[0], names[-1]) == ("message_start", "message_stop")


def test_what_claude_code_asks_besides_is_answered(service: Service) -> None:
    """The tokens of parts of its prompt, a title by a schema and with an empty list of tools."""
    counted = _claude(
        service, {"model": "auto", "messages": [{"role": "user", "content": "foo"}], "tools": []}, "/v1/messages/count_tokens"
    )
    assert counted.json()["input_tokens"] > 0
    form = {"type": "json_schema", "schema": SCHEMA}
    title = {"messages": CLAUDE_CODE["messages"][:1], "tools": [], "output_config": {"effort": "high", "format": form}}
    plain = {name: CLAUDE_CODE[name] for name in ("model", "system", "metadata", "max_tokens", "stream")}
    assert _claude(service, plain | title).status == 200


def test_the_web_search_of_claude_code_goes_to_anthropic_alone(service: Service) -> None:
    search = {
        "messages": CLAUDE_CODE["messages"][:1],
        "tools": [{"type": "web_search_20250305", "name": "web_search", "max_uses": 8}],
        "tool_choice": {"type": "auto"},
    }
    plain = {name: CLAUDE_CODE[name] for name in ("system", "metadata", "max_tokens", "output_config", "stream")}
    assert _claude(service, plain | search | {"model": "anthropic_claude_haiku"}).status == 200
    refused = _claude(service, plain | search | {"model": "mistral_small"})
    assert refused.status == 400 and refused.json()["error"]["type"] == "invalid_request_error"


def _function(name: str) -> dict[str, Any]:
    return {"type": "function", "name": name, "description": "A tool.", "strict": False, "parameters": SCHEMA}


CODEX: dict[str, Any] = {
    "model": "auto",
    "stream": True,
    "input": [
        {"type": "message", "id": "msg_1", "role": "developer", "content": [{"type": "input_text", "text": "You are an agent."}]},
        {
            "type": "message",
            "id": "msg_2",
            "role": "user",
            "content": [
                {"type": "input_text", "text": "<image>"},
                {"type": "input_image", "image_url": f"data:image/png;base64,{PIXEL}", "detail": "high"},
                {"type": "input_text", "text": "Look at it"},
            ],
        },
        {
            "type": "function_call",
            "status": "completed",
            "id": "fc_1",
            "name": "exec_command",
            "arguments": "{}",
            "call_id": "call_1",
        },
        {"type": "function_call_output", "id": "fco_1", "call_id": "call_1", "output": "a.png"},
        {
            "type": "function_call",
            "id": "fc_2",
            "name": "spawn_agent",
            "namespace": "multi_agent_v1",
            "arguments": '{"command": "hi"}',
            "call_id": "call_2",
        },
        {
            "type": "function_call_output",
            "id": "fco_2",
            "call_id": "call_2",
            "output": [{"type": "input_image", "image_url": f"data:image/png;base64,{PIXEL}", "detail": "high"}],
        },
        {
            "type": "message",
            "status": "completed",
            "id": "msg_3",
            "role": "assistant",
            "content": [{"type": "output_text", "text": "Done.", "annotations": []}],
        },
        {"type": "message", "id": "msg_4", "role": "user", "content": [{"type": "input_text", "text": "Go on"}]},
    ],
    "tools": [
        _function("exec_command"),
        {"type": "namespace", "name": "multi_agent_v1", "description": "Agents.", "tools": [_function("spawn_agent")]},
        {"type": "web_search", "external_web_access": True},
    ],
    "tool_choice": "auto",
    "parallel_tool_calls": True,
    "reasoning": {"summary": "auto"},
    "store": False,
    "include": ["reasoning.encrypted_content"],
    "prompt_cache_key": "thread",
    "client_metadata": {"session_id": "s", "x-codex-window-id": "w:0"},
}


@pytest.mark.parametrize("model", ["auto", "openai_gpt6_sol", "anthropic_claude_haiku", "gemini_flash", "mistral_small"])
def test_a_turn_of_codex_is_answered_by_any_providers_model(service: Service, model: str) -> None:
    answer = service.request("/v1/responses", CODEX | {"model": model}, {"originator": "codex_exec", "session-id": "s"})
    assert answer.status == 200, answer.body
    names = [event.name for event in answer.events()]
    assert (names[0], names[-1]) == ("response.created", "response.completed")
    assert "tools.web_search" in answer.headers["x-router-dropped"]


def test_codexs_code_mode_is_answered(service: Service) -> None:
    """Models that Codex knows get their tools inside the conversation: one free-text tool, and namespaces."""
    grammar = {"type": "grammar", "syntax": "lark", "definition": "start: /.+/"}
    tools = [
        {"type": "namespace", "name": "functions", "description": "", "tools": [
            {"type": "custom", "name": "exec", "description": "Runs a script.", "format": grammar}, _function("wait"),
        ]},
        {"type": "namespace", "name": "clock", "description": "Time.", "tools": [_function("sleep")]},
    ]  # fmt: skip
    offered = {"type": "additional_tools", "id": "at_1", "role": "developer", "tools": tools}
    body = {name: CODEX[name] for name in ("stream", "tool_choice", "parallel_tool_calls", "store", "include", "client_metadata")}
    asked = {
        "model": "gpt-6-luna",
        "input": [offered, CODEX["input"][0], CODEX["input"][-1]],
        "reasoning": {"effort": "low", "context": "all_turns"},
        "text": {"verbosity": "low"},
    }
    assert service.request("/v1/responses", body | asked).status == 200


def test_the_forms_of_llm_aider_and_open_webui_are_answered(service: Service) -> None:
    said = [{"role": "user", "content": "Hello"}]
    usage = {"stream": True, "stream_options": {"include_usage": True}}
    image = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}}
    function = {"name": "llm_version", "description": "A version.", "parameters": {"properties": {}, "type": "object"}}
    form = {"type": "json_schema", "json_schema": {"name": "output", "schema": SCHEMA}}
    bodies: list[dict[str, Any]] = [
        {"messages": said, "stream": False},
        {"messages": said, **usage, "tools": [{"type": "function", "function": function}]},
        {"messages": said, **usage, "response_format": form},
        {"messages": [{"role": "user", "content": [{"type": "text", "text": "Colour?"}, image]}], **usage},
        {"messages": said, "stream": True, "temperature": 0},
        {"messages": [{"role": "system", "content": "Be kind."}, *said], **usage, "max_tokens": 50, "temperature": 0.7},
    ]
    assert [service.request("/v1/chat/completions", {"model": "auto", **body}).status for body in bodies] == [200] * 6


def _messages(model: str, **fields: Any) -> dict[str, Any]:
    return {"model": model, "max_tokens": 100, "messages": [{"role": "user", "content": "Hello"}], **fields}
