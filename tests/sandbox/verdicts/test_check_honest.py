"""Honest solutions of many shapes pass, and wrong ones fail with what a repair needs."""

import pytest

from sandbox.verdicts.check import Assertion, Example, TestFile, check
from tests.growing_limits import growing_limits
from tests.sandbox.verdicts.pairs import Pair, sections

pytestmark = pytest.mark.asyncio(loop_scope="session")


HONEST = sections("honest_shapes.txt")


@pytest.mark.parametrize("shape", HONEST)
async def test_an_honest_solution_passes(pair: Pair, shape: str) -> None:
    source, _, assertion = HONEST[shape].partition("---\n")

    report = await pair.check(source, assertion)

    assert report.passed, (report.results, report.note, report.candidate.stderr, report.checker.stderr)


async def test_a_wrong_value_fails_with_both_sides(pair: Pair) -> None:
    report = await pair.check("def add(a, b): return a - b", "assert add(2, 3) == 5")

    (result,) = report.results
    assert report.complete
    assert not report.passed
    assert (result.name, result.expected, result.actual) == ("assert add(2, 3) == 5", "5", "-1")
    assert "assert add(2, 3) == 5" in result.message


async def test_a_function_may_have_the_name_of_a_builtin_when_the_task_says_so(pair: Pair) -> None:
    source = "def sum(a, b): return a + b"

    named_report = await pair.check(source, Assertion(source="assert sum(2, 3) == 5", entry_point="sum"))
    unnamed = await pair.check(source, Assertion(source="assert sum([2, 3]) == 5"))

    assert named_report.passed
    assert unnamed.passed


async def test_a_literal_on_the_left_is_the_expected_side(pair: Pair) -> None:
    report = await pair.check("def add(a, b): return a - b", "assert 5 == add(2, 3)")

    assert (report.results[0].expected, report.results[0].actual) == ("5", "-1")


async def test_each_side_of_a_failed_assertion_is_evaluated_once(pair: Pair) -> None:
    source = "n = 0\ndef f():\n    global n\n    n += 1\n    return n"

    report = await pair.check(source, "assert f() == 0", "assert n == 1")

    assert [result.passed for result in report.results] == [False, True]


async def test_of_two_joined_claims_the_false_one_is_shown(pair: Pair) -> None:
    report = await pair.check("def even(n): return True", "assert even(4) and not even(7)")

    assert report.results[0].actual == "False"


async def test_an_exception_fails_with_its_kind_its_text_and_its_place(pair: Pair) -> None:
    report = await pair.check("def f(x):\n    return 1 / x", "assert f(0) == 1")

    message = report.results[0].message
    assert "assert f(0) == 1" in message
    assert "ZeroDivisionError: division by zero" in message
    assert "solution.py, line 2, in f" in message


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("def f(:", "SyntaxError"),
        ("import nothing_of_the_kind", "nothing_of_the_kind"),
        ("x = 1", "name 'f'"),
    ],
)
async def test_a_candidate_that_cannot_be_used_fails_and_says_why(pair: Pair, source: str, said: str) -> None:
    report = await pair.check(source, "assert f() == 1")

    assert report.complete
    assert not report.passed
    assert said in report.results[0].message


async def test_a_missing_module_fails(pair: Pair) -> None:
    report = await pair.check({}, "assert f() == 1")

    assert "No module named 'solution'" in report.results[0].message


async def test_examples_follow_one_another_in_one_session(pair: Pair) -> None:
    source = "class S:\n    x = []\n    def push(self, v):\n        self.x.append(v)\n        print('ok')\n"
    examples = [
        Example(source="s = S()\n", want=""),
        Example(source="s.push(3)\n", want="ok\n"),
        Example(source="s.x\n", want="[3]\n"),
    ]

    report = await pair.check(source, *examples)

    assert report.passed, report.results


