"""AnswerText: the text of an answer without calls, in a turn by tools: edits, a question, or words alone."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial

from coder.base.prompts import prompt
from coder.edits.answer import read_answer
from coder.edits.edit import Answered, FileBlocks
from coder.edits.replies import asks, is_words
from coder.engine.participants.dialogue import DialogueTurn
from coder.engine.participants.encoded_answers import in_their_encodings
from coder.engine.participants.ends_in_words import EndsInWords, explanation_in
from coder.engine.participants.role import Role
from coder.engine.participants.submission import code_message
from coder.engine.participants.workplace import Workplace
from coder.engine.prompting.task_parts import current_target, file_blocks
from coder.engine.turn.turn import Turn
from coder.run.conversation import is_asked_about_change
from coder.run.message import Message, QuestionMessage, ReplyMessage
from coder.workspace.consent import is_protected
from coder.workspace.overlay import to_ends

_DONE_LINE = re.compile(r"^[^\w\n]*DONE[^\w\n]*$", re.MULTILINE)
"""The line with which a model without native tool calls ends its work."""


@dataclass(frozen=True, slots=True)
class AnswerText:
    """The words of a dialogue's last answer, which calls no tool."""

    turn: Turn
    role: Role
    dialogue: DialogueTurn
    workplace: Workplace
    ends: EndsInWords

    async def read(self) -> Message | str | None:
        """Make the edits; return the turn's message or a follow-up request. None: the text was a call."""
        turn, text = self.turn, self.dialogue.words or ""
        edits = await self.make_edits(text)
        if edits.problem is not None and not edits.empty:
            return edits.problem  # it quotes the nearest lines; the model can read more
        code = code_message(turn.state, current_target(turn.state), text, author=self.role.name)
        if edits.files or edits.apart:
            return code
        if self.dialogue.speaks_text():
            await self.dialogue.to_text()
            is_call = self.dialogue.open_calls() and not explanation_in(text)
            return None if is_call else prompt("act-text")
        if code.changes.texts and not code.repeats:
            return code
        may_talk = turn.state.settings.chat or self.role.is_member or is_asked_about_change(turn.state)
        if may_talk and is_words(edits, text):
            return ReplyMessage(author=self.role.name, text=text)
        if code.changes.texts and _DONE_LINE.search(text):
            return code
        if asks(text) and turn.state.settings.asks:
            return QuestionMessage(author=self.role.name, text=text)
        if code.changes.texts:
            outcome = turn.state.outcome
            is_told = outcome is not None and outcome.mended > 0  # that what still fails may be left as it is
            return code if is_told and text.strip() else prompt("stands")
        return self.ends.end(code) if text.strip() else prompt("nudge")

    async def make_edits(self, text: str) -> Answered:
        """Make the fitting edits of a text."""
        state = self.turn.state
        files = {path: stored.text for path, stored in state.worked_at_answer.items()}
        edits = self._read(text, files, file_blocks(state, acts=not state.dialogue.is_text))
        if edits.empty and self.ends.has_followed_up:
            # A model that answers with a whole file, told that none has changed, doesn't explain it.
            whole = self._read(text, files, "below_path")
            edits = whole if whole.problem is None and _are_whole(whole.files, files) else edits
        self.ends.doubted = edits.doubted
        edits = in_their_encodings(edits, state.worked_at_answer)
        if edits.files or (edits.fits and edits.apart):
            new_texts = {**to_ends(edits.files, state.files), **to_ends(edits.apart, state.files)}
            if notes := await self.workplace.write_edits(new_texts):  # the next answer is about them
                return replace(edits, problem="\n\n".join(filter(None, [edits.problem, notes])))
        return edits

    def _read(self, text: str, files: Mapping[str, str | None], blocks: FileBlocks) -> Answered:
        state, target = self.turn.state, current_target(self.turn.state)
        return read_answer(
            text,
            files,
            default=target.path,
            expected=target.names,
            ignored=partial(is_protected, state=state, target=target),
            in_part=True,
            blocks=blocks,
            originals={path: stored.text for path, stored in state.files.items()},
            doubted=self.ends.doubted,
        )


def _are_whole(answered: Mapping[str, str | None], files: Mapping[str, str | None]) -> bool:
    """Whether these texts are new versions of files: an excerpt lacks most lines of its file."""
    lines = {path: (text or "").splitlines() for path, text in answered.items()}
    before = {path: (files.get(path) or "").splitlines() for path in answered}
    return bool(answered) and all(
        path in files and 2 * len({*lines[path]} & {*before[path]}) >= len({*before[path]})
        for path in answered
    )
