"""`coder config`: what holds, and who said so."""

import json
from pathlib import Path

import pytest

from tests.coder.people.cli.console import Console


def test_each_setting_stands_with_where_it_comes_from(console: Console, folder: Path) -> None:
    (folder / "pyproject.toml").write_text('[tool.coder]\nmax_calls = 3\nmodel = "evil/one"\n')

    listing = console.run("config", str(folder), CODER_SAMPLES="4", CODER_TIMEOUT="60")

    rows = dict(line.split(maxsplit=1) for line in listing.out.splitlines())
    assert listing.code == 0
    assert rows["max_calls"].split() == ["3", "[tool.coder]"]
    assert rows["samples"].split() == ["4", "CODER_SAMPLES"]
    assert rows["memory"].split() == ["512", "default"]
    assert rows["model"].split() == ["-", "default"]
    assert "[tool.coder] model is ignored: a repository can't set it" in listing.err


def test_the_place_of_the_log_is_told_without_its_password(console: Console) -> None:
    usual = console.run("config")
    hosted = console.run("config", CODER_LOG="postgresql://me:planted@h/db")

    assert f"runs are kept in {console.home}/data" in usual.err
    assert "runs are kept in the database of CODER_LOG" in hosted.err
    assert "planted" not in hosted.out + hosted.err


@pytest.mark.parametrize("start", ["s3://key:", "s3//key:", "http://key:", "key:", "~key:"])
def test_no_password_of_the_place_of_long_contents_is_shown(console: Console, start: str) -> None:
    listing = console.run("config", CODER_BLOBS=f"{start}planted@bucket/x?secret=planted")

    assert "their long contents are kept in" in listing.err
    assert "planted" not in listing.out + listing.err


def test_programs_get_a_document_without_the_secrets_of_addresses(console: Console, folder: Path) -> None:
    address = "https://me:planted-pass@models.example.com/v1?key=planted-key"

    listing = console.run(
        "config", str(folder), "--json", CODER_BASE_URL=address, CODER_NETWORK="a.example,b.example"
    )

    document = json.loads(listing.out)
    assert document["settings"]["base_url"] == {
        "value": "https://models.example.com/v1",
        "from": "CODER_BASE_URL",
    }
    assert document["settings"]["network"]["value"] == ["a.example", "b.example"]
    assert document["settings"]["max_cost"] == {"value": "1", "from": "default"}
    assert "planted" not in listing.out + listing.err


def test_a_value_that_cannot_be_used_is_named_with_its_place(console: Console, folder: Path) -> None:
    refusal = console.run("config", str(folder), CODER_MAX_CALLS="many")

    assert refusal.code == 2
    assert "CODER_MAX_CALLS" in refusal.err


def test_a_folder_that_is_not_there_is_said(console: Console, folder: Path) -> None:
    refusal = console.run("config", str(folder / "nowhere"))

    assert (refusal.code, refusal.out) == (2, "")
    assert "nowhere" in refusal.err
