"""Define JudgeActor, a judge for training loops that run in a Ray cluster, such as verl's."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.rewards.rewarder import Rewarder, Texts
from benchmarks.suite import Suite


class JudgeActor:
    """Class of an actor: `ray.remote(resources={"judge": 1})(JudgeActor).remote("humaneval")`.

    The actor opens sandboxes on its machine for the first answer. Candidates run in these sandboxes, never in
    the actor's process. Without Ray it is an ordinary class.
    """

    def __init__(self, suite: Suite | str | Path, **options: Any) -> None:  # noqa: ANN401
        """Load a suite; `options` are those of `Rewarder`. Raises UsageError."""
        self._rewarder = Rewarder(suite, **options)

    def score(self, prompts: Texts, answers: Texts, **columns: Sequence[object]) -> list[float | None]:
        """Return the reward of each answer, as `Rewarder` does; a batch of 16 or more pays for the call."""
        return self._rewarder(prompts, answers, **columns)

    def close(self) -> None:
        """Close the sandboxes; the next answer opens new ones."""
        self._rewarder.__exit__()
