"""Work on an open run until it has stopped."""

from coder.engine.loop import run_until_stopped
from coder.engine.options import Options
from coder.engine.teams.strategies import makes_attempts, team_and_stop
from coder.environment.workbench import Workbench
from coder.models.model import Model
from coder.run.journal import Journal
from coder.run.run import Run
from coder.workspace.deliver import deliver


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
    run = await run_until_stopped(journal, model, bench, team=team, stop=stop, land=deliver)
    if journal.state.settings.hooks and journal.state.progress.parent is None:
        from coder.engine.participants.hook_runs import HookRuns  # imported late: few runs have hooks

        await HookRuns.of(journal.state).stop()
    return run
