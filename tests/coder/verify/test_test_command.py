"""Test commands in a real sandbox: the tests that are asked for, and runners that report by themselves."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import cast

import pytest
import pytest_asyncio

from coder.verify.finding import Finding, feedback
from coder.verify.test_command import run_tests
from sandbox import Limits, Policy, Sandbox
from tests.early_timeouts import REACHES_LIMIT, EarlyTimeouts
from tests.only_pytest import only_pytest
from tests.sandbox_pool import open_kept

TESTS = """import unittest

class Test(unittest.TestCase):
    def test_a(self): pass
    def test_b(self): pass
"""
SAYS_GO = """#!/bin/sh
[ "$1 $2" = "test -json" ] || exit 3
cat go.jsonl
exit 1
"""


@pytest_asyncio.fixture(loop_scope="session")
async def box(kept_sandboxes: None) -> AsyncIterator[Sandbox]:
    async with open_kept(Policy(python=only_pytest())) as lent:
        yield lent


async def run(box: Sandbox, *command: str, only: tuple[str, ...] = (), wall_s: float = 60) -> Finding:
    limits = Limits(wall_s=wall_s, cpu_s=60)
    return await run_tests(box, command, ours=["test_x.py"], limits=limits, only=only)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("command", "one"),
    [(("python", "-m", "unittest"), "test_x.Test.test_b"), (("pytest", "-q"), "test_x.py::Test::test_b")],
)
async def test_only_the_tests_that_are_asked_for_run(
    box: Sandbox, command: tuple[str, ...], one: str
) -> None:
    await box.lay({"test_x.py": TESTS.encode()})

    alone = await run(box, *command, only=(one,))
    renamed = await run(box, *command, only=("gone",))

    assert [line.name for line in alone.lines] == [one]
    assert alone.passed
    assert len(renamed.lines) == 2  # none is called so: all run


@pytest.mark.slow
async def test_colours_of_a_runner_are_no_part_of_a_failure(box: Sandbox) -> None:
    await box.lay({"test_x.py": b"def test_a():\n    assert {'a': 1} == {'a': 2}\n"})

    failed = await run(box, "pytest", "--color=yes")

    assert "{'a': 1} != {'a': 2}" in failed.lines[0].message
    assert "\x1b" in failed.result.stdout
    assert "[0m" not in feedback([], failed.result)


@pytest.mark.slow
async def test_a_file_that_could_not_be_collected_is_asked_for_with_all_its_tests(box: Sandbox) -> None:
    await box.lay({"test_x.py": TESTS.encode(), "test_y.py": TESTS.encode()})

    alone = await run(box, "pytest", "-q", only=("test_x.py",))

    assert {line.name.partition("::")[0] for line in alone.lines} == {"test_x.py"}


PYTEST, UNITTEST = ("pytest", "-q"), ("python", "-m", "unittest")
FOR_EVER = "__import__('threading').Event().wait()"


async def at_real_limit(box: Sandbox, command: tuple[str, ...]) -> Finding:
    """A run that its limit stopped in the tests; on a busy machine it takes longer until they begin."""
    for wall_s in (2.0, 8.0, 32.0):
        finding = await run(box, *command, wall_s=wall_s)
        if finding.running or finding.lines:
            break
    return finding


async def at_early_limit(box: Sandbox, command: tuple[str, ...]) -> Finding:
    return await run(cast(Sandbox, EarlyTimeouts(box)), *command)


LIMITS = pytest.mark.parametrize(
    ("stopped", "here"), [(at_real_limit, FOR_EVER), (at_early_limit, REACHES_LIMIT)]
)
"""How a run is stopped, and the expression at which it is."""
Stopped = Callable[[Sandbox, tuple[str, ...]], Awaitable[Finding]]


@pytest.mark.slow
@LIMITS
@pytest.mark.parametrize(
    ("command", "source", "ran", "named"),
    [
        (PYTEST, TESTS.replace("b(self): pass", "b(self): HERE"), "test_a", "test_x.py::Test::test_b"),
        (UNITTEST, TESTS.replace("b(self): pass", "b(self): HERE"), "test_a", "test_x.Test.test_b"),
        (PYTEST, f"HERE\n{TESTS}", "", "test_x.py"),
        (("python", "test_x.py"), "HERE", "", "test_x.py"),
    ],
)
async def test_the_test_that_never_ends_is_named(
    box: Sandbox, stopped: Stopped, here: str, command: tuple[str, ...], source: str, ran: str, named: str
) -> None:
    await box.lay({"test_x.py": source.replace("HERE", here).encode()})

    finding = await stopped(box, command)

    result = finding.result
    assert (result.status, result.exit_code, result.signal, result.killed_by) == ("timeout", None, 9, "wall")
    assert finding.running == named
    assert [line.name for line in finding.lines if ran == "" or ran not in line.name] == []
    assert finding.stop.endswith(f"while {named} ran; {named} may not be at fault.")


@pytest.mark.slow
@LIMITS
async def test_what_never_ends_after_the_last_test_is_no_test(
    box: Sandbox, stopped: Stopped, here: str
) -> None:
    await box.lay({"test_x.py": f"import atexit\n{TESTS}\natexit.register(lambda: {here})".encode()})

    finding = await stopped(box, PYTEST)

    assert not finding.passed
    assert finding.lines
    assert all(line.passed for line in finding.lines)


async def test_a_word_of_what_runs_that_is_too_long_is_not_read(box: Sandbox) -> None:
    floods = "import glob, os; open(glob.glob('.coder/*.now')[0], 'w').write('x' * 9999); os._exit(0)"
    await box.lay({"test_x.py": TESTS.replace("b(self): pass", f"b(self): {floods}").encode()})

    finding = await run(box, *PYTEST)

    assert not finding.passed
    assert [line.name for line in finding.lines] == ["test_x.py::Test::test_a"]


async def test_a_test_that_ends_the_process_has_failed_by_that(box: Sandbox) -> None:
    await box.lay(
        {"test_x.py": TESTS.replace("b(self): pass", "b(self): __import__('os')._exit(0)").encode()}
    )

    finding = await run(box, *PYTEST)

    assert [(line.name, line.passed) for line in finding.lines] == [
        ("test_x.py::Test::test_a", True),
        ("test_x.py::Test::test_b", False),
    ]
    assert finding.lines[-1].message == "It ended all tests while it ran."


async def test_go_is_asked_for_json_and_shown_without_it(box: Sandbox) -> None:
    event = {"Package": "m/calc", "Test": "TestAdd"}
    output = "    calc_test.go:9: Add(2, 3) = -1, want 5\n"
    events = [{**event, "Action": "output", "Output": output}, {**event, "Action": "fail"}]
    events.append({"Package": "m/calc", "Action": "fail"})
    stream = "".join(json.dumps(one) + "\n" for one in events)
    await box.lay(
        {"go": SAYS_GO.encode(), "go.jsonl": stream.encode(), "calc/calc_test.go": b"package calc\n"}
    )

    finding = await run(box, "./go", "test", "./...")

    assert [(line.name, line.path, line.line, line.expected) for line in finding.lines] == [
        ("m/calc.TestAdd", "calc/calc_test.go", 9, "5")
    ]
    assert finding.result.stdout == output


async def test_a_known_runner_that_succeeds_without_a_test_is_no_pass(box: Sandbox) -> None:
    await box.lay({"go": b'#!/bin/sh\necho \'{"Action": "skip", "Package": "m"}\'\n'})

    finding = await run(box, "./go", "test", "./...")

    assert finding.result.ok
    assert not finding.passed
    assert "without running any test" in finding.note


async def test_a_report_does_not_hide_that_the_command_failed(box: Sandbox) -> None:
    forged = b"#!/bin/sh\necho '<testsuite><testcase name=\"a\"/></testsuite>' > forged.xml\nexit 1\n"
    await box.lay({"check.sh": forged})

    finding = await run(box, "./check.sh")

    assert not finding.passed
    assert [(line.name, line.passed) for line in finding.lines] == [("a", True), ("./check.sh", False)]


READS_THE_KEEPER = """import os, unittest

class Test(unittest.TestCase):
    def test_it(self):
        keeper = f"/proc/{os.getppid()}"
        with open(f"{keeper}/comm") as file:
            self.assertTrue(file.read())
        for name in ("mem", "environ", "maps"):
            with self.subTest(name), self.assertRaises(OSError):
                open(f"{keeper}/{name}", "rb").read(1)

    def test_config(self):
        for folder, _, names in os.walk(".coder"):
            for name in names:
                with open(os.path.join(folder, name), "rb") as file:
                    self.assertNotIn(b'"key": ', file.read().replace(b'{"report": path, "key": hex', b''))
"""


async def test_the_process_of_the_code_under_test_can_not_read_the_key_of_the_report(box: Sandbox) -> None:
    await box.lay({"test_x.py": READS_THE_KEEPER.encode()})

    finding = await run(box, "python", "-m", "unittest")

    assert [(line.name, line.passed, line.message) for line in finding.lines] == [
        ("test_x.Test.test_config", True, ""),
        ("test_x.Test.test_it", True, ""),
    ]
