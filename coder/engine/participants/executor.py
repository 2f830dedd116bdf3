"""Executor: verifies the Coder's latest answer by the strongest check that the task has."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from coder.context.quoting import shown_path
from coder.engine.turn.turn import Turn
from coder.run.event_types import ProgramFinished, ProgramStarted
from coder.run.message import CodeMessage, Outcome, OutcomeMessage
from coder.run.state import State
from coder.verify.evidence import weigh_evidence
from coder.verify.given_tests import weigh_tests
from coder.verify.verification import Verification
from coder.verify.verify import verify
from coder.verify.without_change import outcome_without_change
from coder.workspace.overlay import workspace_files
from coder.workspace.read import MAX_STORED_FILES


class Executor:
    """Lays the answer's files over the user's files, restores the original tests, and verifies."""

    name = "executor"

    async def speak(self, turn: Turn) -> OutcomeMessage:
        """Verify the latest code."""
        state = turn.state
        code = state.codes[-1]
        if code.is_change:
            verification = Verification(turn.bench, state, state.target, turn.journal.append)
            async with turn.bench.verify_lock:
                outcome = await self._verify(turn, verification, code)
        else:
            outcome = outcome_without_change(state, code)
        return OutcomeMessage(author=self.name, outcome=_with_left_out(outcome, code))

    async def _verify(self, turn: Turn, verification: Verification, code: CodeMessage) -> Outcome:
        state = verification.state
        files = workspace_files(state, code.changes.files)
        async with _logged(turn, verification, "verify", files) as end_fields:
            outcome, result = await verify(verification, files)
            end_fields |= {"status": result.status, "exit_code": result.exit_code, "seconds": outcome.seconds}
        if code.check or state.progress.baseline is not None:
            outcome = await weigh_evidence(verification, code, outcome, partial(_logged, turn, verification))
        target = state.target
        are_tests = any(target.is_unclear(path) or target.is_support(path) for path in code.changes.files)
        if code.changes.test_edits or are_tests:
            outcome = await weigh_tests(verification, code, outcome, partial(_logged, turn, verification))
        return outcome


@asynccontextmanager
async def _logged(
    turn: Turn, verification: Verification, purpose: str, files: dict[str, bytes]
) -> AsyncIterator[dict[str, Any]]:
    """Log a program's start and end, with the candidate's files before and after.

    The block updates the yielded fields of the end event.
    """
    start_time = time.monotonic()
    hashes_before = _logged_hashes(await verification.lay(files), turn.state)
    await turn.journal.append(ProgramStarted(what=purpose, before=hashes_before))
    end_fields: dict[str, Any] = {"status": "ok", "exit_code": None}
    yield end_fields
    hashes_after = _logged_hashes(await (await turn.bench.candidate()).manifest(), turn.state)
    seconds = {"seconds": time.monotonic() - start_time}
    await turn.journal.append(ProgramFinished(what=purpose, after=hashes_after, **(seconds | end_fields)))


def _with_left_out(outcome: Outcome, code: CodeMessage) -> Outcome:
    """Return the outcome; the feedback of a failure names the changes that were left out."""
    left_out_paths = [*code.changes.test_edits, *code.changes.left_out]
    if outcome.passed or not left_out_paths:
        return outcome
    paths = ", ".join(map(shown_path, left_out_paths))
    note = f"Left out of your answer, as no answer may change it: {paths}."
    return outcome.model_copy(update={"feedback": f"{outcome.feedback}\n{note}"})


def _logged_hashes(hashes: dict[str, str], state: State) -> dict[str, str]:
    """Return the hashes that the log needs: in a large workspace, only those of changed files."""
    if len(hashes) <= MAX_STORED_FILES:
        return hashes
    hashes_before = {path: file.sha256 for path, file in state.files.items()}
    return {path: sha256 for path, sha256 in hashes.items() if hashes_before.get(path) != sha256}
