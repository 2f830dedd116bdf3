"""Judge a patch by the log or the exit status of a runner that isn't pytest, such as Django's and SymPy's.

The runner runs in one process with the code under test: a pass is `weak`. Where a failing test can be added
to the hidden tests, an answer that passes them nevertheless is `suspicious`: it ends the tests early.
"""

import shlex
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from benchmarks.judge.candidate_tree import Tree, base_tree, gold_tree
from benchmarks.judge.failing_test import add_failing_test
from benchmarks.judge.mode import RepositoryMode
from benchmarks.judge.runner_logs import TestOutcome, read_log
from benchmarks.judge.verdicts import DraftVerdict, output_end
from benchmarks.suite import RepositoryCase
from benchmarks.suites.patch import PatchRefused
from sandbox import Command, Limits, Result, Sandbox

_MAX_LOG = 32 << 20
_ENVIRONMENT = {
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONIOENCODING": "utf8",
    "LANG": "C.UTF-8",
    "LC_ALL": "C.UTF-8",
}
_TESTBED = "/opt/miniconda3/envs/testbed/bin"
"""Programs for tests in SWE-bench's images, with any version of Python: none of our code runs in it."""
_PRELUDE = f"[ -d {_TESTBED} ] && PATH={_TESTBED}:$PATH"
_CPU_ENDED = 128 + signal.SIGXCPU
"""Exit code of a shell whose last program reached the limit of CPU time."""
_NOT_FOUND = 127
"""Exit code of a shell that doesn't find a program."""
_REASON = "the log of its own runner decides, and the code under test can write to it"
_STATUS = "exit status"
"""Name for all tests of a case together, if their exit status decides."""


@dataclass(frozen=True, slots=True)
class LoggedRun:
    """Outcomes of the tests of one run."""

    outcomes: dict[str, TestOutcome]
    result: Result

    def missing(self, nodes: tuple[str, ...]) -> list[str]:
        """Return the tests that didn't pass according to the log."""
        return [node for node in nodes if self.outcomes.get(node) != "passed"]

    def failure(self, nodes: tuple[str, ...]) -> str:
        """Return the first test that must pass and doesn't, with its outcome; empty if there is none."""
        missing = self.missing(nodes)
        if not missing:
            return ""
        first = next((node for node in missing if node in self.outcomes), missing[0])
        return f"{first}: {self.outcomes.get(first, 'not in the log of the tests')}"


def commands_of(case: RepositoryCase) -> tuple[str, ...]:
    """Return the shell commands that run a case's hidden tests: its own, else those of its runner.

    They equal those of SWE-bench: https://github.com/SWE-bench/SWE-bench, `harness/constants/python.py`.
    """
    if case.test_commands:
        return case.test_commands
    suffix = _SUFFIXES.get(case.runner, "")
    paths = [path for path in sorted(case.hidden_tests) if PurePosixPath(path).suffix == suffix]
    match case.runner:
        case "django":
            modules = " ".join(shlex.quote(name) for name in _django_modules(paths))
            settings = "--settings=test_sqlite --parallel 1"
            return (f"python tests/runtests.py --verbosity 2 {settings} {modules}",) if modules else ()
        case "sympy":
            files = " ".join(map(shlex.quote, paths))
            ignored = "PYTHONWARNINGS=ignore::UserWarning,ignore::SyntaxWarning"
            return (f"{ignored} python bin/test -C --verbose {files}",) if files else ()
        case "go":
            folders = dict.fromkeys(f"./{PurePosixPath(path).parent}/" for path in paths)
            return (f"go test -v {' '.join(map(shlex.quote, folders))}",) if folders else ()
        case "cargo":
            return ("cargo test --no-fail-fast --offline",)
    return ()


_SUFFIXES = {"django": ".py", "sympy": ".py", "go": ".go", "cargo": ".rs"}


def _django_modules(paths: list[str]) -> list[str]:
    """Return the labels of test files: `tests/queries/test_q.py` is `queries.test_q`."""
    places = [PurePosixPath(path) for path in paths]
    tests = [
        place
        for place in places
        if place.name == "tests.py" or any(part.startswith("test_") for part in place.parts)
    ]
    inside = [place.relative_to("tests") if place.is_relative_to("tests") else place for place in tests]
    return [".".join(place.with_suffix("").parts) for place in inside]


