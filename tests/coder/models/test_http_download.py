"""Downloads from https addresses: bounded, and never by http."""

import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from io import StringIO
from pathlib import Path

import pytest

from coder.base.errors import ModelUnavailable, UsageError
from coder.models import http_download
from coder.models.catalog_update import update_catalog
from coder.models.endpoint import Patience
from coder.models.http_download import download
from coder.show.styling import download_bar
from tests.coder.models.test_catalog import document, provider
from tests.https_server import https_server

WEIGHTS = b"GGUF"


class Screen(StringIO):
    def isatty(self) -> bool:
        return True


Contents = dict[str, bytes | str | list[bytes | int]]
CONTENTS: Contents = {
    "/m.gguf": WEIGHTS,
    "/api.json": document(acme=provider()),
    "/moved": "/m.gguf",
    "/down": "http://127.0.0.1:9/m.gguf",
}


@pytest.fixture
def trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Contents], str]]:
    """Starts an https server whose certificate is trusted; gives its address. No retry waits for long."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl isn't here to make a certificate")
    monkeypatch.setattr(http_download, "PATIENCE", Patience(first_wait_s=0.01))
    with ExitStack() as servers:

        def start(contents: Contents) -> str:
            url, certificate = servers.enter_context(https_server(tmp_path, contents))
            monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
            return url

        yield start


@pytest.fixture
def address(trusted: Callable[[Contents], str]) -> str:
    """An https server with these contents, whose certificate is trusted."""
    return trusted(CONTENTS)


async def test_the_catalogue_is_loaded_from_its_address(address: str, tmp_path: Path) -> None:
    catalog = await update_catalog(tmp_path / "cache", source=f"{address}/api.json")

    assert catalog.size == 2


def test_a_redirect_is_followed_by_https_and_by_nothing_else(address: str) -> None:
    assert download(f"{address}/moved", max_bytes=1 << 20) == WEIGHTS
    with pytest.raises((UsageError, ModelUnavailable)):
        download(f"{address}/down", max_bytes=1 << 20)


def test_no_more_is_taken_than_was_asked_for(address: str) -> None:
    assert download(f"{address}/m.gguf", max_bytes=len(WEIGHTS)) == WEIGHTS
    with pytest.raises(UsageError, match="and is refused"):
        download(f"{address}/m.gguf", max_bytes=len(WEIGHTS) - 1)


def test_a_download_tells_how_much_of_it_has_come(address: str) -> None:
    progress: list[tuple[int, int | None]] = []

    download(f"{address}/m.gguf", max_bytes=1 << 20, on_progress=lambda *both: progress.append(both))

    assert progress[-1] == (len(WEIGHTS), len(WEIGHTS))


def test_a_bar_of_a_download_is_drawn_on_a_terminal_and_gone_at_its_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    screen = Screen()
    monkeypatch.setattr(sys, "stderr", screen)

    with download_bar("models") as on_progress:
        assert on_progress is not None
        on_progress(500_000, 2_000_000)
    output = screen.getvalue()

    assert "0.5/2.0 MB" in output
    assert output.endswith("\x1b[?25h\r\x1b[1A\x1b[2K")


def test_what_is_not_there_is_said(address: str) -> None:
    with pytest.raises(ModelUnavailable, match="Not Found"):
        download(f"{address}/none", max_bytes=1)


@pytest.mark.slow
def test_a_server_that_fails_for_a_moment_is_asked_again_when_it_says(
    trusted: Callable[[Contents], str],
) -> None:
    replies: list[bytes | int] = [502, 0, 429, WEIGHTS]

    content = download(trusted({"/m.gguf": replies}) + "/m.gguf", max_bytes=1 << 20)

    assert (content, replies) == (WEIGHTS, [])


@pytest.mark.slow
def test_a_server_that_asks_to_wait_longer_than_the_deadline_is_asked_once(
    trusted: Callable[[Contents], str],
) -> None:
    replies: list[bytes | int] = [503, WEIGHTS]
    address = trusted({"/m.gguf": replies})

    with pytest.raises(ModelUnavailable, match=r"HTTP 503 .*It asks to wait 3600 s"):
        download(f"{address}/m.gguf", max_bytes=1 << 20)

    assert replies == [WEIGHTS]


def test_a_server_that_keeps_failing_is_asked_five_times(
    trusted: Callable[[Contents], str],
) -> None:
    address = trusted({"/m.gguf": [500] * 9})

    with pytest.raises(ModelUnavailable, match=r"HTTP 500 .*asked 5 times"):
        download(f"{address}/m.gguf", max_bytes=1 << 20)


def test_a_certificate_that_nobody_trusts_is_refused(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")

    with pytest.raises(ModelUnavailable, match="certificate"):
        download(f"{address}/m.gguf", max_bytes=1)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ALL_PROXY", "socks5://me:planted-word@127.0.0.1:9"),
        ("HTTPS_PROXY", "foo://me:planted-word@127.0.0.1:9"),
        ("SSL_CERT_FILE", "/nowhere/authority.pem"),
    ],
)
def test_a_proxy_or_an_authority_that_cannot_be_used_is_no_bug_of_ours(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)

    with pytest.raises(ModelUnavailable, match="can't be loaded: ") as refused:
        download("https://127.0.0.1:9/m.gguf", max_bytes=1)

    assert "planted" not in str(refused.value)


def test_neither_password_nor_token_of_an_address_is_said(address: str) -> None:
    url = address.replace("https://", "https://someone:planted-password@") + "/none?token=planted-token"

    with pytest.raises(ModelUnavailable, match="Not Found") as missing:
        download(url, max_bytes=1)

    assert "planted" not in str(missing.value)
