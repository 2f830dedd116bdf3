"""Lint: what a lint command finds in the files that an answer changes, and didn't find before.

It is run when everything else has passed. Findings are asked to be mended, a few times; they never take back
that the tests pass.
"""

import shlex
from collections.abc import Mapping, Sequence

from coder.environment.workbench import Workbench
from coder.run.message import CheckLine
from coder.run.state import State
from coder.verify.reports.failure_places import Places
from coder.verify.reports.findings import new_findings, read_findings
from coder.workspace.overlay import workspace_files
from sandbox import Command, Limits, Result

FILES = "{files}"
"""A word of the command that stands for the changed files."""
_MOST_TOLD = 10
_WHOLE = 1500


async def lint(bench: Workbench, state: State, files: Mapping[str, bytes]) -> tuple[CheckLine, ...]:
    """Run the task's lint command on these files, and where it finds something, on the untouched ones.

    The workspace holds other files afterwards.

    Raises:
        SandboxError: the sandbox itself failed.
    """
    untouched = workspace_files(state, {})
    changed = [path for path, content in files.items() if untouched.get(path) != content]
    command = state.task.lint_command
    if command is None or not changed:
        return ()
    now = await _found(bench, state, command, files, changed)
    if not new_findings(now, (), changed=changed):
        return ()
    there = [path for path in changed if path in untouched]
    before = await _found(bench, state, command, untouched, there) if there or FILES not in command else ()
    return new_findings(now, before, changed=changed)


def told(findings: Sequence[CheckLine], command: Sequence[str]) -> str:
    """What the next prompt says of findings."""
    lines = [line.name if line.path is not None else line.message for line in findings[:_MOST_TOLD]]
    if len(findings) > _MOST_TOLD:
        lines.append(f"… and {len(findings) - _MOST_TOLD} more")
    return "\n".join(
        [f"All checks pass, but `{shlex.join(command)}` finds what wasn't there before:", *lines]
    )


async def _found(
    bench: Workbench, state: State, command: Sequence[str], files: Mapping[str, bytes], changed: Sequence[str]
) -> tuple[CheckLine, ...]:
    sandbox = await bench.candidate()
    await sandbox.lay(files)
    argv = tuple(word for part in command for word in (changed if part == FILES else [part]))
    seconds = state.settings.test_timeout_s
    limits = Limits(wall_s=seconds, cpu_s=seconds)
    result = await sandbox.run(Command(argv=argv, environment={"NO_COLOR": "1"}), limits=limits)
    findings = read_findings(f"{result.stdout}\n{result.stderr}", Places(files))
    if result.ok:
        return ()  # warnings that the command itself lets pass
    return findings or (_whole(command, result),)


def _whole(command: Sequence[str], result: Result) -> CheckLine:
    """A failure that names no place."""
    return CheckLine(
        name=shlex.join(command),
        passed=False,
        message=(result.stdout.strip() or result.stderr.strip())[-_WHOLE:],
    )
