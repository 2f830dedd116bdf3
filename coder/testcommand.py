"""A test command: how it is run so that an exit code of 0 alone proves nothing, and what its report says."""

import hashlib
import hmac
import json
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files

from coder.message import CheckLine
from sandbox import Command, FileRefused, Limits, Result, Sandbox
from sandbox.contract import OnOutput

FOLDER = ".coder"
"""Folder of the sandbox's workspace for the reporter and its report; never part of an answer."""
_CONFIG = f"{FOLDER}/config.json"
_INSIDE = ("reporter.py", "control.py", "skips.py")
_IN_SCRIPTS = "python_in_scripts.sh"
_STANDS_FOR = ("python", "python3", "pytest", "py.test")
_WITH_PATH = f'PATH="$PWD/{FOLDER}/bin:$PATH"; export PATH; exec "$0" "$@"'
_PYTHON = re.compile(r"^(?:.*/)?python(?:3(?:\.\d+)?)?$")
_PYTEST = re.compile(r"^(?:.*/)?(?:pytest|py\.test)$")
_MAX_REPORT = 4 << 20


@dataclass(frozen=True, slots=True)
class TestRun:
    """How a test command went."""

    __test__ = False  # not a test class

    result: Result
    lines: tuple[CheckLine, ...]
    complete: bool
    """The command came to its own end; False when something ended it early."""

    @property
    def passed(self) -> bool:
        """Exit code 0, to the end, with at least one test reported and none failed."""
        return (
            self.result.ok and self.complete and bool(self.lines) and all(line.passed for line in self.lines)
        )


def reported(argv: Sequence[str]) -> list[str] | None:
    """The reporter's arguments for a Python test command, or None for a command of another kind."""
    if _PYTEST.match(argv[0]):
        return ["-m", "pytest", *argv[1:]]
    if not _PYTHON.match(argv[0]):
        return None
    if list(argv[1:3]) in (["-m", "pytest"], ["-m", "unittest"]):
        return list(argv[1:])
    if len(argv) > 1 and argv[1].endswith(".py"):
        return list(argv[1:])
    return None


def uses_pytest(argv: Sequence[str]) -> bool:
    """Whether the command needs pytest in the task's interpreter."""
    return (reported(argv) or [])[:2] == ["-m", "pytest"]


async def run_tests(
    sandbox: Sandbox,
    argv: Sequence[str],
    *,
    ours: Sequence[str],
    limits: Limits,
    on_output: OnOutput | None = None,
) -> TestRun:
    """Run the command in the sandbox's workspace.

    Args:
        ours: paths that hold tests; their own `sys.exit` is part of the test.

    Raises:
        SandboxError: the sandbox itself failed.
    """
    inner = reported(argv)
    key, report = secrets.token_bytes(32), f"{FOLDER}/{secrets.token_hex(8)}.jsonl"
    names = list(await sandbox.manifest())
    await sandbox.remove(FOLDER)  # an answer may have a folder of this name
    for name in _INSIDE:
        await sandbox.write(f"{FOLDER}/{name}", _source(name))
    if inner is None:
        return await _run_script(sandbox, argv, limits=limits, on_output=on_output)
    config = {"report": report, "key": key.hex(), "ours": list(ours), "names": names}
    await sandbox.write(_CONFIG, json.dumps(config).encode())
    command = Command(
        argv=("python3", f"{FOLDER}/{_INSIDE[0]}", _CONFIG, *inner),
        environment={"PYTHONNOUSERSITE": "1"},  # HOME is the workspace: it isn't the user's there
    )
    result = await sandbox.run(command, limits=limits, on_output=on_output)
    lines, complete = await _read_report(sandbox, report, key)
    await sandbox.remove(FOLDER)
    return TestRun(result, tuple(lines), complete)


async def _run_script(
    sandbox: Sandbox, argv: Sequence[str], *, limits: Limits, on_output: OnOutput | None
) -> TestRun:
    """Run a command that isn't Python's: its exit code decides, and Python's tests in it are watched."""
    for name in _STANDS_FOR:
        await sandbox.write(f"{FOLDER}/bin/{name}", _source(_IN_SCRIPTS), executable=True)
    command = Command(argv=("sh", "-c", _WITH_PATH, *argv), environment={"PYTHONNOUSERSITE": "1"})
    result = await sandbox.run(command, limits=limits, on_output=on_output)
    await sandbox.remove(FOLDER)
    line = CheckLine(name=" ".join(argv), passed=result.ok, message=_tail(result))
    return TestRun(result, (line,), complete=True)


def _source(name: str) -> bytes:
    return files("coder").joinpath(name).read_bytes()


async def _read_report(sandbox: Sandbox, path: str, key: bytes) -> tuple[list[CheckLine], bool]:
    """The report's lines, up to the first one that doesn't follow from the key and those before it."""
    try:
        raw = await sandbox.read(path, limit=_MAX_REPORT)
    except FileRefused:
        return [], False
    lines: dict[str, CheckLine] = {}
    complete = False
    proof = key
    for row in raw.splitlines():
        shown, _, content = row.partition(b" ")
        proof = hmac.digest(proof, content, hashlib.sha256)
        if not hmac.compare_digest(shown, proof.hex().encode()):
            return list(lines.values()), False
        entry = json.loads(content)
        complete = "end" in entry
        if "test" in entry:
            line = CheckLine(name=entry["test"], passed=entry["passed"], message=entry["message"])
            failed_before = line.name in lines and not lines[line.name].passed
            lines[line.name] = lines[line.name] if failed_before else line
    return list(lines.values()), complete


def _tail(result: Result) -> str:
    return "" if result.ok else (result.stderr or result.stdout)[-2000:]
