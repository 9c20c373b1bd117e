"""Caller keys as bytes: every spelling that is no key gets one and the same 401, and none a 500."""

import base64
import hashlib
import urllib.parse
from collections.abc import Iterator

import pytest

from support import Service, running, shipped

from .corpus import ROUTES
from .wire import LAST, Reply, exchange, get

KEY = "caller-" + "k" * 40
TWIN = KEY[:-1] + "K"  # all but its last letter
OPEN = ("/health", "/ready")


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with running(tmp_path_factory.mktemp("bytes"), shipped(), LLM_ROUTER_API_KEYS=KEY) as here:
        yield here


def asked(service: Service, path: str, *fields: bytes) -> Reply:
    return exchange(service.port, get(path, *fields), LAST)[0]


RIGHT = [
    b"authorization: Bearer " + KEY.encode(),
    b"authorization: bearer " + KEY.encode(),
    b"Authorization:BEARER    " + KEY.encode() + b"   ",
    b"X-API-KEY: " + KEY.encode(),
]
DIGEST = hashlib.sha256(KEY.encode())
WRONG: dict[str, tuple[bytes, ...]] = {
    "no field": (),
    "an empty field": (b"authorization:",),
    "a scheme alone": (b"authorization: Bearer",),
    "a scheme and blanks": (b"authorization: Bearer   ",),
    "a tab for a blank": (b"authorization: Bearer\t" + KEY.encode(),),
    "no scheme": (b"authorization: " + KEY.encode(),),
    "a key in quotes": (b'authorization: Bearer "' + KEY.encode() + b'"',),
    "a key and a comment": (b"authorization: Bearer " + KEY.encode() + b" x",),
    "the right key twice": (RIGHT[0], RIGHT[0]),
    "the right key in both fields": (RIGHT[0], RIGHT[3]),
    "the right and a wrong one": (RIGHT[0], b"authorization: Bearer wrong"),
    "an empty second field": (RIGHT[3], b"x-api-key:"),
    "the key's twin": (b"x-api-key: " + TWIN.encode(),),
    "the key's beginning": (b"x-api-key: " + KEY[:20].encode(),),
    "the key in capitals": (b"x-api-key: " + KEY.upper().encode(),),
    "the stored digest": (b"x-api-key: " + DIGEST.hexdigest().encode(),),
    "the caller's scope": (b"x-api-key: " + DIGEST.hexdigest()[:32].encode(),),
    "the digest in base64": (b"x-api-key: " + base64.b64encode(DIGEST.digest()),),
    "bytes beyond ASCII": (b"authorization: Bearer \xff\xfe\x80",),
    "UTF-8 beyond ASCII": (b"authorization: Bearer " + "schlüssel".encode(),),
    "a surrogate in UTF-8": (b"authorization: Bearer \xed\xa0\x80",),
    "a long one": (b"authorization: Bearer " + b"k" * 60_000,),
    "SQL": (b"authorization: Bearer ' OR '1'='1' --",),
    "a template": (b"authorization: Bearer {{7*7}}${7*7}",),
    "another field": (
        b"api-key: " + KEY.encode(),
        b"x-goog-api-key: " + KEY.encode(),
        b"proxy-authorization: Bearer " + KEY.encode(),
    ),
    "a cookie": (b"cookie: x-api-key=" + KEY.encode() + b"; authorization=" + KEY.encode(),),
}


@pytest.mark.parametrize("field", RIGHT, ids=["bearer", "in small letters", "in capitals", "x-api-key"])
def test_every_spelling_of_the_right_key_opens(service: Service, field: bytes) -> None:
    assert asked(service, "/v1/models", field).status == 200


@pytest.mark.parametrize("fields", WRONG.values(), ids=WRONG)
def test_whatever_is_not_exactly_one_right_key_gets_the_same_401_on_every_route(
    service: Service, fields: tuple[bytes, ...]
) -> None:
    told = set()
    for path in ROUTES:
        reply = asked(service, path, *fields)
        if path in OPEN:
            assert reply.status == 200
            continue
        assert (reply.status, reply.fields["www-authenticate"]) == (401, "Bearer"), (path, reply)
        error = reply.json()["error"]
        told.add((error["type"], error["code"], error["message"]))
        assert KEY not in reply.body.decode()
    assert len(told) == 1


@pytest.mark.parametrize("name", ["key", "api_key", "x-api-key", "token", "access_token", "authorization"])
def test_a_key_in_the_query_opens_nothing(service: Service, name: str) -> None:
    for value in (KEY, f"Bearer {KEY}"):
        assert asked(service, f"/v1/models?{name}={urllib.parse.quote(value)}").status == 401


def test_the_key_stands_in_nothing_that_the_service_writes_or_says(service: Service) -> None:
    for path in ("/", "/health", "/openapi.json", "/v1/models"):
        assert KEY not in asked(service, path, RIGHT[0]).body.decode()
    files = [file.read_bytes() for file in service.home.rglob("*") if file.is_file()]
    assert not [data for data in files if KEY[:16].encode() in data]
