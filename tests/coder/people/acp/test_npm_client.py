"""The npm client of the SDK, which shares no line with the Python package, drives `coder acp`."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import pytest

from tests.coder.people.acp.editor import editing
from tests.coder.people.cli.console import CODER, Console
from tests.coder.people.cli.test_fix import RIGHT, WRONG, code
from tests.faulty_endpoint import FaultyEndpoint, begins, calls, faulty_endpoint, says
from tests.programs import require_npm

pytestmark = [pytest.mark.foreign, pytest.mark.slow]
SDK = "@agentclientprotocol/sdk/dist/v1/stable/acp.js"
CLIENT = Path(__file__).with_name("npm_client.mjs")
EDIT = calls("bash", command="printf 'def add(a, b):\\n    return a + b\\n' > calc.py")
DONE = calls("done", summary="Mended it.")
BREAKS_OFF = begins("Then it", ending="hang")
SLEEPS = calls("bash", command="sleep 600")


def drive(
    console: Console,
    endpoint: FaultyEndpoint,
    *steps: dict[str, Any],
    answers: Sequence[str] = (),
    entries: Sequence[dict[str, str]] = (),
    version: int = 1,
) -> dict[str, Any]:
    """What the client was sent while it took its steps."""
    agent = (str(CODER), "acp", "--base-url", endpoint.url, "-m", "toy")
    done = subprocess.run(
        [Path(sys.prefix, "bin/node"), CLIENT, require_npm(SDK), *agent],
        input=json.dumps(
            {"steps": steps, "answers": answers, "entries": entries, "protocolVersion": version}
        ),
        capture_output=True,
        text=True,
        env=console.environ,
        cwd=console.home,
        timeout=120,
    )
    assert (done.returncode, done.stderr) == (0, "")
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def opens(folder: Path, method: str = "session/new") -> dict[str, Any]:
    """The step that opens a session."""
    return request(method, cwd=str(folder), mcpServers=[])


def request(method: str, **params: object) -> dict[str, Any]:
    """The step that sends a request about the session."""
    return {"request": {"method": method, "params": params}}


def prompt(words: str, then: str = "", update: str = "", session: str = "") -> dict[str, Any]:
    """The step that sends a message, and what is done once an update of a kind has arrived."""
    return {"prompt": {"words": words, "then": then, "update": update, "sessionId": session}}


def words(seen: dict[str, Any], kind: str) -> str:
    """The words of one kind of update."""
    return "".join(one["content"]["text"] for one in seen["updates"] if one["sessionUpdate"] == kind)


def test_it_edits_a_file_once_the_change_is_approved(console: Console, project: Path) -> None:
    with faulty_endpoint(says(code(RIGHT))) as endpoint:
        report = drive(console, endpoint, opens(project), prompt("Mend add."), answers=["yes"])

    (question,) = report["questions"]
    diff = next(part for part in question["toolCall"]["content"] if part["type"] == "diff")
    assert report["results"][1] == "end_turn"
    assert (diff["oldText"], diff["newText"]) == (WRONG, RIGHT)
    assert (project / "calc.py").read_text() == RIGHT


def test_it_refuses_a_permission_and_nothing_is_written(console: Console, project: Path) -> None:
    with faulty_endpoint(says(code(RIGHT))) as endpoint:
        report = drive(console, endpoint, opens(project), prompt("Mend add."), answers=["no"])

    assert (report["results"][1], len(report["questions"])) == ("end_turn", 1)
    assert (project / "calc.py").read_text() == WRONG


def test_it_cancels_in_the_middle_of_a_command_and_goes_on(console: Console, project: Path) -> None:
    cancelled = prompt("Mend add.", "cancel", "tool_call")
    with faulty_endpoint(calls("bash", command="sleep 600"), says("Hello.")) as endpoint:
        report = drive(console, endpoint, opens(project), cancelled, prompt("What is this?"))

    assert report["results"][1:] == ["cancelled", "end_turn"]
    assert "Hello." in words(report, "agent_message_chunk")


def test_it_loads_a_session_after_a_kill_and_continues(console: Console, project: Path) -> None:
    killed = prompt("Mend add.", "kill", "agent_message_chunk")
    steps = (opens(project), killed, opens(project, "session/load"), prompt("/go"))
    with faulty_endpoint(EDIT, BREAKS_OFF, DONE, says("Well.")) as endpoint:
        report = drive(console, endpoint, *steps, answers=["yes"])

    assert (report["results"][1], report["results"][3]) == ("killed", "end_turn")
    assert words(report, "user_message_chunk").startswith("Mend add.")
    assert "return a + b" in (project / "calc.py").read_text()


def test_it_loads_a_session_with_its_calls_and_diffs_and_deletes_it(console: Console, project: Path) -> None:
    steps = (
        opens(project),
        prompt("Mend add."),
        request("session/close"),
        opens(project, "session/load"),
        request("session/delete"),
        request("session/list"),
    )
    with faulty_endpoint(EDIT, DONE) as endpoint:
        report = drive(console, endpoint, *steps, answers=["yes"])

    ended = [one for one in report["updates"] if one["sessionUpdate"] == "tool_call_update"]
    diffs = [part for one in ended for part in one.get("content") or [] if part["type"] == "diff"]
    live, again = ((diff["oldText"], diff["newText"]) for diff in diffs)
    assert live == again == (WRONG, RIGHT)
    assert (report["results"][4], report["results"][5]["sessions"]) == ({}, [])


def test_it_edits_refuses_cancels_and_loads_after_a_kill_in_one_session(
    console: Console, project: Path
) -> None:
    (project / "test_calc.py").write_text("from calc import add\n\ndef test():\n    assert add(1, 2) == 3\n")
    steps = (
        opens(project),
        request("session/set_mode", modeId="plan"),
        request("session/set_mode", modeId="ask"),
        prompt("Mend add."),
        prompt("Turn it."),
        prompt("Sleep.", "cancel", "tool_call"),
        request("session/set_mode", modeId="auto"),
        prompt("Add zero.", "kill", "agent_message_chunk"),
        opens(project, "session/load"),
        request("session/set_config_option", configId="mode", value="auto"),
        prompt("/go"),
    )
    turned = calls("bash", command="sed -i 's/a + b/b + a/' calc.py")
    longer = calls("bash", command="sed -i 's/a + b/a + b + 0/' calc.py")
    replies = (EDIT, DONE, turned, DONE, SLEEPS, longer, BREAKS_OFF, DONE)
    with faulty_endpoint(*replies) as endpoint:
        report = drive(console, endpoint, *steps, answers=["yes", "no"])

    ends = [result for result in report["results"] if isinstance(result, str)]
    codes = [result["code"] for result in report["results"] if isinstance(result, dict) and "code" in result]
    assert (ends, codes) == (["end_turn", "end_turn", "cancelled", "killed", "end_turn"], [])
    assert [question["toolCall"]["kind"] for question in report["questions"]] == ["edit", "edit"]
    assert words(report, "user_message_chunk").startswith("Mend add.Turn it.Sleep.Add")
    assert "return a + b + 0" in (project / "calc.py").read_text()


async def test_it_sees_the_work_of_another_clients_session_and_then_takes_it_over(
    console: Console, project: Path, tmp_path: Path
) -> None:
    here, there, closed = (str(tmp_path / name) for name in ("here", "there", "closed"))
    with faulty_endpoint(says(code(RIGHT)), says("Hello.")) as endpoint:
        async with editing(console, endpoint, "yes") as owner:
            owner.may_answer.clear()
            session = await owner.open(project)
            work = asyncio.create_task(owner.say(session, "Mend add."))
            await asyncio.wait_for(owner.asked.wait(), 300)
            steps = (
                request("session/load", sessionId=session, cwd=str(project), mcpServers=[]),
                {"until": {"update": "user_message_chunk", "words": "Mend add."}},
                {"meet": {"here": here, "there": there}},
                {"until": {"update": "agent_message_chunk", "words": "unverified"}},
                prompt("And now?", session=session),
                {"meet": {"here": closed, "there": f"{closed}!"}},
                prompt("And now?", session=session),
            )
            reading = asyncio.create_task(asyncio.to_thread(drive, console, endpoint, *steps))
            await exists(here)
            owner.may_answer.set()
            await work
            Path(there).touch()
            await exists(closed)
            await owner.agent.close_session(session_id=session)
            Path(f"{closed}!").touch()
            report = await asyncio.wait_for(reading, 300)

    refused, reason = report["results"][4], report["results"][6]
    assert (refused["code"], f"Process {owner.pid}" in refused["message"], reason) == (
        -32603,
        True,
        "end_turn",
    )
    assert "Hello." in words(report, "agent_message_chunk")
    assert report["questions"] == []


def comes_true(condition: Callable[[], bool]) -> bool:
    """Whether a condition comes true within a minute."""
    deadline = monotonic() + 300
    while not condition():
        if monotonic() > deadline:
            return False
        sleep(0.02)
    return True


async def exists(path: str) -> None:
    """Wait until there is a file."""
    assert await asyncio.to_thread(comes_true, Path(path).exists)


def test_it_answers_a_models_question_in_a_form(console: Console, project: Path) -> None:
    with faulty_endpoint(calls("ask", question="Which name?"), says("Done.")) as endpoint:
        report = drive(console, endpoint, opens(project), prompt("Rename."), entries=[{"answer": "plus"}])

    (form,) = report["forms"]
    assert (form["mode"], form["message"], form["requestedSchema"]["required"]) == (
        "form",
        "Which name?",
        ["answer"],
    )
    assert report["results"][1] == "end_turn"
    assert "plus" in str(endpoint.requests[1].body["messages"][-1])


def test_it_is_answered_with_version_1_whatever_it_offers(console: Console) -> None:
    with faulty_endpoint() as endpoint:
        report = drive(console, endpoint, version=2)

    assert report["initialized"]["protocolVersion"] == 1