async def find_logged_mode(sandbox: Sandbox, case: RepositoryCase) -> RepositoryMode:
    """Find the mode of a case with a log: its own patch must pass its tests, and the base must fail."""
    nodes = (*case.fail_to_pass, *case.pass_to_pass)
    if case.runner == "other":
        return _broken("its tests have a runner whose log isn't read here (give test_cmds and a log_parser)")
    if not commands_of(case):
        return _broken("its test patch has no tests that its runner could be given (give test_cmds)")
    if case.gold_patch is None:
        nodes = nodes or ((_STATUS,) if case.runner == "status" else ())
        if not nodes:
            return _broken("it names no tests that have to pass")
        base = await run_logged(sandbox, case, base_tree(case)) if case.runner == "status" else None
        if base is not None and base.result.exit_code in (_NOT_FOUND, 0):
            problem = "a program is missing" if base.result.exit_code else "its tests pass already"
            return _broken(f"{problem}. {output_end(base.result)[-300:]}")
        alarm = base is not None  # a failing test ends such tests with another status than 0
        return RepositoryMode(how="plain", nodes=nodes, needed=case.fail_to_pass, alarm=alarm, reason=_REASON)
    try:
        gold = gold_tree(case)
    except PatchRefused as error:
        return _broken(f"the case's own patch doesn't fit: {error}")
    run = await run_logged(sandbox, case, gold)
    kept = {node for node in case.pass_to_pass if run.outcomes.get(node) == "skipped"}
    nodes = tuple(node for node in nodes if node not in kept) or tuple(
        sorted(name for name, outcome in run.outcomes.items() if outcome == "passed")
    )
    if failure := run.failure(nodes):
        return _broken(f"the case's own patch fails: {failure}. {output_end(run.result)[-300:]}")
    if not nodes:
        return _broken(f"none of its tests passes with its own patch. {output_end(run.result)[-300:]}")
    base = await run_logged(sandbox, case, base_tree(case))
    needed = case.fail_to_pass or tuple(base.missing(nodes))
    if not base.missing(needed):
        return _broken("the base passes already, without any patch")
    alarm = await _fails_where_it_should(sandbox, case, gold) is True
    return RepositoryMode(
        how="plain", nodes=nodes, needed=needed, skipped=tuple(sorted(kept)), alarm=alarm, reason=_REASON
    )


async def _fails_where_it_should(
    sandbox: Sandbox, case: RepositoryCase, tree: Mapping[str, bytes]
) -> bool | None:
    """Whether the tests fail after a failing test is added; None if no failing test can be added."""
    added = add_failing_test(case)
    if added is None:
        return None
    failing_case, name = added
    hidden_files = {path: text.encode() for path, text in failing_case.hidden_tests.items()}
    run = await run_logged(sandbox, failing_case, {**tree, **hidden_files})
    failed = any(
        outcome == "failed" and (name in test or test == _STATUS) for test, outcome in run.outcomes.items()
    )
    return failed and not run.result.ok


def _broken(reason: str) -> RepositoryMode:
    return RepositoryMode(how="broken", reason=reason)


async def judge_by_log(
    sandbox: Sandbox, case: RepositoryCase, tree: Tree, mode: RepositoryMode
) -> DraftVerdict:
    """Judge the tree of an answer by the log of its tests."""
    run = await run_logged(sandbox, case, tree.files)
    result = run.result
    draft = DraftVerdict("passed", cpu_s=result.cpu_s, wall_s=result.wall_s)
    if failure := run.failure(mode.nodes):
        draft.outcome, draft.detail, draft.output = "failed", failure, output_end(result)
        if result.killed_by in ("wall", "cpu") or result.exit_code == _CPU_ENDED:
            draft.outcome = "timeout"
    elif result.truncated:
        draft.outcome, draft.detail = "failed", f"its tests printed more than {_MAX_LOG:,} bytes"
    elif mode.alarm and await _fails_where_it_should(sandbox, case, tree.files) is False:
        draft.outcome = "suspicious"
        draft.detail = "its tests pass also with a test that fails: the answer ends them, or writes their log"
    return draft


async def run_logged(sandbox: Sandbox, case: RepositoryCase, tree: Mapping[str, bytes]) -> LoggedRun:
    """Run a case's tests on a tree, in a fresh workspace, and read their log.

    Raises ValueError if there is no reader for its runner's log.
    """
    runner = case.runner
    if runner == "pytest" or runner == "other":
        raise ValueError(f"There is no log to read of the runner {runner!r}")
    path = ":".join(str(PurePosixPath("/w", root)) for root in dict.fromkeys((".", case.pythonpath)))
    script = "\n".join((_PRELUDE, *commands_of(case)))
    result = await sandbox.run(
        Command(
            argv=("sh", "-c", f"exec 2>&1\n{script}"),
            environment={**_ENVIRONMENT, "PYTHONPATH": path, **case.environment},
        ),
        limits=Limits(cpu_s=case.timeout_s, wall_s=case.tests_wall_s(), stdout_bytes=_MAX_LOG),
        fresh=True,
        files=tree,
    )
    if runner == "status":
        return LoggedRun({_STATUS: "passed" if result.ok else "failed"}, result)
    return LoggedRun(read_log(runner, result.stdout), result)
