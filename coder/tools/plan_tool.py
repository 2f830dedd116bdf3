"""Tools for plans: the coder's `plan` shows its plan to the user; the planner's `plan` submits it."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from coder.models.model import JsonObject, ToolSpec
from coder.tools.tool import Arguments, Desk, ToolResult, read_arguments, spec_of

_STEP: JsonObject = {"text": {"type": "string"}, "status": {"enum": ["todo", "doing", "done"]}}
PLAN = ToolSpec(
    name="plan",
    description="For tasks of several steps: show the user your plan. Each call replaces it as a whole.",
    parameters={
        "type": "object",
        "properties": {
            "steps": {"type": "array", "items": {"type": "object", "properties": _STEP, "required": [*_STEP]}}
        },
        "required": ["steps"],
    },
)


@dataclass(frozen=True, slots=True)
class PlanTool:
    """The tool `plan`, whose arguments are logged and shown."""

    spec: ToolSpec = PLAN
    effect: bool = False

    async def call(self, arguments: JsonObject, desk: Desk) -> ToolResult:
        """Return the number of steps."""
        from coder.run.plan import Plan

        return ToolResult(read_arguments(arguments, Plan, name=PLAN.name).count)


class HandIn(Arguments):
    """Arguments of the planner's tool `plan`."""

    steps: tuple[Annotated[str, Field(min_length=1)], ...] = Field(
        min_length=1, max_length=50, description="In their order, without numbers."
    )


HAND_IN = spec_of(
    "plan", "Hand in the plan. It is followed at once, or what should differ comes back.", HandIn
)