@pytest.mark.parametrize(
    ("source", "want", "passes"),
    [
        ("f(2)\n", "4\n", True),
        ("f(2)\n", "5\n", False),
        ("f('a')\n", "'aa'\n", True),
        ("f(None)\n", "Traceback (most recent call last):\n  ...\nTypeError: unsupported...\n", True),
        ("f(None)\n", "Traceback (most recent call last):\n  ...\nValueError: no\n", False),
        ("f(1)\n", "Traceback (most recent call last):\n  ...\nValueError: no\n", False),
        ("list(range(f(10)))\n", "[0,   1, ..., 19]\n", True),
        ("print(f('x\\n'))\n", "x\nx\n<BLANKLINE>\n", True),
        ("x = f(3)\n", "", True),
        ("f(3)\n", "", False),
    ],
)
async def test_an_example_is_held_to_doctest_rules(pair: Pair, source: str, want: str, passes: bool) -> None:
    report = await pair.check("def f(x): return x + x", Example(source=source, want=want))

    assert report.complete
    assert report.passed == passes, report.results


UNITTEST = """
import unittest
from solution import add
class TestAdd(unittest.TestCase):
    @classmethod
    def setUpClass(cls): cls.two = 2
    def test_good(self): self.assertEqual(add(self.two, 3), 5)
    def test_bad(self): self.assertEqual(add(2, 3), 6)
    def test_raises(self):
        with self.assertRaises(TypeError): add(1, None)
    def test_parts(self):
        for i in (1, 2):
            with self.subTest(i=i): self.assertEqual(add(i, 0), 1)
    @unittest.expectedFailure
    def test_not_yet(self): self.assertEqual(add(1, 1), 3)
"""


async def test_each_test_of_a_unittest_class_has_a_result(pair: Pair) -> None:
    report = await pair.check(
        "def add(a, b): return a + b", TestFile(path="tests/test_add.py", source=UNITTEST)
    )

    passed = {result.name.rpartition(":")[2]: result.passed for result in report.results}
    assert report.complete
    assert passed == {
        "test_good": True,
        "test_bad": False,
        "test_raises": True,
        "test_parts": False,
        "test_not_yet": True,
    }


PLAIN = """
from solution import add
def test_good(): assert add(1, 2) == 3
def test_bad(): assert add(1, 2) == 4
async def test_async(): assert add(0, 0) == 0
class TestMore:
    def setup_method(self): self.x = 1
    def test_method(self): assert add(self.x, 1) == 2
def helper(): raise AssertionError
"""


async def test_each_test_function_has_a_result(pair: Pair) -> None:
    report = await pair.check("def add(a, b): return a + b", TestFile(path="test_add.py", source=PLAIN))

    passed = {result.name: result.passed for result in report.results}
    assert passed == {
        "test_add.py::test_good": True,
        "test_add.py::test_bad": False,
        "test_add.py::test_async": True,
        "test_add.py::TestMore::test_method": True,
    }


async def test_bare_assertions_are_the_test_of_a_file(pair: Pair) -> None:
    file = TestFile(path="test_add.py", source="for a in range(3):\n    assert add(a, 1) == a + 1\n")

    good = await pair.check("def add(a, b): return a + b", file)
    bad = await pair.check("def add(a, b): return 1", file)

    assert good.passed
    assert (bad.results[0].name, bad.results[0].expected) == ("test_add.py", "2")


async def test_check_of_candidate_is_called_with_the_entry_point(pair: Pair) -> None:
    file = TestFile(
        path="t.py", source="def check(candidate):\n    assert candidate(2) == 4\n", entry_point="f"
    )

    assert (await pair.check("def f(x): return x * 2", file)).passed
    assert not (await pair.check("def f(x): return x", file)).passed


@pytest.mark.parametrize(
    "source", ["", "x = 1\n", "def helper():\n    assert True\n", "def check(candidate): pass\n"]
)
async def test_a_file_without_tests_fails(pair: Pair, source: str) -> None:
    report = await pair.check("def f(x): return x", TestFile(path="t.py", source=source))

    assert not report.passed
    assert "no test" in report.results[0].message


