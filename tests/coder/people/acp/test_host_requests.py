"""A host that a program wants to reach is a permission request of the client."""

import asyncio
from pathlib import Path

import pytest

from tests.coder.people.acp.editor import editing
from tests.coder.people.cli.console import Console
from tests.coder.people.cli.test_chat_permissions import FETCH, output
from tests.faulty_endpoint import calls, faulty_endpoint, says

pytestmark = pytest.mark.slow
ASKS = calls("bash", command=FETCH)


async def test_a_host_is_asked_about_once_and_remembered_in_the_project_if_the_user_says_so(
    console: Console, project: Path
) -> None:
    with faulty_endpoint(ASKS, ASKS, says("Done."), ASKS, says("Done.")) as endpoint:
        for answers in (("p",), ()):
            async with editing(console, endpoint, *answers) as editor:
                await editor.say(await editor.open(project), "Look?")
                questions = [(call.title, call.kind, options) for call, options in editor.questions]
                assert questions == [
                    ("A program wants to reach nowhere.invalid", "fetch", ["t", "p", "no"]) for _ in answers
                ]

    assert [output(endpoint, n)[:9] for n in (1, 2, 4)] == ["said 502;"] * 3


@pytest.mark.parametrize("answers", [("no",), (), ("no such option",)])
async def test_a_host_is_refused_if_the_user_refuses_or_dismisses_the_question(
    console: Console, project: Path, answers: tuple[str, ...]
) -> None:
    with faulty_endpoint(ASKS, ASKS, says("Done.")) as endpoint:
        async with editing(console, endpoint, *answers) as editor:
            await editor.say(await editor.open(project), "Look?")

    assert [output(endpoint, n)[:9] for n in (1, 2)] == ["said 403;"] * 2
    assert len(editor.questions) == 1


async def test_a_question_about_a_host_ends_with_the_work_and_a_late_answer_allows_nothing(
    console: Console, project: Path
) -> None:
    with faulty_endpoint(ASKS, ASKS, says("Done.")) as endpoint:
        async with editing(console, endpoint, "p", "no") as editor:
            editor.may_answer.clear()
            session = await editor.open(project)
            work = asyncio.create_task(editor.say(session, "Look?"))
            await asyncio.wait_for(editor.asked.wait(), 300)
            await editor.agent.cancel(session_id=session)
            reason = await asyncio.wait_for(work, 300)
            editor.may_answer.set()
            later = await editor.say(session, "Look again?")

    assert (reason, later, len(editor.questions)) == ("cancelled", "end_turn", 2)
    assert not (console.home / "data" / "permissions.json").exists()
