"""Lint: what a lint command finds in the files that an answer changes, and didn't find before.

It is run when everything else has passed. Findings are asked to be mended, a few times; they never take back
that the tests pass.
"""

import re
import shlex
from collections import Counter
from collections.abc import Collection, Mapping, Sequence

from coder.environment.workbench import Workbench
from coder.run.message import CheckLine
from coder.run.state import State
from coder.text.sanitize import printable
from coder.verify.reports.failure_places import Places
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


_MOST = 1 << 20
_MOST_FINDINGS = 2000
_MESSAGE = 300
_ONE_LINE = re.compile(  # ruff, flake8, mypy, pylint, eslint -f unix, golint, gcc, shellcheck -f gcc
    r"^(?P<path>[^\s:()\[\]][^\n:]{0,400}?):(?P<line>\d{1,7})(?::\d{1,7})?:? +(?P<message>\S[^\n]*)$"
)
_IN_BRACKETS = re.compile(
    r"^(?P<path>[^\s:()][^\n:()]{0,400})\((?P<line>\d{1,7}),\d{1,7}\): (?P<message>\S[^\n]*)$"
)
_ARROW = re.compile(
    r"^\s*--> (?P<path>[^\n:]{1,400}):(?P<line>\d{1,7})(?::\d{1,7})?\s*$"
)  # ruff full, clippy
_BELOW = re.compile(r"^\s+(?P<line>\d{1,7}):\d{1,7}\s+(?P<message>\S[^\n]*)$")  # eslint's own form
_NO_FINDING = re.compile(r"^(?:note|help)\b|: note:")
_POSITIONS = re.compile(r"\bline \d+|:\d+\b")


def read_findings(text: str, places: Places) -> tuple[CheckLine, ...]:
    """Each finding whose file the workspace has, as its tool words it."""
    found: list[CheckLine] = []
    heading = file = ""
    for raw in printable(text[:_MOST]).splitlines():
        match = _ONE_LINE.match(raw) or _IN_BRACKETS.match(raw)
        if match and (path := places.resolve(match["path"].strip())):
            found.append(_finding(path, int(match["line"]), match["message"]))
        elif (arrow := _ARROW.match(raw)) and heading and (path := places.resolve(arrow["path"].strip())):
            found.append(_finding(path, int(arrow["line"]), heading))
        elif (below := _BELOW.match(raw)) and file:
            found.append(_finding(file, int(below["line"]), below["message"]))
        elif raw and not raw[0].isspace():
            heading, file = raw, places.resolve(raw.strip()) or "" if "/" in raw or "." in raw else ""
        if len(found) == _MOST_FINDINGS:
            break
    return tuple(line for line in found if not _NO_FINDING.search(line.message))


def new_findings(
    now: Sequence[CheckLine], before: Sequence[CheckLine], *, changed: Collection[str]
) -> tuple[CheckLine, ...]:
    """Findings in changed files that weren't there before; a line that only moved is no new one."""
    known = Counter(map(_identity, before))
    new = []
    for line in now:
        if line.path is not None and line.path not in changed:
            continue
        if known[_identity(line)]:
            known[_identity(line)] -= 1
        else:
            new.append(line)
    return tuple(new)


def _finding(path: str, line: int, message: str) -> CheckLine:
    message = re.sub(r"\s+", " ", message.strip())[:_MESSAGE]
    return CheckLine(name=f"{path}:{line}: {message}", passed=False, message=message, path=path, line=line)


def _identity(line: CheckLine) -> tuple[str | None, str]:
    """What stays the same of a finding when lines move; of one without a place, that there is one."""
    return line.path, _POSITIONS.sub("", line.message) if line.path is not None else line.name
