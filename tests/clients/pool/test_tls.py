"""TLS as the machine trusts it: a host is called only when its certificate is good and bears its name."""

import asyncio
import datetime
import ipaddress
import ssl
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from app.clients.common.protocols import Call, Deadlines
from app.clients.pool.transport import PoolTransport
from app.errors import DeadlineExceeded, ProviderUnreachable, TruncatedAnswer
from raw_hosts import (
    CHUNKED,
    KEY,
    OK,
    PATIENT,
    TARGET,
    UNTIL_CLOSE,
    Line,
    Played,
    ask,
    eventually,
    failure,
    hosting,
    once,
    playing,
)

Signed = tuple[x509.Certificate, ec.EllipticCurvePrivateKey]


def _certificate(name: str, issuer: Signed | None, names: list[x509.GeneralName], days: int = 1) -> Signed:
    """A certificate that ends in `days`; without an issuer it signs itself and may sign others."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    signer, signing = (issuer[0].subject, issuer[1]) if issuer else (subject, key)
    today = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(signer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(today - datetime.timedelta(days=9))
        .not_valid_after(today + datetime.timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
    )
    if names:
        made = made.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return made.sign(signing, hashes.SHA256()), key


def _context(home: Path, signed: Signed) -> ssl.SSLContext:
    certificate, key = signed
    pem = home / f"{certificate.serial_number}.pem"
    plain = serialization.NoEncryption()
    pem.write_bytes(
        certificate.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    return context


LOCAL = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, ssl.SSLContext]:
    """Contexts of hosts, good and bad; `authority.pem` beside them is what the machine trusts."""
    home = tmp_path_factory.mktemp("tls")
    authority = _certificate("authority", None, [])
    (home / "authority.pem").write_bytes(authority[0].public_bytes(serialization.Encoding.PEM))
    contexts = {
        "good": _context(home, _certificate("good", authority, LOCAL)),
        "other name": _context(home, _certificate("other", authority, [x509.DNSName("other.example")])),
        "ended": _context(home, _certificate("ended", authority, LOCAL, days=-1)),
        "self-signed": _context(home, _certificate("self", None, LOCAL)),
    }
    contexts["good"].set_alpn_protocols(["h2", "http/1.1"])
    old = contexts["old protocol"] = _context(home, _certificate("old", authority, LOCAL))
    old.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning):
        old.maximum_version = ssl.TLSVersion.TLSv1_1
        old.minimum_version = ssl.TLSVersion.TLSv1
    _AUTHORITY.append(home / "authority.pem")
    return contexts


_AUTHORITY: list[Path] = []


@pytest.fixture(autouse=True)
def trusted(servers: dict[str, ssl.SSLContext], monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine trusts the tests' authority and nobody else."""
    monkeypatch.setenv("SSL_CERT_FILE", str(_AUTHORITY[-1]))


def secure(port: int, host: str = "localhost", stream: bool = False) -> Call:
    return Call(f"https://{host}:{port}/v1/chat", b"{}", (("content-type", "application/json"),), stream=stream)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
async def test_a_host_with_a_good_certificate_is_called_and_called_again(
    transport: PoolTransport, servers: dict[str, ssl.SSLContext], host: str
) -> None:
    async with hosting(playing(OK), servers["good"]) as there:
        for _ in range(3):
            assert await ask(transport, secure(there.port, host)) == (200, b"hello")
        tls = there.lines[0].writer.get_extra_info("ssl_object")
        assert tls.selected_alpn_protocol() == "http/1.1"
    assert len(there.lines) == 1


async def test_the_name_is_sent_so_that_the_host_can_choose(transport: PoolTransport, servers: dict[str, ssl.SSLContext]) -> None:
    asked: list[str | None] = []
    servers["good"].sni_callback = lambda _tls, name, _context: asked.append(name)
    try:
        async with hosting(playing(OK), servers["good"]) as there:
            await ask(transport, secure(there.port))
    finally:
        servers["good"].sni_callback = None
    assert asked == ["localhost"]


FAULTS = {"other name": "Hostname mismatch", "ended": "expired", "self-signed": "self-signed", "old protocol": "host cannot be"}


@pytest.mark.parametrize(("which", "says"), FAULTS.items())
async def test_a_host_that_cannot_be_trusted_gets_no_byte_of_a_call(
    transport: PoolTransport, servers: dict[str, ssl.SSLContext], which: str, says: str
) -> None:
    async with hosting(playing(OK), servers[which]) as there:
        asyncio.get_running_loop().set_exception_handler(lambda *_: None)  # the host's own complaint
        error = await failure(transport, secure(there.port))
        assert isinstance(error, ProviderUnreachable)
        assert says in error.message and KEY not in error.message
    assert there.asked == 0


async def test_tls_to_a_host_without_it_is_unreachable(transport: PoolTransport) -> None:
    async def played(line: Line) -> None:
        await line.reader.read(100)
        await line.say(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")

    async with hosting(played) as there:
        assert isinstance(await failure(transport, secure(there.port)), ProviderUnreachable)


def _mute() -> Played:
    async def played(line: Line) -> None:
        while await line.reader.read(1000):
            pass

    return played


async def test_a_handshake_obeys_connect(transport: PoolTransport) -> None:
    async with hosting(_mute()) as there:
        error = await failure(transport, secure(there.port), Deadlines(0.05, 5, 5, 5))
        assert isinstance(error, ProviderUnreachable) and "timeouts.connect" in error.message
        await eventually(lambda: bool(there.lines))
        assert await there.lines[0].left()
        error = await failure(transport, secure(there.port), Deadlines(5, 5, 5, 0.05))
        assert isinstance(error, DeadlineExceeded)


async def test_cancelling_a_handshake_closes_the_connection(transport: PoolTransport) -> None:
    async with hosting(_mute()) as there:
        task = asyncio.ensure_future(ask(transport, secure(there.port)))
        await eventually(lambda: bool(there.lines))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await there.lines[0].left()


@pytest.mark.parametrize("said", [b"", OK[:-1], CHUNKED + b"1\r\na\r\n"])
async def test_cancelling_a_secure_call_closes_the_upstream_at_once(
    transport: PoolTransport, servers: dict[str, ssl.SSLContext], said: bytes
) -> None:
    async with hosting(playing(said), servers["good"]) as there:
        task = asyncio.ensure_future(ask(transport, secure(there.port)))
        await eventually(lambda: there.asked == 1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await there.lines[0].left()


async def test_a_secure_answer_keeps_the_same_rules(transport: PoolTransport, servers: dict[str, ssl.SSLContext]) -> None:
    """Cut short, ended by an orderly close, and larger than a packet."""
    async with hosting(once(OK[:-1]), servers["good"]) as there:
        assert isinstance(await failure(transport, secure(there.port)), TruncatedAnswer)
    async with hosting(once(UNTIL_CLOSE + b"hello"), servers["good"]) as there:
        assert await ask(transport, secure(there.port)) == (200, b"hello")
    large = b"HTTP/1.1 200 OK\r\ncontent-length: 3000000\r\n\r\n" + b"a" * 3_000_000
    async with hosting(playing(large), servers["good"]) as there:
        async with transport.open(secure(there.port, stream=True), TARGET, PATIENT) as reply:
            assert len(await reply.read()) == 3_000_000
        assert await ask(transport, secure(there.port)) == (200, b"a" * 3_000_000)
    assert len(there.lines) == 1
