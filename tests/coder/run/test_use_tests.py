"""Found test commands take one another's place, and one that was too slow isn't waited for again."""

from coder.run.found_tests import DroppedTests, FoundTests
from coder.run.task import Task
from coder.run.use_tests import TOO_SLOW, with_found, without_first_found, without_slow

FOUND = (FoundTests(argv=("pytest",), place="a"), FoundTests(argv=("make", "test"), place="b"))


def test_the_next_command_takes_the_place_of_one_that_cannot_be_run() -> None:
    task = without_first_found(with_found(Task(prompt="Mend it."), FOUND), "There is no pytest.")

    assert (task.test_command, task.found) == (("make", "test"), FOUND[1:])
    assert task.dropped == (DroppedTests(argv=("pytest",), place="a", reason="There is no pytest."),)
    assert with_found(task, FOUND).dropped == ()


def test_of_the_commands_of_an_earlier_message_those_that_were_too_slow_are_left_out() -> None:
    task = with_found(Task(prompt="Mend it."), FOUND)
    slow = without_first_found(task, f"{TOO_SLOW}120 s.").dropped
    broken = without_first_found(task, "There is no pytest.").dropped

    assert without_slow(task, slow).test_command == ("make", "test")
    assert without_slow(task, broken) == task
