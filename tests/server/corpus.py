"""Requests that no well-behaved client sends, as bytes, for any route. `%P` is the path, `%M` the method, `%B` a sound body."""

from collections.abc import Iterator
from dataclasses import dataclass

TALK = b'[{"role":"user","content":"x"}]'
# every route with its method and a body that it takes
ROUTES: dict[str, tuple[bytes, bytes]] = {
    "/query": (b"POST", b'{"prompt":"x"}'),
    "/route": (b"POST", b'{"prompt":"x"}'),
    "/v1/chat/completions": (b"POST", b'{"model":"auto","messages":' + TALK + b"}"),
    "/v1/responses": (b"POST", b'{"model":"auto","input":"x"}'),
    "/v1/messages": (b"POST", b'{"model":"auto","max_tokens":9,"messages":' + TALK + b"}"),
    "/v1/messages/count_tokens": (b"POST", b'{"model":"auto","messages":' + TALK + b"}"),
    "/v1/embeddings": (b"POST", b'{"model":"text-embedding-3-small","input":"x"}'),
    "/v1/models": (b"GET", b""),
    "/v1/models/auto": (b"GET", b""),
    "/health": (b"GET", b""),
    "/ready": (b"GET", b""),
    "/": (b"GET", b""),
    "/docs": (b"GET", b""),
    "/redoc": (b"GET", b""),
    "/openapi.json": (b"GET", b""),
    "/docs-assets/favicon.png": (b"GET", b""),
}


@dataclass(frozen=True)
class Case:
    """One such request. `statuses` are those it may get on any route, empty for any but a 5xx; `closes`: nothing else is answered."""

    name: str
    request: bytes
    statuses: tuple[int, ...] = ()
    closes: bool = False

    def on(self, path: str) -> bytes:
        """The bytes for one route."""
        method, body = ROUTES[path]
        chunk = b"%x\r\n%b\r\n" % (len(body), body) if body else b""
        parts = ((b"%P", path.encode()), (b"%M", method), (b"%L", b"%d" % len(body)), (b"%B", body), (b"%C", chunk))
        text = self.request
        for mark, value in parts:
            text = text.replace(mark, value)
        return text


LINE = b"%M %P HTTP/1.1\r\n"
HOST = b"host: localhost\r\n"
KIND = b"content-type: application/json\r\n"
LENGTH = b"content-length: %L\r\n"
CHUNKED = b"transfer-encoding: chunked\r\n"
HEAD = LINE + HOST + KIND
END = b"\r\n"

