"""Caller keys open the door for exactly those who hold one, and tell nobody else anything."""

import pytest

from app.access.keys import CallerKeys, KeysError, is_loopback
from app.errors import Forbidden, Unauthorized

KEY = "k" * 32
OTHER = "o" * 40


def test_without_keys_loopback_alone_is_open() -> None:
    """A peer on another address gets 403 with the variable to set."""
    keys = CallerKeys()
    assert keys.scope([], [], "127.0.0.1") == keys.scope([], [], None) == "open"
    for host in ("192.168.1.5", "10.0.0.1", "2001:db8::1", "evil.example"):
        with pytest.raises(Forbidden, match="LLM_ROUTER_API_KEYS"):
            keys.scope([], [], host)


def test_a_key_is_taken_as_bearer_or_x_api_key() -> None:
    """Both ways, any case of the scheme, and from anywhere; the scope is the same for the same key and hides it."""
    keys = CallerKeys.from_env({"LLM_ROUTER_API_KEYS": f" {KEY} , {OTHER},"})
    scope = keys.scope([f"Bearer {KEY}".encode()], [], "10.0.0.1")
    assert scope == keys.scope([], [KEY.encode()], None) == keys.scope([f"bearer  {KEY}".encode()], [], None)
    assert scope != keys.scope([], [OTHER.encode()], None)
    assert KEY not in scope


@pytest.mark.parametrize(
    ("authorization", "api_key"),
    [
        ([], []),
        ([b""], []),
        ([b"Bearer"], []),
        ([b"Bearer "], []),
        ([f"Basic {KEY}".encode()], []),
        ([KEY.encode()], []),
        ([f"Bearer {KEY[:-1]}".encode()], []),
        ([f"Bearer {KEY}x".encode()], []),
        ([f"Bearer {KEY}".encode(), f"Bearer {OTHER}".encode()], []),
        ([f"Bearer {KEY}".encode()], [KEY.encode()]),
        ([], [KEY.encode(), KEY.encode()]),
        ([b"Bearer \xff\xfe\x00"], []),
        ([b"Bearer " + b"x" * 1_000_000], []),
        ([b"Bearer ' OR 1=1 --"], []),
    ],
)
def test_everything_else_is_one_and_the_same_401(authorization: list[bytes], api_key: list[bytes]) -> None:
    """Missing, empty, wrong, two at once, not text: one error text, never a crash."""
    with pytest.raises(Unauthorized) as caught:
        CallerKeys([KEY, OTHER]).scope(authorization, api_key, "127.0.0.1")
    assert caught.value.message == "a valid caller key is needed: send it as `Authorization: Bearer ...` or `x-api-key`"


def test_the_stored_digest_is_no_key() -> None:
    """Whoever reads the digest cannot call with it."""
    keys = CallerKeys([KEY])
    stored = keys._digests[0].hex()
    with pytest.raises(Unauthorized):
        keys.scope([f"Bearer {stored}".encode()], [], None)


def test_a_short_key_is_refused_without_being_shown() -> None:
    """The message names the variable, not the key."""
    with pytest.raises(KeysError, match="LLM_ROUTER_API_KEYS") as caught:
        CallerKeys.from_env({"LLM_ROUTER_API_KEYS": f"{KEY},short-secret"})
    assert "short-secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("host", "here"),
    [
        ("127.0.0.1", True),
        ("127.8.9.1", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        (None, True),
        ("128.0.0.1", False),
        ("1270.0.0.1", False),
        ("0.0.0.0", False),
    ],
)
def test_loopback_is_told_from_its_likes(host: str | None, here: bool) -> None:
    """Only addresses of this machine count."""
    assert is_loopback(host) is here


@pytest.mark.parametrize("listed", [",", " , ,, "])
def test_a_list_of_no_keys_is_refused_with_the_variables_name(listed: str) -> None:
    """Who sets the variable means to close the service: an empty entry must neither match nor open it."""
    with pytest.raises(KeysError, match="LLM_ROUTER_API_KEYS: is set, but holds no key"):
        CallerKeys.from_env({"LLM_ROUTER_API_KEYS": listed})


def test_an_empty_key_never_matches() -> None:
    keys = CallerKeys.from_env({"LLM_ROUTER_API_KEYS": KEY + ",,"})
    for shown in ([b"Bearer "], [b"Bearer"], [b""]):
        with pytest.raises(Unauthorized):
            keys.scope(shown, [], "127.0.0.1")
    with pytest.raises(Unauthorized):
        keys.scope([], [b""], "127.0.0.1")
