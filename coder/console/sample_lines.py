"""SampleLines: the attempts of a run that makes many and then chooses, told together where they are many."""

from collections import Counter

from coder.participants.executor import Executor
from coder.run.event_types import Body, BudgetReached, LandingPlanned, PatchProposed, RunStopped, Spoken
from coder.run.message import Message, Outcome

MOST_TOLD = 4
"""So many have a line each: beside the choice, the verdict and the next step there is no room for more."""
PASSED, FAILED, REPEATED = "passed", "failed", "said again"


class SampleLines:
    """What was drawn and isn't on the screen yet."""

    def __init__(self) -> None:
        self._drawn: list[tuple[str, str]] = []
        """How each ended, and its line."""

    @property
    def so_far(self) -> str:
        """For the spinner; empty before the first."""
        passed = sum(how == PASSED for how, _ in self._drawn)
        return f"{passed} of {len(self._drawn)} passed so far" if self._drawn else ""

    def told(self, body: Body, line: str | None) -> list[str]:
        """The lines to tell at an event: none at one more draw; at what follows the last one those of all.

        Args:
            line: of the event itself.
        """
        own = [line] if line is not None else []
        if line is not None and (how := _how_it_ended(body)) is not None:
            self._drawn.append((how, line))
            return []
        ends = isinstance(body, BudgetReached | PatchProposed | LandingPlanned | RunStopped)
        return [*self._all(), *own] if ends or (isinstance(body, Spoken) and own) else own

    def _all(self) -> list[str]:
        drawn, self._drawn = self._drawn, []
        if len(drawn) <= MOST_TOLD:
            return [line for _, line in drawn]
        counts = Counter(how for how, _ in drawn)
        counted = ", ".join(f"{counts[how]} {how}" for how in (PASSED, FAILED, REPEATED) if counts[how])
        first = next(([line] for how, line in drawn if how == FAILED), [])
        return [f"  · attempts  {len(drawn)}: {counted}", *first]


def _how_it_ended(body: Body) -> str | None:
    match body:
        case Spoken(message=Message(kind="code", repeats=True)):
            return REPEATED
        case Spoken(message=Message(author=Executor.name, outcome=Outcome(passed=passed))):
            return PASSED if passed else FAILED
        case _:
            return None
