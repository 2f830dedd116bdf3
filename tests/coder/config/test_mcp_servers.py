"""MCP servers as the user names them."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from coder.base.errors import UsageError
from coder.config.layers import Loaded, load
from coder.config.mcp_servers import Mcp, mcp_named


def loaded(folder: Path, text: str, *, repository: str = "") -> Loaded:
    (folder / "config.toml").write_text(text)
    (folder / "pyproject.toml").write_text(repository)
    return load(environ={}, user_file=folder / "config.toml", workspace=folder)


def test_a_flag_names_a_command_or_a_url() -> None:
    program, page = mcp_named(["shop=python 'my server.py' --all", "docs=https://example.org/mcp?a=b"])

    assert program == Mcp("shop", command=("python", "my server.py", "--all"))
    assert page == Mcp("docs", url="https://example.org/mcp?a=b")


def test_the_users_file_has_a_table_for_each_server_and_a_flag_wins(tmp_path: Path) -> None:
    text = '[mcp.shop]\ncommand = "uvx shop"\nenv = ["A"]\nallow = ["buy"]\n[mcp.docs]\nurl = "http://d/"\n'
    servers = loaded(tmp_path, text).servers

    assert servers == (
        Mcp("shop", command=("uvx", "shop"), env=("A",), allow=("buy",), required=False),
        Mcp("docs", url="http://d/", required=False),
    )
    assert mcp_named(["docs=other"], servers) == (Mcp("docs", command=("other",)), servers[0])


def test_a_repository_can_name_no_server(tmp_path: Path) -> None:
    config = loaded(tmp_path, "", repository='[tool.coder.mcp.evil]\ncommand = "sh -c evil"\n')

    assert config.servers == ()
    assert "[tool.coder] mcp is ignored: a repository can't set it" in config.notes[0]


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("mcp = 5", "write a table for each server"),
        ("[mcp]\nshop = 'x'", "write a table for each server"),
        ("[mcp.shop]", r"\[mcp.shop\]: name either a command or a URL"),
        ("[mcp.shop]\ncommand = 'a'\nurl = 'http://b'", "either a command or a URL"),
        ("[mcp.shop]\nurl = 'ftp://b'", "must begin with http"),
        ("[mcp.shop]\ncommand = 'a'\nport = 5", "port: Unexpected keyword"),
        ('[mcp.shop]\ncommand = "\'a"', "command: No closing quotation"),
        ("[mcp.'a b']\ncommand = 'a'", "name: String should match"),
        ("[mcp.shop]\nurl = 'http://b'\nenv = ['A']", "env and sandboxed are for a command"),
        ("[mcp.shop]\ncommand = 'a'\nheaders = {A = '$B'}", "headers are for a URL"),
        ("[mcp.shop]\ncommand = 'a'\nhosts = ['b']", "hosts are for a sandboxed command"),
        ("[mcp.shop]\nurl = 'http://b'\nheaders = {A = 'secret'}", "the header A must take its value"),
    ],
)
def test_a_table_that_fits_no_server_is_refused_by_name(tmp_path: Path, table: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        loaded(tmp_path, table)


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["shop"], "write NAME=COMMAND or NAME=URL"),
        (["=x"], "name: String should match"),
        (["shop="], "write NAME=COMMAND or NAME=URL"),
        (["a=b", "a=c"], "two servers are named a"),
    ],
)
def test_a_flag_that_names_no_server_is_refused(flags: list[str], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        mcp_named(flags)


def test_a_value_that_python_gives_is_checked_too() -> None:
    with pytest.raises(ValidationError, match="either a command or a URL"):
        Mcp("shop")


def test_values_of_variables_are_read_when_they_are_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCS_TOKEN", "abc")
    docs = Mcp(
        "docs", url="http://d/", headers={"Authorization": "Bearer ${DOCS_TOKEN}", "X": "$$$DOCS_TOKEN"}
    )
    shop = Mcp("shop", command=("x",), env=("DOCS_TOKEN", "NOT_SET_X"))

    assert "abc" not in repr(docs)
    assert docs.filled_headers() == {"Authorization": "Bearer abc", "X": "$abc"}
    with pytest.raises(UsageError, match="NOT_SET_X isn't set"):
        shop.variables()
