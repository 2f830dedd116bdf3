"""Plan: the steps that a model has planned by its latest call of the tool `plan`."""

from typing import Literal

from pydantic import Field, ValidationError

from coder.base.text.sanitize import count_of, one_line
from sandbox.result import Value

_MARK_BY_STATUS = {"todo": " ", "doing": ">", "done": "x"}
_WIDTH = 200


class PlanStep(Value):
    """One step of a plan."""

    text: str = Field(min_length=1)
    status: Literal["todo", "doing", "done"] = "todo"


class Plan(Value):
    """Arguments of the tool `plan`."""

    steps: tuple[PlanStep, ...] = Field(min_length=1, max_length=50)

    @property
    def count(self) -> str:
        """Number of steps and of finished steps, in words."""
        done_count = sum(step.status == "done" for step in self.steps)
        return f"{count_of(len(self.steps), 'step')}, {done_count} done"

    @property
    def lines(self) -> list[str]:
        """One line per step, with its status in front."""
        return [
            f"[{_MARK_BY_STATUS[step.status]}] {one_line(step.text, width=_WIDTH)}" for step in self.steps
        ]

    @property
    def block(self) -> str:
        """The plan as a text block for the screen."""
        return "\n    ".join([f"  · plan  {self.count}", *self.lines])


def plan_of(arguments: str) -> Plan | None:
    """Return the plan in a call's arguments; None if they are invalid."""
    try:
        return Plan.model_validate_json(arguments)
    except ValidationError:
        return None
