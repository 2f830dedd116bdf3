"""Run test files with pytest inside a sandbox, each in a process of its own, whose parent is outside.

The report is written by the process that runs the tests, so it is a claim; `decoys` hold it to account.
What that process does beside the tests without an honest reason (`alarm`) goes to its standard error at once,
where nothing can be taken back.
"""

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import PurePosixPath

from benchmarks.judge.candidate_tree import is_test_path, test_folders
from benchmarks.suite import RepositoryCase
from coder.text.sanitize import printable
from sandbox import Command, Limits, Result, Sandbox
from sandbox.checks.trial import alarm_source

_PYTEST = ("-q", "-p", "no:cacheprovider", "--tb=native", "--no-summary")
"""Without a summary, since what hundreds of twins have to say of their failures is a flood. Python's own
tracebacks, as pytest's parse the source of each frame, which costs memory, and may fail by itself: it ends
the whole run, then."""
_ROOT = "/w"
"""Where a sandbox has its workspace."""
_OURS = ("PYTHONPATH", "PYTEST_ADDOPTS")
_PHASES = ("setup", "call", "teardown")
_WALL_FACTOR, _WALL_MORE_S = 2.0, 10.0


@dataclass(slots=True)
class TestRun:
    """What one test file reported, and how its process ended."""

    __test__ = False

    passed: set[str] = field(default_factory=set)
    """Node ids whose three phases all passed."""
    failures: dict[str, str] = field(default_factory=dict)
    """Of other node ids, and of files that could not be collected: the last lines of why."""
    unended: frozenset[str] = frozenset()
    """Those that began and came to no end: with such a one the process ended."""
    done: bool = False
    tripped: frozenset[str] = frozenset()
    """What set off an alarm, and where in the repository."""
    result: Result | None = None

    @property
    def seen(self) -> set[str]:
        """Node ids that were run at all."""
        return self.passed | self.failures.keys()


async def run_test_file(
    sandbox: Sandbox, case: RepositoryCase, tree: Mapping[str, bytes], path: str, *, plugins: bool
) -> TestRun:
    """Run one file of the tree in a fresh workspace.

    Args:
        plugins: load the plugins that are installed beside pytest.

    Raises:
        SandboxBroken: the sandbox stopped working.
    """
    name, key = f"report_{secrets.token_hex(6)}", secrets.token_hex(8)
    environment = {
        "PYTHONDONTWRITEBYTECODE": "1",
        **({} if plugins else {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}),
        **{one: value for one, value in case.environment.items() if one not in _OURS},
    }
    argv = ("python", f"{name}.py", *_PYTEST, path)
    limits = Limits(cpu_s=case.timeout_s, wall_s=case.timeout_s * _WALL_FACTOR + _WALL_MORE_S)
    told = bytearray()
    result = await sandbox.run(
        Command(argv=argv, environment=environment),
        limits=limits,
        fresh=True,
        files={**tree, f"{name}.py": _reporter(name, key, case, tree).encode()},
        on_output=lambda stream, piece: told.extend(piece) if stream == "stderr" else None,
    )
    return _read(result, f"{name}.jsonl", key, bytes(told))


def _reporter(name: str, key: str, case: RepositoryCase, tree: Mapping[str, bytes]) -> str:
    """Source of the program that runs pytest, and tells of tests and of alarms."""
    folders = test_folders(tree)
    tests = [
        path for path in tree if is_test_path(path, folders) or PurePosixPath(path).name == "conftest.py"
    ]
    guarded = {f"{name}.py", f"{name}.jsonl", *(PurePosixPath(one).name for one in tests if _is_source(one))}
    filled = (files("benchmarks.judge") / "reporter.txt").read_text()
    for place, text in {
        "@PATH@": f"{_ROOT}/{name}.jsonl",
        "@KEY@": key,
        "@ROOT@": _ROOT,
        "@PATHS@": repr(list(dict.fromkeys((_ROOT, str(PurePosixPath(_ROOT, case.pythonpath)))))),
        "@TESTS@": repr([f"{_ROOT}/{one}" for one in tests]),
        "@GUARDED@": repr(sorted(guarded)),
        "@ALARM@": alarm_source(),
    }.items():
        filled = filled.replace(place, text)
    return filled


def _is_source(path: str) -> bool:
    return path.endswith(".py") and not path.endswith("/__init__.py")


def _read(result: Result, name: str, key: str, told: bytes) -> TestRun:
    found = TestRun(result=result)
    content = next((one.content for one in result.artifacts if one.path == name), b"")
    phases: dict[str, dict[str, str]] = {}
    done = watched = False
    for line in content.splitlines():
        match _words(line, key):
            case ["test", str(node), str(phase), str(outcome), str(text)]:
                phases.setdefault(node, {})[phase] = outcome
                if outcome != "passed":
                    found.failures.setdefault(node, _innermost(text) or outcome)
            case ["collect", str(node), str(text)]:
                found.failures.setdefault(node, text)
            case ["done", int()]:
                done = True
    tripped: set[str] = set()
    for line in told.splitlines():
        match _words(line, key):
            case ["tripped", str(what), str(where)]:
                tripped.add(printable(f"{what} ({where})"))
            case ["watched"]:
                watched = True
    found.done, found.tripped = done and watched, frozenset(tripped)
    whole = dict.fromkeys(_PHASES, "passed")
    found.passed = {node for node, outcomes in phases.items() if outcomes == whole}
    found.unended = frozenset(phases.keys() - found.passed - found.failures.keys())
    for node in found.unended:
        found.failures[node] = "it did not end"
    return found


def _innermost(text: str) -> str:
    """A traceback from its last frame on."""
    _, frame, last = text.rpartition("\n  File ")
    return f"{frame.strip()} {last}" if frame else text


def _words(line: bytes, key: str) -> list[object]:
    try:
        words = json.loads(line)
    except (ValueError, RecursionError):
        return []
    return words[1:] if isinstance(words, list) and words[:1] == [key] else []
