"""An editor opens a session, sees what the model does, approves, cancels, and comes back after a kill."""

import asyncio
import json
import os
import signal
from pathlib import Path

import pytest
from acp import RequestError
from acp.schema import AgentPlanUpdate, ToolCallProgress, ToolCallStart

from tests.coder.people.acp.editor import editing
from tests.coder.people.cli.console import Console
from tests.coder.people.cli.test_fix import RIGHT, WRONG, code
from tests.faulty_endpoint import Reply, calls, chunk, error, faulty_endpoint, hangs, says, streams, tool_call

EDIT = calls("bash", command="printf 'def add(a, b):\\n    return a + b\\n' > calc.py")
DONE = calls("done", summary="Mended it.")


@pytest.mark.slow
async def test_a_change_is_shown_as_a_diff_and_written_once_it_is_approved(
    console: Console, project: Path
) -> None:
    with faulty_endpoint(says(code(RIGHT))) as endpoint:
        async with editing(console, endpoint, "yes") as editor:
            session = await editor.open(project)
            reason = await editor.say(session, "Mend add.")

    (question, options) = editor.questions[0]
    words, diff = question.content
    assert "+" in words.content.text  # the patch, too: it has what diffs of texts lack
    assert (reason, options) == ("end_turn", ["yes", "no"])
    assert (diff.type, diff.path) == ("diff", str(project / "calc.py"))
    assert (diff.old_text, diff.new_text) == (WRONG, RIGHT)
    assert (project / "calc.py").read_text() == RIGHT


@pytest.mark.slow
@pytest.mark.parametrize("answers", [("no",), (), ("no such option",)])
async def test_a_change_that_is_refused_or_whose_question_is_dismissed_is_not_written(
    console: Console, project: Path, answers: tuple[str, ...]
) -> None:
    with faulty_endpoint(says(code(RIGHT)), says("Well.")) as endpoint:
        async with editing(console, endpoint, *answers) as editor:
            reason = await editor.say(await editor.open(project), "Mend add.")

    assert (reason, len(editor.questions)) == ("end_turn", 1)
    assert (project / "calc.py").read_text() == WRONG


@pytest.mark.slow
async def test_calls_of_tools_their_diffs_and_a_plan_are_shown(console: Console, project: Path) -> None:
    plan = calls("plan", steps=[{"text": "mend add", "status": "doing"}])
    with faulty_endpoint(plan, EDIT, DONE, says("Well.")) as endpoint:
        async with editing(console, endpoint, "yes") as editor:
            await editor.say(await editor.open(project), "Mend add.")

    started = [one for one in editor.updates if isinstance(one, ToolCallStart)]
    ended = [one for one in editor.updates if isinstance(one, ToolCallProgress)]
    planned = [one for one in editor.updates if isinstance(one, AgentPlanUpdate)]
    bash = next(one for one in started if one.kind == "execute")
    result = next(one for one in ended if one.tool_call_id == bash.tool_call_id)
    diffs = [part for part in result.content or [] if part.type == "diff"]
    assert [(step.content, step.status) for step in planned[0].entries] == [("mend add", "in_progress")]
    assert result.status == "completed"
    assert [(diff.path, diff.old_text) for diff in diffs] == [(str(project / "calc.py"), WRONG)]
    assert "return a + b" in diffs[0].new_text


@pytest.mark.slow
async def test_a_message_after_a_change_that_landed_reports_no_change_of_the_folder(
    console: Console, project: Path
) -> None:
    with faulty_endpoint(EDIT, DONE, says("Well.")) as endpoint:
        async with editing(console, endpoint, "yes", more_flags=("--strategy", "act")) as editor:
            session = await editor.open(project)
            await editor.say(session, "Mend add.")
            await editor.say(session, "And now?")

    assert (project / "calc.py").read_text() == RIGHT
    assert "in your folder meanwhile" not in editor.thoughts


