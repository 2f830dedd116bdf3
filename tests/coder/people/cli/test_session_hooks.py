"""Hooks of sessions, messages and ends: what they add, what they block, and where they run."""

import json
from pathlib import Path
from typing import Any

import pytest

from coder.run import watch
from tests.coder.people.cli.console import Console, Finished
from tests.coder.people.cli.test_hooks import CHECK, home
from tests.faulty_endpoint import FaultyEndpoint, calls, faulty_endpoint, says

RIGHT = "def total():\n    return 3\n"


def add_hooks(folder: Path, **commands: str) -> None:
    path = folder / ".claude/settings.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    rows: dict[str, Any] = {
        event: [{"matcher": "", "hooks": [{"type": "command", "command": command}]}]
        for event, command in commands.items()
    }
    path.write_text(json.dumps({"hooks": rows}))


def solve(console: Console, folder: Path, endpoint: FaultyEndpoint) -> Finished:
    flags = ("--strategy", "act", "--base-url", endpoint.url, "-m", "toy", "-y")
    return console.run("solve", "Write total.py.", ".", *CHECK, *flags, cwd=folder)


@pytest.mark.slow
@pytest.mark.parametrize("blocks", [False, True], ids=["adds", "blocks"])
def test_the_message_of_a_fork_passes_the_hooks_of_messages(
    console: Console, folder: Path, blocks: bool
) -> None:
    script = calls("edit", path="total.py", new=RIGHT), calls("done", summary="Done.")
    action = "{ echo no forks >&2; exit 2; }" if blocks else "echo Ticket 78."
    command = f"if grep -q 'Go on'; then {action}; fi"
    with faulty_endpoint(*script, calls("done", summary="Done.")) as endpoint:
        add_hooks(home(console), UserPromptSubmit=command)
        solve(console, folder, endpoint)
        run = json.loads(console.run("ls", "--json", cwd=folder).out)[0]["run_id"]
        forked = console.run("fork", run, "--step", "1", "--say", "Go on.", "--no-apply", cwd=folder)

    assert ("no forks" in forked.err) == blocks
    assert len(endpoint.requests) == (2 if blocks else 3)
    assert blocks or "Ticket 78." in requests_of(endpoint)[-1]


def requests_of(endpoint: FaultyEndpoint) -> list[str]:
    return [json.dumps(request.body["messages"]) for request in endpoint.requests]


@pytest.mark.slow
def test_hooks_of_the_start_and_of_a_message_add_context_and_the_one_of_the_end_runs(
    console: Console, folder: Path
) -> None:
    log = home(console) / "seen.jsonl"
    answer = {"hookSpecificOutput": {"hookEventName": "UserPromptSubmit", "additionalContext": "Ticket 77."}}
    add_hooks(
        home(console),
        SessionStart=f"cat >>{log}; echo >>{log}; echo Branch main is frozen.",
        UserPromptSubmit=f"cat >>{log}; echo >>{log}; echo '{json.dumps(answer)}'",
        SessionEnd=f"cat >>{log}; echo >>{log}",
    )
    add_hooks(folder, SessionStart="echo Use two spaces; touch $HOME/theirs")
    script = calls("edit", path="total.py", new=RIGHT), calls("done", summary="Done.")
    with faulty_endpoint(*script) as endpoint:
        done = solve(console, folder, endpoint)

    assert done.code == 0, done.err
    first = requests_of(endpoint)[0]
    assert all(text in first for text in ("Branch main is frozen.", "Ticket 77.", "Use two spaces"))
    assert "[From hooks of the repository, which the user hasn't written, as context:\\nUse two" in first
    events = [json.loads(line) for line in log.read_text().splitlines()]
    assert [(each["hook_event_name"], each["cwd"]) for each in events] == [
        ("SessionStart", str(folder)),
        ("UserPromptSubmit", str(folder)),
        ("SessionEnd", str(folder)),
    ]
    assert (events[0]["source"], events[1]["prompt"], events[2]["reason"]) == (
        "startup",
        "Write total.py.",
        "other",
    )
    assert not (home(console) / "theirs").exists()


@pytest.mark.slow
def test_a_slow_hook_is_named_while_it_runs(
    console: Console, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "SLOW_S", 0)
    add_hooks(home(console), UserPromptSubmit="true theirs")
    add_hooks(folder, Stop="true ours")
    with faulty_endpoint(
        calls("edit", path="total.py", new=RIGHT), calls("done", summary="Done.")
    ) as endpoint:
        done = solve(console, folder, endpoint)

    assert done.code == 0, done.err
    assert "  · a hook of UserPromptSubmit runs: true theirs" in done.said
    assert "  · a hook of Stop runs: true ours" in done.said


@pytest.mark.slow
def test_a_hook_is_named_on_the_status_line_of_a_terminal(console: Console) -> None:
    named = home(console) / "named"
    add_hooks(home(console), UserPromptSubmit=f"until [ -e {named} ]; do sleep 0.02; done")
    with faulty_endpoint(says("```python\ntotal = 3\n```\n")) as endpoint:
        flags = ("--base-url", endpoint.url, "-m", "toy", "--check", "assert total == 3")
        answers = {"a hook of UserPromptSubmit runs: until [": named.touch}
        done = console.on_terminal("solve", "Set total.", *flags, answers=answers, NO_COLOR="")

    assert done.code == 0, done.out
    assert named.exists()
    assert "  · a hook of UserPromptSubmit" not in done.out  # not a line that stays


