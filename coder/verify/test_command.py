"""Run a test command so that an exit code of 0 alone proves nothing, and read its report."""

import json
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath

from pydantic import BaseModel

from coder.base.text.sanitize import printable
from coder.run.command_inputs import reporter_arguments, split_assignments
from coder.run.event_types import PytestCall, PytestSetup
from coder.run.message import CheckLine
from coder.verify.additions import Additions
from coder.verify.finding import Finding, finding_of, stopped
from coder.verify.our_programs import FOLDER, LAUNCH, programs, stand_ins
from coder.verify.reports.failures import PrintedPlaces
from coder.verify.signed_report import SignedReport, read_report
from sandbox import Command, FileRefused, Limits, Sandbox
from sandbox.contract import OnOutput

_CONFIG = f"{FOLDER}/config.json"
_BROUGHT = f"{FOLDER}/brought.json"
_NO_SETTINGS = ".coder.ini"
"""Empty settings of pytest, which the reporter writes where there are none."""
_MAX_REPORT = 32 << 20
_LONGEST_NAME = 2000


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
    call: PytestCall | None = None,
    traces: bool = False,
) -> Finding:
    """Run the command in the sandbox's workspace.

    Args:
        ours: paths that hold tests; their own `sys.exit` is part of the test.
        only: names of Python tests by an earlier run; the others are left out, unless none of them is there.
        brings: whether a path is one that the change brings: pytest may take no settings or plugins from it.
        setup: where pytest takes its settings from on the untouched files; None leaves the search to pytest.
        proof: given where this is the code before a change: the first failure by the code ends the tests.
        call: a script's call of pytest, whose folder, interpreter and variables are those of this command.
        traces: the files that a Python command opens are in the finding.

    Returns:
        Passed with exit code 0, to the end, with at least one test reported and none failed.
    """
    argv = split_assignments(argv)[1]  # what it sets is in the sandbox's environment
    before = await sandbox.manifest()
    run = _Run(sandbox, limits, on_output, before, [path for path in before if brings(path)])
    await sandbox.remove(FOLDER)  # an answer may have a folder of this name
    for path, content in programs().items():
        await sandbox.write(path, content)
    inner = reporter_arguments(argv)
    if inner is None:
        return await run.script(argv)
    config = {
        "ours": list(ours), "only": list(only), "setup": setup.model_dump() if setup is not None else None,
        "proof": proof.model_dump(mode="json") if proof is not None else None, "trace": traces,
    }  # fmt: skip
    return await run.python(inner, config, call)


@dataclass(frozen=True, slots=True)
class _Run:
    """One run of a command in a workspace, which has our files."""

    sandbox: Sandbox
    limits: Limits
    on_output: OnOutput | None
    before: Mapping[str, str]
    """Manifest of the workspace."""
    brought: list[str]
    key: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    report: str = field(default_factory=lambda: f"{FOLDER}/{secrets.token_hex(8)}.jsonl")

    async def script(self, argv: Sequence[str]) -> Finding:
        """Run a command that isn't Python; Python programs that it starts go through our files."""
        from coder.verify.other_runners import run_other  # readers of eight tools' reports

        sandbox = self.sandbox
        await sandbox.write(_BROUGHT, json.dumps(self.brought).encode())
        for path, content in stand_ins().items():
            await sandbox.write(path, content, executable=True)
        watched = [*programs(), _BROUGHT, f"{FOLDER}/bin", *stand_ins()]
        kept = json.dumps({**self._keeping(at_once=False), "watched": watched}).encode()
        await sandbox.write(_CONFIG, kept)
        finding = await run_other(
            sandbox, argv, folder=FOLDER, before=self.before, limits=self.limits, on_output=self.on_output
        )
        read = await self._read_report()
        has_kept = await _read_file(sandbox, _CONFIG) != kept  # else no Python is there to run the keeper
        await sandbox.remove(FOLDER)
        if finding.passed and has_kept and not read.is_whole:
            note = "The code under test changed what the test command runs."
            return replace(finding, passed=False, note=note)
        return replace(finding, programs=tuple(read.programs), calls=tuple(read.calls))

    async def python(
        self, inner: Sequence[str], config: Mapping[str, object], call: PytestCall | None
    ) -> Finding:
        """Run pytest, unittest or a file with our reporter, which reports each test."""
        sandbox = self.sandbox
        environment = call.environment if call is not None else {}
        more = {"watched": [], "names": list(self.before), "brought": self.brought}
        place = {"folder": call.folder if call is not None else ".", "environment": environment}
        kept = json.dumps({**self._keeping(at_once=True), **config, **more, **place})
        await sandbox.write(_CONFIG, kept.encode())
        up = "../" * len(PurePosixPath(call.folder).parts) if call is not None else ""
        python = call.python if call is not None else "python3"
        command = Command(
            argv=(
                *("python3", "-I", LAUNCH, "keeper", _CONFIG),
                *(python, f"{up}{LAUNCH}", "reporter", f"{up}{_CONFIG}", *inner),
            ),
            environment={"PYTHONNOUSERSITE": "1"},  # HOME is the workspace: it isn't the user's there
        )
        result = await sandbox.run(command, limits=self.limits, on_output=self.on_output)
        read = await self._read_report()
        lines = list(read.lines.values())
        running, is_cut = "", result.status == "timeout" and not read.complete
        if not read.complete:
            running = await _read_running(sandbox, self.report)
        if is_cut:
            lines = [line for line in lines if line.name != running]
        elif running:
            why = stopped(result) or "It ended all tests while it ran."
            lines = [line for line in lines if line.name != running]
            lines.append(CheckLine(name=running, passed=False, message=why))
        await sandbox.remove(FOLDER)
        await sandbox.remove(_NO_SETTINGS)
        finding = finding_of(result, lines, complete=read.complete, reached=read.reached)
        return replace(
            finding, pytest=read.setup, opened=read.opened, running=printable(running) if is_cut else None
        )

    def _keeping(self, *, at_once: bool) -> dict[str, object]:
        """What keeper.py needs for the report."""
        return {
            "report": self.report, "key": self.key.hex(), "now": f"{self.report}.now", "at_once": at_once,
        }  # fmt: skip

    async def _read_report(self) -> SignedReport:
        return read_report(await _read_file(self.sandbox, self.report), self.key, PrintedPlaces(self.before))


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