@pytest.mark.slow
async def test_an_answer_in_words_arrives_once(console: Console, project: Path) -> None:
    done = {"tool_calls": [{"index": 0, **tool_call("done", summary="Nothing was to change.")}]}
    both = streams(chunk({"content": "It sums."}), chunk(done, finish="tool_calls"), "[DONE]")
    with faulty_endpoint(says("It ", "adds."), both) as endpoint:
        async with editing(console, endpoint) as editor:
            session = await editor.open(project)
            reason = await editor.say(session, "What does add do?")
            await editor.say(session, "Explain it in another word.")

    assert (reason, editor.text().count("It adds.")) == ("end_turn", 1), editor.text()
    assert editor.text().count("It sums.") == editor.text().count("Nothing was to change.") == 1


@pytest.mark.slow
@pytest.mark.parametrize("replies", [(EDIT, DONE), (says(code(RIGHT)),)], ids=["calls", "edits"])
async def test_no_call_is_updated_that_was_not_begun(
    console: Console, project: Path, replies: tuple[Reply, ...]
) -> None:
    with faulty_endpoint(*replies, says("Hello.")) as endpoint:
        async with editing(console, endpoint, "yes") as editor:
            session = await editor.open(project)
            await editor.say(session, "Mend add.")
            await editor.say(session, "What is this?")

    begun = [one.tool_call_id for one in editor.updates if isinstance(one, ToolCallStart)]
    updated = [one.tool_call_id for one in editor.updates if isinstance(one, ToolCallProgress)]
    questions = [call.tool_call_id for call, _ in editor.questions]
    assert set(updated) == {*begun, *questions}


@pytest.mark.slow
async def test_in_mode_auto_a_change_is_written_without_a_question(console: Console, project: Path) -> None:
    (project / "test_calc.py").write_text(
        "from calc import add\n\ndef test_add():\n    assert add(1, 2) == 3\n"
    )
    with faulty_endpoint(says(code(RIGHT))) as endpoint:
        async with editing(console, endpoint) as editor:
            session = await editor.open(project)
            await editor.agent.set_session_mode(session_id=session, mode_id="auto")
            reason = await editor.say(session, "Mend add.")
            with pytest.raises(RequestError):
                await editor.agent.set_session_mode(session_id=session, mode_id="yolo")

    assert (reason, editor.questions) == ("end_turn", [])
    assert (project / "calc.py").read_text() == RIGHT


@pytest.mark.slow
async def test_work_is_cancelled_in_the_middle_of_a_command_and_the_session_goes_on(
    console: Console, project: Path
) -> None:
    with faulty_endpoint(calls("bash", command="sleep 600"), says("Hello.")) as endpoint:
        async with editing(console, endpoint) as editor:
            session = await editor.open(project)
            work = asyncio.create_task(editor.say(session, "Mend add."))
            await editor.until(ToolCallStart)
            await editor.agent.cancel(session_id=session)
            cancelled = await asyncio.wait_for(work, 300)
            later = await editor.say(session, "What is this?")

    assert (cancelled, later) == ("cancelled", "end_turn")
    assert "Hello." in editor.text()


@pytest.mark.slow
async def test_a_call_that_was_cancelled_is_shown_as_failed_also_when_the_session_is_loaded_again(
    console: Console, project: Path
) -> None:
    with faulty_endpoint(calls("bash", command="sleep 600")) as endpoint:
        async with editing(console, endpoint) as editor:
            session = await editor.open(project)
            work = asyncio.create_task(editor.say(session, "Mend add."))
            await editor.until(ToolCallStart)
            await editor.agent.cancel(session_id=session)
            await asyncio.wait_for(work, 300)
            await editor.agent.close_session(session_id=session)
            shown, editor.updates = editor.updates, []
            await editor.agent.load_session(cwd=str(project), session_id=session, mcp_servers=[])

    for updates in (shown, editor.updates):
        (call,) = [one.tool_call_id for one in updates if isinstance(one, ToolCallStart)]
        ended = [(one.tool_call_id, one.status) for one in updates if isinstance(one, ToolCallProgress)]
        assert ended == [(call, "failed")]


