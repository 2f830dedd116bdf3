"""Run a test command and read its report, so that exit code 0 alone proves nothing."""

import itertools
import json
import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from types import MappingProxyType

from pydantic import BaseModel

from coder.base.text.failure_lines import reason_line
from coder.base.text.sanitize import printable
from coder.run.command_inputs import reporter_arguments, split_assignments, split_folder
from coder.run.event_types import PytestCall, PytestSetup
from coder.run.message import CheckLine
from coder.verify.additions import Additions
from coder.verify.finding import Finding, finding_of, stopped
from coder.verify.our_programs import FOLDER, LAUNCH, node_guard, programs, stand_ins
from coder.verify.reports.failures import PrintedPlaces
from coder.verify.signed_report import SignedReport, read_report
from sandbox import FileRefused, Limits, PythonCode, Sandbox
from sandbox.contract import OnOutput

_CONFIG_FILE = f"{FOLDER}/config.json"
_BROUGHT_FILE = f"{FOLDER}/brought.json"
_EMPTY_SETTINGS = ".coder.ini"
"""Empty settings of pytest, which the reporter writes if there are none."""
_MAX_REPORT_BYTES = 32 << 20
_MAX_NAME_BYTES, _MAX_STACK_BYTES = 2_000, 200_000
_REASON_CHARACTERS = 300
_FRAME = re.compile(r'^  File "([^"\n]+)", line \d+ in .+$', re.MULTILINE)
_RUNNER_PATH = re.compile(r"/(?:_pytest|pluggy|unittest|\.coder)/")
_MOST_FRAMES = 12
_OF_NODE = (".js", ".mjs", ".cjs", ".ts", ".mts", ".cts")


class Proof(BaseModel, frozen=True):
    """Settings of new tests on the code before a change: a failure there proves that they test it."""

    added: Additions
    limit_s: float
    """Seconds for each test; a test that runs longer counts as failed by the code."""


async def run_tests(
    sandbox: Sandbox,
    argv: Sequence[str],
    *,
    more: Sequence[str] = (),
    ours: Sequence[str],
    limits: Limits,
    on_output: OnOutput | None = None,
    only: Sequence[str] = (),
    brings: Callable[[str], bool] = lambda path: False,
    is_given: Callable[[str], bool] = lambda path: False,
    setup: PytestSetup | None = None,
    proof: Proof | None = None,
    call: PytestCall | None = None,
    traces: bool = False,
    longest_s: float | None = None,
    environment: Mapping[str, str] = MappingProxyType({}),
    links: Mapping[str, str] = MappingProxyType({}),
) -> Finding:
    """Run the command in the sandbox's workspace.

    Args:
        more: words to append to the command, such as new test files.
        ours: paths that hold tests, whose own `sys.exit` is part of the test.
        only: names of Python tests from an earlier run; if any exist, only these run.
        brings: returns whether the change adds a path, from which pytest may take no settings or plugins.
        is_given: returns whether a file is one of the given tests, or used by these alone.
        setup: source of pytest's settings on the untouched files; None: pytest searches.
        proof: settings if this is the code before a change: the first failure in the code ends the tests.
        call: a script's call of pytest, whose folder, interpreter and variables are used.
        traces: whether the finding lists the files that a Python command opens.
        longest_s: seconds after which a single Python test is stopped, and all tests with it.
        environment: variables in place of the sandbox's.
        links: targets of the workspace's links, which a manifest leaves out.

    Returns:
        A finding that passed if the exit code is 0, the command ended by itself, and at least one test was
        reported and none failed.
    """
    folder = split_folder(argv)[0]
    argv = (*split_assignments(argv)[1], *more)  # variables that it sets are in the sandbox's environment
    manifest = await sandbox.manifest()
    manifest_before = {
        path: manifest[target] for path, target in links.items() if target in manifest
    } | manifest
    brought = [path for path in manifest_before if brings(path)]
    place = call.folder if call is not None else folder
    run = _Run(sandbox, limits, on_output, manifest_before, brought, environment, place)
    await sandbox.remove(FOLDER)  # an answer may have a folder of this name
    for path, content in programs().items():
        await sandbox.write(path, content)
    inner = reporter_arguments(argv)
    if inner is None:
        return await run.script(argv, is_given)
    config = {
        "ours": list(ours), "only": list(only), "setup": setup.model_dump() if setup is not None else None,
        "proof": proof.model_dump(mode="json") if proof is not None else None, "trace": traces,
    }  # fmt: skip
    return await run.python(inner, config, call, longest_s)


