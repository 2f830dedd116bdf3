"""`.mcp.json`: read as other agents do, and used only if the user allows its content."""

import json
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coder.base.errors import UsageError
from coder.config.approved_files import allow, program_file
from coder.config.layers import load
from coder.config.mcp_files import read_servers
from coder.config.mcp_servers import mcp_of_tables

PROGRAM = {"command": "python", "args": ["${HERE:-.}/server.py"], "env": {"KEY": "${SECRET}"}}


def content(**servers: object) -> bytes:
    return json.dumps({"mcpServers": servers}).encode()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CODER_HOME", str(tmp_path / "data"))
    (tmp_path / "work").mkdir()
    return tmp_path / "work"


def test_programs_and_addresses_are_read_with_variables_filled_in(tmp_path: Path) -> None:
    web = {"type": "http", "url": "https://a.example/mcp", "headers": {"Authorization": "Bearer ${SECRET}"}}

    (one, two), notes = read_servers(content(one=PROGRAM, two=web), tmp_path, environ={"SECRET": "s3cret"})

    assert (one.command, one.variables()) == (("python", "./server.py"), {"KEY": "s3cret"})
    assert (two.url, two.filled_headers()) == ("https://a.example/mcp", {"Authorization": "Bearer s3cret"})
    assert not notes
    assert "s3cret" not in repr((one, two))


def test_a_file_without_the_wrapper_is_read_in_the_same_way(tmp_path: Path) -> None:
    plain = json.dumps(
        {"$schema": "https://a.example", "one": {"command": "x"}, "two": {"url": "https://b.example"}}
    )

    servers, notes = read_servers(plain.encode(), tmp_path)

    assert [(server.name, server.command, server.url) for server in servers] == [
        ("one", ("x",), ""),
        ("two", (), "https://b.example"),
    ]
    assert not notes


@pytest.mark.parametrize("text", ["{}", '{"mcpServers": {}}', '{"version": 1}'])
def test_a_file_that_gives_no_server_says_so(text: str, tmp_path: Path) -> None:
    servers, (note,) = read_servers(text.encode(), tmp_path, source="plugin/.mcp.json")

    assert not servers
    assert note.startswith("plugin/.mcp.json names no server: write")


def test_a_server_that_can_not_be_used_is_noted_and_the_others_are_used(tmp_path: Path) -> None:
    bad = {"odd": {}, "stream": {"type": "sse", "url": "https://a.example"}, "lacks": PROGRAM}

    servers, notes = read_servers(content(**bad, fine={"command": "x"}), tmp_path, environ={})

    assert [server.name for server in servers] == ["fine"]
    assert [note.split("ignored: ")[1] for note in notes] == [
        "name either a command or a URL",
        "only stdio and http are supported",
        "the variable SECRET isn't set",
    ]


def test_keys_of_a_server_without_an_effect_are_named_and_a_disabled_one_stays_off(
    tmp_path: Path,
) -> None:
    rows = {
        "slow": {"command": "x", "cwd": "/srv", "timeout": 5, "description": "Slow."},
        "off": {"command": "x", "disabled": True},
        "torn": {"command": "x", "args": "a b"},
    }

    servers, notes = read_servers(content(**rows), tmp_path)

    assert [server.name for server in servers] == ["slow"]
    assert [note.partition(": the server ")[2] for note in notes] == [
        "'slow' has keys without an effect here: cwd, timeout",
        "'off' is ignored: the file says that it is disabled",
        "'torn' is ignored: args: Input should be a valid tuple",
    ]


def test_a_name_that_another_server_has_or_no_tool_can_have_is_replaced(tmp_path: Path) -> None:
    servers, _ = read_servers(
        content(**{"docs": {"command": "x"}, "a b\u001b[31m": {"command": "x"}}), tmp_path, taken=["docs"]
    )

    assert [server.name for server in servers] == ["docs-2", "a-b-31m"]


def test_nothing_starts_before_the_user_allows_the_content_nor_after_it_changes(folder: Path) -> None:
    (folder / ".mcp.json").write_bytes(content(one={"command": "x"}))
    before = load(workspace=folder)
    file = program_file(folder, ".mcp.json")
    assert file is not None

    allow(folder, file.digest[:32])
    allowed = load(workspace=folder)
    (folder / ".mcp.json").write_bytes(content(one={"command": "y"}))
    changed = load(workspace=folder)

    assert [len(loaded.servers) for loaded in (before, allowed, changed)] == [0, 1, 0]
    assert f"skills --allow {file.digest[:32]}" in before.notes[-1]
    assert file.digest[:32] not in changed.notes[-1]


def test_an_allowed_content_is_allowed_in_its_folder_alone(folder: Path, tmp_path: Path) -> None:
    (other := tmp_path / "other").mkdir()
    for place in (folder, other):
        (place / ".mcp.json").write_bytes(content(one={"command": "x"}))
    file = program_file(folder, ".mcp.json")
    assert file is not None

    allow(folder, file.digest)

    assert not load(workspace=other).servers


