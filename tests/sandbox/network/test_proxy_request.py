"""The proxy's reading of a request: strict, bounded, and nothing passed on that it didn't understand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.network.proxy_request import MAX_HEAD, BadRequest, find_end, parse_request


def test_connect_names_a_host_and_a_port_and_sends_nothing() -> None:
    request = parse_request(b"CONNECT API.Example.org:443 HTTP/1.1\r\nHost: other\r\n\r\n")

    assert (request.host, request.port, request.head) == ("api.example.org", 443, b"")


def test_a_plain_request_goes_on_as_one_to_the_host_itself() -> None:
    head = (
        b"GET http://Example.org:8080/a?b=c HTTP/1.1\r\nHost: inner.example\r\n"
        b"Proxy-Authorization: Basic eA==\r\nProxy-Connection: keep-alive\r\n"
        b"Connection: keep-alive\r\nAccept: */*\r\n\r\n"
    )

    request = parse_request(head)

    assert (request.host, request.port) == ("example.org", 8080)
    assert request.head == (
        b"GET /a?b=c HTTP/1.1\r\nHost: Example.org:8080\r\nConnection: close\r\nAccept: */*\r\n\r\n"
    )


@pytest.mark.parametrize(("target", "path"), [(b"http://a.org", b"/"), (b"http://a.org?x=1", b"/?x=1")])
def test_an_address_without_a_path_gets_one(target: bytes, path: bytes) -> None:
    request = parse_request(b"GET " + target + b" HTTP/1.1\r\n\r\n")

    assert request.head.startswith(b"GET " + path + b" HTTP/1.1\r\n")


@pytest.mark.parametrize(
    "head",
    [
        b"GET / HTTP/1.1",
        b"GET https://a.org/ HTTP/1.1",
        b"GET ftp://a.org/ HTTP/1.1",
        b"GET http://a.org/ HTTP/2",
        b"GET http://a.org/",
        b"GET  http://a.org/ HTTP/1.1",
        b"GET http://a.org/\tx HTTP/1.1",
        b"GET http://me:pw@a.org/ HTTP/1.1",
        b"GET http://a.org/ HTTP/1.1\r\nX: a\nHost: b",
        b"GET http://a.org/ HTTP/1.1\r\n folded: x",
        b"GET http://a.org/ HTTP/1.1\r\nno colon",
        b"GET http://a.org/ HTTP/1.1\r\nHost : a",
        b"CONNECT a.org HTTP/1.1",
        b"CONNECT a.org:443 HTTP/1.1 x",
        b"CONNECT 127.1:80 HTTP/1.1",
        b"CONNECT a.org:443\n HTTP/1.1",
        b"\x16\x03\x01\x02\x00\x01",
        b"",
    ],
)
def test_what_is_not_a_request_to_a_proxy_goes_nowhere(head: bytes) -> None:
    with pytest.raises(BadRequest):
        parse_request(head + b"\r\n\r\n")


def test_a_head_that_does_not_end_is_refused_at_its_limit() -> None:
    assert find_end(b"x" * (MAX_HEAD - 1)) == -1

    with pytest.raises(BadRequest, match=str(MAX_HEAD)):
        find_end(b"x" * MAX_HEAD)


@given(st.binary(max_size=400))
def test_no_bytes_break_the_reading_and_no_line_is_smuggled_in(noise: bytes) -> None:
    for head in (
        noise,
        b"GET http://a.org/" + noise + b" HTTP/1.1",
        b"GET http://a.org/ HTTP/1.1\r\n" + noise,
    ):
        try:
            request = parse_request(head + b"\r\n\r\n")
        except BadRequest:
            continue
        if request.head:
            first, second, *_ = request.head.split(b"\r\n")
            assert first.count(b" ") == 2
            assert second.startswith(b"Host: ")
            assert request.head.count(b"\nHost:") == 1
