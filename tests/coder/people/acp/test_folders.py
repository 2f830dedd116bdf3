"""A client adds folders to a session: its programs read them, and write nothing there."""

from pathlib import Path
from typing import Any

import pytest
from acp import RequestError

from tests.coder.people.acp.editor import Editor, editing
from tests.coder.people.cli.console import Console
from tests.faulty_endpoint import FaultyEndpoint, calls, faulty_endpoint, says

pytestmark = pytest.mark.slow
READS = calls("bash", command="cat /opt/shown/shared/notes.txt; echo x > /opt/shown/shared/notes.txt")


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    """A folder beside the project."""
    folder = tmp_path / "shared"
    folder.mkdir()
    (folder / "notes.txt").write_text("Sums are of two numbers.\n")
    return folder


def results(endpoint: FaultyEndpoint) -> list[str]:
    """The results of the tools that the model was given."""
    return [
        str(message["content"])
        for request in endpoint.requests
        for message in request.body["messages"][-1:]
        if message["role"] == "tool"
    ]


async def test_a_folder_of_the_client_is_read_by_programs_and_not_written(
    console: Console, project: Path, shared: Path
) -> None:
    with faulty_endpoint(READS, says("Two.")) as endpoint:
        async with editing(console, endpoint, more_flags=("--strategy", "act")) as editor:
            session = await opened(editor, project, [str(shared)])
            await editor.say(session, "What do the notes say?")
            (listed,) = (await editor.agent.list_sessions()).sessions

    (result,) = results(endpoint)
    assert "Sums are of two numbers." in result
    assert "Read-only" in result
    assert listed.additional_directories == [str(shared)]
    assert (shared / "notes.txt").read_text() == "Sums are of two numbers.\n"


async def test_a_loaded_session_has_the_folders_that_the_client_adds_then(
    console: Console, project: Path, shared: Path
) -> None:
    with faulty_endpoint(says("Hello."), READS, says("Two."), READS, says("Two.")) as endpoint:
        async with editing(console, endpoint, more_flags=("--strategy", "act")) as editor:
            session = await opened(editor, project)
            await editor.say(session, "Hello?")
            await load(editor, project, session, [str(shared)])
            await editor.say(session, "What do the notes say?")
        async with editing(console, endpoint, more_flags=("--strategy", "act")) as later:
            await load(later, project, session, [str(shared)])
            await later.say(session, "And now?")

    assert ["Sums are of two numbers." in result for result in results(endpoint)] == [True, True]


@pytest.mark.parametrize("folder", ["shared", "/no/such/folder", "/etc/hosts"])
async def test_a_folder_that_is_none_is_refused(console: Console, project: Path, folder: str) -> None:
    async with editing(console) as editor:
        with pytest.raises(RequestError) as refused:
            await opened(editor, project, [folder])

    assert refused.value.code == -32602


async def opened(editor: Editor, project: Path, folders: list[str] | None = None) -> str:
    """The id of a new session with further folders."""
    answer = await editor.agent.new_session(cwd=str(project), mcp_servers=[], additional_directories=folders)
    return answer.session_id


async def load(editor: Editor, project: Path, session: str, folders: list[str]) -> Any:
    """Load a session with further folders."""
    return await editor.agent.load_session(
        cwd=str(project), session_id=session, mcp_servers=[], additional_directories=folders
    )