@pytest.mark.parametrize("digest", ["", "abc", "0" * 32])
def test_a_digest_that_names_no_content_allows_nothing(folder: Path, digest: str) -> None:
    (folder / ".mcp.json").write_bytes(content(one={"command": "x"}))

    with pytest.raises(UsageError, match="No file here has the content"):
        allow(folder, digest)


def test_a_link_and_a_large_file_are_ignored_with_the_reason(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere.json").write_bytes(content(one={"command": "x"}))
    (folder / ".mcp.json").symlink_to(tmp_path / "elsewhere.json")
    assert "is ignored" in load(workspace=folder).notes[-1]
    (folder / ".mcp.json").unlink()
    (folder / ".mcp.json").write_bytes(b" " * 300_000)

    assert "more than 262,144 bytes" in load(workspace=folder).notes[-1]


@pytest.mark.slow
@given(
    st.one_of(
        st.binary(max_size=200),
        st.recursive(
            st.one_of(st.none(), st.text(max_size=5), st.integers()),
            lambda inner: st.one_of(
                st.lists(inner, max_size=3),
                st.dictionaries(
                    st.sampled_from(["mcpServers", "command", "args", "env", "url", "headers", "type", "x"]),
                    inner,
                    max_size=4,
                ),
            ),
            max_leaves=12,
        ).map(lambda value: json.dumps(value).encode()),
    )
)
def test_any_file_is_read_or_refused(data: bytes) -> None:
    try:
        read_servers(data, Path("/"))
    except UsageError:
        return


@pytest.mark.parametrize(
    "program", ["/opt/shop/server", "../server", "tools/../../server", "~/bin/server", "/home/me/bin/server"]
)
def test_a_program_outside_of_the_repository_is_refused_with_the_line_that_makes_it_the_users_own(
    tmp_path: Path, program: str
) -> None:
    row = {"command": program, "args": ["--key", "${SECRET}"], "env": {"KEY": "${SECRET}"}}

    servers, (note,) = read_servers(content(shop=row), tmp_path, environ={"SECRET": "s3cret"})
    line = note.partition("config.toml: ")[2]
    (own,) = mcp_of_tables(tomllib.loads(line)["mcp"], "config.toml")

    assert servers == ()
    assert "is no program of this folder or of the sandbox's system" in note
    assert (own.command, own.env, own.sandboxed) == ((program, "--key", "${SECRET}"), ("KEY",), False)
    assert "s3cret" not in note


def test_what_a_program_reaches_is_its_entrys_hosts_and_the_registry_of_its_package(tmp_path: Path) -> None:
    rows = {
        "one": {"command": "npx", "args": ["-y", "x@1.2.3"], "hosts": ["api.example.org"]},
        "two": {"command": "uvx", "args": ["x==1"]},
        "three": {"command": "python3"},
        "odd": {"command": "python3", "hosts": ["a b"]},
    }

    servers, (note,) = read_servers(content(**rows), tmp_path)

    assert [(server.sandboxed, server.hosts) for server in servers] == [
        (True, ("api.example.org", "registry.npmjs.org")),
        (True, ("pypi.org", "files.pythonhosted.org")),
        (True, ()),
    ]
    assert "the server 'odd' is ignored: hosts: " in note


def test_a_person_is_told_hosts_variables_and_words_of_each_server_before_they_allow_it(folder: Path) -> None:
    rows = {
        "tea": {"command": "npx", "args": ["-y", "tea@1", "${CLAUDE_PROJECT_DIR}"], "env": {"A": "${KEY:-}"}},
        "web": {"type": "streamable-http", "url": "https://a.example/${ROOM}", "headers": {"B": "x ${KEY}"}},
        "bare": {"command": "./serve.sh"},
    }
    (folder / ".mcp.json").write_bytes(content(**rows))

    *_, tea, web, bare, _ = load(workspace=folder).notes

    assert tea == (
        ".mcp.json: tea: runs in a sandbox; reaches registry.npmjs.org; gets KEY; "
        "as npx -y tea@1 '${CLAUDE_PROJECT_DIR}'"
    )
    assert web == ".mcp.json: web: is another machine; gets ROOM, KEY; at https://a.example/${ROOM}"
    assert bare == ".mcp.json: bare: runs in a sandbox; reaches no host; as ./serve.sh"


def test_an_allowed_file_stays_allowed_whatever_changes_beside_it(folder: Path) -> None:
    (folder / ".mcp.json").write_bytes(content(shop={"command": "./server.sh"}))
    before = program_file(folder, ".mcp.json")
    assert before is not None
    allow(folder, before.digest)

    (folder / "server.sh").write_text("exit 1")
    (server,) = load(workspace=folder).servers

    assert (server.sandboxed, server.is_of_repository) == (True, True)
