"""Cases with Django's or SymPy's runner: their own patch passes, the base fails, and every pass is weak."""

from textwrap import dedent

import pytest

from benchmarks.judge.judge import Judge
from benchmarks.judge.logged_tests import commands_of
from benchmarks.suite import RepositoryCase
from tests.benchmarks.judge.cases import RECORDED
from tests.benchmarks.judge.patches import diff

pytestmark = pytest.mark.asyncio(loop_scope="session")

RUNTESTS = """
    import sys, unittest
    sys.path.insert(0, sys.path[0] + "/..")
    labels = [word for word in sys.argv[1:] if not word.startswith("--") and not word.isdecimal()]
    suite = unittest.defaultTestLoader.loadTestsFromNames(labels)
    print("Testing against Django installed in '/w/django'")
    sys.exit(not unittest.TextTestRunner(verbosity=2).run(suite).wasSuccessful())
"""
"""Stands in for Django's own: its tests are unittest's, and their lines are printed by unittest."""
DJANGO = {
    "django/__init__.py": "",
    "django/text.py": "def slug(text):\n    return text.lower()\n",
    "tests/runtests.py": dedent(RUNTESTS).lstrip(),
    "tests/text/__init__.py": "",
}
DJANGO_GOLD = {"django/text.py": "def slug(text):\n    return text.lower().replace(' ', '-')\n"}
DJANGO_TESTS = """
    import unittest
    from django.text import slug
    class SlugTests(unittest.TestCase):
        def test_blank(self):
            self.assertEqual(slug("A b"), "a-b")
        def test_case(self):
            \"""Letters are lower.\"""
            self.assertEqual(slug("A"), "a")
        def test_old(self):
            self.assertEqual(slug("x"), "y")
"""
BIN_TEST = """
    import importlib.util, sys
    sys.path.insert(0, ".")
    for path in (word for word in sys.argv[1:] if not word.startswith("-")):
        spec = importlib.util.spec_from_file_location("tests", path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        tests = {name: one for name, one in vars(module).items() if name.startswith("test_")}
        print(f"{path}[{len(tests)}]", end=" ")
        for name, test in tests.items():
            print(f"\\n{name} ", end="")
            try:
                test()
                print("ok", end="")
            except Exception:
                print("F", end="")
        print("  [OK]")
"""
SYMPY = {
    "sympy/__init__.py": "",
    "sympy/core/__init__.py": "",
    "sympy/core/add.py": "def add(a, b):\n    return a - b\n",
    "bin/test": dedent(BIN_TEST).lstrip(),
}
SYMPY_GOLD = {"sympy/core/add.py": "def add(a, b):\n    return a + b\n"}
SYMPY_TESTS = """
    from sympy.core.add import add
    def test_add(): assert add(2, 3) == 5
    def test_zero(): assert add(0, 0) == 0
"""


def django(**more: object) -> RepositoryCase:
    ids = "text.tests.SlugTests"
    return RepositoryCase.model_validate(
        {
            "id": "django",
            "prompt": "",
            "runner": "django",
            "files": {path: text.encode() for path, text in DJANGO.items()},
            "hidden_tests": {"tests/text/tests.py": dedent(DJANGO_TESTS)},
            "gold_patch": diff(DJANGO, DJANGO_GOLD),
            "fail_to_pass": (f"test_blank ({ids}.test_blank)",),
            "pass_to_pass": ("Letters are lower.",),
            "timeout_s": 20,
        }
        | more
    )


def sympy(**more: object) -> RepositoryCase:
    return RepositoryCase.model_validate(
        {
            "id": "sympy",
            "prompt": "",
            "runner": "sympy",
            "files": {path: text.encode() for path, text in SYMPY.items()},
            "hidden_tests": {"sympy/core/tests/test_add.py": dedent(SYMPY_TESTS)},
            "gold_patch": diff(SYMPY, SYMPY_GOLD),
            "fail_to_pass": ("test_add",),
            "pass_to_pass": ("test_zero",),
            "timeout_s": 20,
        }
        | more
    )


@pytest.fixture(scope="module")
def judge(repository_judge: Judge) -> Judge:
    return repository_judge


