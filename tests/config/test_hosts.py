"""Which addresses of providers need a word of trust: everything that is neither this machine nor https to a public host."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.config.hosts import doubt

HERE = [
    "http://localhost:11434/v1",
    "http://127.0.0.1:1/v1",
    "http://127.9.9.9",
    "http://[::1]:8000",
    "http://[::ffff:127.0.0.1]/",
    "https://localhost",
]
PUBLIC = ["https://api.openai.com/v1", "https://8.8.8.8/v1", "https://[2606:4700::1111]/v1", "https://host"]
PLAIN = [
    "http://api.openai.com/v1",
    "http://ollama:11434/v1",
    "http://8.8.8.8",
    "http://localhost.evil.example",
    "http://127.0.0.1.example",
]
PRIVATE = [
    "https://10.0.0.5", "http://192.168.1.1", "https://169.254.169.254/latest", "https://172.16.0.1", "https://[fd00::1]",
    "https://[fe80::1%25eth0]", "https://0.0.0.0", "https://[::]", "https://[::ffff:10.0.0.1]", "https://100.64.0.1",
    "https://2852039166", "https://0xa9.0xfe.0xa9.0xfe", "https://10.1", "https://0251.0376.0251.0376",
]  # fmt: skip


@pytest.mark.parametrize("url", HERE + PUBLIC)
def test_this_machine_and_public_https_need_no_word(url: str) -> None:
    assert doubt(url) is None


@pytest.mark.parametrize("url", PLAIN)
def test_plain_http_to_another_machine_needs_one(url: str) -> None:
    assert doubt(url) == "is plain http to another machine"


@pytest.mark.parametrize("url", PRIVATE)
def test_a_private_address_needs_one_however_it_is_spelt(url: str) -> None:
    assert doubt(url) == "is a private address"


@given(st.ip_addresses())
def test_no_address_is_let_in_over_plain_http_but_this_machines(address: object) -> None:
    host = f"[{address}]" if ":" in str(address) else str(address)
    assert (doubt(f"http://{host}/v1") is None) == (
        str(address).startswith("127.") or str(address) in {"::1"} or "::ffff:7f" in str(address)
    )
