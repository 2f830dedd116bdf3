"""New tests that a change writes into given test files.

The given tests decide as they were, and such a file lands only by the user's word. What is new in it is run
after them, and may be evidence as a test in a new file is.
"""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

from coder.run.message import CodeMessage, Outcome
from coder.run.verdict_words import join_names
from coder.verify.new_tests import holds_tests
from coder.verify.time_limits import trial_s
from coder.verify.trial_outcomes import unshown_outcome
from coder.verify.verification import Verification
from coder.workspace.overlay import workspace_files

Logged = Callable[[str, dict[str, bytes]], AbstractAsyncContextManager[dict[str, Any]]]
"""Function of a program's purpose and files; its context manager logs the program's start and end."""


async def join_added_tests(
    verification: Verification, code: CodeMessage, outcome: Outcome, logged: Logged
) -> tuple[CodeMessage, Outcome]:
    """Run the new tests in a passing change's edits of given test files, where no given test shows success.

    Returns:
        The change with these files among its own, and the outcome with the new tests. Both unchanged if
        there is no new test, or if the tests don't end in time; if a new test fails, the outcome says so.
    """
    state, changes, baseline = verification.state, code.changes, verification.state.progress.baseline
    edits = {
        path: text for path, text in changes.test_edits.items() if text is not None and holds_tests(path)
    }
    is_open = outcome.passed and outcome.verified in ("none", "self")
    if not (edits and is_open and baseline is not None and baseline.told) or baseline.is_long:
        return code, outcome
    files = {**changes.files, **edits}
    async with logged("added tests", workspace_files(state, files)) as end_fields:
        run = await verification.run_command(wall_s=trial_s(state))
        end_fields |= {"status": run.result.status, "exit_code": run.result.exit_code}
    new = [line for line in run.lines if line.name not in {*baseline.before, *baseline.flaky}]
    if not new or run.is_cut or run.result.status == "timeout":
        return code, outcome
    if failing := [line.name for line in new if not line.passed]:
        reason = f"the new tests in edited test files fail: {join_names(failing)}"
        return code, unshown_outcome(outcome, reason)
    joined = changes.model_copy(update={"files": files})
    checks = (*outcome.checks, *new)
    return code.model_copy(update={"changes": joined}), outcome.model_copy(update={"checks": checks})
