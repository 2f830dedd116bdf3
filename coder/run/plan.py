"""Plan: the steps that a model which acts has set itself, as its latest call of `plan` names them. Pure."""

from typing import Literal

from pydantic import BaseModel, Field, ValidationError

from coder.base.text.sanitize import count_of, one_line

_MARKS = {"todo": " ", "doing": ">", "done": "x"}
_WIDTH = 200


class PlanStep(BaseModel, frozen=True, extra="forbid"):
    """One step."""

    text: str = Field(min_length=1)
    status: Literal["todo", "doing", "done"] = "todo"


class Plan(BaseModel, frozen=True, extra="forbid"):
    """Arguments of the tool `plan`."""

    steps: tuple[PlanStep, ...] = Field(min_length=1, max_length=50)

    @property
    def count(self) -> str:
        """How many steps there are and are done."""
        done = sum(step.status == "done" for step in self.steps)
        return f"{count_of(len(self.steps), 'step')}, {done} done"

    @property
    def lines(self) -> list[str]:
        """A line for each step, with its status before it."""
        return [f"[{_MARKS[step.status]}] {one_line(step.text, width=_WIDTH)}" for step in self.steps]

    @property
    def block(self) -> str:
        """The block on the screen."""
        return "\n    ".join([f"  · plan  {self.count}", *self.lines])


def plan_of(arguments: str) -> Plan | None:
    """The plan that a call's arguments hold; None where they don't fit."""
    try:
        return Plan.model_validate_json(arguments)
    except ValidationError:
        return None
