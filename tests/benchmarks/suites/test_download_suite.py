"""Suites by name: kept once downloaded, and never taken with a wrong checksum."""

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.errors import BadSuite
from benchmarks.suites.download_suite import Source, fetched

LINE = b'{"id": "add", "prompt": "", "entry_point": "add", "test": ""}\n'


def source(file: Path) -> Source:
    return Source("small", "1.0", file.as_uri(), hashlib.sha256(LINE).hexdigest())


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "published.jsonl"
    path.write_bytes(LINE)
    return path


def test_a_suite_is_downloaded_once(file: Path, tmp_path: Path) -> None:
    first = fetched(source(file), folder=tmp_path / "cache")
    file.unlink()

    assert fetched(source(file), folder=tmp_path / "cache") == first
    assert (first.name, first.version) == ("small", "1.0")


def test_a_wrong_checksum_is_named_and_nothing_kept(file: Path, tmp_path: Path) -> None:
    wrong = replace(source(file), sha256="0" * 64)

    with pytest.raises(BadSuite, match=r"(?s)checksum .*Nothing was kept"):
        fetched(wrong, folder=tmp_path / "cache")

    assert list((tmp_path / "cache").iterdir()) == []


def test_a_file_that_changed_in_the_cache_is_refused(file: Path, tmp_path: Path) -> None:
    fetched(source(file), folder=tmp_path / "cache")
    (cached,) = (tmp_path / "cache").iterdir()
    cached.write_bytes(LINE * 2)

    with pytest.raises(BadSuite, match="its checksum differs"):
        fetched(source(file), folder=tmp_path / "cache")


def test_no_network_says_that_a_file_will_do(tmp_path: Path) -> None:
    nowhere = Source("small", "1.0", "http://127.0.0.1:9/small.jsonl", "0" * 64)

    with pytest.raises(BadSuite, match=r"(?s)couldn't be downloaded: .*give the file instead"):
        fetched(nowhere, folder=tmp_path)
