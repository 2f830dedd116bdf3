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

if TYPE_CHECKING:
    from coder.engine.attempt_runs import AttemptRuns


async def work(journal: Journal, model: Model, bench: Workbench, options: Options | None = None) -> Run:
    """Advance a run by its team until its stop condition holds and its change has landed (see `loop.py`)."""
    choices = options or Options()
    team, stop = team_and_stop(journal.state.settings, choices.get("team"), choices.get("stop"))
    state, log = journal.state, choices.get("log")

    def runs(choices: Options) -> "AttemptRuns":
        from coder.engine.attempt_runs import AttemptRuns  # imported late: most runs make no others

        assert log is not None
        return AttemptRuns(journal, log, model, bench, choices, work)

    has_begun = bool(state.progress.attempts)
    # A run that has code without attempts works alone.
    makes_attempts_now = has_begun or (makes_attempts(state.settings) and not state.codes)
    if log is not None and choices.get("team") is None and makes_attempts_now:
        from coder.engine.sampling.attempts import AttemptsTeam, Drawing, attempts_stop

        team, stop = AttemptsTeam(Drawing(runs(choices))), attempts_stop()
    recall = None
    if log is not None and state.settings.lessons:
        from coder.verify.lessons import recall as recall_from  # imported late: few runs want lessons

        recall = partial(recall_from, log)
    # No person, team or tool of the user belongs to a subagent's run.
    own_options = ("team", "stop", "tools", "watch", "settings", "run_id")
    for_subagents = {name: option for name, option in choices.items() if name not in own_options}
    bench.has_run_stop_hooks = False
    run = await run_until_stopped(
        journal,
        model,
        bench,
        team=team,
        stop=stop,
        children=partial(runs, cast(Options, for_subagents)) if log is not None else None,
        recall=recall,
    )
    is_main = journal.state.progress.parent is None
    if journal.state.settings.hooks and is_main and not bench.has_run_stop_hooks:
        from coder.engine.participants.hook_runs import HookRuns  # imported late: few runs have hooks

        await HookRuns.of(journal, bench.redactor.redact).objection_to_stop(None, is_repeated=False)
    return run
