"""A session that is loaded shows what was shown while it was worked on: calls, diffs, plans and questions."""

import asyncio
import os
import signal
from pathlib import Path
from typing import Any

import pytest
from acp import image_block, text_block
from acp.schema import AgentPlanUpdate, ToolCallProgress, ToolCallStart, ToolCallUpdate, UserMessageChunk

from tests.coder.people.acp.editor import Editor, editing
from tests.coder.people.acp.test_bad_input import SHOT
from tests.coder.people.acp.test_editor import DONE, EDIT
from tests.coder.people.cli.console import Console
from tests.coder.people.cli.test_fix import RIGHT, WRONG, code
from tests.faulty_endpoint import Reply, calls, faulty_endpoint, says

pytestmark = pytest.mark.slow
PLAN = calls("plan", steps=[{"step": "mend add", "status": "doing"}])


async def loaded(console: Console, project: Path, session: str) -> Editor:
    """An editor that has loaded a session in a process of its own."""
    async with editing(console) as editor:
        await editor.agent.load_session(cwd=str(project), session_id=session, mcp_servers=[])
    return editor


def outcomes(editor: Editor) -> list[tuple[Any, ...]]:
    """Kind, title, last status and diffs of each call and question, in order of their beginning."""
    calls: dict[str, list[Any]] = {}
    for update in [call for call, _ in editor.questions] + editor.updates:
        if isinstance(update, ToolCallProgress):
            calls[update.tool_call_id][2] = update.status
            calls[update.tool_call_id][3] += diffs(update)
        elif isinstance(update, ToolCallStart | ToolCallUpdate):
            calls[update.tool_call_id] = [update.kind, update.title, update.status, diffs(update)]
    return sorted(map(tuple, calls.values()), key=str)


def diffs(update: Any) -> list[tuple[str, str | None, str]]:
    """The diffs in an update."""
    parts = [part for part in update.content or [] if part.type == "diff"]
    return [(part.path, part.old_text, part.new_text) for part in parts]


@pytest.mark.parametrize(
    ("replies", "answer"),
    [((PLAN, EDIT, DONE), "yes"), ((EDIT, DONE), "no"), ((says(code(RIGHT)),), "yes")],
    ids=["calls", "refused", "edits"],
)
async def test_a_loaded_session_has_the_calls_diffs_and_plans_that_were_shown(
    console: Console, project: Path, replies: tuple[Reply, ...], answer: str
) -> None:
    with faulty_endpoint(*replies) as endpoint:
        async with editing(console, endpoint, answer) as live:
            session = await live.open(project)
            await live.say(session, "Mend add.")
        later = await loaded(console, project, session)

    plans = [[one.entries for one in it.updates if isinstance(one, AgentPlanUpdate)] for it in (live, later)]
    assert outcomes(later) == outcomes(live)
    assert any(found == [(str(project / "calc.py"), WRONG, RIGHT)] for *_, found in outcomes(later))
    assert plans[0] == plans[1]
    assert (later.repeated, later.text()) == ("Mend add.", live.text())


async def test_a_diff_of_an_edit_that_was_edited_again_has_the_text_of_its_own_time(
    console: Console, project: Path
) -> None:
    again = calls("bash", command="printf 'def add(a, b):\\n    return b + a\\n' > calc.py")
    with faulty_endpoint(EDIT, DONE, again, DONE) as endpoint:
        async with editing(console, endpoint, "yes", "yes") as live:
            session = await live.open(project)
            await live.say(session, "Mend add.")
            await live.say(session, "Turn it around.")
        later = await loaded(console, project, session)

    texts = [diff[1:] for call in later.updates if isinstance(call, ToolCallProgress) for diff in diffs(call)]
    assert texts == [(WRONG, RIGHT), (RIGHT, RIGHT.replace("a + b", "b + a"))]


async def test_a_diff_is_shown_of_a_large_folder_whose_texts_the_log_lacks(
    console: Console, project: Path
) -> None:
    for number in range(201):
        (project / f"m{number}.py").write_text(f"x = {number}\n")
    with faulty_endpoint(EDIT, DONE) as endpoint:
        async with editing(console, endpoint, "yes") as live:
            session = await live.open(project)
            await live.say(session, "Mend add.")
        later = await loaded(console, project, session)

    texts = [diff[1:] for call in later.updates if isinstance(call, ToolCallProgress) for diff in diffs(call)]
    assert texts == [(WRONG, RIGHT)]


async def test_a_call_that_a_kill_broke_off_is_shown_as_failed(console: Console, project: Path) -> None:
    with faulty_endpoint(EDIT, calls("bash", command="sleep 600")) as endpoint:
        async with editing(console, endpoint) as live:
            session = await live.open(project)
            work = asyncio.create_task(live.say(session, "Mend add."))
            while sum(isinstance(one, ToolCallStart) for one in live.updates) < 2:
                live.arrived.clear()
                await live.arrived.wait()
            os.kill(live.pid, signal.SIGKILL)
            with pytest.raises(ConnectionError):
                await asyncio.wait_for(work, 300)
        later = await loaded(console, project, session)

    assert [one.status for one in later.updates if isinstance(one, ToolCallProgress)] == [
        "completed",
        "failed",
    ]
    assert later.text() == "interrupted: see /go"


async def test_a_picture_of_a_message_is_shown_again(console: Console, project: Path) -> None:
    with faulty_endpoint(says("A dot.")) as endpoint:
        async with editing(console, endpoint) as live:
            session = await live.open(project)
            prompt = [text_block("What is this?"), image_block(SHOT, "image/png")]
            await live.agent.prompt(session_id=session, prompt=prompt)
        later = await loaded(console, project, session)

    words, picture = [one.content for one in later.updates if isinstance(one, UserMessageChunk)]
    assert (words.text, picture.data, picture.mime_type) == ("What is this?", SHOT, "image/png")
