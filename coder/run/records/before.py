"""Before: the state before an event, with the parts of it that records read."""

from collections.abc import Sequence
from typing import Protocol

from coder.run.records.progress import Progress
from coder.run.records.questions import Questions
from coder.run.records.spend import Spend
from coder.run.task import Task


class Before(Protocol):
    """Interface of the state before an event; records can't import `State`, which imports them."""

    @property
    def task(self) -> Task:
        """The latest task."""

    @property
    def progress(self) -> Progress:
        """The turns and their outcomes."""

    @property
    def spend(self) -> Spend:
        """Usage of the budget."""

    @property
    def questions(self) -> Questions:
        """The questions to a person."""

    @property
    def steps(self) -> Sequence[object]:
        """The states of earlier tasks."""
