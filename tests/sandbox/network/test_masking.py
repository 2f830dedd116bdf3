"""Secrets that programs never see: in requests to their host, and masked in what comes back."""

import asyncio
import base64
import gzip
import json
import ssl
import zlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox import Policy, PythonCode
from sandbox.backends.bubblewrap import open_bubblewrap
from sandbox.network.authority import issue
from sandbox.network.masked_exchange import Masks, _Exchange
from sandbox.network.masking import Mask, MaskedSecret, may_carry, values_of, with_secrets
from sandbox.network.outside_lookup import Outside
from tests.internet import outside_to

HOST, OTHER = "api.example.org", "other.example.org"
VALUE, PLACEHOLDER = 'sk-live/"42"+', "masked-api-key-0123456789abcdef"
SECRET = MaskedSecret("API_KEY", HOST, 443, PLACEHOLDER, VALUE)
FETCH = """
import base64, http.client, json, os, socket, ssl, sys
host, headers, path = sys.argv[1], json.loads(sys.argv[2]), sys.argv[3]

tunnel = http.client.HTTPConnection("127.0.0.1", 61080)
tunnel.connect()
tunnel.sock.sendall(f"CONNECT {host}:443 HTTP/1.1\\r\\n\\r\\n".encode())
head = b""
while b"\\r\\n\\r\\n" not in head:
    head += tunnel.sock.recv(1)
context = ssl.create_default_context(cafile="ca.pem")
for attempt in range(2):
    if attempt == 0:
        tunnel.sock = context.wrap_socket(tunnel.sock, server_hostname=host)
    tunnel.request("GET", path, headers={"Host": host} | headers)
    answer = tunnel.getresponse()
    print(answer.status, dict(answer.getheaders()).get("X-Echo"), answer.read().decode())
"""


@asynccontextmanager
async def tls_server(*hosts: str) -> AsyncIterator[tuple[Outside, list[bytes], str]]:
    """An internet of one server that echoes what it is sent; its requests, and its authority."""
    requests: list[bytes] = []
    authority, contexts = issue(hosts)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                requests.append(head)
                sent = next(
                    (line for line in head.split(b"\r\n") if line.lower().startswith(b"authorization")), b""
                )
                path = head.split(b" ")[1]
                body = b"".join([sent, json.dumps(sent.decode()).encode()])
                encoding = path[1:] if path in (b"/gzip", b"/deflate", b"/br") else b""
                more = b"Content-Encoding: %b\r\n" % encoding if encoding else b""
                body = {b"gzip": gzip.compress, b"deflate": zlib.compress}.get(encoding, bytes)(body)
                parts = [body[:20], body[20:]]
                writer.write(
                    b"HTTP/1.1 200 OK\r\nX-Echo: %b\r\n%bContent-Length: %d\r\n\r\n" % (sent, more, len(body))
                )
                for part in parts:
                    writer.write(part)
                    await writer.drain()
                    await asyncio.sleep(0.01)
        except (asyncio.IncompleteReadError, ConnectionError, ssl.SSLError):
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=contexts[hosts[0]])
    yield outside_to(server.sockets[0].getsockname()), requests, authority
    server.close()


Fetch = Callable[..., "asyncio.Future[str]"]


async def fetched(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    headers: dict[str, str],
    *,
    path: str = "/",
    trusted: bool = True,
) -> tuple[str, list[bytes]]:
    """Output of a program that sends two requests to the host of the secret, and what the host was sent."""
    async with tls_server(HOST) as (outside, requests, authority):
        (tmp_path / "upstream.pem").write_text(authority if trusted else issue([HOST])[0])
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "upstream.pem"))
        masks = Masks([SECRET])
        policy = Policy(network=(HOST, OTHER), masks=masks)
        async with open_bubblewrap(policy, outside=outside) as sandbox:
            result = await sandbox.run(
                PythonCode(source=FETCH, arguments=(HOST, json.dumps(headers), path)),
                files={"ca.pem": masks.authority.encode()},
                fresh=True,
            )
        assert VALUE not in result.stdout + result.stderr
        return result.stdout + result.stderr, requests


@pytest.mark.slow
@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (f"Bearer {PLACEHOLDER}", f"Bearer {VALUE}"),
        (
            f"Basic {base64.b64encode(f'me:{PLACEHOLDER}'.encode()).decode()}",
            f"Basic {base64.b64encode(f'me:{VALUE}'.encode()).decode()}",
        ),
    ],
    ids=["bearer", "basic"],
)
async def test_the_host_gets_the_secret_and_the_program_only_what_it_has_sent(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, header: str, expected: str
) -> None:
    output, requests = await fetched(monkeypatch, tmp_path, {"Authorization": header, "Range": "bytes=0-3"})

    assert [f"Authorization: {expected}".encode() in head for head in requests] == [True, True], output
    assert all(b"accept-encoding: identity" in head.lower() for head in requests)
    assert not any(b"range" in head.lower() for head in requests)
    assert output.count("200 Authorization: ") == 2, output
    assert expected.partition(" ")[2] not in output
    assert output.count(header) == 6, output