async def test_a_test_file_that_cannot_be_read_fails(pair: Pair) -> None:
    report = await pair.check("", TestFile(path="t.py", source="def test_(:"))

    assert "can't be read" in report.results[0].message


PYTEST = """
import pytest
from solution import add, Broke
@pytest.mark.parametrize("a,b,want", [(1, 2, 3), (2, 2, 5)])
def test_add(a, b, want): assert add(a, b) == want
@pytest.fixture
def two(): return 2
def test_fixture(two, capsys):
    add(two, two)
    assert capsys.readouterr().out == "adding\\n"
def test_raises():
    with pytest.raises(Broke, match="no"): add(None, 1)
def test_approx(): assert add(0.1, 0.2) == pytest.approx(0.3)
def test_patched(monkeypatch):
    monkeypatch.setattr("solution.OFFSET", 10)
    assert add(1, 1) == 12
@pytest.mark.xfail
def test_later(): assert add(1, 1) == 3
class TestIt:
    def test_method(self): assert add(2, 1) == 3
"""


@pytest.mark.slow
async def test_each_pytest_test_has_a_result(pair: Pair) -> None:
    source = (
        "OFFSET = 0\nclass Broke(ValueError): pass\n"
        "def add(a, b):\n    if a is None: raise Broke('no way')\n"
        "    print('adding')\n    return a + b + OFFSET"
    )

    report = await pair.check(source, TestFile(path="tests/test_add.py", source=PYTEST))

    failed = [result for result in report.results if not result.passed]
    assert report.complete, (report.note, report.checker.stderr)
    assert len(report.results) == 8
    assert [result.name for result in failed] == ["tests/test_add.py::test_add[2-2-5]"]
    assert (failed[0].expected, failed[0].actual) == ("5", "4")
    assert "assert 4 == 5" in failed[0].message


async def test_what_the_candidate_prints_is_in_its_own_result(pair: Pair) -> None:
    report = await pair.check(
        "def f():\n    print('mine')\n    return 1", Assertion(source="assert f() == 1")
    )

    assert report.candidate.stdout == "mine\n"


async def test_modules_of_a_package_are_reached(pair: Pair) -> None:
    files = {"pkg/__init__.py": "from pkg.core import f", "pkg/core.py": "def f(): return 1\nX = 2"}
    assertion = (
        "import pkg.core\nfrom pkg import core, f\nassert f() == 1 and pkg.core.X == 2 and core.X == 2"
    )

    report = await pair.check(files, assertion, module="pkg")

    assert report.passed, report.results


@pytest.mark.slow
async def test_a_test_file_finds_the_helpers_that_lie_beside_it(pair: Pair) -> None:
    await pair.check("")
    await pair.checker.write("tests/conftest.py", b"import pytest\n@pytest.fixture\ndef two(): return 2\n")
    await pair.candidate.write("solution.py", b"def f(x): return x * 2")
    source = "from solution import f\ndef test_f(two): assert f(two) == 4\n"

    report = await check(pair.candidate, pair.checker, [TestFile(path="tests/test_f.py", source=source)])

    assert report.passed, report.results


@pytest.mark.parametrize("path", ["", "/t.py", "../t.py", "a/../../t.py", "t\0.py"])
async def test_a_test_file_outside_of_the_workspace_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match="relative path"):
        TestFile(path=path, source="")


async def test_one_sandbox_for_both_is_refused(pair: Pair) -> None:
    with pytest.raises(ValueError, match="sandbox each"):
        await check(pair.candidate, pair.candidate, [])


async def test_a_module_with_the_name_of_a_standard_one_is_refused(pair: Pair) -> None:
    with pytest.raises(ValueError, match="standard library"):
        await check(pair.candidate, pair.checker, [], module="json")


async def test_keys_and_items_of_a_dict_equal_a_set_of_the_same(pair: Pair) -> None:
    source = "DATA = {'a': 1}\ndef keys(): return DATA.keys()\ndef items(): return DATA.items()\n"
    equal = "assert keys() == {'a'} and {'a'} == keys() and items() == {('a', 1)} and keys() != {'b'}"

    report = await pair.check(source, Assertion(source=equal))

    assert report.passed, report.results
    assert not report.custom_equality


