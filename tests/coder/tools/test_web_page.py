"""A page is got from a public address of an allowed host only, within bounds."""

import http.server
import ssl
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from coder.tools import web_page
from coder.tools.web_address import parse_url
from coder.tools.web_page import MAX_BODY, Page, get_page
from sandbox.network.outside_lookup import Outside
from tests.https_server import https_server
from tests.internet import PUBLIC, Handler, internet

REDIRECTS = {
    "/here": "/page",
    "/there": "http://b.example/page",
    "/elsewhere": "http://c.example/page",
    "/home": "http://127.0.0.1/page",
    "/file": "file:///etc/passwd",
    "/circle": "/circle",
}
SEEN: list[str] = []


class Site(Handler):
    def do_GET(self) -> None:
        SEEN.append(f"{self.headers['Host']}{self.path}")
        if self.path in REDIRECTS:
            self.send_response(302)
            self.send_header("Location", REDIRECTS[self.path])
            self.send_header("Content-Length", "0")
            self.end_headers()
        elif self.path == "/large":
            self.answer(bytes(MAX_BODY + 1))
        elif self.path == "/packed":
            self.send_response(200)
            self.send_header("Content-Encoding", "gzip")
            self.send_header("Content-Length", "0")
            self.end_headers()
        elif self.path == "/silent":
            self.wfile.write(b"HTTP/1.1 200 OK\r\n")
            self.rfile.read()
        else:
            self.answer(self.path.encode(), kind="Text/Plain; charset=UTF-8")


@pytest.fixture
def outside() -> Iterator[Outside]:
    SEEN.clear()
    with internet(Site) as way_out:
        yield way_out


def is_a_or_b(host: str, port: int) -> bool:
    return (host, port) in (("a.example", 80), ("b.example", 80))


async def got(url: str, outside: Outside, may_reach: Callable[[str, int], bool] = is_a_or_b) -> Page:
    return await get_page(parse_url(url), may_reach=may_reach, outside=outside)


async def test_a_page_has_its_type_and_its_text(outside: Outside) -> None:
    page = await got("http://a.example/page", outside)

    assert (page.status, page.media_type, page.charset, page.body) == (200, "text/plain", "utf-8", b"/page")
    assert page.is_whole
    assert page.redirect is None


@pytest.mark.parametrize(("path", "host"), [("/here", "a.example"), ("/there", "b.example")])
async def test_a_redirect_to_an_allowed_host_is_followed(path: str, host: str, outside: Outside) -> None:
    page = await got(f"http://a.example{path}", outside)

    assert (page.url, page.body) == (f"http://{host}/page", b"/page")


async def test_a_redirect_to_another_host_is_told_instead(outside: Outside) -> None:
    page = await got("http://a.example/elsewhere", outside)

    assert page.redirect == "http://c.example/page"
    assert SEEN == ["a.example/elsewhere"]


@pytest.mark.parametrize(
    ("path", "reason"),
    [("/file", "Only http"), ("/circle", "more than 5 redirects"), ("/packed", "compressed")],
)
async def test_what_is_no_page_says_why(path: str, reason: str, outside: Outside) -> None:
    with pytest.raises(ValueError, match=reason):
        await got(f"http://a.example{path}", outside)


async def test_a_host_that_is_not_allowed_is_never_connected_to(outside: Outside) -> None:
    with pytest.raises(ValueError, match="is not among the hosts"):
        await got("http://c.example/page", outside)

    assert SEEN == []


@pytest.mark.parametrize("url", ["http://127.0.0.1/page", "http://localhost/page", "http://169.254.169.254/"])
async def test_an_address_of_this_machine_or_its_network_is_refused_though_allowed(
    url: str, outside: Outside
) -> None:
    with pytest.raises(ValueError, match=r"not among the hosts|is not public"):
        await got(url, outside, lambda host, port: True)

    assert SEEN == []


async def test_a_redirect_home_is_refused_though_allowed(outside: Outside) -> None:
    with pytest.raises(ValueError, match="not among the hosts"):
        await got("http://a.example/home", outside, lambda host, port: True)


@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.1", "169.254.169.254", "::1"])
async def test_a_name_with_an_address_that_is_not_public_is_refused(address: str, outside: Outside) -> None:
    async def resolve(name: str, port: int) -> list[str]:
        return [address]

    with pytest.raises(ValueError, match="is not public"):
        await got("http://a.example/page", replace(outside, resolve=resolve))


async def test_a_name_is_resolved_once_and_its_verified_address_is_reached(outside: Outside) -> None:
    answers = [[PUBLIC], ["127.0.0.1"]]

    async def resolve(name: str, port: int) -> list[str]:
        return answers.pop(0)

    page = await got("http://a.example/page", replace(outside, resolve=resolve))

    assert page.body == b"/page"
    assert answers == [["127.0.0.1"]]


async def test_a_large_page_is_read_up_to_its_bound(outside: Outside) -> None:
    page = await got("http://a.example/large", outside)

    assert (len(page.body), page.is_whole) == (MAX_BODY, False)


async def test_a_silent_server_is_given_up(outside: Outside, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web_page, "_READ_S", 0.2)

    with pytest.raises(ValueError, match="did not come in time"):
        await got("http://a.example/silent", outside)


@pytest.mark.slow
@pytest.mark.parametrize("trusted", [True, False])
async def test_a_certificate_is_checked_against_the_name(trusted: bool, tmp_path: Path) -> None:
    with https_server(tmp_path, {"/x": b"by TLS"}) as (base, certificate):
        port = urlsplit(base).port
        assert port is not None

        async def connect(address: str, _: int) -> "http.server.socket.socket":
            return await Outside().connect("127.0.0.1", port)

        context = ssl.create_default_context(cafile=str(certificate) if trusted else None)
        context.check_hostname = not trusted  # the certificate is for the address, which isn't public
        address = parse_url(f"https://{PUBLIC}/x")
        outside = Outside(connect=connect)
        page = get_page(address, may_reach=lambda host, port: True, outside=outside, tls=context)
        if trusted:
            assert (await page).body == b"by TLS"
        else:
            with pytest.raises(ValueError, match="can't be read"):
                await page
