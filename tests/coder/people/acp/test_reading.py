"""A session that another process works on is shown as it goes on; its messages are the owner's alone."""

import asyncio
import os
import signal
from pathlib import Path
from typing import Any

import pytest
from acp import RequestError
from acp.schema import (
    AgentMessageChunk,
    AgentThoughtChunk,
    ConfigOptionUpdate,
    ToolCallProgress,
    ToolCallStart,
)

from tests.coder.people.acp.editor import Editor, editing
from tests.coder.people.acp.test_editor import DONE, EDIT
from tests.coder.people.cli.console import Console
from tests.coder.people.cli.test_fix import RIGHT, WRONG, code
from tests.faulty_endpoint import calls, faulty_endpoint, hangs, says

pytestmark = pytest.mark.slow


async def load(editor: Editor, project: Path, session: str) -> Any:
    """Load a session."""
    return await editor.agent.load_session(cwd=str(project), session_id=session, mcp_servers=[])


async def refusal(editor: Editor, session: str, text: str) -> str:
    """Send a message that is refused; return the error's words."""
    with pytest.raises(RequestError) as refused:
        await editor.say(session, text)
    return str(refused.value)


async def test_a_second_client_sees_the_history_and_the_work_as_it_goes_on(
    console: Console, project: Path
) -> None:
    with faulty_endpoint(says("It adds."), says(code(RIGHT))) as endpoint:
        async with editing(console, endpoint, "yes") as owner, editing(console, endpoint) as reader:
            session = await owner.open(project)
            await owner.say(session, "What is this?")
            await load(reader, project, session)
            history = (reader.repeated, reader.text().strip())
            owner.may_answer.clear()
            work = asyncio.create_task(owner.say(session, "Mend add."))
            await reader.until(AgentThoughtChunk, "It asks where it is worked on")
            untouched = (project / "calc.py").read_text()
            owner.may_answer.set()
            await work
            await reader.until(AgentMessageChunk, "unverified")

    assert history == ("What is this?", "It adds.")
    assert (untouched, (project / "calc.py").read_text()) == (WRONG, RIGHT)
    assert reader.repeated == "What is this?Mend add."
    assert reader.text().count("It adds.") == 1
    assert reader.questions == []


async def test_calls_of_a_message_that_is_worked_on_are_shown_to_a_client_that_comes_late(
    console: Console, project: Path
) -> None:
    with faulty_endpoint(EDIT, calls("bash", command="sleep 600")) as endpoint:
        async with editing(console, endpoint) as owner, editing(console, endpoint) as reader:
            session = await owner.open(project)
            work = asyncio.create_task(owner.say(session, "Mend add."))
            while len([one for one in owner.updates if isinstance(one, ToolCallStart)]) < 2:
                await owner.until(ToolCallStart)
                await asyncio.sleep(0.05)
            await load(reader, project, session)
            await reader.until(ToolCallProgress)
            await reader.agent.cancel(session_id=session)
            is_working = not work.done()
            await owner.agent.cancel(session_id=session)
            await work

    started = [one for one in reader.updates if isinstance(one, ToolCallStart)]
    (ended, *_) = [one for one in reader.updates if isinstance(one, ToolCallProgress)]
    assert is_working  # a reader's cancel is no cancel
    assert (reader.repeated, len(started)) == ("Mend add.", 2)
    assert any(part.type == "diff" for part in ended.content or [])


async def test_a_reader_is_refused_until_the_owner_ends_and_then_takes_over(
    console: Console, project: Path
) -> None:
    with faulty_endpoint(says("Hello."), says("Again.")) as endpoint:
        async with editing(console, endpoint) as owner, editing(console, endpoint) as reader:
            session = await owner.open(project)
            await owner.say(session, "What is this?")
            answer = await load(reader, project, session)
            words = await refusal(reader, session, "And that?")
            with pytest.raises(RequestError):
                await reader.agent.set_session_mode(session_id=session, mode_id="auto")
            calls_made = len(endpoint.requests)
            await owner.agent.close_session(session_id=session)
            await reader.until(AgentThoughtChunk, "takes it over")
            reason = await reader.say(session, "And that?")
            await load(owner, project, session)
            later = await refusal(owner, session, "And now?")

    assert answer.modes is None
    assert f"Process {owner.pid} on" in words
    assert (calls_made, reason) == (1, "end_turn")
    assert any(isinstance(one, ConfigOptionUpdate) for one in reader.updates)
    assert f"Process {reader.pid} on" in later
    assert owner.repeated == "What is this?And that?"


async def test_a_reader_takes_over_the_message_of_an_owner_that_was_killed(
    console: Console, project: Path
) -> None:
    with faulty_endpoint(EDIT, hangs(), DONE, says("Well.")) as endpoint:
        async with editing(console, endpoint, "yes") as reader:
            async with editing(console, endpoint) as owner:
                session = await owner.open(project)
                work = asyncio.create_task(owner.say(session, "Mend add."))
                await owner.until(ToolCallProgress)
                await load(reader, project, session)
                assert await asyncio.to_thread(endpoint.wait_until, lambda it: len(it.requests) == 2)
                os.kill(owner.pid, signal.SIGKILL)
                with pytest.raises(ConnectionError):
                    await asyncio.wait_for(work, 300)
            await reader.until(AgentThoughtChunk, "takes it over")
            reason = await reader.say(session, "/go")

    assert (reason, len(reader.questions)) == ("end_turn", 1)
    assert "return a + b" in (project / "calc.py").read_text()


async def test_a_resumed_session_of_another_process_shows_what_is_new_alone(
    console: Console, project: Path
) -> None:
    with faulty_endpoint(says("Hello."), says("Again.")) as endpoint:
        async with editing(console, endpoint) as owner, editing(console, endpoint) as reader:
            session = await owner.open(project)
            await owner.say(session, "What is this?")
            await reader.agent.resume_session(cwd=str(project), session_id=session)
            await owner.say(session, "And that?")
            await reader.until(AgentMessageChunk, "Again.")

    assert (reader.repeated, "Hello." in reader.text()) == ("And that?", False)
