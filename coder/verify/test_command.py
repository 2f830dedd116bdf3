"""Run a test command so that an exit code of 0 alone proves nothing, and read its report."""

import hashlib
import hmac
import json
import re
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from importlib.resources import files

from pydantic import BaseModel, StrictBool, ValidationError

from coder.run.command_inputs import parted, reported
from coder.run.event_types import PytestSetup
from coder.run.message import CheckLine
from coder.text.sanitize import printable
from coder.verify.additions import Additions
from coder.verify.finding import Finding, Program, finding_of, stopped
from coder.verify.reports.failures import Places, compared
from sandbox import Command, FileRefused, Limits, Sandbox
from sandbox.contract import OnOutput

FOLDER = ".coder"
"""Folder of the sandbox's workspace for the reporter and its report; never part of an answer."""
KEEPER = f"{FOLDER}/keeper.py"
_CONFIG = f"{FOLDER}/config.json"
_INSIDE = ("keeper.py", "scripts.py", "reporter.py", "added_names.py", "pytest_plugin.py", "tamper_checks.py")
_IN_SCRIPTS = "python_in_scripts.sh"
_START = "start/sitecustomize.py"
_BROUGHT = f"{FOLDER}/brought.json"
_NO_SETTINGS = ".coder.ini"
"""Empty settings of pytest, which the reporter writes where there are none."""
_STANDS_FOR = ("python", "python3", "pytest", "py.test")
_MAX_REPORT = 32 << 20
_LONGEST_NAME = 2000
_UNREAD = re.compile(
    r'^[ \t]*(File "[^"\n]+", line \d+)\n(?:[^\n]*\n){0,2}?[ \t]*(?:SyntaxError|IndentationError|TabError): ',
    re.MULTILINE,
)
"""Place of a syntax error, as Python prints it before the error."""


class Proof(BaseModel, frozen=True):
    """How tests are run on the code before a change."""

    added: Additions
    limit_s: float
    """Seconds for each test; one that runs longer fails by the code."""


async def run_tests(
    sandbox: Sandbox,
    argv: Sequence[str],
    *,
    ours: Sequence[str],
    limits: Limits,
    on_output: OnOutput | None = None,
    only: Sequence[str] = (),
    brings: Callable[[str], bool] = lambda path: False,
    setup: PytestSetup | None = None,
    proof: Proof | None = None,
) -> Finding:
    """Run the command in the sandbox's workspace.

    Args:
        ours: paths that hold tests; their own `sys.exit` is part of the test.
        only: names of Python tests by an earlier run; the others are left out, unless none of them is there.
        brings: whether a path is one that the change brings: pytest may take no settings or plugins from it.
        setup: where pytest takes its settings from on the untouched files; None leaves the search to pytest.
            proof: given where this is the code before a change: the first failure by the code ends the tests.

    Returns:
        Passed with exit code 0, to the end, with at least one test reported and none failed.
    """
    argv = parted(argv)[1]  # what it sets is in the sandbox's environment
    inner = reported(argv)
    key, report = secrets.token_bytes(32), f"{FOLDER}/{secrets.token_hex(8)}.jsonl"
    before = await sandbox.manifest()
    brought = [path for path in before if brings(path)]
    await sandbox.remove(FOLDER)  # an answer may have a folder of this name
    for name in _INSIDE:
        await sandbox.write(f"{FOLDER}/{name}", _source(name))
    keeping = {"report": report, "key": key.hex(), "now": f"{report}.now", "at_once": inner is not None}
    if inner is None:
        from coder.verify.other_runners import run_other  # readers of eight tools' reports

        await sandbox.write(_BROUGHT, json.dumps(brought).encode())
        for name in _STANDS_FOR:
            await sandbox.write(f"{FOLDER}/bin/{name}", _source(_IN_SCRIPTS), executable=True)
        await sandbox.write(f"{FOLDER}/{_START}", _source("python_start.py"))
        watched = [
            f"{FOLDER}/{name}" for name in (*_INSIDE, _START, "bin", *(f"bin/{one}" for one in _STANDS_FOR))
        ]
        kept = json.dumps({**keeping, "watched": watched}).encode()
        await sandbox.write(_CONFIG, kept)
        found = await run_other(
            sandbox, argv, folder=FOLDER, before=before, limits=limits, on_output=on_output
        )
        read = await _read_report(sandbox, report, key, Places(before))
        has_kept = await _read_file(sandbox, _CONFIG) != kept  # else no Python is there to run the keeper
        await sandbox.remove(FOLDER)
        if found.passed and has_kept and not read.is_whole:
            return replace(
                found, passed=False, note="The code under test changed what the test command runs."
            )
        return replace(found, programs=tuple(read.programs))
    config = {
        **keeping, "watched": [], "ours": list(ours), "names": list(before), "only": list(only),
        "brought": brought, "setup": setup.model_dump() if setup is not None else None,
        "proof": proof.model_dump(mode="json") if proof is not None else None,
    }  # fmt: skip
    await sandbox.write(_CONFIG, json.dumps(config).encode())
    command = Command(
        argv=("python3", KEEPER, _CONFIG, "python3", f"{FOLDER}/reporter.py", _CONFIG, *inner),
        environment={"PYTHONNOUSERSITE": "1"},  # HOME is the workspace: it isn't the user's there
    )
    result = await sandbox.run(command, limits=limits, on_output=on_output)
    read = await _read_report(sandbox, report, key, Places(before))
    lines = list(read.lines.values())
    if not read.complete and (running := await _read_running(sandbox, report)):
        why = stopped(result) or "It ended all tests while it ran."
        lines = [line for line in lines if line.name != running]
        lines.append(CheckLine(name=running, passed=False, message=why))
    await sandbox.remove(FOLDER)
    await sandbox.remove(_NO_SETTINGS)
    found = finding_of(result, lines, complete=read.complete, reached=read.reached)
    return replace(found, pytest=read.setup)