@pytest.mark.slow
async def test_a_model_that_fails_is_an_error_with_its_reason_and_the_session_goes_on(
    console: Console, project: Path
) -> None:
    with faulty_endpoint(error(401, "no such key"), says("Hello.")) as endpoint:
        async with editing(console, endpoint) as editor:
            session = await editor.open(project)
            with pytest.raises(RequestError, match="requires a key") as failed:
                await editor.say(session, "What does add do?")
            later = await editor.say(session, "What does add do?")

    assert (failed.value.code, later) == (-32603, "end_turn")
    assert "Hello." in editor.text()


@pytest.mark.slow
async def test_a_session_is_loaded_after_a_kill_and_goes_on_with_its_message(
    console: Console, project: Path
) -> None:
    with faulty_endpoint(EDIT, hangs()) as endpoint:
        async with editing(console, endpoint) as editor:
            session = await editor.open(project)
            work = asyncio.create_task(editor.say(session, "Mend add."))
            await editor.until(ToolCallProgress)
            os.kill(editor.pid, signal.SIGKILL)
            with pytest.raises(ConnectionError):
                await asyncio.wait_for(work, 300)
    with faulty_endpoint(DONE, says("Well.")) as endpoint:
        async with editing(console, endpoint, "yes") as later:
            await later.agent.load_session(cwd=str(project), session_id=session, mcp_servers=[])
            repeated = later.repeated
            reason = await later.say(session, "/go")

    assert repeated.startswith("Mend add.")
    assert (reason, len(later.questions)) == ("end_turn", 1)
    assert "return a + b" in (project / "calc.py").read_text()


@pytest.mark.slow
async def test_a_client_of_a_later_version_is_answered_with_version_1(console: Console) -> None:
    async with editing(console, version=7):
        pass


@pytest.mark.parametrize("cwd", ["project", "/no/such/folder"])
async def test_a_folder_that_is_none_is_refused(console: Console, cwd: str) -> None:
    async with editing(console) as editor:
        with pytest.raises(RequestError) as refused:
            await editor.agent.new_session(cwd=cwd, mcp_servers=[])

    assert refused.value.code == -32602


def test_what_is_no_message_is_answered_with_an_error_and_the_server_goes_on(console: Console) -> None:
    hello = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {"protocolVersion": 1}}
    bad_lines = [
        b"hello",
        b"\xff\xfe",
        b"[" * 100_000,
        b"[1, 2]",
        b'{"id": [1], "result": 1}',
        b'{"method": 3}',
    ]
    server = console.start("acp")
    assert server.stdin is not None
    assert server.stdout is not None
    server.stdin.write(b"\n".join([*bad_lines, json.dumps(hello).encode()]) + b"\n")
    server.stdin.flush()
    answers = [json.loads(server.stdout.readline()) for _ in range(7)]

    codes = [one["error"]["code"] for one in answers if "error" in one]
    assert codes == [-32700] * 3 + [-32600] * 3
    assert [one["result"]["protocolVersion"] for one in answers if "result" in one] == [1]
    assert server.communicate(timeout=300) == (b"", b"")
    assert server.returncode == 0


PRINTS = """
import os, subprocess
from coder.people.acp import agent

async def noisy(self, *given, **more):
    print('{"jsonrpc": "2.0", "method": "forged"}')
    os.write(1, b'{"jsonrpc": "2.0", "method": "forged"}\\n')
    subprocess.run(["sh", "-c", "echo forged; cat"])
    return await kept(self, *given, **more)

kept, agent.EditorAgent.initialize = agent.EditorAgent.initialize, noisy
"""


@pytest.mark.slow
def test_what_is_printed_beside_the_protocol_goes_to_stderr_and_a_signal_ends_the_server(
    console: Console, tmp_path: Path
) -> None:
    (tmp_path / "sitecustomize.py").write_text(PRINTS)
    hello = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {"protocolVersion": 1}}
    server = console.start("acp", PYTHONPATH=str(tmp_path))
    assert server.stdin is not None
    assert server.stdout is not None
    server.stdin.write(json.dumps(hello).encode() + b"\n")
    server.stdin.flush()
    answer = json.loads(server.stdout.readline())
    server.send_signal(signal.SIGTERM)

    assert answer["id"] == 1
    assert server.wait(60) == 0
    out, err = server.communicate()
    assert (out, err.count(b"forged")) == (b"", 3)
