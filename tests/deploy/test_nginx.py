"""The nginx configuration: its structure everywhere, and in front of a real service where an nginx is found."""

import http.client
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from process.asking import Gate
from support import ROOT, Answer, Service, Upstream, child_env, eventually, free_port, running

CONF = ROOT / "deploy" / "nginx" / "llm-router.conf"
NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
nginx = pytest.mark.skipif(NGINX is None, reason="not run: nginx is not on the PATH")
KEY = "k" * 32
CONFIG = """
providers: {hosted: {base_url: "%s", key_env: null}}
models: {a: {provider: hosted, id: a-1}}
cache: {backend: none}
server: {root_path: /llm}
"""


def directives() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in CONF.read_text().splitlines():
        if match := re.match(r"\s*([a-z_]+)\s+([^{};]+);", line):
            found.setdefault(match[1], []).append(match[2].strip())
    return found


def test_streams_are_not_held_up_and_no_call_is_made_twice() -> None:
    said = directives()
    assert said["proxy_buffering"] == said["gzip"] == said["proxy_cache"] == said["proxy_next_upstream"] == ["off"]
    assert said["proxy_http_version"] == ["1.1"] and 'Connection ""' in said["proxy_set_header"]


def test_nginx_waits_longer_than_the_router_and_takes_larger_bodies() -> None:
    said = directives()
    total = 600  # timeouts.total by default
    assert int(said["proxy_read_timeout"][0].removesuffix("s")) > total
    assert int(said["client_max_body_size"][0].removesuffix("m")) * 2**20 > 33_554_432


def wrapped(home: Path, port: int, service: Service, strip: bool) -> Path:
    """A whole configuration around ours, with every file in a folder of the test."""
    conf = (
        CONF.read_text()
        .replace("listen 80;", f"listen 127.0.0.1:{port};")
        .replace("127.0.0.1:8000;", f"127.0.0.1:{service.port};")
    )
    if strip:
        conf = conf.replace("proxy_pass http://llm_router;", "proxy_pass http://llm_router/;")
    (home / "llm-router.conf").write_text(conf)
    temporary = "".join(f"  {name}_temp_path {home}/{name};\n" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    whole = home / "nginx.conf"
    whole.write_text(
        f"daemon off;\nmaster_process off;\npid {home}/nginx.pid;\nerror_log {home}/error.log;\nevents {{}}\n"
        f"http {{\n{temporary}  access_log off;\n  include {home}/llm-router.conf;\n}}\n"
    )
    return whole


@contextmanager
def fronted(home: Path, upstream: Upstream, strip: bool) -> Iterator[tuple[Service, int]]:
    """A service with a caller key and nginx in front of it; the port is nginx's."""
    assert NGINX is not None
    with running(home, CONFIG % upstream.base_url, LLM_ROUTER_API_KEYS=KEY) as service:
        port = free_port()
        conf = wrapped(home, port, service, strip)
        command = [NGINX, "-c", str(conf), "-p", str(home), "-e", str(home / "error.log")]
        checked = subprocess.run([*command, "-t"], env=child_env(), capture_output=True, text=True, check=False)
        assert checked.returncode == 0, checked.stderr
        process = subprocess.Popen(command, env=child_env())
        try:
            eventually(lambda: up(port), 20)
            yield service, port
        finally:
            process.terminate()
            process.wait(10)


def up(port: int) -> bool:
    try:
        return asked(port, "/llm/health").status == 200
    except OSError:
        return False


def asked(port: int, path: str, body: Any = None, **headers: str) -> Answer:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        sent = {"authorization": f"Bearer {KEY}", "content-type": "application/json", "host": "llm.example.com", **headers}
        data = body if isinstance(body, bytes) or body is None else json.dumps(body)
        connection.request("GET" if body is None else "POST", path, data, sent)
        answer = connection.getresponse()
        return Answer(answer.status, dict(answer.getheaders()), answer.read())
    finally:
        connection.close()


@nginx
@pytest.mark.parametrize("strip", [False, True])
def test_the_service_works_under_a_prefix(tmp_path: Path, strip: bool) -> None:
    gate = Gate()
    gate.opened.set()
    with fronted(tmp_path, Upstream(gate), strip) as (service, port):
        assert asked(port, "/llm/v1/models").status == 200
        answer = asked(port, "/llm/query", {"prompt": "hello", "model": "a"})
        assert answer.status == 200, answer.body
        assert re.fullmatch(r"[0-9a-f]{32}", service.record(answer.json()["id"])["client_request_id"]), "nginx's own id"
        named = asked(port, "/llm/query", {"prompt": "hello", "model": "a"}, **{"x-request-id": "mine"})
        assert service.record(named.json()["id"])["client_request_id"] == "mine"
        assert asked(port, "/llm/docs").status == 200 and b"/llm/openapi.json" in asked(port, "/llm/docs").body
        assert asked(port, "/llm/metrics").status == 404 and asked(port, "/llm").status == 308
        assert asked(port, "/llm/query", {"prompt": "hello"}, authorization="Bearer wrong").status == 401
        assert asked(port, "/llm/dashboard").status in {401, 403, 404}, "not without a key of its own"
        large = asked(port, "/llm/query", b'{"prompt": "' + b"x" * 33_554_432 + b'"}')
        assert large.status == 413 and large.json()["error"]["code"] == "body_too_large"


@nginx
def test_a_token_comes_through_when_it_is_said_and_a_caller_who_leaves_is_noticed(tmp_path: Path) -> None:
    gate = Gate()
    upstream = Upstream(gate)
    with fronted(tmp_path, upstream, strip=False) as (service, port):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        body = json.dumps({"model": "a", "stream": True, "messages": [{"role": "user", "content": "hi"}]})
        connection.request(
            "POST", "/llm/v1/chat/completions", body, {"authorization": f"Bearer {KEY}", "content-type": "application/json"}
        )
        answer = connection.getresponse()
        assert b"Begun" in answer.read1(), "the provider has not said more"
        answer.close()
        connection.close()
        assert upstream.heard[0].hung_up(10)
        eventually(lambda: [record["outcome"] for record in service.records()] == ["abandoned"])
        gate.opened.set()