@pytest.mark.slow
@pytest.mark.parametrize(
    ("case", "base", "wrong"),
    [
        (django(), DJANGO, {"django/text.py": "def slug(text):\n    return 'a-b'\n"}),
        (sympy(), SYMPY, {"sympy/core/add.py": "def add(a, b):\n    return 5\n"}),
    ],
    ids=["django", "sympy"],
)
@RECORDED
async def test_its_own_patch_passes_weakly_and_the_base_and_a_wrong_patch_fail(
    judge: Judge, case: RepositoryCase, base: dict[str, str], wrong: dict[str, str]
) -> None:
    own, nothing, other = [
        await judge.judge(case, patch) for patch in (case.gold_patch or "", "", diff(base, wrong))
    ]

    assert (own.verdict, own.strength) == ("passed", "weak")
    assert (nothing.verdict, other.verdict) == ("failed", "failed")
    assert case.fail_to_pass[0] in nothing.detail
    assert case.pass_to_pass[0] in other.detail


async def test_a_patch_that_prints_the_lines_of_its_tests_still_fails_where_they_run(judge: Judge) -> None:
    case = django()
    lines = "".join(f"{name} ... ok\\n" for name in (*case.fail_to_pass, *case.pass_to_pass))
    forged = {"django/text.py": f"import sys\nsys.stderr.write('{lines}')\ndef slug(text): return text\n"}

    assert (await judge.judge(case, diff(DJANGO, forged))).verdict == "failed"


async def test_a_patch_can_not_replace_its_runner(judge: Judge) -> None:
    case = django()
    lines = "".join(f"print('{name} ... ok')\n" for name in (*case.fail_to_pass, *case.pass_to_pass))

    verdict = await judge.judge(case, diff(DJANGO, {"tests/runtests.py": lines}))

    assert verdict.verdict == "failed"
    assert "tests/runtests.py" in verdict.detail


@pytest.mark.slow
@pytest.mark.parametrize("has_gold", [True, False])
async def test_a_forger_that_ends_the_tests_is_suspicious_where_a_failing_test_is_known_to_fail(
    judge: Judge, *, has_gold: bool
) -> None:
    case = django() if has_gold else django(id="no gold", gold_patch=None)
    lines = "".join(f"{name} ... ok\\n" for name in (*case.fail_to_pass, *case.pass_to_pass))
    forged = {"django/text.py": f"import os, sys\nsys.stderr.write('{lines}')\nos._exit(0)\n"}

    verdict = await judge.judge(case, diff(DJANGO, forged))

    assert (verdict.verdict, verdict.strength) == ("suspicious" if has_gold else "passed", "weak")


@pytest.mark.parametrize(
    ("case", "reason"),
    [
        (django(id="no tests", fail_to_pass=(), pass_to_pass=(), gold_patch=None), "names no tests"),
        (django(id="other", runner="other"), "isn't read here"),
        (django(id="wrong", gold_patch=diff(DJANGO, {"django/text.py": "slug = str\n"})), "own patch fails"),
        (django(id="done", fail_to_pass=("Letters are lower.",)), "base passes already"),
        (django(id="elsewhere", hidden_tests={"tests/text/models.py": ""}), "no tests that its runner"),
    ],
    ids=lambda value: value.id if isinstance(value, RepositoryCase) else "",
)
async def test_a_case_that_can_not_be_judged_says_why(
    judge: Judge, case: RepositoryCase, reason: str
) -> None:
    verdict = await judge.judge(case, case.gold_patch or "")

    assert verdict.verdict == "infrastructure"
    assert reason in verdict.detail


@pytest.mark.slow
async def test_a_test_that_hangs_is_a_timeout(judge: Judge) -> None:
    hanging = {"django/text.py": "def slug(text):\n    while True: pass\n"}
    short = django(timeout_s=1)

    verdict = await judge.judge(short, diff(DJANGO, hanging))

    assert verdict.verdict == "timeout"


async def test_commands_are_those_of_the_case_or_of_its_runner() -> None:
    paths = {"tests/queries/test_q.py": "", "tests/queries/models.py": "", "tests/test_utils/tests.py": ""}
    own = django(test_commands=("make check",))
    go = RepositoryCase(
        id="go", prompt="", files={}, runner="go", hidden_tests={"a/b_test.go": "", "c_test.go": ""}
    )

    assert commands_of(own) == ("make check",)
    assert commands_of(django(hidden_tests=paths))[0].endswith("--parallel 1 queries.test_q test_utils.tests")
    assert commands_of(sympy())[0].endswith("python bin/test -C --verbose sympy/core/tests/test_add.py")
    assert commands_of(go) == ("go test -v ./a/ ././",)
