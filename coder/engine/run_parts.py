"""RunParts: the parts that work on an open run, chosen by its settings and the caller's options."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, cast

from coder.engine.options import Options
from coder.engine.participants.participant import Team
from coder.engine.teams.strategies import makes_attempts, team_and_stop
from coder.environment.workbench import Workbench
from coder.models.model import Model
from coder.run.journal import Journal
from coder.run.run import Run
from coder.run.termination import Stop

if TYPE_CHECKING:
    from coder.engine.attempt_runs import AttemptRuns
    from coder.verify.baseline import Recall

_OF_MAIN_RUN = ("team", "stop", "tools", "watch", "settings", "run_id")
"""Options that a subagent's run doesn't have: no person, team or tool of the user belongs to it."""


@dataclass(frozen=True, slots=True)
class RunParts:
    """Parts that work on a run."""

    team: Team
    stop: Stop
    children: "Callable[[], AttemptRuns] | None"
    """Makes subagents' runs; None without a log."""
    recall: "Recall | None"
    """Looks up lessons of earlier runs; None if the run has none."""


def run_parts(
    journal: Journal,
    model: Model,
    bench: Workbench,
    options: Options,
    work: Callable[[Journal, Model, Workbench, Options], Awaitable[Run]],
) -> RunParts:
    """Choose the parts of an open run; `work` works on the runs that it makes."""
    state, log = journal.state, options.get("log")
    team, stop = team_and_stop(state.settings, options.get("team"), options.get("stop"))
    if log is None:
        return RunParts(team, stop, None, None)

    def runs(options: Options) -> "AttemptRuns":
        from coder.engine.attempt_runs import AttemptRuns  # imported late: most runs make no others

        return AttemptRuns(journal, log, model, bench, options, work)

    has_begun = bool(state.progress.attempts)
    # A run that has code without attempts works alone.
    makes_attempts_now = has_begun or (makes_attempts(state.settings) and not state.codes)
    if options.get("team") is None and makes_attempts_now:
        from coder.engine.sampling.attempts import AttemptsTeam, Drawing, attempts_stop

        team, stop = AttemptsTeam(Drawing(runs(options))), attempts_stop()
    recall = None
    if state.settings.lessons:
        from coder.verify.lessons import recall as recall_from  # imported late: few runs want lessons

        recall = partial(recall_from, log)
    for_subagents = {name: option for name, option in options.items() if name not in _OF_MAIN_RUN}
    return RunParts(team, stop, partial(runs, cast(Options, for_subagents)), recall)


async def run_end_hooks(journal: Journal, bench: Workbench) -> None:
    """Run the user's hooks for the end of a run if they haven't run yet, as after a limit or an error."""
    is_main = journal.state.progress.parent is None
    if journal.state.settings.hooks and is_main and not bench.has_run_stop_hooks:
        from coder.engine.participants.hook_runs import HookRuns  # imported late: few runs have hooks

        await HookRuns.of(journal, bench).objection_to_stop(None, is_repeated=False)
