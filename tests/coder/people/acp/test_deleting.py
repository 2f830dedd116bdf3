"""A client deletes sessions: they leave the list and the log, and what they have written stays."""

import json
from pathlib import Path

import pytest
from acp import RequestError

from tests.coder.people.acp.editor import Editor, editing
from tests.coder.people.cli.console import Console
from tests.coder.people.cli.test_fix import RIGHT, WRONG, code
from tests.faulty_endpoint import faulty_endpoint, says

pytestmark = pytest.mark.slow


async def delete(editor: Editor, session: str) -> object:
    """Send the request, for which the package's client has no method."""
    return await editor.agent._conn.send_request("session/delete", {"sessionId": session})


async def listed(editor: Editor) -> list[str]:
    """Ids of the sessions."""
    return [session.session_id for session in (await editor.agent.list_sessions()).sessions]


async def test_a_deleted_session_is_neither_listed_nor_loaded_nor_shown_and_its_file_stays(
    console: Console, project: Path
) -> None:
    with faulty_endpoint(says(code(RIGHT)), says("Hello.")) as endpoint:
        async with editing(console, endpoint, "yes") as editor:
            session = await editor.open(project)
            await editor.say(session, "Mend add.")
            kept = await editor.open(project)
            await editor.say(kept, "What is this?")
            answer = await delete(editor, session)
            sessions = await listed(editor)
            for refused in (
                editor.say(session, "And now?"),
                editor.agent.resume_session(str(project), session),
            ):
                with pytest.raises(RequestError):
                    await refused
    shown = console.run("show", session)

    assert (answer, sessions) == ({}, [kept])
    assert (shown.code, (project / "calc.py").read_text()) == (2, RIGHT)


async def test_a_session_that_never_was_is_deleted_silently_and_a_run_that_is_no_chat_stays(
    console: Console, project: Path
) -> None:
    with faulty_endpoint(says(code(RIGHT)), says(code(WRONG, RIGHT))) as endpoint:
        model = ("--base-url", endpoint.url, "-m", "toy")
        run = console.run("solve", "Mend add in calc.py.", ".", *model, "--json", cwd=project)
        async with editing(console, endpoint) as editor:
            answers = [await delete(editor, name) for name in ("run_nowhere", "", run_id(run.out))]

    assert answers == [{}, {}, {}]
    assert console.run("show", run_id(run.out)).code == 0


async def test_a_session_that_another_process_works_on_is_not_deleted(
    console: Console, project: Path
) -> None:
    with faulty_endpoint(says("Hello.")) as endpoint:
        async with editing(console, endpoint) as owner, editing(console, endpoint) as other:
            session = await owner.open(project)
            await owner.say(session, "What is this?")
            with pytest.raises(RequestError, match=f"Process {owner.pid}"):
                await delete(other, session)
            sessions = await listed(other)

    assert sessions == [session]


def run_id(output: str) -> str:
    """The run of a command's JSON."""
    return str(json.loads(output)["run_id"])