@dataclass(frozen=True, slots=True)
class _Run:
    """One run of a command in a workspace that holds our files."""

    sandbox: Sandbox
    limits: Limits
    on_output: OnOutput | None
    before: Mapping[str, str]
    """Manifest of the workspace before the run."""
    brought: list[str]
    environment: Mapping[str, str]
    folder: str
    """Folder of the workspace in which the command runs."""
    key: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    report: str = field(default_factory=lambda: f"{FOLDER}/{secrets.token_hex(8)}.jsonl")

    async def script(self, argv: Sequence[str], is_given: Callable[[str], bool]) -> Finding:
        """Run a command that isn't Python; Python programs that it starts go through our files."""
        from coder.verify.other_runners import run_other  # readers of eight tools' reports

        sandbox = self.sandbox
        await sandbox.write(_BROUGHT_FILE, json.dumps(self.brought).encode())
        for path, content in stand_ins().items():
            await sandbox.write(path, content, executable=True)
        node_files = [path for path in self.before if path.endswith(_OF_NODE)]
        guards = node_guard(filter(is_given, node_files)) if node_files else {}
        for path, content in guards.items():
            await sandbox.write(path, content)
        watched = [*programs(), _BROUGHT_FILE, f"{FOLDER}/bin", *stand_ins(), *guards]
        config = json.dumps({**self._keeper_settings(at_once=False), "watched": watched}).encode()
        await sandbox.write(_CONFIG_FILE, config)
        finding = await run_other(
            sandbox,
            argv,
            folder=FOLDER,
            manifest_before=self.before,
            limits=self.limits,
            on_output=self.on_output,
            environment=self.environment,
            place=self.folder,
            guards_node=bool(guards),
        )
        report = await self._read_report()
        keeper_ran = await _read_file(sandbox, _CONFIG_FILE) != config  # without a Python, no keeper has run
        await sandbox.remove(FOLDER)
        if finding.passed and keeper_ran and not report.is_whole:
            note = "The code under test changed what the test command runs."
            return replace(finding, passed=False, note=note)
        return replace(finding, programs=tuple(report.programs), calls=tuple(report.calls))

    async def python(
        self,
        inner: Sequence[str],
        config: Mapping[str, object],
        call: PytestCall | None,
        longest_s: float | None,
    ) -> Finding:
        """Run pytest, unittest or a file with our reporter, which reports each test."""
        sandbox = self.sandbox
        environment = {**self.environment, **(call.environment if call is not None else {})}
        file_settings = {"watched": [], "names": list(self.before), "brought": self.brought}
        place_settings = {"folder": self.folder, "environment": environment}
        config_text = json.dumps(
            {
                **self._keeper_settings(at_once=True),
                **config,
                **file_settings,
                **place_settings,
                "longest_s": longest_s,
            }
        )
        await sandbox.write(_CONFIG_FILE, config_text.encode())
        path_to_root = "../" * len(PurePosixPath(self.folder).parts)
        python = call.python if call is not None else "python3"
        reporter = (python, f"{path_to_root}{LAUNCH}", "reporter", f"{path_to_root}{_CONFIG_FILE}", *inner)
        # A clone of the sandbox's server, where it has one: a start of Python takes longer than the keeper.
        keeper = PythonCode(
            source=programs()[LAUNCH].decode(),
            filename=LAUNCH,
            arguments=("keeper", _CONFIG_FILE, *reporter),
            environment={"PYTHONNOUSERSITE": "1"},  # HOME is the workspace, which holds no user packages
        )
        result = await sandbox.run(keeper, limits=self.limits, on_output=self.on_output)
        report = await self._read_report()
        lines = list(report.lines.values())
        interrupted_test, stack = "", ""
        if not report.complete:
            interrupted_test = await _read_part(sandbox, f"{self.report}.now", _MAX_NAME_BYTES)
        if not report.complete and longest_s is not None:
            stack = await _read_part(sandbox, f"{self.report}.stack", _MAX_STACK_BYTES)
        is_cut = not report.complete and (result.status == "timeout" or bool(stack))
        if is_cut:
            lines = [line for line in lines if line.name != interrupted_test]
            if stack:
                lines.append(_endless_line(interrupted_test, stack, longest_s, PrintedPlaces(self.before)))
        elif interrupted_test:
            reason = stopped(result) or "It ended all tests while it ran."
            lines = [line for line in lines if line.name != interrupted_test]
            lines.append(CheckLine(name=interrupted_test, passed=False, message=reason))
        if reason := reason_line(result.stderr, result.stdout):
            lines = [_with_reason(line, reason) if line.name in report.exits else line for line in lines]
        await sandbox.remove(FOLDER)
        await sandbox.remove(_EMPTY_SETTINGS)
        finding = finding_of(result, lines, complete=report.complete, reached_tests=report.reached)
        return replace(
            finding,
            pytest=report.setup,
            opened=report.opened,
            lacks=report.lacks,
            exits=frozenset(report.exits),
            running=printable(interrupted_test) if is_cut else None,
            is_endless=bool(stack),
        )

    def _keeper_settings(self, *, at_once: bool) -> dict[str, object]:
        """Return the settings of keeper.py for the report."""
        return {
            "report": self.report, "key": self.key.hex(), "now": f"{self.report}.now", "at_once": at_once,
            "stack": f"{self.report}.stack",
        }  # fmt: skip

    async def _read_report(self) -> SignedReport:
        return read_report(await _read_file(self.sandbox, self.report), self.key, PrintedPlaces(self.before))