async def test_a_host_that_can_not_show_its_certificate_gets_no_request(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    output, requests = await fetched(
        monkeypatch, tmp_path, {"Authorization": f"Bearer {PLACEHOLDER}"}, trusted=False
    )

    assert requests == []
    assert "200" not in output


async def test_a_request_for_another_host_on_the_same_connection_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    output, requests = await fetched(monkeypatch, tmp_path, {"Host": OTHER, "X-Key": PLACEHOLDER})

    assert requests == []
    assert output.startswith("421 None the request names another host"), output


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
async def test_an_answer_that_is_compressed_though_it_should_not_be_is_masked(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, encoding: str
) -> None:
    header = f"Bearer {PLACEHOLDER}"
    output, _ = await fetched(monkeypatch, tmp_path, {"Authorization": header}, path=f"/{encoding}")

    assert output.count("200 Authorization: ") == 2, output
    assert output.count(header) == 6, output


async def test_an_answer_in_an_encoding_that_can_not_be_masked_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    output, _ = await fetched(monkeypatch, tmp_path, {"X-Key": PLACEHOLDER}, path="/br")

    assert output.startswith("502 None the answer is compressed"), output


@given(
    st.lists(st.sampled_from([VALUE[:5], VALUE[5:], VALUE, "sk-", "x", json.dumps(VALUE)[1:-1]]), max_size=12)
)
def test_an_answer_in_any_pieces_is_masked_as_the_whole_answer_is(pieces: list[str]) -> None:
    content = "".join(pieces).encode()
    mask = Mask(values_of([SECRET]))

    masked = b"".join([*(mask.feed(piece.encode()) for piece in pieces), mask.flush()])

    assert masked == mask.whole(content)
    assert VALUE.encode() not in masked


ECHOED = b'nab"cdefgh'


@pytest.mark.parametrize("escape", [b"\\", b"%5C", b"\\u005c", b"&#92;"])
@pytest.mark.parametrize("count", [1, 2, 177, 178, 300, 2_001])
def test_backslashes_before_a_secret_hide_nothing_of_it(escape: bytes, count: int) -> None:
    """A program may have a host send back backslashes before its placeholder, as many as it likes."""
    once = b"\\" * 2 * count + b'nab\\"cdefgh'  # as JSON
    content = once.replace(b"\\", escape)
    for size in (len(content), 997, 64):
        for before in range(0, 12):
            mask, sent = Mask({ECHOED: b"[P]"}), b"-" * (before + 3_000) + content + b"-" * 3_000
            pieces = [mask.feed(sent[at : at + size]) for at in range(0, len(sent), size)]
            masked = b"".join([*pieces, mask.flush()])
            assert b"[P]---" in masked, (size, before)


@pytest.mark.parametrize("length", range(1, len(VALUE)))
def test_what_is_held_back_tells_nothing_of_the_secret(length: int) -> None:
    """A program that has a host answer with guesses sees the same pieces for right and wrong ones."""

    def pieces(end: str) -> list[int]:
        mask = Mask(values_of([SECRET]))
        return [len(mask.feed(f"line\n{'x' * 600}{end}".encode())), len(mask.flush())]

    assert pieces(VALUE[:length]) == pieces("~" * length)


@pytest.mark.parametrize("before", ["", "x", "xy", "xyz", "me:"])
@pytest.mark.parametrize("after", ["", "!", "!!"])
@pytest.mark.parametrize("value", [VALUE, "a-token-of-20-bytes!", "a-token-of-21-bytes!!"])
def test_a_secret_within_base64_is_masked(before: str, after: str, value: str) -> None:
    secret = MaskedSecret("API_KEY", HOST, 443, PLACEHOLDER, value)
    encoded = base64.b64encode(f"{before}{value}{after}".encode())

    assert PLACEHOLDER.encode() in Mask(values_of([secret])).whole(encoded)


@pytest.mark.parametrize("form", ['sk-live\\/\\"42\\"+', "sk-live%2f%2242%22%2b", "sk-live/&quot;42&quot;+"])
def test_a_secret_as_other_languages_write_it_is_masked(form: str) -> None:
    assert Mask(values_of([SECRET])).whole(form.encode()) == PLACEHOLDER.encode()


@pytest.mark.parametrize(
    ("name", "expected"),
    [(b"Authorization", True), (b"X-API-Key", True), (b"PRIVATE-TOKEN", True), (b"Cookie", True),
     (b"User-Agent", False), (b"Referer", False), (b"x-amz-meta-token", False), (b"Content-Type", False)],
)  # fmt: skip
def test_a_secret_is_put_into_fields_for_credentials_only(name: bytes, *, expected: bool) -> None:
    assert may_carry(name) is expected


class _Wire:
    """An end that has received something, and keeps what is sent."""

    def __init__(self, received: bytes) -> None:
        self.received, self.sent = received, b""

    async def receive(self) -> bytes:
        received, self.received = self.received, b""
        return received

    async def send(self, content: bytes) -> None:
        self.sent += content

    def finish(self) -> None:
        return

    def close(self) -> None:
        return


async def test_a_body_has_one_framing_so_that_no_host_takes_it_for_a_request() -> None:
    head = f"POST / HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n"
    inside = _Wire(head.encode() + b"5\r\nhello\r\n0\r\n\r\n")
    outside = _Wire(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    assert await _Exchange(inside, outside, (SECRET,)).next()

    assert b"chunked" in outside.sent
    assert b"content-length" not in outside.sent.lower()


@given(st.binary(max_size=60))
def test_header_fields_without_a_placeholder_stay_as_they_are(value: bytes) -> None:
    assert with_secrets(value, [SECRET]) == value


@pytest.mark.parametrize("value", ["short", "with\r\nnewline", " padded value ", "häßlich-lang"])
def test_a_secret_that_can_not_be_masked_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match="the value of API_KEY can't be masked"):
        MaskedSecret("API_KEY", HOST, 443, PLACEHOLDER, value)


def test_a_secret_is_in_no_representation() -> None:
    policy = Policy(masks=None)

    assert VALUE not in repr(SECRET)
    assert "masks" not in policy.model_dump()
