"""A client lists, resumes and closes sessions, and sets their options."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from acp import RequestError
from acp.schema import (
    AvailableCommandsUpdate,
    ConfigOptionUpdate,
    CurrentModeUpdate,
    SetSessionConfigOptionResponse,
    ToolCallStart,
    UserMessageChunk,
)

from tests.coder.people.acp.editor import editing
from tests.coder.people.cli.console import Console
from tests.coder.people.cli.test_fix import RIGHT, SUITE, WRONG, code
from tests.faulty_endpoint import calls, faulty_endpoint, says

pytestmark = pytest.mark.slow


def values(response: Any) -> dict[str, str]:
    """The values of a session's options."""
    return {option.id: option.current_value for option in response.config_options}


async def test_what_is_declared_is_what_is_answered(console: Console) -> None:
    async with editing(console) as editor:
        capabilities = editor.initialized.agent_capabilities
        assert capabilities is not None
        sessions = capabilities.session_capabilities
        with pytest.raises(RequestError) as refused:
            await editor.agent.fork_session(cwd=str(console.home), session_id="run_x", mcp_servers=[])

    assert sessions is not None
    assert None not in (sessions.list, sessions.resume, sessions.close, sessions.delete)
    assert sessions.additional_directories is not None
    assert (sessions.fork, refused.value.code) == (None, -32601)


async def test_chats_are_listed_newest_first_by_folder_and_page(
    console: Console, project: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    with faulty_endpoint(says("Hello.")) as endpoint:
        async with editing(console, endpoint) as editor:
            for folder, prompt in ((project, "\nFirst?\nMore."), (other, "Second?"), (project, "Third?")):
                await editor.say(await editor.open(folder), prompt)
            listed = (await editor.agent.list_sessions()).sessions
            of_project = (await editor.agent.list_sessions(cwd=str(project))).sessions
            behind = await editor.agent.list_sessions(cursor=listed[0].session_id)
            with pytest.raises(RequestError) as refused:
                await editor.agent.list_sessions(cursor="run_nowhere")

    assert [session.title for session in listed] == ["Third?", "Second?", "First?"]
    assert [session.title for session in of_project] == ["Third?", "First?"]
    assert [session.title for session in behind.sessions] == ["Second?", "First?"]
    assert (listed[1].cwd, refused.value.code) == (str(other), -32602)


async def test_the_tests_that_were_given_for_the_folder_decide(console: Console, project: Path) -> None:
    (project / "test_calc.py").write_text(SUITE)
    given = ("--test", "python3 -m unittest -q")
    with faulty_endpoint(says(code(RIGHT)), says(code(WRONG, RIGHT))) as endpoint:
        model = ("--base-url", endpoint.url, "-m", "toy")
        await asyncio.to_thread(console.run, "fix", ".", *model, *given, cwd=project)
        async with editing(console, endpoint) as editor:
            session = await editor.open(project)
            await editor.say(session, "Subtract.")
    shown = await asyncio.to_thread(console.run, "show", session, "--json")

    assert "an earlier --test" in shown.out


async def test_a_closed_session_is_resumed_without_its_messages_and_goes_on(
    console: Console, project: Path
) -> None:
    with faulty_endpoint(calls("bash", command="sleep 600"), says("Hello.")) as endpoint:
        async with editing(console, endpoint) as editor:
            session = await editor.open(project)
            work = asyncio.create_task(editor.say(session, "What is this?"))
            await editor.until(ToolCallStart)
            await editor.agent.close_session(session_id=session)
            closed = await work
            with pytest.raises(RequestError):
                await editor.say(session, "Hello?")
            await editor.agent.resume_session(cwd=str(project), session_id=session)
            updates = [type(update) for update in editor.updates]
            reason = await editor.say(session, "Hello?")

    assert (closed, reason) == ("cancelled", "end_turn")
    assert UserMessageChunk not in updates
    assert updates[-1] is AvailableCommandsUpdate


async def test_the_model_is_switched_and_the_next_message_is_answered_by_it(
    console: Console, project: Path
) -> None:
    with faulty_endpoint(says("Hello.")) as endpoint:
        async with editing(console, endpoint) as editor:
            opened = await editor.agent.new_session(cwd=str(project), mcp_servers=[])
            session = opened.session_id
            switched = await editor.agent.set_config_option("model", session, "other")
            await editor.say(session, "What is this?")
            with pytest.raises(RequestError) as refused:
                await editor.agent.set_config_option("model", session, "local/nowhere.gguf")

    assert isinstance(switched, SetSessionConfigOptionResponse)
    assert "toy" in values(opened)["model"]
    assert "other" in values(switched)["model"]
    assert endpoint.requests[-1].body["model"] == "other"
    assert refused.value.code == -32602


async def test_mode_strategy_and_effort_are_set_and_shown_in_both_forms(
    console: Console, project: Path
) -> None:
    with faulty_endpoint(says("Hello.")) as endpoint:
        async with editing(console, endpoint) as editor:
            session = await editor.open(project)
            for name, value in (("mode", "auto"), ("strategy", "one-shot"), ("effort", "high")):
                response = await editor.agent.set_config_option(name, session, value)
            await editor.agent.set_session_mode(session_id=session, mode_id="plan")
            for name, value in (("mode", "yolo"), ("strategy", "best-of-n"), ("effort", "max"), ("x", "y")):
                with pytest.raises(RequestError) as refused:
                    await editor.agent.set_config_option(name, session, value)
                assert refused.value.code == -32602
            await editor.say(session, "What is this?")

    modes = [update.current_mode_id for update in editor.updates if isinstance(update, CurrentModeUpdate)]
    options = [values(update) for update in editor.updates if isinstance(update, ConfigOptionUpdate)]
    body = endpoint.requests[0].body
    assert values(response) | {"model": ""} == {
        "mode": "auto",
        "model": "",
        "strategy": "one-shot",
        "effort": "high",
    }
    assert (modes, [one["mode"] for one in options]) == (["auto"], ["plan"])
    assert (body["reasoning_effort"], "tools" in body) == ("high", False)
