"""Work on an open run until it has stopped."""

from functools import partial
from typing import TYPE_CHECKING, cast

from coder.engine.loop import run_until_stopped
from coder.engine.options import Options
from coder.engine.teams.strategies import makes_attempts, team_and_stop
from coder.environment.workbench import Workbench
from coder.models.model import Model
from coder.run.journal import Journal
from coder.run.run import Run
from coder.store import EventLog

if TYPE_CHECKING:
    from coder.engine.attempt_runs import AttemptRuns
    from coder.verify.baseline import Recall


async def work(journal: Journal, model: Model, bench: Workbench, options: Options | None = None) -> Run:
    """Advance a run by its team until its stop condition holds and its change has landed (see `loop.py`)."""
    choices = options or Options()
    team, stop = team_and_stop(journal.state.settings, choices.get("team"), choices.get("stop"))
    state, log = journal.state, choices.get("log")
    has_begun = bool(state.progress.attempts)
    works_alone = bool(state.codes) and not has_begun  # the run has code of its own, not of attempts
    makes_attempts_now = has_begun or (makes_attempts(state.settings) and not works_alone)
    if log is not None and choices.get("team") is None and makes_attempts_now:
        from coder.engine.attempt_runs import AttemptRuns  # imported late: most runs make no attempts
        from coder.engine.sampling.attempts import AttemptsTeam, Drawing, attempts_stop

        runs = AttemptRuns(journal, log, model, bench, choices, work)
        team, stop = AttemptsTeam(Drawing(runs)), attempts_stop()

    def children() -> "AttemptRuns":
        from coder.engine.attempt_runs import AttemptRuns  # imported late: few runs have subagents

        assert log is not None
        return AttemptRuns(journal, log, model, bench, _for_subagents(choices), work)

    bench.has_run_stop_hooks = False
    run = await run_until_stopped(
        journal,
        model,
        bench,
        team=team,
        stop=stop,
        children=children if log is not None else None,
        recall=_recall(journal, log),
    )
    is_main = journal.state.progress.parent is None
    if journal.state.settings.hooks and is_main and not bench.has_run_stop_hooks:
        from coder.engine.participants.hook_runs import HookRuns  # imported late: few runs have hooks

        await HookRuns.of(journal.state).objection_to_stop(None, is_repeated=False)
    return run


def _recall(journal: Journal, log: EventLog | None) -> "Recall | None":
    """Return the function that recalls lessons; None if the run wants none."""
    if log is None or not journal.state.settings.lessons:
        return None
    from coder.verify.lessons import recall  # imported late: few runs want lessons

    return partial(recall, log)


def _for_subagents(options: Options) -> Options:
    """Return the options for a subagent's run: no person, team or tool of the user belongs to it."""
    own_options = ("team", "stop", "tools", "watch", "settings", "run_id")
    return cast(Options, {name: option for name, option in options.items() if name not in own_options})
