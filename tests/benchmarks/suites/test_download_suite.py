"""Suites by name: kept once downloaded, and never taken with a wrong checksum."""

import hashlib
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.suites.download_suite import SuiteSource, fetch_suite
from coder.base.errors import UsageError
from tests.https_server import https_server

LINE = b'{"id": "add", "prompt": "", "entry_point": "add", "test": ""}\n'


@pytest.fixture
def published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SuiteSource]:
    """A suite at an address whose certificate is trusted."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl isn't here to make a certificate")
    with https_server(tmp_path, {"/small.jsonl": LINE}) as (url, certificate):
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        yield SuiteSource("small", "1.0", f"{url}/small.jsonl", hashlib.sha256(LINE).hexdigest())


def test_a_suite_is_downloaded_once(published: SuiteSource, tmp_path: Path) -> None:
    first = fetch_suite(published, folder=tmp_path / "cache")
    gone = replace(published, url="https://127.0.0.1:9/small.jsonl")

    assert fetch_suite(gone, folder=tmp_path / "cache") == first
    assert (first.name, first.version) == ("small", "1.0")


def test_a_wrong_checksum_is_named_and_nothing_kept(published: SuiteSource, tmp_path: Path) -> None:
    wrong = replace(published, sha256="0" * 64)

    with pytest.raises(UsageError, match=r"(?s)checksum .*small"):
        fetch_suite(wrong, folder=tmp_path / "cache")

    assert list((tmp_path / "cache").iterdir()) == []


def test_a_file_that_changed_in_the_cache_is_refused(published: SuiteSource, tmp_path: Path) -> None:
    fetch_suite(published, folder=tmp_path / "cache")
    (cached,) = (tmp_path / "cache").iterdir()
    cached.write_bytes(LINE * 2)

    with pytest.raises(UsageError, match="its checksum differs"):
        fetch_suite(published, folder=tmp_path / "cache")


def test_no_network_says_that_a_file_will_do(tmp_path: Path) -> None:
    nowhere = SuiteSource("small", "1.0", "http://127.0.0.1:9/small.jsonl", "0" * 64)

    with pytest.raises(UsageError, match=r"(?s)couldn't be downloaded: .*give the file instead"):
        fetch_suite(nowhere, folder=tmp_path)
