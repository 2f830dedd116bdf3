"""Run test files with pytest inside a sandbox, each in a process of its own, whose parent is outside.

The report is written by the process that runs the tests, so it is a claim; `decoys` hold it to account.
"""

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files

from benchmarks.suite import RepositoryCase
from sandbox import Command, Limits, Result, Sandbox

_PYTEST = ("python", "-m", "pytest", "-q", "-p", "no:cacheprovider", "--tb=native", "--no-summary")
"""Without a summary, since what hundreds of twins have to say of their failures is a flood. Python's own
tracebacks, as pytest's parse the source of each frame, which costs memory, and may fail by itself: it ends
the whole run, then."""
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
    result: Result | None = None

    @property
    def seen(self) -> set[str]:
        """Node ids that were run at all."""
        return self.passed | self.failures.keys()


async def run_test_file(
    sandbox: Sandbox,
    case: RepositoryCase,
    tree: Mapping[str, bytes],
    path: str,
    *,
    plugins: bool,
    nodes: Sequence[str] = (),
) -> TestRun:
    """Run one file of the tree, or some of its nodes, in a fresh workspace.

    Args:
        plugins: load the plugins that are installed beside pytest.

    Raises:
        SandboxBroken: the sandbox stopped working.
    """
    name, key = f"report_{secrets.token_hex(6)}", secrets.token_hex(8)
    log = f"/w/{name}.jsonl"
    reporter = (files("benchmarks.judge") / "reporter.txt").read_text()
    reporter = reporter.replace("@PATH@", log).replace("@KEY@", key)
    environment = {
        "PYTHONPATH": ":".join(dict.fromkeys(("/w", f"/w/{case.pythonpath}"))),
        "PYTHONDONTWRITEBYTECODE": "1",
        **({} if plugins else {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}),
        **{one: value for one, value in case.environment.items() if one not in _OURS},
    }
    argv = (*_PYTEST, "-p", name, *(nodes or (path,)))
    limits = Limits(cpu_s=case.timeout_s, wall_s=case.timeout_s * _WALL_FACTOR + _WALL_MORE_S)
    result = await sandbox.run(
        Command(argv=argv, environment=environment),
        limits=limits,
        fresh=True,
        files={**tree, f"{name}.py": reporter.encode()},
    )
    return _read(result, f"{name}.jsonl", key)


def _read(result: Result, name: str, key: str) -> TestRun:
    found = TestRun(result=result)
    content = next((one.content for one in result.artifacts if one.path == name), b"")
    phases: dict[str, dict[str, str]] = {}
    for line in content.splitlines():
        match _words(line, key):
            case ["test", str(node), str(phase), str(outcome), str(text)]:
                phases.setdefault(node, {})[phase] = outcome
                if outcome != "passed":
                    found.failures.setdefault(node, _innermost(text) or outcome)
            case ["collect", str(node), str(text)]:
                found.failures.setdefault(node, text)
            case ["done", int()]:
                found.done = True
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
