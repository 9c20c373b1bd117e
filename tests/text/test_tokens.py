"""Token estimates are near what tokenizers count, never zero for something, and never fail."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from app.domain.request import ChatRequest, Foreign, Message, Text
from app.text.tokens import MEDIA_TOKENS, MESSAGE_TOKENS, estimate_request, estimate_tokens

ANY_TEXT = st.text(alphabet=st.characters(codec=None), max_size=300)

# characters per token of OpenAI's o200k vocabulary, measured on longer texts of the same kind
SAMPLES = [
    ("english", "The committee met on Thursday and decided, after a long debate, to keep the old bridge open to cyclists.", 4.17),
    ("code", "def merge(a, b):\n    out = []\n    while a and b:\n        out.append(min(a[0], b[0]))\n    return out\n", 4.12),
    ("json", '{"name": "lamp", "price": 12.5, "tags": ["home", "light"], "stock": {"berlin": 3, "oslo": 0}}', 3.75),
    ("russian", "Комиссия собралась в четверг и после долгого обсуждения решила оставить старый мост открытым.", 4.56),
    ("chinese", "委员会星期四开会，经过长时间的讨论，决定让旧桥继续对骑自行车的人开放。", 1.48),
    ("japanese", "委員会は木曜日に会合を開き、長い議論の末、古い橋を自転車に開放し続けることを決めた。", 1.29),
]


@pytest.mark.parametrize(("kind", "text", "ratio"), SAMPLES, ids=[sample[0] for sample in SAMPLES])
def test_estimates_are_within_a_fifth_of_what_a_tokenizer_counts_on_such_text(kind: str, text: str, ratio: float) -> None:
    """The bound that routing and budgets rely on; digits and base64 are the documented exceptions."""
    assert estimate_tokens(text) == pytest.approx(len(text) / ratio, rel=0.2)


@given(ANY_TEXT)
def test_something_has_at_least_one_token_and_nothing_has_none(text: str) -> None:
    """Also for lone surrogates, control characters and emoji."""
    assert (estimate_tokens(text) >= 1) == bool(text)


@given(ANY_TEXT, st.text(alphabet="abc ", max_size=50))
def test_more_ascii_never_means_fewer_tokens(text: str, more: str) -> None:
    """Appending plain text cannot make a prompt look shorter."""
    assert estimate_tokens(text + more) >= estimate_tokens(text)


def test_a_megabyte_of_emoji_is_estimated_too() -> None:
    """Length is no obstacle."""
    assert estimate_tokens("🦊" * 250_000) == 180_000


def test_a_request_counts_every_turn_and_its_frame() -> None:
    """System prompt, earlier turns and the last one."""
    request = ChatRequest(messages=(Message("system", (Text("abcd"),)), Message("user", (Text("abcdefgh"), Text("abcd")))))
    assert estimate_request(request) == 1 + 3 + 2 * MESSAGE_TOKENS


def test_a_picture_is_not_counted_by_the_bytes_of_its_base64() -> None:
    """Else a photograph would fill every context window."""
    picture = Foreign("image_url", Raw(b'"' + b"A" * 4_000_000 + b'"'))
    other = Foreign("tool_calls", Raw(b'"' + b"A" * 398 + b'"'))
    assert estimate_request(ChatRequest(messages=(Message("user", (picture,)),))) == MESSAGE_TOKENS + MEDIA_TOKENS
    assert estimate_request(ChatRequest(messages=(Message("user", (other,)),))) == MESSAGE_TOKENS + 100
