"""Hooks in a run: a formatter after an edit, a block of a path, a notification at the end."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.coder.people.cli.console import Console
from tests.coder.tools.test_mcp_client import ROUGH
from tests.faulty_endpoint import calls, faulty_endpoint, says

CHECK = ("--check", "from total import total; assert total() == 3")
FORMAT = """import json, sys
path = json.load(sys.stdin)["tool_input"]["file_path"]
text = open(path).read()
open(path, "w").write(text.replace("'", '"'))
"""
"""As formatters after an edit are written: the path is read from the JSON on stdin."""
GUARD = """import json, sys
data = json.load(sys.stdin)
if data["tool_input"].get("file_path", "").endswith("settings.lock"):
    print("settings.lock is generated", file=sys.stderr)
    sys.exit(2)
"""


def hooks(folder: Path, event: str, command: str, matcher: str = "") -> None:
    path = folder / ".claude/settings.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    row: dict[str, Any] = {"matcher": matcher, "hooks": [{"type": "command", "command": command}]}
    path.write_text(json.dumps({"hooks": {event: [row]}}))


def home(console: Console) -> Path:
    return Path(console.environ["HOME"])


@pytest.mark.slow
def test_a_formatter_of_the_repository_runs_in_the_sandbox_and_its_change_lands(
    console: Console, folder: Path
) -> None:
    (folder / ".claude").mkdir()
    (folder / ".claude/format.py").write_text(FORMAT)
    command = f"python3 $CLAUDE_PROJECT_DIR/.claude/format.py; touch {console.home}/ran"
    hooks(folder, "PostToolUse", command, "Edit|Write")
    text = "NAME = 'x'\n\n\ndef total():\n    return 3\n"
    with faulty_endpoint(
        calls("edit", path="total.py", new=text), calls("done", summary="Done.")
    ) as endpoint:
        flags = ("--strategy", "act", "--base-url", endpoint.url, "-m", "toy", "-y")
        done = console.run("solve", "Write total.py.", ".", *CHECK, *flags, cwd=folder)

    assert done.code == 0, done.err
    assert (folder / "total.py").read_text() == text.replace("'", '"')
    assert not (console.home / "ran").exists()


@pytest.mark.slow
def test_a_hook_of_the_user_blocks_a_path_and_its_reason_is_for_the_model(
    console: Console, folder: Path
) -> None:
    (guard := home(console) / "guard.py").parent.mkdir(parents=True, exist_ok=True)
    guard.write_text(GUARD)
    hooks(home(console), "PreToolUse", f"{sys.executable} {guard}", "Edit")
    right = "def total():\n    return 3\n"
    script = (
        calls("edit", path="settings.lock", new="x"),
        calls("edit", path="total.py", new=right),
        calls("done", summary="Done."),
    )
    with faulty_endpoint(*script) as endpoint:
        flags = ("--strategy", "act", "--base-url", endpoint.url, "-m", "toy", "-y")
        done = console.run("solve", "Write total.py.", ".", *CHECK, *flags, cwd=folder)

    assert done.code == 0, done.err
    tool_output = endpoint.requests[1].body["messages"][-1]["content"]
    assert tool_output.startswith("[A hook blocked this call: settings.lock is generated]")
    assert "  ! edit: A hook blocked this call: settings.lock is generated" in done.said
    assert "restarted" not in endpoint.requests[2].body["messages"][-1]["content"]  # nothing was lost
    assert not (folder / "settings.lock").exists()
    assert (folder / "total.py").exists()


SHOP = """python3 -c 'import tools; print(tools.shop_say(text="tea"))' 2>&1
echo 'def total(): return 3' > total.py"""
"""A program that calls a tool of a server, and work."""


@pytest.mark.slow
@pytest.mark.parametrize("matcher", ["mcp__shop__.*", "shop_.*"])
def test_a_hook_of_the_user_blocks_a_servers_tool_for_the_model_and_its_programs_alike(
    console: Console, folder: Path, matcher: str
) -> None:
    hooks(home(console), "PreToolUse", "echo no shop >&2; exit 2", matcher)
    requests = (calls("shop_say", text="tea"), calls("bash", command=SHOP), calls("done", summary="Done."))
    with faulty_endpoint(*requests) as endpoint:
        server = ("--mcp", f"shop={sys.executable} {ROUGH}")
        flags = (*server, "--strategy", "act", "--base-url", endpoint.url, "-m", "toy", "-y")
        done = console.run("solve", "Write total.py.", ".", *CHECK, *flags, cwd=folder)

    contents = [request.body["messages"][-1]["content"] for request in endpoint.requests]
    assert contents[1].startswith("[A hook blocked this call: no shop]"), done.err
    assert "[A hook blocked this call: no shop]" in contents[2]


@pytest.mark.slow
def test_a_hook_for_write_sees_an_edit_that_makes_a_file(console: Console, folder: Path) -> None:
    hooks(home(console), "PreToolUse", "echo no files >&2; exit 2", "Write")
    requests = (
        calls("edit", path="other.py", new="x = 1\n"),
        calls("bash", command="echo 'def total(): return 3' > total.py"),
        calls("done", summary="Done."),
    )
    with faulty_endpoint(*requests) as endpoint:
        flags = ("--strategy", "act", "--base-url", endpoint.url, "-m", "toy", "-y")
        console.run("solve", "Write total.py.", ".", *CHECK, *flags, cwd=folder)

    assert endpoint.requests[1].body["messages"][-1]["content"].startswith("[A hook blocked this call: no")
    assert not (folder / "other.py").exists()


@pytest.mark.slow
def test_a_notification_of_the_user_runs_at_the_end_on_this_machine_and_one_of_the_repository_does_not(
    console: Console, folder: Path
) -> None:
    home(console).mkdir(parents=True, exist_ok=True)
    hooks(home(console), "Stop", f"cat > {home(console)}/notified.json")
    hooks(folder, "Stop", f"touch {home(console)}/theirs")
    with faulty_endpoint(
        says(
            "`total.py`\n```python\n<<<<<<< SEARCH\n=======\n"
            "def total():\n    return 3\n>>>>>>> REPLACE\n```\n"
        )
    ) as endpoint:
        flags = ("--strategy", "act", "--base-url", endpoint.url, "-m", "toy", "-y")
        done = console.run("solve", "Write total.py.", ".", *CHECK, *flags, cwd=folder)

    assert done.code == 0, done.err
    document = json.loads((home(console) / "notified.json").read_text())
    assert (document["hook_event_name"], document["cwd"]) == ("Stop", str(folder))
    assert document["session_id"].startswith("run_")
    assert not (home(console) / "theirs").exists()