def _with_reason(line: CheckLine, reason: str) -> CheckLine:
    """Return a script that failed by its exit code with what it has printed of the reason."""
    return line.model_copy(update={"actual": f"{line.actual}: {printable(reason)[:_REASON_CHARACTERS]}"})


async def _read_file(sandbox: Sandbox, path: str) -> bytes:
    try:
        return await sandbox.read(path, limit=_MAX_REPORT_BYTES)
    except FileRefused:
        return b""


def _endless_line(name: str, stack: str, longest_s: float | None, places: PrintedPlaces) -> CheckLine:
    """Return a test that was stopped as failed, with the innermost frames of the main thread."""
    frames = _FRAME.finditer(stack[stack.rfind("Thread 0x") :])  # the main thread is the last one
    own_frames = itertools.takewhile(lambda frame: not _RUNNER_PATH.search(frame[1]), frames)
    traceback = "\n".join(reversed([frame[0] for frame in itertools.islice(own_frames, _MOST_FRAMES)]))
    message = printable(
        f"It was stopped, as it hadn't ended after {longest_s:g} s. It was here, the last call at the end:\n"
        + traceback
    )
    path, line = places.last(message)
    return CheckLine(name=printable(name), passed=False, message=message, path=path, line=line)


async def _read_part(sandbox: Sandbox, path: str, most_bytes: int) -> str:
    """Return what the reporter wrote of the test that ran when the command ended; code can forge it."""
    try:
        return (await sandbox.read(path, limit=most_bytes)).decode("utf-8", "replace")
    except FileRefused:
        return ""
