"""Test commands in a real sandbox: the tests that are asked for, and runners that report by themselves."""

import json
from collections.abc import AsyncIterator

import pytest

from coder.testcommand import TestRun, run_tests
from sandbox import Limits, Policy, Sandbox, open_sandbox

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


@pytest.fixture
async def box() -> AsyncIterator[Sandbox]:
    async with open_sandbox(Policy(), backend="bubblewrap") as opened:
        yield opened


async def run(box: Sandbox, *command: str, only: tuple[str, ...] = ()) -> TestRun:
    return await run_tests(box, command, ours=["test_x.py"], limits=Limits(wall_s=60, cpu_s=60), only=only)


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


async def test_a_file_that_could_not_be_collected_is_asked_for_with_all_its_tests(box: Sandbox) -> None:
    await box.lay({"test_x.py": TESTS.encode(), "test_y.py": TESTS.encode()})

    alone = await run(box, "pytest", "-q", only=("test_x.py",))

    assert {line.name.partition("::")[0] for line in alone.lines} == {"test_x.py"}


async def test_go_is_asked_for_json_and_shown_without_it(box: Sandbox) -> None:
    event = {"Package": "m/calc", "Test": "TestAdd"}
    said = "    calc_test.go:9: Add(2, 3) = -1, want 5\n"
    events = [{**event, "Action": "output", "Output": said}, {**event, "Action": "fail"}]
    events.append({"Package": "m/calc", "Action": "fail"})
    stream = "".join(json.dumps(one) + "\n" for one in events)
    await box.lay(
        {"go": SAYS_GO.encode(), "go.jsonl": stream.encode(), "calc/calc_test.go": b"package calc\n"}
    )

    seen = await run(box, "./go", "test", "./...")

    assert [(line.name, line.path, line.line, line.expected) for line in seen.lines] == [
        ("m/calc.TestAdd", "calc/calc_test.go", 9, "5")
    ]
    assert seen.result.stdout == said


async def test_a_known_runner_that_succeeds_without_a_test_is_no_pass(box: Sandbox) -> None:
    await box.lay({"go": b'#!/bin/sh\necho \'{"Action": "skip", "Package": "m"}\'\n'})

    seen = await run(box, "./go", "test", "./...")

    assert seen.result.ok
    assert not seen.passed
    assert "without running any test" in seen.note


async def test_a_report_does_not_hide_that_the_command_failed(box: Sandbox) -> None:
    forged = b"#!/bin/sh\necho '<testsuite><testcase name=\"a\"/></testsuite>' > forged.xml\nexit 1\n"
    await box.lay({"check.sh": forged})

    seen = await run(box, "./check.sh")

    assert not seen.passed
    assert [(line.name, line.passed) for line in seen.lines] == [("a", True), ("./check.sh", False)]
