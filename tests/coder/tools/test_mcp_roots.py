"""MCP servers are told the folder that a run is about, where they see it."""

import json
import sys
from pathlib import Path

import pytest

from coder import Mcp, Settings, Task
from coder.models.model import ToolCall
from coder.models.scripted import Scripted
from tests.coder.tools.test_mcp_everything import NODE
from tests.coder.tools.test_mcp_runs import RIGHT, call, told
from tests.kept_sandboxes import KEPT, solve
from tests.memory_log import MemoryLog
from tests.programs import require_npm
from tests.recorded_runs import RECORDED
from tests.system_python import SYSTEM_PYTHON

pytestmark = [KEPT, RECORDED, pytest.mark.slow]
OFFERS = Path(__file__).with_name("offers_mcp.py")
FILES = "@modelcontextprotocol/server-filesystem/dist/index.js"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with a space in its name, and one file."""
    folder = tmp_path / "my project"
    folder.mkdir()
    (folder / "main.py").write_text("def add(a, b):\n    return a - b\n")
    return folder


async def results(answers: list[str | list[ToolCall]], server: Mcp, workspace: Path | None) -> list[str]:
    """What the model was told by a server's tools in a run about a folder or a file."""
    task = Task(prompt="Write add in main.py.", workspace=workspace)
    model = Scripted([*answers, RIGHT])
    settings = Settings(strategy="act", apply=False)
    await solve(task, model=model, tools=(server,), settings=settings, log=MemoryLog())
    return told(model)


@pytest.mark.parametrize("name", [".", "main.py"])
async def test_a_server_is_told_the_folder_of_the_run(project: Path, name: str) -> None:
    server = Mcp("it", command=(sys.executable, str(OFFERS)))

    (roots, *_) = await results([call("it_roots")], server, project / name)

    assert json.loads(roots) == [{"uri": project.as_uri(), "name": "my project"}]


async def test_a_server_of_a_run_without_a_folder_or_in_a_sandbox_is_told_none(project: Path) -> None:
    outside = Mcp("it", command=(sys.executable, str(OFFERS)))
    inside = Mcp("it", command=(str(SYSTEM_PYTHON), str(OFFERS)), sandboxed=True)

    roots = [
        await results([call("it_roots")], server, at) for server, at in ((outside, None), (inside, project))
    ]

    assert [first for first, *_ in roots] == ["none", "none"]


@pytest.mark.foreign
async def test_the_filesystem_server_without_arguments_reads_and_writes_in_the_folder_of_the_run(
    project: Path,
) -> None:
    file, note = project / "main.py", project / "note.txt"
    server = Mcp("fs", command=(str(NODE), str(require_npm(FILES))), allow=("write_file",))
    answers = [
        call("fs_list_allowed_directories"),
        call("fs_read_text_file", path=str(file)),
        call("fs_write_file", path=str(note), content="Tried.\n"),
        call("fs_read_text_file", path="/etc/hosts"),
    ]

    allowed, read, _, refused, *_ = await results(answers, server, project)

    assert str(project) in allowed
    assert "return a - b" in read
    assert note.read_text() == "Tried.\n"
    assert "Access denied" in refused
