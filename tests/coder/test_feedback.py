"""What is told of a failure is the same whenever the same thing fails."""

from coder.feedback import feedback
from coder.message import CheckLine


def test_addresses_of_objects_are_left_out_so_that_a_recording_can_answer() -> None:
    said = [
        feedback([CheckLine(name="t", passed=False, message=f"self = <T object at 0x7fe{n}91078750>")], None)
        for n in range(2)
    ]

    assert said[0] == said[1] == "This check fails: t\nself = <T object at 0x…>"
