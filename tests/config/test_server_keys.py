"""`server.allowed_hosts` and `server.cors_origins` take what a browser or a proxy sends in these places, and nothing else."""

import pytest
from pydantic import ValidationError

from app.config.settings import ServerRow


@pytest.mark.parametrize("host", ["*", "localhost", "api.example.com", "*.example.com", "my_service", "10.0.0.7", "::1", "[::1]"])
def test_a_host_is_a_name_or_an_address(host: str) -> None:
    assert ServerRow(allowed_hosts=[host]).allowed_hosts == [host]


@pytest.mark.parametrize(
    "host", ["", "a b", "api.example.com:443", "https://a.example", "a/b", "*x", "*.", "a.*.b", "a,b", "-\n"]
)
def test_what_can_never_match_is_refused_as_a_host(host: str) -> None:
    with pytest.raises(ValidationError, match="a host name or address without port"):
        ServerRow(allowed_hosts=[host])


@pytest.mark.parametrize(
    "origin", ["*", "https://app.example.com", "http://localhost:3000", "http://[::1]:80", "tauri://localhost"]
)
def test_an_origin_has_a_scheme_and_a_host(origin: str) -> None:
    assert ServerRow(cors_origins=[origin]).cors_origins == [origin]


@pytest.mark.parametrize(
    "origin", ["", "null", "app.example.com", "https://a.example/", "https://a.example/x", "https://*", "//a", "*.a"]
)
def test_what_no_browser_sends_is_refused_as_an_origin(origin: str) -> None:
    with pytest.raises(ValidationError, match="an origin such as"):
        ServerRow(cors_origins=[origin])
