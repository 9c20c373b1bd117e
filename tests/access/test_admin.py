"""The operator's key."""

import pytest

from app.access.admin import AdminKey
from app.access.keys import KeysError

KEY = "k" * 32


def test_only_the_key_itself_opens() -> None:
    key = AdminKey.from_env({"LLM_ROUTER_ADMIN_KEY": f" {KEY} "})
    assert key.opens(KEY.encode())
    assert not any(key.opens(other) for other in (b"", KEY[1:].encode(), KEY.encode() + b"k", b"\xff" * 32))


def test_without_a_key_nothing_opens_and_nothing_is_derived() -> None:
    none = AdminKey.from_env({})
    assert not none and not none.opens(b"")
    with pytest.raises(ValueError, match="not set"):
        none.derived("x")


def test_a_short_key_is_refused_without_being_shown() -> None:
    with pytest.raises(KeysError) as caught:
        AdminKey.from_env({"LLM_ROUTER_ADMIN_KEY": "tooshortsecret"})
    assert "tooshortsecret" not in str(caught.value) and "32" in str(caught.value)


def test_processes_with_one_key_derive_the_same_and_others_something_else() -> None:
    assert AdminKey(KEY).derived("a") == AdminKey(KEY).derived("a") != AdminKey(KEY).derived("b")
    assert AdminKey(KEY).derived("a") != AdminKey("j" * 32).derived("a")
