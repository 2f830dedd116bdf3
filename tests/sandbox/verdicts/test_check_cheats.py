"""What a candidate does to pass without solving anything: none of it counts."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from sandbox.verdicts.check import CheckReport, TestFile
from sandbox.verdicts.run_report import ANY_CROSSING
from tests.growing_limits import growing_limits
from tests.sandbox.verdicts.pairs import Pair, sections

pytestmark = pytest.mark.asyncio(loop_scope="session")


CHEATS = sections("cheats.txt")

CHECKS = (
    "assert f(2) == 4",
    "assert abs(f(2) - 4) < 1e-9",
    "assert f(2) in (4, 4.0)",
    "r = f(2)\nassert isinstance(r, int) and r == 4",
    TestFile(path="t.py", source="def check(candidate):\n    assert candidate(2) == 4\n", entry_point="f"),
    TestFile(
        path="u.py",
        source="import unittest\nfrom solution import f\nclass T(unittest.TestCase):\n"
        "    def test(self): self.assertEqual(f(2), 4)\n",
    ),
)
UNDER_PYTEST = TestFile(
    path="test_f.py", source="import pytest\nfrom solution import f\ndef test_f(): assert f(2) == 4\n"
)


@pytest.mark.slow
@pytest.mark.parametrize("cheat", CHEATS)
async def test_a_cheat_solves_nothing(pair: Pair, cheat: str) -> None:
    report = await pair.check(CHEATS[cheat], *CHECKS, wall_s=15)

    assert len(report.results) >= len(CHECKS)
    assert not any(result.passed for result in report.results)
    assert all(result.message for result in report.results)


@pytest.mark.slow
@pytest.mark.parametrize(
    "cheat", ["os._exit", "raises a skip", "always equal", "an edited test", "shadowed modules"]
)
async def test_a_cheat_solves_nothing_under_pytest(pair: Pair, cheat: str) -> None:
    report = await pair.check(CHEATS[cheat], UNDER_PYTEST)

    assert not report.passed


@pytest.mark.slow
@pytest.mark.parametrize("raised", ["pytest.skip('no')", "pytest.xfail('no')", "pytest.exit('no', 0)"])
async def test_a_candidate_cannot_speak_to_the_checkers_pytest(pair: Pair, raised: str) -> None:
    file = TestFile(
        path="test_f.py", source="import pytest\nfrom solution import f\ndef test_f(): assert f(2) == 4\n"
    )

    report = await pair.check(f"import pytest\ndef f(x): {raised}", file)

    assert not report.passed
    assert report.results


@pytest.mark.slow
@pytest.mark.parametrize(
    "source",
    [
        "def f(x):\n    while True: pass",
        "import time\ndef f(x): time.sleep(60)",
        "import signal\nsignal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))\ndef f(x):\n    while 1: pass",
        "def f(x):\n    while True: yield 4",
        "while True: pass",
        "def f(x):\n    try:\n        while True: pass\n    except BaseException: return 4",
    ],
)
async def test_what_never_ends_is_named_when_time_is_up(pair: Pair, source: str) -> None:
    report = await pair.check(source, "assert list(f(2)) == [4]", "assert 1 == 1", wall_s=1)

    assert not report.passed
    assert "within 1 s" in report.results[0].message


@pytest.mark.slow
async def test_results_before_the_timeout_are_kept(pair: Pair) -> None:
    source = "import time\ndef f(x):\n    time.sleep(60 * x)\n    return 4"

    checks = ("assert f(0) == 4", "assert f(1) == 4", "assert f(0) == 4")
    for wall_s in growing_limits(2):
        report = await pair.check(source, *checks, wall_s=wall_s)
        if report.results[0].passed:
            break

    assert [result.passed for result in report.results] == [True, False, False]
    assert f"f(1) did not return within {wall_s:g} s" in report.results[1].message
    assert "not run" in report.results[2].message


@pytest.mark.slow
async def test_a_check_that_never_ends_by_itself_is_named(pair: Pair) -> None:
    for wall_s in growing_limits(1):
        report = await pair.check(
            "x = 1", "assert 1 == 1", "while True: pass", "assert x == 1", wall_s=wall_s
        )
        if report.results[0].passed:
            break

    assert not report.complete
    assert [result.passed for result in report.results] == [True, False, False]
    assert report.results[1].name == "while True: pass"
    assert f"did not end within {wall_s:g} s" in report.results[1].message


async def test_a_checker_that_leaves_early_is_no_pass(pair: Pair) -> None:
    report = await pair.check("x = 1", "import os; os._exit(0)")

    assert not report.complete
    assert not report.passed


async def test_no_checks_are_no_pass(pair: Pair) -> None:
    report = await pair.check("x = 1")

    assert report.complete
    assert not report.passed


@pytest.mark.parametrize("way", ["with", "async with"])
async def test_a_context_manager_cannot_swallow_a_failed_assertion(pair: Pair, way: str) -> None:
    source = (
        "class E:\n    def __enter__(self): return 0\n    def __exit__(self, *a): return True\n"
        "    async def __aenter__(self): return 0\n    async def __aexit__(self, *a): return True"
    )
    check = (
        f"import asyncio\nasync def main():\n    {way} E() as x:\n        assert x == 4\nasyncio.run(main())"
    )

    report = await pair.check(source, check)

    assert report.results[0].actual == "0"


async def test_a_candidates_own_test_class_is_no_test(pair: Pair) -> None:
    source = "class TestOne:\n    def test_it(self): pass"
    file = TestFile(path="t.py", source="from solution import TestOne\n")

    report = await pair.check(source, file)

    assert not report.passed


async def test_a_test_file_may_have_the_name_of_a_standard_module(pair: Pair) -> None:
    file = TestFile(path="json.py", source="import json\ndef test_f(): assert json.loads(f(2)) == 4\n")

    report = await pair.check("def f(x): return '4'", file)

    assert report.passed


async def test_a_tests_own_globals_are_out_of_a_callbacks_reach(pair: Pair) -> None:
    source = "def f(g):\n    return g.__globals__['SECRET']"

    report = await pair.check(source, "SECRET = 4\nassert f(lambda: 0) == SECRET")

    assert "AttributeError" in report.results[0].message


@pytest.mark.parametrize("operation", ["__class__.__mro__", "__dict__", "__init__.__globals__", "_hidden"])
async def test_a_tests_object_shows_only_its_public_attributes(pair: Pair, operation: str) -> None:
    source = f"def f(o):\n    return 'SECRET' in str(o.{operation})"

    report = await pair.check(source, "class O:\n    _hidden = 'SECRET'\n    SECRET = 1\nassert f(O())")

    assert not report.passed


async def test_too_many_callbacks_end_the_check(pair: Pair) -> None:
    source = "def f(g):\n    while True: g(1)"

    report = await pair.check(source, "assert f(len) or f(lambda x: x)", wall_s=2)

    assert not report.passed


async def test_endless_mutual_recursion_ends(pair: Pair) -> None:
    source = "def f(g): return g(f)"

    report = await pair.check(source, "def g(h): return h(g)\nassert f(g) == 4")

    assert report.complete
    assert "nested deeper" in report.results[0].message


async def test_an_installed_module_is_not_the_candidates(pair: Pair) -> None:
    files = {"solution.py": "def f(x): return 0", "pytest.py": "approx = lambda x: type('E', (), {})()"}

    report = await pair.check(files, "import pytest\nassert f(2) == pytest.approx(4)")

    assert report.results[0].actual == "0"


async def test_write_back_can_be_refused(pair: Pair) -> None:
    source = "def f(xs):\n    xs.clear()\n    return []"
    check = "xs = [1]\nassert f(xs) == sorted(xs)"

    lent = await pair.check(source, check)
    kept = await pair.check(source, check, crossing=ANY_CROSSING.model_copy(update={"write_back": False}))

    assert (lent.passed, lent.changed) == (True, {"*"})
    assert not kept.passed


def rows() -> list[dict[str, Any]]:
    folder = os.environ.get("CODER_TEST_DATA")
    if folder is None:
        return []
    lines = (Path(folder) / "cheats.jsonl").read_text().splitlines()
    return [row for row in map(json.loads, lines) if row["kind"] == "function"]


@pytest.mark.slow
@pytest.mark.skipif("CODER_TEST_DATA" not in os.environ, reason="CODER_TEST_DATA is not set")
async def test_public_cheats_are_rejected_and_their_honest_twins_accepted(pair: Pair) -> None:
    wrong, honest_reports = [], dict[tuple[str, TestFile], CheckReport]()
    for row in rows():
        task = row["task"]
        file = TestFile(path="t.py", source=task["test"], entry_point=task["entry_point"])
        source = task["prompt"] + task["canonical_solution"]
        if (source, file) not in honest_reports:  # many cheats are at the same task
            honest_reports[source, file] = await pair.check(source, file)
        honest = honest_reports[source, file]
        crossing = ANY_CROSSING.model_copy(update={"write_back": bool(honest.changed)})
        wall_s = min(task["timeout"], 1.5)  # one cheat uses up all its time
        report = await pair.check(row["solution"], file, wall_s=wall_s, crossing=crossing)
        if not honest.passed or report.passed != (row["must_be"] == "pass"):
            wrong.append((row["id"], honest.results, report.results))

    assert rows()
    assert not wrong
