"""What a lint command finds in the files that an answer changes, and didn't find before.

It runs when everything else has passed. The model is asked to mend findings, a few times; they never take
back that the tests pass.
"""

import re
import shlex
from collections import Counter
from collections.abc import Collection, Mapping, Sequence

from coder.run.message import CheckLine, Outcome
from coder.text.sanitize import printable
from coder.verify.reports.failures import Places
from coder.verify.verification import Verification
from coder.workspace.overlay import workspace_files
from sandbox import Command

FILES = "{files}"
"""A word of the command that stands for the changed files."""
_MOST_TOLD = 10
_WHOLE = 1500
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


async def lint(on: Verification, files: Mapping[str, bytes], outcome: Outcome) -> Outcome:
    """The outcome with new findings of the task's lint command, and what the next prompt says of them.

    The command runs on these files, and where it finds something, on the untouched ones. The workspace holds
    other files afterwards.
    """
    untouched = workspace_files(on.state, {})
    changed = [path for path, content in files.items() if untouched.get(path) != content]
    command = on.state.task.lint_command
    if command is None or not changed:
        return outcome
    now = await _found(on, command, files, changed)
    if not new_findings(now, (), changed=changed):
        return outcome
    there = [path for path in changed if path in untouched]
    before = await _found(on, command, untouched, there) if there or FILES not in command else ()
    if not (new := new_findings(now, before, changed=changed)):
        return outcome
    lines = [line.name if line.path is not None else line.message for line in new[:_MOST_TOLD]]
    if len(new) > _MOST_TOLD:
        lines.append(f"… and {len(new) - _MOST_TOLD} more")
    told = [f"All checks pass, but `{shlex.join(command)}` finds what wasn't there before:", *lines]
    return outcome.model_copy(update={"lint": new, "feedback": "\n".join(told)})


async def _found(
    on: Verification, command: Sequence[str], files: Mapping[str, bytes], changed: Sequence[str]
) -> tuple[CheckLine, ...]:
    await on.lay(files)
    argv = tuple(word for part in command for word in (changed if part == FILES else [part]))
    asked = Command(argv=argv, environment={"NO_COLOR": "1"})
    result = await (await on.bench.candidate()).run(asked, limits=on.limits())
    if result.ok:
        return ()  # warnings that the command itself lets pass
    said = (result.stdout.strip() or result.stderr.strip())[-_WHOLE:]
    whole = CheckLine(name=shlex.join(command), passed=False, message=said)  # it may name no place
    return read_findings(f"{result.stdout}\n{result.stderr}", Places(files)) or (whole,)


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
    """What stays the same of a finding when lines move; of one without a place, its name."""
    return line.path, _POSITIONS.sub("", line.message) if line.path is not None else line.name
