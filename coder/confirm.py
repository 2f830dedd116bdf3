"""Confirm a test command that has passed, with the code under test in another process than its tests."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Literal

from coder.message import CheckLine
from coder.plaintests import is_plain
from coder.target import Target, modules_of
from coder.testcommand import TestRun, reported
from coder.workbench import Workbench
from sandbox import Limits
from sandbox.check import TestFile, check

_CONFIRMING_S = 10.0
"""For the same tests once more; they may end in a deadlock there, and the user waits for them."""


@dataclass(frozen=True, slots=True)
class Confirmation:
    """What the same tests showed from outside of the code's process."""

    verdict: Literal["outside", "inside", "refuted"]
    """outside: they pass there too; inside: they can't tell; refuted: the pass was no pass."""
    lines: tuple[CheckLine, ...] = ()
    note: str = ""


async def confirm(
    bench: Workbench,
    target: Target,
    files: Mapping[str, bytes],
    *,
    run: TestRun,
    argv: Sequence[str],
    most_s: float,
) -> Confirmation:
    """Run the tests of a Python test command once more, from outside.

    Where they pass there, the verdict is strong. Many honest tests can't (fixtures that share files with the
    code, patched modules): then the pass stands, labelled `inside`, unless what passed was an object of the
    candidate's own class that claims to equal the tests' data, or a plain comparison that is false.

    Raises:
        SandboxError: a sandbox itself failed.
    """
    script = _script(argv)
    checks = [
        TestFile(path=path, source=files[path].decode())
        for path in target.tests
        if _is_text(files.get(path, b"")) and (path == script or _decides(path, files))
    ]
    if not checks or target.module.partition(".")[0] in sys.stdlib_module_names:
        return Confirmation("inside")
    checker = await bench.checker()
    await checker.lay({path: files[path] for path in target.tests if path in files})
    seconds = min(most_s, _CONFIRMING_S + 4 * run.result.wall_s)
    report = await check(
        await bench.candidate(),
        checker,
        checks,
        module=target.module,
        provides=modules_of(files),
        limits=Limits(wall_s=seconds, cpu_s=seconds),
    )
    if report.passed:
        return Confirmation("outside")
    lines = tuple(CheckLine(**result.model_dump()) for result in report.results)
    if report.disowned:
        note = "A test passed only because an object of your own class claims to equal the test's data."
        return Confirmation("refuted", lines, note)
    if any(_is_wrong_anywhere(line, files) for line in lines):
        note = "A test passed only in the process of your code, which must have changed the test."
        return Confirmation("refuted", lines, note)
    return Confirmation("inside")


def _is_wrong_anywhere(line: CheckLine, files: Mapping[str, bytes]) -> bool:
    """Whether a failed comparison owes nothing to the process that it was made in."""
    compared = line.expected is not None or "AssertionError" in line.message
    source = files.get(line.name.partition("::")[0], b"")
    return not line.passed and compared and "::" in line.name and is_plain(source.decode(), line.name)


def _decides(path: str, files: Mapping[str, bytes]) -> bool:
    """Whether a pristine file holds tests of its own (a conftest.py or a helper doesn't)."""
    return path.endswith(".py") and not path.endswith("conftest.py") and b"test" in files.get(path, b"")


def _script(argv: Sequence[str]) -> str | None:
    """The file that a test command runs, where it runs one."""
    inner = reported(argv) or ["-m"]
    return None if inner[0] == "-m" else PurePosixPath(inner[0]).as_posix()


def _is_text(content: bytes) -> bool:
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return True
