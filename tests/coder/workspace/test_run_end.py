"""What the last event of a run says."""

from coder.run.event_types import BaselineTaken, BaselineTest
from coder.run.found_tests import FoundTests
from coder.run.task import Task
from coder.run.termination import Reason
from coder.workspace.run_end import ended
from tests.coder.states import started, state_of

PYTEST = ("python", "-m", "pytest", "-q")
BEFORE = BaselineTaken(
    passed=False,
    tests=(
        BaselineTest(name="test_a.py::test_a", passed=True),
        BaselineTest(name="test_a.py::test_b", passed=False),
    ),
)
ANSWERED = Reason("answered", "the model answered in words and changed no file")


def test_an_answer_in_words_succeeds_and_names_the_found_tests_that_are_red() -> None:
    task = Task(
        prompt="What does a() do?", test_command=PYTEST, found=(FoundTests(argv=PYTEST, place="test_a.py"),)
    )

    end = ended(state_of([started(task), BEFORE]), ANSWERED)

    assert (end.status, end.exit_code) == ("answered", 0)
    assert end.reason == f"{ANSWERED.text}; red as before: test_a.py::test_b"


def test_an_answer_in_words_before_the_found_tests_have_ended_says_nothing_of_them() -> None:
    task = Task(prompt="What does a() do?", test_command=PYTEST, found=(FoundTests(argv=PYTEST, place="a"),))

    assert ended(state_of([started(task)]), ANSWERED).reason == ANSWERED.text