def _source(name: str) -> bytes:
    return files("coder.verify.inside").joinpath(name).read_bytes()


async def _read_file(sandbox: Sandbox, path: str) -> bytes:
    try:
        return await sandbox.read(path, limit=_MAX_REPORT)
    except FileRefused:
        return b""


async def _read_running(sandbox: Sandbox, report: str) -> str:
    """The test that ran when the command ended; the code under test can forge it."""
    try:
        return (await sandbox.read(f"{report}.now", limit=_LONGEST_NAME)).decode("utf-8", "replace")
    except FileRefused:
        return ""


class _Row(BaseModel, frozen=True):
    """A row of a report, as the process of the code under test sent it."""

    test: str | None = None
    passed: StrictBool = False
    message: str = ""
    reached: StrictBool = False
    setup: PytestSetup | None = None
    program: Program | None = None
    end: int | None = None
    changed: tuple[str, ...] | None = None


@dataclass(slots=True)
class _Read:
    """What a report holds."""

    lines: dict[str, CheckLine] = field(default_factory=dict)
    complete: bool = False
    """It has its end."""
    reached: set[str] = field(default_factory=set)
    """Tests that failed by what the code does."""
    setup: PytestSetup | None = None
    programs: list[Program] = field(default_factory=list)
    is_whole: bool = False
    """All of its rows are signed, and the files of ours are as they were."""


async def _read_report(sandbox: Sandbox, path: str, key: bytes, places: Places) -> _Read:
    """The report up to the first row that doesn't follow from the key and the rows before it."""
    read, proof = _Read(), key
    for row in (await _read_file(sandbox, path)).splitlines():
        shown, _, content = row.partition(b" ")
        proof = hmac.digest(proof, content, hashlib.sha256)
        if not hmac.compare_digest(shown, proof.hex().encode()):
            read.complete = read.is_whole = False
            return read
        try:
            entry = _Row.model_validate_json(content[1:])
        except ValidationError:  # the code under test has sent it
            read.complete = False
            return read
        is_ours = content.startswith(b"+")
        read.complete = is_ours and entry.end is not None
        read.is_whole = is_ours and entry.changed == ()
        _take(entry, read, places)
    return read


def _take(entry: _Row, read: _Read, places: Places) -> None:
    read.setup = entry.setup or read.setup
    read.programs += [entry.program] if entry.program is not None else []
    if entry.test is None:
        return
    line = _line(entry.test, entry.passed, printable(entry.message), places)
    failed_before = line.name in read.lines and not read.lines[line.name].passed
    read.lines[line.name] = read.lines[line.name] if failed_before else line
    if entry.reached:
        read.reached.add(line.name)


def _line(name: str, passed: bool, message: str, places: Places) -> CheckLine:
    """One test; a traceback ends with the place, a syntax error begins with it."""
    if passed or not places.may_look(message):
        return CheckLine(name=name, passed=passed, message=message)
    unread = _UNREAD.search(message)
    path, line = places.last(message if unread is None else unread[1])
    expected, actual = compared(message)
    return CheckLine(
        name=name, passed=False, message=message, expected=expected, actual=actual, path=path, line=line
    )
