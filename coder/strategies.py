"""Strategies: named ways to go about a task. Each is a small team with its stop, and the budget it wants.

A run's first event says which one it takes, so that a resume takes the same.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from coder.loop import Team
from coder.models.size import goes_on
from coder.settings import Budget, Settings, StrategyName
from coder.stops import Stop, default_stop
from coder.task import Task
from coder.teams.best_of_n import BestOfN, best_of_n_stop
from coder.teams.round_robin import default_team

_MANY = 3
"""Fresh starts from which on it is worth to compare them."""


@dataclass(frozen=True, slots=True)
class Strategy:
    """Who takes turns, when that ends, and what it takes."""

    team: Callable[[], Team]
    stop: Callable[[], Stop]
    budget: Callable[[Budget], Budget] = lambda budget: budget


def _one_call(budget: Budget) -> Budget:
    return budget.model_copy(update={"samples": 1, "repairs": 0, "calls": 1})


def _all_fresh(budget: Budget) -> Budget:
    """As many fresh starts as were named, or as there may be calls."""
    samples = budget.samples if "samples" in budget.model_fields_set else budget.calls
    return budget.model_copy(update={"samples": samples, "repairs": 0})


STRATEGIES: Mapping[StrategyName, Strategy] = {
    "one-shot": Strategy(default_team, default_stop, _one_call),
    "repair": Strategy(default_team, default_stop),
    "best-of-n": Strategy(BestOfN, best_of_n_stop, _all_fresh),
}


def settled(settings: Settings, task: Task, *, model: str) -> Settings:
    """The settings with one strategy in them, and with its budget.

    Args:
        model: `provider/model` that answers.
    """
    named = settings.strategy or "repair"
    name = suited(task, settings.budget, model=model) if named == "auto" else named
    budget = STRATEGIES[name].budget(settings.budget)
    return settings.model_copy(update={"strategy": name, "budget": budget})


def suited(task: Task, budget: Budget, *, model: str) -> StrategyName:
    """What `auto` takes: by what decides, by who answers, by how many fresh starts were asked for."""
    given = task.test_command is not None or task.test_files
    if given or task.workspace is not None:
        return "repair"
    many = "samples" in budget.model_fields_set and budget.samples >= _MANY
    return "best-of-n" if many or goes_on(model) else "repair"


def taken(settings: Settings) -> Strategy:
    """The strategy of a run that has begun; one of before there were any repairs."""
    name = settings.strategy
    return STRATEGIES["repair" if name is None or name == "auto" else name]
