"""A failing test inside of a source file is not mended by another expectation."""

import pytest

from coder.run.event_types import BaselineTaken, BaselineTest
from coder.run.records.inputs import Inputs
from coder.run.records.progress import Progress
from coder.run.records.spend import Spend
from coder.run.settings import Budget, Settings
from coder.run.state import State
from coder.run.stored_file import StoredFile
from coder.run.task import Task
from coder.verify.tests_in_sources import edited_tests

RUST = """pub fn add(a: i32, b: i32) -> i32 { a - b }

#[cfg(test)]
mod tests {
    #[test]
    fn adds() {
        assert_eq!(super::add(2, 3), 5);
    }

    #[tokio::test]
    async fn other() {}
}
"""
PYTHON = '''def add(a, b):
    """Add.

    >>> add(2, 3)
    5
    """
    return a - b


class A:
    def f(self):
        """>>> A().f()
        1
        """
'''


def state(path: str, text: str, *failing: str) -> State:
    tests = tuple(BaselineTest(name=name, passed=False) for name in failing)
    return State(
        run="run_1",
        task=Task(prompt="Mend it."),
        settings=Settings(),
        model="m",
        spend=Spend(budget=Budget()),
        inputs=Inputs({path: StoredFile.of(text.encode())}),
        progress=Progress(baseline=BaselineTaken(passed=False, tests=tests)),
    )


@pytest.mark.parametrize(
    ("path", "old", "new", "edited"),
    [
        ("src/lib.rs", "a - b", "a + b", False),
        ("src/lib.rs", "5);", "-1);", True),
        ("src/lib.rs", "#[test]\n    fn adds", "fn adds", True),
        ("src/lib.rs", "        assert_eq!", "            assert_eq!", False),
        ("src/lib.rs", "other() {}", "other() { panic!() }", False),
        ("calc.py", "a - b", "a + b", False),
        ("calc.py", "    5\n", "    -1\n", True),
        ("calc.py", "    5\n", "    5\n    >>> add(0, 0)\n    0\n", False),
        ("calc.py", "        1\n", "        2\n", False),
    ],
)
def test_a_failing_test_in_a_source_is_edited(path: str, old: str, new: str, edited: bool) -> None:
    text, name = (RUST, "tests::adds") if path.endswith(".rs") else (PYTHON, "calc.py::calc.add")
    assert text.count(old) == 1

    assert edited_tests(state(path, text, name), {path: text.replace(old, new)}) == (
        (name,) if edited else ()
    )


def test_a_removed_source_holds_no_test() -> None:
    assert edited_tests(state("calc.py", PYTHON, "calc.py::calc.A.f"), {"calc.py": None}) == (
        "calc.py::calc.A.f",
    )
    assert edited_tests(state("calc.py", PYTHON), {"calc.py": None}) == ()


@pytest.mark.parametrize(("new", "edited"), [("    -1\n", True), ("    5\n", False)])
def test_a_doctest_of_a_command_that_names_its_file_is_edited(new: str, edited: bool) -> None:
    command = "python -m doctest calc.py"
    mended = PYTHON.replace("a - b", "a + b").replace("    5\n", new)

    assert edited_tests(state("calc.py", PYTHON, command), {"calc.py": mended}) == (
        (command,) if edited else ()
    )
