"""What a model is told that believes to be done, and how its check ends."""

from pathlib import Path

import pytest

from coder.run.event_types import ProgramFinished, parse
from tests.memory_log import MemoryLog

from .test_acting import DONE, EDIT, bash, call, project, told, worked

__all__ = ["project"]
OTHER = (
    "import unittest\n\n\nclass Other(unittest.TestCase):\n    def test_other(self):\n        self.fail()\n"
)
HALF = bash("sed -i 's/a - b/a * b/' calc.py")


@pytest.mark.slow
async def test_words_after_a_change_are_answered_with_the_change_standing(project: Path) -> None:
    _, model = await worked(project, HALF, DONE, "The change is right.", EDIT)

    assert told(model, 4) == "Your change stands. Call `done`, or continue."


@pytest.mark.slow
async def test_done_again_without_a_change_ends_with_the_models_explanation(project: Path) -> None:
    again = [call("done", summary="The test itself is wrong.")]

    run, _ = await worked(project, HALF, DONE, again)

    assert run.status == "unsolved"
    assert run.reason.endswith("and says: The test itself is wrong.")


async def checked(project: Path, check: str) -> tuple[str, list[tuple[str, str]]]:
    """What the model is told of its check in a suite that is red as before, and the check's runs."""
    (project / "test_calc.py").write_text(OTHER)
    log = MemoryLog()
    done = [call("done", summary="It adds.", check=check)]
    run, model = await worked(project, EDIT, done, DONE, log=log)
    bodies = [parse(event) for event in await log.read(run.run_id)]
    tried = [one for body in bodies if isinstance(body, ProgramFinished) for one in body.tried]
    words = told(model, 3) if len(model.requests) > 2 else ""
    return words, [(one.on, one.status) for one in tried if one.command == check]


@pytest.mark.slow
async def test_a_check_that_fails_is_told_with_its_output_though_the_suite_is_red_as_before(
    project: Path,
) -> None:
    words, runs = await checked(project, "echo seen by nobody; exit 3")

    assert "The check `echo seen by nobody; exit 3` fails with the change." in words
    assert "seen by nobody" in words
    assert runs == [("after", "error")]
