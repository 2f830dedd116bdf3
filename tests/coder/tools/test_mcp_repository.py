"""MCP servers that a repository names run in a sandbox, on a copy of the files that a run has read."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from shutil import which

import pytest

from coder.config.mcp_files import read_servers
from coder.environment.repository_copy import open_copy
from coder.run.task import Task
from coder.tools.mcp_client import McpServer
from coder.workspace.read import read_workspace
from sandbox import open_sandbox, session_policy
from tests.coder.tools.test_mcp_client import ROUGH, Opened
from tests.coder.tools.test_mcp_sandbox import DESK

SCRIPT = ROUGH.read_text()
EXECUTABLE = "#!/usr/bin/env python3\n" + SCRIPT
IN_NODE = f"""const {{spawn}} = require('child_process')
spawn('python3', ['-c', {json.dumps(SCRIPT)}], {{stdio: 'inherit'}})
"""
PACKAGE = json.dumps({"name": "shop", "scripts": {"serve": "node server"}})


def write(folder: Path, files: dict[str, str]) -> None:
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
        (folder / path).chmod(0o755 if text.startswith("#!") else 0o644)


@asynccontextmanager
async def started(folder: Path, **entry: object) -> AsyncIterator[Opened]:
    """The server of an entry that the user has allowed, as a run on this folder starts it."""
    content = json.dumps({"mcpServers": {"it": entry}}).encode()
    (about,), read_notes = read_servers(content, folder, environ={"KEY_OF_IT": "of-the-user"})
    assert read_notes == []
    files = read_workspace(Task(prompt="?", workspace=folder)).files
    notes: list[str] = []
    server = McpServer(about, notes.append, folder, partial(open_copy, session_policy(), open_sandbox, files))
    try:
        one = Opened(server, notes, DESK)
        one.tools = {tool.spec.name: tool for tool in await server.tools()}
        yield one
    finally:
        await server.close()


@pytest.mark.parametrize(
    ("entry", "files"),
    [
        ({"command": "python", "args": ["tools/server.py"]}, {"tools/server.py": SCRIPT}),
        ({"command": "python3", "args": ["-m", "tools.server"]}, {"tools/server.py": SCRIPT}),
        ({"command": "${CLAUDE_PROJECT_DIR}/serve.sh"}, {"serve.sh": EXECUTABLE}),
        ({"command": "sh", "args": ["-c", "exec ./serve"]}, {"serve": EXECUTABLE}),
        ({"command": "node", "args": ["server"]}, {"server.js": IN_NODE}),
        ({"command": "npm", "args": ["run", "-s", "serve"]}, {"server.js": IN_NODE, "package.json": PACKAGE}),
    ],
    ids=["script", "module", "path", "shell", "node", "npm"],
)
async def test_a_program_of_the_repository_starts_in_its_folder(
    tmp_path: Path, entry: dict[str, object], files: dict[str, str]
) -> None:
    if which(str(entry["command"])) is None and "node server" in " ".join(files.values()):
        pytest.skip("there is no node here")
    write(tmp_path, files)

    async with started(tmp_path, **entry) as one:
        assert (await one.call("say", text="hello")).text == "hello", one.notes


async def test_an_absolute_path_into_the_repository_is_one_of_its_copy(tmp_path: Path) -> None:
    write(tmp_path, {"tools/server.py": SCRIPT})

    async with started(tmp_path, command="python3", args=[f"{tmp_path}/tools/server.py"]) as one:
        assert (await one.call("say", text="hello")).text == "hello", one.notes


async def test_a_module_that_a_model_put_beside_the_servers_script_does_not_reach_this_machine(
    tmp_path: Path,
) -> None:
    mark, folder = tmp_path / "reached", tmp_path / "shop"
    planted = f"import os\nopen({str(mark)!r}, 'w').close() if os.path.isdir({str(tmp_path)!r}) else None\n"
    write(folder, {"tools/server.py": f"import planted\n{SCRIPT}", "tools/planted.py": planted})

    async with started(folder, command="python3", args=["tools/server.py"]) as one:
        assert (await one.call("say", text="hello")).text == "hello", one.notes

    assert not mark.exists()


async def test_a_program_gets_a_new_home_and_the_named_variables_and_its_files_stay_as_they_are(
    tmp_path: Path,
) -> None:
    writes = "import os\nopen('tools/server.py', 'w').close(); open(os.path.expanduser('~/x'), 'w').close()\n"
    write(tmp_path, {"tools/server.py": writes + SCRIPT})

    async with started(
        tmp_path, command="python3", args=["tools/server.py"], env={"KEY": "${KEY_OF_IT}"}
    ) as one:
        variables = json.loads((await one.call("environment")).text)

    assert (variables["KEY"], variables["HOME"]) == ("[redacted]", "/tmp/home")
    assert (tmp_path / "tools/server.py").read_text() == writes + SCRIPT


@pytest.mark.slow
async def test_a_program_reaches_the_hosts_of_its_entry_and_no_other(tmp_path: Path) -> None:
    write(tmp_path, {"server.py": SCRIPT})
    async with started(tmp_path, command="python3", args=["server.py"], hosts=["named.invalid"]) as one:
        answer = await one.call("fetch", url="http://named.invalid/")
        other = await one.call("fetch", url="http://other.invalid/")
    async with started(tmp_path, command="python3", args=["server.py"]) as one:
        without = await one.call("fetch", url="http://named.invalid/")

    assert "is not among the hosts" not in answer.text
    assert "other.invalid:80 is not among the hosts" in other.text
    assert without.text.startswith("URLError")


async def test_a_program_that_the_sandbox_lacks_is_told_with_the_line_that_starts_it_on_this_machine(
    tmp_path: Path,
) -> None:
    async with started(tmp_path, command="no-such-program-x", args=["a b"]) as one:
        assert one.tools == {}
        assert "the sandbox has no no-such-program-x" in one.notes[0]
        assert 'mcp.it = { command = ["no-such-program-x", "a b"] }' in one.notes[0]
