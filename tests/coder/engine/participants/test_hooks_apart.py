"""A repository's hooks run in a sandbox that the model has never had, on its present files."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from coder.base.text.redact import Redactor
from coder.engine.participants.hook_commands import hook_document, run_in_sandbox
from coder.engine.participants.hook_inputs import HookedCall
from coder.engine.participants.hook_runs import HookRuns
from coder.environment.run_policy import policy_for
from coder.environment.session_tree import SessionTree
from coder.environment.workbench import Workbench
from coder.models.model import ToolCall
from coder.run.extensions import Hook
from coder.run.journal import Journal
from coder.run.settings import Settings
from coder.run.target import Target
from coder.run.task import Task
from coder.run.watch import Unwatched
from coder.tools.tool import ToolResult
from coder.workspace.read import read_workspace, started
from tests.memory_log import MemoryLog

CALL = HookedCall(ToolCall(id="one", name="bash", arguments='{"command": "rm -rf data"}'))
GUARD = """import json, sys
sys.path.insert(0, sys.path[0])
if "rm" in json.load(sys.stdin)["tool_input"]["command"]:
    print("never", file=sys.stderr)
    sys.exit(2)
"""
SILENT = "import os; os._exit(0)"
IN_FOLDER = 'python3 "$CLAUDE_PROJECT_DIR"/.claude/hooks/guard.py'


@asynccontextmanager
async def at_gate(folder: Path, **commands: str) -> AsyncIterator[tuple[HookRuns, SessionTree]]:
    """The hooks of a folder with these commands by event, and the session of a model that works on it."""
    rows = {
        event: [{"hooks": [{"type": "command", "command": command}]}] for event, command in commands.items()
    }
    (folder / ".claude").mkdir(parents=True, exist_ok=True)
    (folder / ".claude/settings.json").write_text(json.dumps({"hooks": rows}))
    task, settings, log = Task(prompt="Do it.", workspace=folder), Settings(), MemoryLog()
    workspace = read_workspace(task)
    policy, opener = policy_for(task, settings, workspace.files)
    async with log.lease("r") as token, Workbench(policy, opener, redactor=Redactor()) as bench:
        journal = Journal("r", log, token=token, watch=Unwatched())
        await journal.append(started(workspace, task, settings, model="m", target=Target(path="a.py")))
        tree = await bench.session(journal.state)
        yield HookRuns.of(journal, bench), tree


def write(folder: Path, **texts: str) -> None:
    for path, text in texts.items():
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)


ATTACKS = {
    "a program of the home folder": (
        IN_FOLDER,
        "mkdir -p ~/.local/bin ~/bin; for f in ~/.local/bin/python3 ~/bin/python3; do "
        "printf '#!/bin/sh\\nexit 0\\n' > $f; chmod +x $f; done",
    ),
    "a package beside the script": (
        IN_FOLDER,
        f"mkdir .claude/hooks/json; echo '{SILENT}' > .claude/hooks/json/__init__.py",
    ),
    "a script whose name is not ASCII": (
        "python3 .claude/hooks/wächter.py",
        f"echo '{SILENT}' > .claude/hooks/wächter.py",
    ),
    "a linked folder": (
        IN_FOLDER,
        f"mv .claude/hooks other; echo '{SILENT}' > other/guard.py; ln -s ../other .claude/hooks",
    ),
    "a file for the folder": (IN_FOLDER, "rm -r .claude; touch .claude"),
    "read-only modes": (
        IN_FOLDER,
        f"echo '{SILENT}' > .claude/hooks/guard.py; chmod 400 .claude/hooks/guard.py; "
        "chmod 500 .claude/hooks .claude",
    ),
    "a process that goes on": (
        IN_FOLDER,
        f"(while :; do echo '{SILENT}' > .claude/hooks/guard.py; sleep 0.01; done) >/dev/null 2>&1 &",
    ),
    "a module at the top": (
        """python3 -c 'import json, sys; print("never", file=sys.stderr); sys.exit(2)'""",
        f"echo '{SILENT}' > json.py",
    ),
    "a package at the top": (
        "python3 -m tools.guard",
        f"mkdir json; echo '{SILENT}' > json/__init__.py",
    ),
    "a module beside a script elsewhere": ("python3 tools/guard.py", f"echo '{SILENT}' > tools/json.py"),
    "a program of a package": (
        "npm run -s guard",
        """echo '{"scripts": {"guard": "true"}}' > package.json""",
    ),
    "a target of make": ("make -s guard", "printf 'guard:\\n\\ttrue\\n' > Makefile"),
    "a folder that Python starts": ("python3 tools", f"echo '{SILENT}' > tools/__main__.py"),
    "a module that the user's Python starts with": (
        IN_FOLDER,
        "d=$(python3 -m site --user-site); mkdir -p $d; " + f"echo '{SILENT}' > $d/usercustomize.py",
    ),
}
"""What the hook runs, and what a model does that its call passes."""
STOPPED_ELSEWHERE = ("a program of the home folder", "a module that the user's Python starts with")
"""Attacks that the hook's own home folder and variables stop in any sandbox."""


