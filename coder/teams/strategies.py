"""Strategies: named ways to go about a task. Each is a small team with its stop, and the settings it wants.

A run's first event says which one it takes, so that a resume takes the same.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING

from coder.errors import UsageError
from coder.loop import Team
from coder.models.abilities import Abilities, abilities_of, goes_on, parameters_of
from coder.models.model import Model
from coder.run.message import EXPERT
from coder.run.settings import Budget, Settings, StrategyName
from coder.run.task import Task
from coder.run.termination import Stop, default_stop
from coder.teams.round_robin import default_team

if TYPE_CHECKING:
    from coder.environment.workbench import Workbench

_MANY = 3
"""Fresh starts from which on it is worth to compare them."""
LEAST_CALLS = 3
"""Calls that acting takes at least: a look, a change, the word that it is done."""
_ABLE = 4_000_000_000
"""Parameters from which on a model that runs commands does more than write its answer."""
_ROOM = 8192
"""Tokens that a model must be able to read to act: a dialogue of commands and outputs needs them."""
_UNKNOWN = Abilities()


@dataclass(frozen=True, slots=True)
class Strategy:
    """Who takes turns, when that ends, and what else it takes."""

    team: Callable[[], Team]
    stop: Callable[[], Stop] = default_stop
    shape: Callable[[Settings], Settings] = lambda settings: settings
    """What it does to the settings that the user gave."""
    draws: bool = False
    """It makes many fresh answers, and chooses."""

    def limited(self, budget: Budget) -> Budget:
        """New limits of a run that goes on, as the strategy wants them."""
        return self.shape(Settings(budget=budget)).budget


def _one_call(settings: Settings) -> Settings:
    return _with_budget(settings, samples=1, repairs=0, calls=1)


def _planned(settings: Settings) -> Settings:
    return settings.model_copy(update={"plan": settings.plan is not False})


def _all_fresh(settings: Settings) -> Settings:
    """As many fresh starts as were named, or as there may be calls."""
    budget = settings.budget
    samples = budget.samples if "samples" in budget.model_fields_set else budget.calls
    return _with_budget(settings, samples=samples, repairs=0)


def _tested(settings: Settings) -> Settings:
    """One call goes to the tests."""
    budget = settings.budget
    samples = budget.samples if "samples" in budget.model_fields_set else max(1, budget.calls - 1)
    return _with_budget(settings, samples=samples, repairs=0)


def _acting(settings: Settings) -> Settings:
    """Limits for many small steps, where the user has named none."""
    named = settings.budget.model_fields_set
    wide = {"calls": 100, "cost_usd": Decimal(3), "seconds": 1800.0}
    update = {name: value for name, value in wide.items() if name not in named}
    return settings.model_copy(update={"budget": settings.budget.model_copy(update=update)})


def _with_budget(settings: Settings, **limits: int) -> Settings:
    return settings.model_copy(update={"budget": settings.budget.model_copy(update=limits)})


# What only one strategy is made of is imported by who takes it.
def _one_shot() -> Team:
    from coder.teams.one_shot import OneShot

    return OneShot()


def _best_of_n(*, tested: bool = False) -> Team:
    from coder.teams.best_of_n import BestOfN

    return BestOfN(tested=tested)


def _best_of_n_stop() -> Stop:
    from coder.teams.best_of_n import best_of_n_stop

    return best_of_n_stop()


def _review() -> Team:
    from coder.teams.review import Review

    return Review()


def _review_stop() -> Stop:
    from coder.teams.review import review_stop

    return review_stop()


def _act() -> Team:
    from coder.teams.act import Act

    return Act()


def _act_stop() -> Stop:
    from coder.teams.act import act_stop

    return act_stop()


def _escalate() -> Team:
    from coder.teams.escalate import Escalate

    return Escalate()


STRATEGIES: Mapping[StrategyName, Strategy] = {
    "act": Strategy(_act, _act_stop, _acting),
    "one-shot": Strategy(_one_shot, shape=_one_call),
    "repair": Strategy(default_team),
    "plan": Strategy(default_team, shape=_planned),
    "best-of-n": Strategy(_best_of_n, _best_of_n_stop, _all_fresh, draws=True),
    "tests": Strategy(lambda: _best_of_n(tested=True), _best_of_n_stop, _tested, draws=True),
    "review": Strategy(_review, _review_stop),
    "escalate": Strategy(_escalate),
}


def settled(
    settings: Settings, task: Task, *, model: str, able: Abilities = _UNKNOWN, sessions: bool = True
) -> Settings:
    """The settings with one strategy in them, and as it wants them.

    Args:
        model: `provider/model` that answers.
        able: what it is known to be able to do.
        sessions: whether sessions can be had here.

    Raises:
        UsageError: the strategy wants a second model, and none is named; or sessions, and there are none.
    """
    named = settings.strategy or "auto"
    name = suited(task, settings, model=model, able=able, sessions=sessions) if named == "auto" else named
    if name == "escalate" and EXPERT not in settings.roles:
        raise UsageError("--strategy escalate needs a second model. Name it: --strong-model PROVIDER/MODEL")
    if name == "act" and not sessions:
        raise UsageError(
            f"--strategy act works in a session, and the sandbox {settings.backend} has none here. "
            "Leave --sandbox out, or name another --strategy."
        )
    return STRATEGIES[name].shape(settings).model_copy(update={"strategy": name})


async def settled_here(settings: Settings, task: Task, model: Model, bench: "Workbench") -> Settings:
    """The same for a model and its sandboxes; it is seen first that a model which is to act can.

    Raises:
        UsageError: as of `settled`, or there are tools that nobody would call.
        SandboxError: the sandbox can't be opened.
    """
    able = abilities_of(model)
    name = settings.strategy or "auto"
    if name == "auto":
        name = suited(task, settings, model=model.name, able=able)
    sessions = name != "act" or await bench.has_sessions()
    chosen = settled(settings, task, model=model.name, able=able, sessions=sessions)
    see_tools(chosen, bench)
    return chosen


def see_tools(settings: Settings, bench: "Workbench") -> None:
    """See that functions of the user's are for a model that acts.

    Raises:
        UsageError: they aren't.
    """
    if bench.tools and settings.strategy != "act":
        raise UsageError(
            f"Tools are for a model that acts, and --strategy {settings.strategy or 'repair'} calls none."
        )


def attempts(settings: Settings) -> int:
    """How many sessions work on a task side by side where the model acts: as many as samples were named."""
    budget = settings.budget
    is_many = settings.strategy in ("act", "auto", None) and not settings.chat
    return budget.samples if is_many and "samples" in budget.model_fields_set else 1


def suited(
    task: Task, settings: Settings, *, model: str, able: Abilities = _UNKNOWN, sessions: bool = True
) -> StrategyName:
    """What `auto` takes: by what decides, by who answers, by what the user has named; a replay as it was."""
    if EXPERT in settings.roles:
        return "escalate"
    named = settings.budget.model_fields_set
    is_one_function = task.workspace is None and task.test_command is None and not task.test_files
    many = "samples" in named and settings.budget.samples >= _MANY
    if settings.plan is None and is_one_function and (many or goes_on(model)):
        return "best-of-n"
    is_small = model.startswith("local/") or (parameters_of(model) or _ABLE) < _ABLE
    is_small = is_small or (able.context is not None and able.context < _ROOM)
    has_calls = _acting(settings).budget.calls // attempts(settings) >= LEAST_CALLS
    acts = not is_small and has_calls if able.acts is None else able.acts
    by_repairs = "repairs" in named
    return "act" if acts and sessions and not by_repairs else "repair"


def named_limits(settings: Settings, budget: Budget) -> Budget:
    """The limits of a run that were named: those that aren't what its strategy has by itself."""
    usual = taken(settings).limited(Budget())
    return Budget(**{name: limit for name, limit in budget if limit != getattr(usual, name)})


def taken(settings: Settings) -> Strategy:
    """The strategy of a run that has begun; runs from before there were any did repairs.

    In a conversation the human has a say before its end.
    """
    name = settings.strategy
    strategy = STRATEGIES["repair" if name is None or name == "auto" else name]
    if not settings.chat:
        return strategy
    from coder.teams.conversation import Conversation, conversation_stop

    return replace(
        strategy,
        team=lambda: Conversation(strategy.team(), strategy.stop()),
        stop=lambda: conversation_stop(strategy.stop()),
    )
