"""How a Harbor task is judged, which its own solution fixes before answers are judged."""

from typing import Literal

from benchmarks.harbor.twin import OwnWork
from benchmarks.verdict import Strength
from sandbox.result import Value


class StepMode(Value):
    """Facts about one step that a run of the task's own solution shows."""

    needs_deciding: bool = False
    """Whether the solution passes only with changed programs, libraries or startup files of the image."""
    own: OwnWork | None = None
    """Changes by the solution; None until they are determined, or without a solution."""


class HarborMode(Value):
    """How a task is judged.

    apart: tests in a fresh container. shared: tests beside the agent's living processes, as the solution
    fails apart. broken: the solution fails both ways, or the task can't be run.
    """

    how: Literal["apart", "shared", "broken"]
    strength: Strength = "apart"
    """Strength of the verdict on the solution; verdicts on answers have their own."""
    steps: tuple[StepMode, ...] = ()
    """Mode of each step, by its number; further steps have the default."""
    is_solution: bool = False
    """Whether the solution itself is judged, to find its mode."""
    reason: str = ""

    @property
    def needs_deciding(self) -> bool:
        """Whether the solution needs changed programs, libraries or startup files in a step."""
        return any(step.needs_deciding for step in self.steps)

    @property
    def own(self) -> OwnWork | None:
        """Changes by the solution in the first step."""
        return self.step(0).own

    def step(self, number: int) -> StepMode:
        """Return the mode of a step."""
        if self.is_solution:
            return StepMode(needs_deciding=True)
        return self.steps[number] if number < len(self.steps) else StepMode()
