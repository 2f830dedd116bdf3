"""The npm client of the SDK, which shares no line with the Python package, drives `coder acp`."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.coder.people.cli.console import CODER, Console
from tests.coder.people.cli.test_fix import RIGHT, WRONG, code
from tests.faulty_endpoint import FaultyEndpoint, calls, faulty_endpoint, hangs, says

pytestmark = [pytest.mark.foreign, pytest.mark.slow]
SDK = Path(sys.prefix, "npm/node_modules/@agentclientprotocol/sdk/dist/v1/stable/acp.js")
CLIENT = Path(__file__).with_name("npm_client.mjs")
EDIT = calls("bash", command="printf 'def add(a, b):\\n    return a + b\\n' > calc.py")
DONE = calls("done", summary="Mended it.")


def drive(
    console: Console, endpoint: FaultyEndpoint, *steps: dict[str, Any], answers: list[str], version: int = 1
) -> dict[str, Any]:
    """What the client was sent while it took its steps."""
    if not SDK.exists():
        pytest.skip("npm install @agentclientprotocol/sdk: tools/setup.sh test")
    agent = (str(CODER), "acp", "--base-url", endpoint.url, "-m", "toy")
    done = subprocess.run(
        [Path(sys.prefix, "bin/node"), CLIENT, SDK, *agent],
        input=json.dumps({"steps": steps, "answers": answers, "protocolVersion": version}),
        capture_output=True,
        text=True,
        env=console.environ,
        cwd=console.home,
        timeout=120,
    )
    assert (done.returncode, done.stderr) == (0, "")
    seen: dict[str, Any] = json.loads(done.stdout)
    return seen


def opens(folder: Path, method: str = "session/new") -> dict[str, Any]:
    """The step that opens a session."""
    return {"method": method, "params": {"cwd": str(folder), "mcpServers": []}}


def prompt(words: str, then: str = "", update: str = "") -> dict[str, Any]:
    """The step that sends a message, and what is done once an update of a kind has arrived."""
    return {"prompt": {"words": words, "then": then, "update": update}}


def words(seen: dict[str, Any], kind: str) -> str:
    """The words of one kind of update."""
    return "".join(one["content"]["text"] for one in seen["updates"] if one["sessionUpdate"] == kind)


def test_it_edits_a_file_once_the_change_is_approved(console: Console, project: Path) -> None:
    with faulty_endpoint(says(code(RIGHT))) as endpoint:
        seen = drive(console, endpoint, opens(project), prompt("Mend add."), answers=["yes"])

    (question,) = seen["questions"]
    diff = next(part for part in question["toolCall"]["content"] if part["type"] == "diff")
    assert seen["results"][1] == "end_turn"
    assert (diff["oldText"], diff["newText"]) == (WRONG, RIGHT)
    assert (project / "calc.py").read_text() == RIGHT


def test_it_refuses_a_permission_and_nothing_is_written(console: Console, project: Path) -> None:
    with faulty_endpoint(says(code(RIGHT))) as endpoint:
        seen = drive(console, endpoint, opens(project), prompt("Mend add."), answers=["no"])

    assert (seen["results"][1], len(seen["questions"])) == ("end_turn", 1)
    assert (project / "calc.py").read_text() == WRONG


def test_it_cancels_in_the_middle_of_a_command_and_goes_on(console: Console, project: Path) -> None:
    cancelled = prompt("Mend add.", "cancel", "tool_call")
    with faulty_endpoint(calls("bash", command="sleep 600"), says("Hello.")) as endpoint:
        seen = drive(console, endpoint, opens(project), cancelled, prompt("What is this?"), answers=[])

    assert seen["results"][1:] == ["cancelled", "end_turn"]
    assert "Hello." in words(seen, "agent_message_chunk")


def test_it_loads_a_session_after_a_kill_and_continues(console: Console, project: Path) -> None:
    killed = prompt("Mend add.", "kill", "tool_call_update")
    steps = (opens(project), killed, opens(project, "session/load"), prompt("/go"))
    with faulty_endpoint(EDIT, hangs(), DONE, says("Well.")) as endpoint:
        seen = drive(console, endpoint, *steps, answers=["yes"])

    assert (seen["results"][1], seen["results"][3]) == ("killed", "end_turn")
    assert words(seen, "user_message_chunk").startswith("Mend add.")
    assert "return a + b" in (project / "calc.py").read_text()


def test_it_is_answered_with_version_1_whatever_it_offers(console: Console) -> None:
    with faulty_endpoint() as endpoint:
        seen = drive(console, endpoint, answers=[], version=2)

    assert seen["initialized"]["protocolVersion"] == 1