async def test_a_provided_module_is_the_candidates(pair: Pair) -> None:
    await pair.check("")
    await pair.candidate.write("other.py", b"def g(): return 7")

    assertion = Assertion(source="import other\nassert other.g() == 7")
    report = await check(pair.candidate, pair.checker, [assertion], provides=["other"])

    assert report.passed, report.results


async def test_a_provided_module_that_is_installed_here_too_is_refused(pair: Pair) -> None:
    await pair.check("")
    await pair.candidate.write("pytest.py", b"approx = None")

    assertion = Assertion(source="import pytest")
    report = await check(pair.candidate, pair.checker, [assertion], provides=["pytest"])

    assert "installed here too" in report.results[0].message


@pytest.mark.slow
async def test_a_check_ends_at_the_first_result_that_decides(pair: Pair) -> None:
    source = "import time\ndef add(a, b): return a - b\ndef wait(): time.sleep(600)"
    checks = ("assert add(0, 0) == 0", "assert add(2, 3) == 5", "assert wait() == 1")

    ended = await pair.check(source, *checks, decides=lambda one: not one.passed)
    whole = await pair.check(source, *checks, wall_s=2)

    assert [one.passed for one in ended.results] == [True, False, False]
    assert ended.decided
    assert not ended.timed_out
    assert not ended.passed
    assert whole.timed_out
    assert not whole.decided


@pytest.mark.slow
async def test_after_a_result_that_decides_the_other_checks_have_the_given_time(pair: Pair) -> None:
    source = "import time\ndef add(a, b): return a - b\ndef wait(): time.sleep(600)"
    checks = ("assert add(2, 3) == 5", "assert add(0, 0) == 0", "assert wait() == 1", "assert add(1, 0) == 1")

    for others_s in growing_limits(1):
        report = await pair.check(
            source, *checks, decides=lambda one: not one.passed, others_s=others_s, wall_s=3600
        )
        if report.results[1].passed:
            break

    assert [(one.passed, one.cause) for one in report.results[:3]] == [
        (False, "assertion"),
        (True, ""),
        (False, "cut"),
    ]
    assert report.candidate.wall_s < 600


LEFT_OUT = {
    "plain functions": "def test_{0}():\n    f()\n",
    "pytest": "def test_{0}(tmp_path):\n    f()\n",
    "unittest": "class T{0}(unittest.TestCase):\n    def test(self):\n        f()\n",
}


@pytest.mark.parametrize("kind", LEFT_OUT)
async def test_the_rest_of_a_file_is_left_out_after_failures_that_compare_nothing(
    pair: Pair, kind: str
) -> None:
    tests = "".join(LEFT_OUT[kind].format(number) for number in range(5))
    file = TestFile(path="test_it.py", source=f"import unittest\nfrom solution import f\n\n\n{tests}")
    other_file = TestFile(path="test_other.py", source="from solution import f\n\n\ndef test(): f(1)\n")
    source = "def f(*values):\n    if not values: raise OSError\n"

    report = await pair.check(source, file, other_file, max_failures=2)

    assert [one.passed for one in report.results] == [False, False, True]


CAUSES = {
    "assertion": ("", "assert f() == 1"),
    "exit": ("import os\n", "os._exit(0)"),
    "": ("", "raise OSError"),
}


@pytest.mark.parametrize("cause", CAUSES)
async def test_a_failure_has_its_cause(pair: Pair, cause: str) -> None:
    imports, statement = CAUSES[cause]
    source = f"{imports}def f():\n    {statement if cause != 'assertion' else 'return 2'}\n"

    report = await pair.check(source, "assert f() == 1", "assert f() is None")

    assert report.results[0].cause == cause
    assert report.results[1].cause == ("cut" if cause == "exit" else cause)
