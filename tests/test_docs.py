"""The interactive description is complete without a network: pages, assets and schema come from this service alone."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from support import Service, running, shipped

PAGES = ("/docs", "/redoc")


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with running(tmp_path_factory.mktemp("docs"), shipped()) as started:
        yield started


def loaded_by(page: str) -> list[str]:
    """What a browser fetches for the page."""
    found = re.findall(r"""(?:src|href|spec-url)=["']([^"']+)["']|url: '([^']+)'""", page)
    return [attribute or option for attribute, option in found]


@pytest.mark.parametrize("path", PAGES)
def test_a_page_names_no_other_host(service: Service, path: str) -> None:
    answer = service.request(path)
    assert answer.status == 200 and answer.headers["content-type"].startswith("text/html")
    assert re.findall(rb"(?:https?:)?//[\w.-]+\.\w+", answer.body) == []


@pytest.mark.parametrize("path", PAGES)
def test_everything_that_a_page_loads_is_here(service: Service, path: str) -> None:
    loads = loaded_by(service.request(path).body.decode())
    assert len(loads) >= 3
    for place in loads:
        answer = service.request(place)
        assert answer.status == 200 and len(answer.body) > 1000, place


def test_the_style_sheet_loads_nothing_from_elsewhere(service: Service) -> None:
    style = next(place for place in loaded_by(service.request("/docs").body.decode()) if place.endswith(".css"))
    body = service.request(style).body
    assert b"@import" not in body
    assert set(re.findall(rb"url\(\s*[\"']?([^\s\"')]{5})", body)) == {b"data:"}


def test_the_schema_refers_to_itself_alone_and_every_reference_is_there(service: Service) -> None:
    schema = service.request("/openapi.json").json()
    refers = list(_references(schema))
    assert refers and "servers" not in schema
    for reference in refers:
        place = schema
        assert reference.startswith("#/"), reference
        for step in reference[2:].split("/"):
            place = place[step.replace("~1", "/").replace("~0", "~")]


def test_the_schema_holds_every_route_with_its_method(service: Service) -> None:
    paths = service.request("/openapi.json").json()["paths"]
    routes = {(method.upper(), path) for path, methods in paths.items() for method in methods}
    assert routes == {
        ("POST", "/query"),
        ("POST", "/route"),
        ("POST", "/v1/chat/completions"),
        ("POST", "/v1/responses"),
        ("POST", "/v1/messages"),
        ("POST", "/v1/messages/count_tokens"),
        ("POST", "/v1/embeddings"),
        ("GET", "/v1/models"),
        ("GET", "/v1/models/{name}"),
        ("GET", "/health"),
        ("GET", "/ready"),
        ("GET", "/usage"),
        ("GET", "/metrics"),
        ("GET", "/"),
    }


def test_a_reply_has_exactly_the_fields_of_its_schema(service: Service) -> None:
    schema = service.request("/openapi.json").json()["components"]["schemas"]["Reply"]
    reply = service.query("Which fields?", cache="off").json()
    dry = service.request("/route", {"prompt": "Which fields?"}).json()
    assert set(schema["properties"]) == set(reply)
    assert set(schema["properties"]["selected_model"]["properties"]) == set(reply["selected_model"])
    assert set(schema["properties"]["decision"]["properties"]) == set(dry["decision"]) > set(reply["decision"])


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for below in value.values():
            yield from _references(below)
    elif isinstance(value, list):
        for below in value:
            yield from _references(below)
