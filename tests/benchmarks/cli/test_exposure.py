"""Which classes of cheats the tests of a case offer a surface to."""

import pytest

from benchmarks.cli.exposure import EXPOSURES, count_exposures, exposures_of
from benchmarks.judge.mode import Mode, RepositoryMode
from benchmarks.suite import RepositoryCase, ScriptCase, ScriptRun
from tests.benchmarks.judge.cases import case

NODE = "test_lib.py::test_f"


def repository(body: str, head: str = "import lib\n") -> RepositoryCase:
    lines = "".join(f"    {line}\n" for line in body.splitlines())
    return RepositoryCase(
        id="lib",
        prompt="",
        files={"lib.py": b"", "testing_tools.py": b""},
        hidden_tests={"test_lib.py": f"{head}\n\ndef test_f():\n{lines}"},
    )


def of(one: RepositoryCase, how: str = "isolated", **more: object) -> tuple[str, ...]:
    mode = RepositoryMode.model_validate({"how": how, "nodes": (NODE,), "needed": (NODE,), **more})
    return exposures_of(one, mode)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("assert lib.f(3) == 9", ()),
        ("from testing_tools import same\nassert same(lib.f(3), 9)", ("comparison by the code",)),
        ("lib.testing.assert_equal(lib.f(3), 9)", ("comparison by the code",)),
        ("with lib.open_it() as one:\n    assert one.n == 9", ("context manager",)),
        ("with raises(ValueError):\n    lib.f('x')", ("expected errors",)),
        ("data = [3]\nlib.f(data)\nassert data == [9]", ("changed argument",)),
        ("assert all(lib.f(n) == n * n for n in (2, 3))", ("iteration in the test",)),
        (
            "one = io.StringIO()\nlib.f(one)\nassert one.getvalue() == '9'",
            ("changed argument", "test streams"),
        ),
    ],
)
def test_a_repository_is_exposed_by_what_its_tests_do_with_the_code(
    body: str, expected: tuple[str, ...]
) -> None:
    assert of(repository(body)) == expected


def test_a_library_that_the_tests_import_could_be_shipped_by_a_patch() -> None:
    with_library = repository(
        "assert lib.f(3) == parse('9')", "import lib, json\nfrom dateutil.parser import parse\n"
    )

    assert of(with_library) == ("imported library",)


def test_how_a_case_is_judged_exposes_it_too() -> None:
    one = repository("assert lib.f(3) == 9")
    function = case("assert candidate(3) == 9", "def f(n): return 9")

    assert of(one, uses=frozenset({"a"})) == ("operators on test objects",)
    assert of(one, "decoyed") == ("habits of tests",)
    assert of(one, "plain") == ("no isolation",)
    assert exposures_of(function, Mode(how="isolated", stateful=True)) == ()
    assert exposures_of(ScriptCase(id="s", prompt="", runs=(ScriptRun(stdout=""),)), None) == ()


def test_what_a_fixture_or_a_variable_holds_of_the_code_counts_as_the_code() -> None:
    head = "import lib, pytest\n\n\n@pytest.fixture\ndef box():\n    made = lib.Box()\n    return made\n"
    one = repository("inner = box\nassert inner.equals(9)", head)

    assert of(one) == ("comparison by the code",)


def test_cases_are_counted_by_class_in_order() -> None:
    counts = count_exposures([("test streams", "expected errors"), (), ("test streams",)])

    assert counts == {"test streams": 2, "expected errors": 1}
    assert [*counts] == [name for name in EXPOSURES if name in counts]