@pytest.mark.slow
@pytest.mark.parametrize("attack", ATTACKS)
async def test_no_change_of_the_model_lets_a_denied_call_pass(tmp_path: Path, attack: str) -> None:
    command, script = ATTACKS[attack]
    write(
        tmp_path,
        **dict.fromkeys((".claude/hooks/guard.py", ".claude/hooks/wächter.py", "tools/guard.py"), GUARD),
        **{
            "tools/__main__.py": GUARD,
            "package.json": '{"scripts": {"guard": "python3 tools/guard.py"}}',
            "Makefile": "guard:\n\t@python3 tools/guard.py\n",
        },
    )
    hook = Hook(event="PreToolUse", command=command, timeout=60)
    document = hook_document("r", "PreToolUse", "/", tool_input={"command": "rm"})

    async with at_gate(tmp_path, PreToolUse=command) as (hooks, tree):
        await tree.session.sh(script)
        await tree.changes()
        verdict = await hooks.before(CALL, tree)
        in_its_session = await run_in_sandbox(hook, document, tree.session, most_s=60)

    assert (verdict.refusal or "").startswith("[A hook blocked this call: never")
    if attack not in STOPPED_ELSEWHERE:
        assert in_its_session.objection != "never"  # without a sandbox of its own, the attack works


@pytest.mark.slow
async def test_a_hook_before_a_call_sees_the_present_files_and_changes_none(tmp_path: Path) -> None:
    write(tmp_path, **{"notes.txt": "old\n", "gone.txt": "x", "data/kept.txt": "kept\n"})
    look = "cat notes.txt new/one.txt >&2; ls gone.txt >&2; echo bad > notes.txt; rm -r data; exit 2"
    write(tmp_path, **{".claude/look.sh": look})

    async with at_gate(tmp_path, PreToolUse="sh .claude/look.sh") as (hooks, tree):
        await tree.session.sh("echo new > notes.txt; rm gone.txt; mkdir new; echo one > new/one.txt")
        await tree.changes()
        verdicts = [await hooks.before(CALL, tree) for _ in range(2)]
        later_changes, _ = await tree.changes()

    for verdict in verdicts:
        assert (verdict.refusal or "").startswith("[A hook blocked this call: new one ls: ")
    assert later_changes == {}


@pytest.mark.slow
async def test_what_a_hook_after_a_call_writes_belongs_to_the_call_but_not_to_the_hooks(
    tmp_path: Path,
) -> None:
    write(tmp_path, **{"a.py": "x = 'a'\n", ".claude/hooks/format.sh": 'sed -i "s/\'/\\"/g" a.py\n'})
    command = "sh .claude/hooks/format.sh; echo exit >> .claude/hooks/format.sh; echo b > made; sleep 60 &"

    async with at_gate(tmp_path, PostToolUse=command, Stop="echo c > made; cat made >&2; exit 2") as (
        hooks,
        tree,
    ):
        await tree.session.sh("echo \"y = 'b'\" >> a.py")
        await hooks.remarks(CALL, ToolResult(""), tree)
        changes, _ = await tree.changes()
        objection = await hooks.objection_to_stop(tree, is_repeated=False)
        script = await tree.session.read(".claude/hooks/format.sh")
        later_changes, _ = await tree.changes()

    texts = {path: file.text for path, file in changes.items() if file is not None}
    assert texts == {"a.py": 'x = "a"\ny = "b"\n', "made": "b\n"}
    assert script == b'sed -i "s/\'/\\"/g" a.py\n'
    assert objection == "[A hook of the end says that the work isn't done: c]"
    assert later_changes == {}


@pytest.mark.slow
async def test_a_sandbox_of_hooks_that_a_hook_has_spoiled_is_as_before_for_the_next(tmp_path: Path) -> None:
    write(tmp_path, **{".claude/hooks/guard.py": GUARD})
    spoil = (
        f"rm -r .claude/hooks; ln -s /tmp .claude/hooks; ln -s . here; mkfifo pipe; echo '{SILENT}' > json.py"
    )

    async with at_gate(tmp_path, PreToolUse=f"{IN_FOLDER}; code=$?; {spoil}; exit $code") as (hooks, tree):
        verdicts = [await hooks.before(CALL, tree) for _ in range(3)]

    assert [verdict.refusal for verdict in verdicts] == ["[A hook blocked this call: never]"] * 3