@pytest.mark.slow
def test_a_message_that_a_hook_blocks_reaches_no_model_and_no_log(console: Console, folder: Path) -> None:
    add_hooks(home(console), UserPromptSubmit="echo It names a customer. >&2; exit 2")
    with faulty_endpoint(says("Hello.")) as endpoint:
        done = solve(console, folder, endpoint)

    assert done.code == 7
    assert "A hook of yours blocked this message, and no model was called: It names a customer." in done.err
    assert not any("Write total.py." in request for request in requests_of(endpoint))
    assert "Write total.py." not in console.run("ls").out


@pytest.mark.slow
def test_the_hook_of_a_repository_cannot_block_a_message(console: Console, folder: Path) -> None:
    add_hooks(folder, UserPromptSubmit="echo no >&2; exit 2")
    script = calls("edit", path="total.py", new=RIGHT), calls("done", summary="Done.")
    with faulty_endpoint(*script) as endpoint:
        done = solve(console, folder, endpoint)

    assert done.code == 0, done.err


@pytest.mark.slow
def test_a_hook_of_the_end_has_the_model_go_on_until_it_is_content(console: Console, folder: Path) -> None:
    check = "grep -qs CHANGED notes.txt || { echo Write CHANGED into notes.txt. >&2; exit 2; }"
    add_hooks(folder, Stop=check)
    script = (
        calls("edit", path="total.py", new=RIGHT),
        calls("done", summary="Done."),
        calls("edit", path="notes.txt", new="CHANGED\n"),
        calls("done", summary="Done."),
    )
    with faulty_endpoint(*script) as endpoint:
        done = solve(console, folder, endpoint)

    assert done.code == 0, done.err
    assert "work isn't done: Write CHANGED into notes.txt." in requests_of(endpoint)[2]
    assert (folder / "notes.txt").read_text() == "CHANGED\n"


@pytest.mark.slow
def test_a_hook_of_the_end_that_is_never_content_ends_the_run_after_eight_times(
    console: Console, folder: Path
) -> None:
    log = home(console) / "active.jsonl"
    add_hooks(home(console), Stop=f"cat >>{log}; echo >>{log}; echo Go on. >&2; exit 2")
    edits = [calls("edit", path=f"note{number}.txt", new="x") for number in range(9)]
    script = [calls("edit", path="total.py", new=RIGHT)]
    for edit in edits:
        script += [calls("done", summary="Done."), edit]
    with faulty_endpoint(*script) as endpoint:
        done = solve(console, folder, endpoint)

    assert done.code == 0, done.err
    active = [json.loads(line)["stop_hook_active"] for line in log.read_text().splitlines()]
    assert active == [False, *[True] * 7]


@pytest.mark.slow
def test_what_a_hook_of_a_repository_changes_at_the_end_is_undone(console: Console, folder: Path) -> None:
    add_hooks(folder, Stop='sed -i "s/\'/\\"/g" total.py')
    script = (
        calls("edit", path="total.py", new=f"NAME = 'x'\n\n\n{RIGHT}"),
        calls("done", summary="Done."),
    )
    with faulty_endpoint(*script) as endpoint:
        done = solve(console, folder, endpoint)

    assert done.code == 0, done.err
    assert (folder / "total.py").read_text() == f"NAME = 'x'\n\n\n{RIGHT}"


@pytest.mark.slow
def test_a_resumed_conversation_starts_as_resumed_and_one_hook_of_the_start_counts_for_all_messages(
    console: Console, folder: Path
) -> None:
    log = home(console) / "sources.jsonl"
    add_hooks(home(console), SessionStart=f"cat >>{log}; echo >>{log}", UserPromptSubmit="echo Ticket 77.")
    with faulty_endpoint(says("Hello."), says("Again."), says("Well.")) as endpoint:
        flags = ("--base-url", endpoint.url, "-m", "toy")
        first = console.run("chat", str(folder), *flags, stdin=b"Who are you?\nAnd now?\n")
        run = json.loads(log.read_text().splitlines()[0])["session_id"]
        second = console.run("chat", "--resume", run, stdin=b"Go on?\n")

    assert (first.code, second.code) == (0, 0), first.err + second.err
    assert [json.loads(line)["source"] for line in log.read_text().splitlines()] == ["startup", "resume"]
    latest = endpoint.requests[-1].body["messages"][-1]["content"]
    assert "Ticket 77." in latest


@pytest.mark.slow
def test_the_model_of_a_resumed_run_reads_once_what_a_hook_of_the_start_says(
    console: Console, folder: Path
) -> None:
    add_hooks(home(console), SessionStart="grep -q '\"resume\"' && echo Branch main is frozen. || true")
    edit = calls("edit", path="total.py", new=RIGHT)
    with faulty_endpoint(calls("bash", command="ls"), edit, calls("done", summary="Done.")) as endpoint:
        flags = ("--strategy", "act", "--base-url", endpoint.url, "-m", "toy", "-y", "--max-calls", "1")
        first = console.run("solve", "Write total.py.", ".", *CHECK, *flags, cwd=folder)
        second = console.run("resume", "--max-calls", "5", cwd=folder)

    assert (first.code, second.code) == (3, 0), first.err + second.err  # 3: a limit
    counts = [request.count("Branch main is frozen.") for request in requests_of(endpoint)]
    assert counts == [0, 1, 1]
