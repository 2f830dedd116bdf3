"""Executor: verifies the Coder's latest answer by the strongest means of the task."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from coder.context.quoting import shown_path
from coder.engine.turn.turn import Turn
from coder.run.event_types import ProgramFinished, ProgramStarted
from coder.run.message import Cause, CodeMessage, Outcome, OutcomeMessage
from coder.run.state import State
from coder.run.target import Target
from coder.run.termination import join_names
from coder.verify.verification import Verification
from coder.verify.verify import verify
from coder.workspace.overlay import workspace_files
from coder.workspace.read import MAX_STORED_FILES

_MOST_SAID = 200
"""Characters of an answer in words alone that a person is shown."""


class Executor:
    """Puts the answer over the user's files and the pristine tests over both, then verifies."""

    name = "executor"

    async def speak(self, turn: Turn) -> OutcomeMessage:
        """Try the latest code."""
        state = turn.state
        code = state.codes[-1]
        if code.is_change:
            on = Verification(turn.bench, state, state.target)
            async with turn.bench.trying:
                outcome = await self._try(turn, on, code)
        elif code.changes.problem:
            failed = Outcome(passed=False, verified="none", feedback=code.changes.problem)
            outcome = _with_left_out(failed, code)
        else:
            first_line = next((line.strip() for line in code.text.splitlines() if line.strip()), "")
            note = f"it says: {first_line[:_MOST_SAID]}" if first_line else ""
            nothing = "No file was changed." if state.dialogue.messages else "The answer held no code."
            feedback = nothing if first_line else "The answer was empty."
            cause: Cause | None = "no_code" if first_line else None
            outcome = Outcome(passed=False, verified="none", feedback=feedback, note=note, cause=cause)
        return OutcomeMessage(author=self.name, outcome=outcome)

    async def _try(self, turn: Turn, on: Verification, code: CodeMessage) -> Outcome:
        state = on.state
        files = workspace_files(state, code.changes.files)
        async with _logged(turn, "verify", files) as ended:
            outcome, result = await verify(on, files)
            ended |= {"status": result.status, "exit_code": result.exit_code, "seconds": outcome.seconds}
        if code.check or state.progress.baseline is not None:
            from coder.verify.evidence import evidence, wants_evidence, with_unreported

            if wants_evidence(state, code, outcome):
                async with _logged(turn, "evidence", workspace_files(state, {})) as ended:
                    outcome, ended["tried"] = await evidence(on, code, outcome)
            outcome = with_unreported(state, code, outcome)
        if code.changes.test_edits and state.task.test_command is not None:
            outcome = await self._as_edited(turn, on, code, outcome)
        if outcome.passed and code.changes.test_edits and not code.changes.files and not outcome.unshown:
            unshown = {"verified": "none", "unshown": "it changes given tests alone"}
            outcome = outcome.model_copy(update=unshown)
        return _with_left_out(_with_unclear(outcome, code, on.target), code)

    async def _as_edited(self, turn: Turn, on: Verification, code: CodeMessage, outcome: Outcome) -> Outcome:
        """The outcome, with that of the suite with given tests as the answer edits them."""
        from coder.verify.given_tests import as_edited, red_where_edited, unreported

        is_open = red_where_edited(on.state, code, outcome) or unreported(on.state, code, outcome)
        if not is_open and code.changes.files:
            return outcome
        files = workspace_files(on.state, code.changes.files, test_edits=code.changes.test_edits)
        async with _logged(turn, "edited tests", files):
            return await as_edited(on, code, outcome)


@asynccontextmanager
async def _logged(turn: Turn, what: str, files: dict[str, bytes]) -> AsyncIterator[dict[str, Any]]:
    """Log programs that begin with these files in the candidate's workspace; the block fills in their end."""
    candidate, began = await turn.bench.candidate(), time.monotonic()
    await turn.journal.append(ProgramStarted(what=what, before=_told(await candidate.lay(files), turn.state)))
    ended: dict[str, Any] = {"status": "ok", "exit_code": None}
    yield ended
    after = _told(await (await turn.bench.candidate()).manifest(), turn.state)
    seconds = {"seconds": time.monotonic() - began}
    await turn.journal.append(ProgramFinished(what=what, after=after, **(seconds | ended)))


def _with_unclear(outcome: Outcome, code: CodeMessage, target: Target) -> Outcome:
    """Limit a success to `inside` where changed files may be a part of the tests; the note names them."""
    unclear = [path for path in code.changes.files if target.is_unclear(path)] if outcome.passed else []
    if not unclear:
        return outcome
    note = f"only the tests use these changed files, which may be a part of them: {join_names(unclear)}"
    return outcome.model_copy(
        update={
            "test_support": tuple(unclear),
            "strength": "inside" if outcome.strength == "outside" else outcome.strength,
            "note": " ".join(filter(None, (outcome.note, note))),
        }
    )


def _with_left_out(outcome: Outcome, code: CodeMessage) -> Outcome:
    """A failure also names the changes that were left out."""
    skipped = [*code.changes.test_edits, *code.changes.left_out]
    if outcome.passed or not skipped:
        return outcome
    note = f"Left out of your answer, as no answer may change it: {', '.join(map(shown_path, skipped))}."
    return outcome.model_copy(update={"feedback": f"{outcome.feedback}\n{note}"})


def _told(hashes: dict[str, str], state: State) -> dict[str, str]:
    """The hashes that the log needs: in a large workspace, those of changed files."""
    if len(hashes) <= MAX_STORED_FILES:
        return hashes
    as_read = {path: file.sha256 for path, file in state.files.items()}
    return {path: sha256 for path, sha256 in hashes.items() if as_read.get(path) != sha256}