_BAD_FRAMING = {
    "a length and chunks": HEAD + b"content-length: 3\r\n" + CHUNKED + END + b"0\r\n\r\n",
    "chunks and a length": HEAD + CHUNKED + b"content-length: 3\r\n" + END + b"0\r\n\r\n",
    "two lengths": HEAD + b"content-length: 3\r\ncontent-length: 4\r\n" + END + b"abcd",
    "one length twice": HEAD + b"content-length: 3\r\ncontent-length: 3\r\n" + END + b"abc",
    "a list of lengths": HEAD + b"content-length: 3, 3\r\n" + END + b"abc",
    "a length with a plus": HEAD + b"content-length: +13\r\n" + END + b"x" * 13,
    "a negative length": HEAD + b"content-length: -1\r\n" + END,
    "a hexadecimal length": HEAD + b"content-length: 0x3\r\n" + END + b"abc",
    "a length beyond 64 bits": HEAD + b"content-length: 99999999999999999999999\r\n" + END,
    "an empty length": HEAD + b"content-length: \r\n" + END,
    "a length in full-width digits": HEAD + "content-length: １\r\n".encode() + END + b"x",
    "identity as a transfer coding": HEAD + b"transfer-encoding: identity\r\n" + END,
    "an unknown transfer coding": HEAD + b"transfer-encoding: xchunked\r\n" + END + b"0\r\n\r\n",
    "gzip as a transfer coding": HEAD + b"transfer-encoding: gzip, chunked\r\n" + END + b"0\r\n\r\n",
    "two transfer codings": HEAD + CHUNKED + b"transfer-encoding: identity\r\n" + END + b"0\r\n\r\n",
    "a chunk size that is none": HEAD + CHUNKED + END + b"zz\r\nabc\r\n0\r\n\r\n",
    "a negative chunk size": HEAD + CHUNKED + END + b"-3\r\nabc\r\n0\r\n\r\n",
    "a chunk size beyond 64 bits": HEAD + CHUNKED + END + b"f" * 20 + b"\r\nabc\r\n0\r\n\r\n",
    "chunks with bare LF": HEAD + CHUNKED + END + b"3\nabc\n0\n\n",
    "more than the chunk size says": HEAD + CHUNKED + END + b"3\r\nabcXX0\r\n\r\n",
}
_BAD_HEAD = {
    "a folded line": LINE + HOST + b"x-a: b\r\n c\r\n" + END,
    "bare LF": b"%M %P HTTP/1.1\nhost: localhost\n\n",
    "one bare LF": LINE + b"host: localhost\nx-a: b\r\n" + END,
    "a bare CR": LINE + b"host: localhost\rx-a: b\r\n" + END,
    "a blank before the colon": LINE + b"host : localhost\r\n" + END,
    "a line without a colon": LINE + HOST + b"nonsense\r\n" + END,
    "an empty name": LINE + HOST + b": x\r\n" + END,
    "NUL in a value": LINE + HOST + b"x-a: b\x00c\r\n" + END,
    "NUL in a name": LINE + HOST + b"x\x00a: b\r\n" + END,
    "no Host": LINE + b"accept: */*\r\n" + END,
    "two Hosts": LINE + HOST + b"host: example.com\r\n" + END,
    "the same Host twice": LINE + HOST + HOST + END,
    "an empty Host": LINE + b"host:\r\n" + END,
    "a Host with a path": LINE + b"host: evil/?\r\n" + END,
    "a Host with a fragment": LINE + b"host: x/#\r\n" + END,
    "a Host with a user": LINE + b"host: localhost@evil.example\r\n" + END,
    "a Host with a blank": LINE + b"host: local host\r\n" + END,
    "a Host with a comma": LINE + b"host: localhost, evil.example\r\n" + END,
    "a Host beyond ASCII": LINE + b"host: localh\xc3\xb6st\r\n" + END,
    "a Host with a port that is none": LINE + b"host: localhost:http\r\n" + END,
    "a Host with half a bracket": LINE + b"host: [::1\r\n" + END,
}
_NO_HTTP = {
    "an unknown method": b"FOO %P HTTP/1.1\r\n" + HOST + END,
    "a method in small letters": b"get %P HTTP/1.1\r\n" + HOST + END,
    "HTTP/0.9": b"GET %P\r\n\r\n",
    "HTTP/1.2": b"GET %P HTTP/1.2\r\n" + HOST + END,
    "HTTP/9.9": b"GET %P HTTP/9.9\r\n" + HOST + END,
    "another protocol's name": b"GET %P ICY/1.1\r\n" + HOST + END,
    "a path without a slash": b"GET @google.com HTTP/1.1\r\n" + HOST + END,
    "no path": b"GET  HTTP/1.1\r\n" + HOST + END,
    "a target without a path": b"GET http://localhost HTTP/1.1\r\n" + HOST + END,
    "a blank in the path": b"GET %P x HTTP/1.1\r\n" + HOST + END,
    "a byte beyond ASCII in the path": b"GET %P\xff HTTP/1.1\r\n" + HOST + END,
    "NUL in the path": b"GET %P\x00 HTTP/1.1\r\n" + HOST + END,
    "CONNECT": b"CONNECT localhost:443 HTTP/1.1\r\n" + HOST + END,
    "a greeting in TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(256)),
    "a preface of HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "zeroes": b"\x00" * 300,
    "a SOCKS greeting": b"\x05\x01\x00",
    "JSON": b'{"prompt":"x"}\r\n\r\n',
}
_TOO_MUCH = {
    "101 fields": HEAD + b"".join(b"x-%d: y\r\n" % i for i in range(101)) + END,
    "5000 fields": HEAD + b"".join(b"x-%d: y\r\n" % i for i in range(5000)) + END,
    "a field of 100 KB": HEAD + b"x-a: " + b"b" * 100_000 + b"\r\n" + END,
    "a name of 100 KB": HEAD + b"x" * 100_000 + b": b\r\n" + END,
    "a path of 100 KB": b"%M %P?" + b"x" * 100_000 + b" HTTP/1.1\r\n" + HOST + END,
    "a field without end": HEAD + b"x-a: " + b"b" * 1_000_000,
    "a bearer of 1 MB": HEAD + b"authorization: Bearer " + b"k" * 1_000_000 + b"\r\n" + END,
}
_ENDLESS = {
    "a chunk extension of 1 MB": HEAD + CHUNKED + END + b"1;" + b"a" * 1_000_000 + b"\r\nx\r\n0\r\n\r\n",
    "trailers of 1 MB": HEAD + CHUNKED + END + b"%C0\r\nx-a: " + b"b" * 1_000_000 + b"\r\n\r\n",
}
_ODD = {
    "an absolute target": b"%M http://evil.example%P HTTP/1.1\r\n" + HOST + KIND + LENGTH + END + b"%B",
    "slashes at the end": b"%M %P/// HTTP/1.1\r\n" + HOST + KIND + LENGTH + END + b"%B",
    "a double slash": b"%M /%P HTTP/1.1\r\n" + HOST + KIND + LENGTH + END + b"%B",
    "a dot": b"%M /.%P HTTP/1.1\r\n" + HOST + KIND + LENGTH + END + b"%B",
    "two dots": b"%M /x/..%P HTTP/1.1\r\n" + HOST + KIND + LENGTH + END + b"%B",
    "two dots in escapes": b"%M /x/%2e%2e%P HTTP/1.1\r\n" + HOST + KIND + LENGTH + END + b"%B",
    "an escaped slash": b"%M %P%2f HTTP/1.1\r\n" + HOST + KIND + LENGTH + END + b"%B",
    "an escaped NUL": b"%M %P%00 HTTP/1.1\r\n" + HOST + KIND + LENGTH + END + b"%B",
    "half an escape": b"%M %P%f HTTP/1.1\r\n" + HOST + KIND + LENGTH + END + b"%B",
    "an escape that is no UTF-8": b"%M %P%ff HTTP/1.1\r\n" + HOST + KIND + LENGTH + END + b"%B",
    "a parameter": b"%M %P;x HTTP/1.1\r\n" + HOST + KIND + LENGTH + END + b"%B",
    "a backslash": b"%M %P\\x HTTP/1.1\r\n" + HOST + KIND + LENGTH + END + b"%B",
    "a query": b"%M %P?model=x&api_key=y HTTP/1.1\r\n" + HOST + KIND + LENGTH + END + b"%B",
    "a websocket": HEAD + LENGTH + b"connection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n" + END + b"%B",
    "HTTP/2 by upgrade": HEAD + LENGTH + b"connection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\n" + END + b"%B",
    "chunks": HEAD + CHUNKED + END + b"%C0\r\n\r\n",
    "chunks with extensions and trailers": HEAD + CHUNKED + END + b"%C0;a=b\r\nhost: evil\r\nx-api-key: k\r\n\r\n",
    "an expectation": HEAD + LENGTH + b"expect: 100-continue\r\n" + END + b"%B",
    "an unknown expectation": HEAD + LENGTH + b"expect: a-pony\r\n" + END + b"%B",
    "HTTP/1.0": b"%M %P HTTP/1.0\r\n" + KIND + LENGTH + END + b"%B",
    "blank lines before": b"\r\n\r\n" + HEAD + LENGTH + END + b"%B",
    "many ranges": HEAD + LENGTH + b"range: bytes=" + b"0-0," * 2000 + b"0-0\r\n" + END + b"%B",
    "a range": HEAD + LENGTH + b"range: bytes=0-\r\n" + END + b"%B",
    "no origin": HEAD + LENGTH + b"origin: null\r\n" + END + b"%B",
    "somebody's address": HEAD + LENGTH + b"x-forwarded-for: 8.8.8.8\r\nforwarded: for=8.8.8.8;host=evil\r\n" + END + b"%B",
    "somebody's host": HEAD
    + LENGTH
    + b"x-forwarded-host: evil\r\nx-forwarded-proto: gopher\r\nx-forwarded-prefix: /a\r\n"
    + END
    + b"%B",
    "an id of 10 KB": HEAD + LENGTH + b"x-request-id: " + b"i" * 10_000 + b"\r\n" + END + b"%B",
    "an id of JSON": HEAD + LENGTH + b'x-request-id: {"a":\t"b"}\r\n' + END + b"%B",
    "a trace that is none": HEAD + LENGTH + b"traceparent: 00-zz\r\n" + END + b"%B",
    "a method in a field": HEAD + LENGTH + b"x-http-method-override: DELETE\r\n" + END + b"%B",
    "cookies": HEAD + LENGTH + b"cookie: " + b"a=b; " * 1000 + b"\r\n" + END + b"%B",
    "99 fields": LINE + HOST + LENGTH + KIND + b"x-y: z\r\n" * 90 + END + b"%B",
    "bytes beyond ASCII in a value": HEAD + LENGTH + b"user-agent: \xff\xfe\xc3\xb6\r\n" + END + b"%B",
    "bytes beyond ASCII in a wish": HEAD + LENGTH + b"x-router-mode: \xff\xfe\r\nx-router-session: \xff\r\n" + END + b"%B",
    "a timeout of nothing": HEAD + LENGTH + b"x-request-timeout: nan\r\n" + END + b"%B",
    "two content types": LINE + HOST + KIND + b"content-type: text/plain\r\n" + LENGTH + END + b"%B",
    "two codings": HEAD + LENGTH + b"content-encoding: gzip\r\ncontent-encoding: identity\r\n" + END + b"%B",
}


def cases() -> Iterator[Case]:
    """All of them."""
    for group, statuses in ((_BAD_FRAMING, (400,)), (_BAD_HEAD, (400,)), (_NO_HTTP, (400,)), (_TOO_MUCH, (431,))):
        yield from (Case(name, request, statuses, closes=True) for name, request in group.items())
    # where a route answers before the body is whole, its own answer is the only one
    yield from (Case(name, request, (400, 405, 200), closes=True) for name, request in _ENDLESS.items())
    yield from (Case(name, request) for name, request in _ODD.items())
