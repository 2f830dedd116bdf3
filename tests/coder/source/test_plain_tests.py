"""Which tests are plain: nothing about their result depends on the process that the code runs in."""

import pytest

from coder.source.plain_tests import is_plain_program, only_tests, plain_tests, prepares_process

IMPORTS = (
    "import math, os, sys, unittest\nimport pytest\nimport solution\nfrom solution import Stack, f\n"
    "from helpers import g\n"
)


def is_plain(body: str, decorators: str = "", arguments: str = "") -> bool:
    """Whether a test function with this body is plain."""
    lines = "\n    ".join(body.splitlines())
    source = f"{IMPORTS}\nWANTED = 2\n\n{decorators}\ndef test_it({arguments}):\n    {lines}\n"
    return plain_tests(source, ["solution"])["test_it"]


@pytest.mark.parametrize(
    "body",
    [
        "assert f(1) == 2",
        "assert solution.f(1) == WANTED",
        "got = f([1, 2])\nassert got == [2, 3]\nassert len(got) == 2",
        "for x in (1, 2):\n    assert f(x) == x + 1",
        "with pytest.raises(ValueError, match='no'):\n    f(-1)",
        "assert f(1) == pytest.approx(math.pi)",
        "assert not f(0) and f(1) is not None",
        "stack = Stack()\nstack.push(1)\nassert stack.pop() == 1",
        "assert sorted(f(x) for x in range(3)) == [1, 2, 3]",
        "assert 'a' in f('b').upper().split(',')",
        "try:\n    f(1)\nexcept ValueError as error:\n    assert str(error) == 'no'",
    ],
)
def test_calls_with_literals_and_comparisons_are_plain(body: str) -> None:
    assert is_plain(body)


@pytest.mark.parametrize(
    "body",
    [
        "os.environ['A'] = '1'\nassert f(1) == 2",
        "solution.NAME = 'x'\nassert f(1) == 2",
        "assert f(open('x').read()) == 2",
        "assert g(1) == 2",
        "assert f(lambda x: x) == 2",
        "assert f(1) is f(1)",
        "assert isinstance(f(1), dict)",
        "same = f('a') == 1\nassert f(same) == 2",
        "f(1).append(2)\nassert f(1) == [2]",
        "assert f.__doc__ == 'text'",
        "assert sys.argv == f(1)",
    ],
)
def test_what_touches_the_process_or_looks_at_identity_is_not_plain(body: str) -> None:
    assert not is_plain(body)


@pytest.mark.parametrize(
    "body",
    [
        "for x in range(100_000):\n    assert f(x) == x",
        "most = 100_000\nassert all(f(x) for x in range(most))",
        "for x in range(300):\n    for y in range(300):\n        assert f(x, y) == x",
    ],
)
def test_loops_of_more_calls_than_fit_the_time_away_from_the_code_are_not_plain(body: str) -> None:
    assert not is_plain(body)
    assert is_plain(body.replace("_000", "").replace("300", "30"))


def test_parameters_are_plain_and_fixtures_are_not() -> None:
    decorator = "@pytest.mark.parametrize('x, y', [(1, 2)])"

    assert is_plain("assert f(x) == y", decorator, "x, y")
    assert not is_plain("assert f(x) == y", decorator, "x, y, tmp_path")
    assert not is_plain("assert f(1) == 2", "@pytest.mark.usefixtures('named')")
    assert not is_plain("assert f(1) == 2", "@unittest.mock.patch('solution.g')")


@pytest.mark.parametrize(
    "more",
    [
        "os.environ['A'] = '1'",
        "sys.setrecursionlimit(9)",
        "def setup_module(): pass",
        "def pytest_configure(config): pass",
        "pytestmark = pytest.mark.usefixtures('a')",
        "solution.NAME = 1",
        "@pytest.fixture(autouse=True)\ndef named(): pass",
        "for name in 'ab': print(name)",
    ],
)
def test_no_test_is_plain_where_its_file_prepares_the_process(more: str) -> None:
    source = f"{IMPORTS}{more}\n\ndef test_it(): assert f(1) == 2\n"

    assert prepares_process(source)
    assert plain_tests(source, ["solution"])["test_it"] is False


def test_methods_are_plain_in_a_class_that_sets_nothing_up() -> None:
    test = "class T({}):\n{}    def test_it(self): self.assertEqual(f(1), 2)\n"

    assert plain_tests(IMPORTS + test.format("unittest.TestCase", ""), ["solution"]) == {"T::test_it": True}
    for base, more in (("Base", ""), ("unittest.TestCase", "    def setUp(self): pass\n")):
        assert plain_tests(IMPORTS + test.format(base, more), ["solution"]) == {"T::test_it": False}


def test_a_program_is_plain_with_its_functions_and_its_own_exit() -> None:
    main = "def main():\n    assert f(1) == 2\n    print('ok')\n\n"
    main += "if __name__ == '__main__':\n    main()\n    sys.exit(0)\n"

    assert is_plain_program("import sys\nfrom solution import f\n" + main, ["solution"])
    assert is_plain_program(
        "import sys\nsys.path.insert(0, 'a')\nfrom solution import f\n" + main, ["solution"]
    )
    assert not is_plain_program("import sys\nfrom helpers import f\n" + main, ["solution"])
    assert not is_plain_program("from solution import f\nopen('out', 'w')\n", ["solution"])


def test_the_other_tests_are_left_out_of_a_source() -> None:
    source = "import a\n\ndef test_a(): pass\n\ndef test_b(): pass\n\nclass T:\n    def test_c(self): pass\n"

    remaining_source = only_tests(source, ["x.py::test_b[1]"])

    assert [name for name in ("import a", "test_a", "test_b", "test_c") if name in remaining_source] == [
        "import a",
        "test_b",
    ]
