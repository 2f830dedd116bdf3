"""Find new files that the test command makes again: what tests write is no part of the change."""

from coder.run.message import CodeMessage, Outcome
from coder.source.named_sources import is_source
from coder.verify.added_tests import Logged
from coder.verify.time_limits import trial_s
from coder.verify.verification import Verification
from coder.workspace.consent import is_allowed
from coder.workspace.overlay import workspace_files


async def find_made_again(
    verification: Verification, code: CodeMessage, outcome: Outcome, logged: Logged
) -> Outcome:
    """Return a passing outcome with the new files that the command makes in a workspace without them.

    Sources aren't tried: the tests need them.
    """
    state, baseline = verification.state, verification.state.progress.baseline
    new_paths = {
        path
        for path, text in code.changes.files.items()
        if not (text is None or path in state.files or is_source(path))
        and not is_allowed(path, state.settings.allow)
    }
    is_tried = bool(new_paths) and outcome.passed and state.task.test_command is not None
    if not is_tried or state.settings.in_place or baseline is None or baseline.is_long:
        return outcome
    files = {path: text for path, text in code.changes.files.items() if path not in new_paths}
    async with logged("made again", workspace_files(state, files)) as end_fields:
        run = await verification.run_command(wall_s=trial_s(state), is_shown=False)
        end_fields |= {"status": run.result.status, "exit_code": run.result.exit_code}
        manifest = await (await verification.bench.candidate()).manifest()
    return outcome.model_copy(update={"made_again": tuple(sorted(new_paths & manifest.keys()))})
