"""Reasks: what is asked again within one turn, until an answer can be tried.

An answer whose form is off is asked for again in words; files that edits don't fit, or that words name, are
shown. Each of these happens twice at most. Words alone that ask the user something end the turn.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

from coder.edits.edit import Answered
from coder.prompting.asking import asks, form_words
from coder.prompting.looking import (
    Lines,
    around_misses,
    joined,
    seen_at_first,
    shown,
    texts_of,
    unseen,
    with_lines,
)
from coder.prompts import prompt
from coder.run.settings import EditFormat
from coder.run.target import Target
from coder.turn import Turn

if TYPE_CHECKING:
    from coder.context.survey import Survey

Cause = Literal["form", "misfit", "look"]
MOST_REASKS = 2
"""Of each cause, in one turn; they cost calls but no repair."""


class Reasks:
    """The requests of one turn that follow the first one."""

    def __init__(
        self,
        turn: Turn,
        files: Mapping[str, str | None],
        *,
        target: Target,
        form: EditFormat,
        survey: "Survey | None",
    ) -> None:
        """Begin a turn.

        Args:
            files: those that answers are about, as they are now; None is one that is no text.
            form: the form in which changes are asked for.
            survey: what the first request shows of a repository that can't be quoted in full.
        """
        state = turn.state
        visible = texts_of(state)
        self._texts = {
            path: text
            for path, text in files.items()
            if text is not None and (path in visible or path not in state.files)
        }
        self._context = turn.abilities.context
        self._target, self._form = target, form
        self._may_ask = state.settings.asks
        self._seen = seen_at_first(state, survey)
        self._left: dict[Cause, int] = {"form": MOST_REASKS, "misfit": MOST_REASKS, "look": MOST_REASKS}
        self._said: str | None = None
        self.shown: Lines = {}
        """What was shown beside the first request."""
        self.is_question = False
        """The last answer asks the user."""

    def next(self, answered: Answered, text: str) -> str | None:
        """The next request; None where the answer is the turn's last one."""
        cause, wanted = self._cause(answered, text)
        if self.is_question or answered.problem is None or text == self._said or not self._left[cause]:
            return None  # a model that repeats itself word for word isn't moved by being asked again
        self._left[cause] -= 1
        self._said = text
        files = shown(wanted, self._texts, context=self._context)
        if files:
            self._seen, self.shown = joined(self._seen, wanted), joined(self.shown, wanted)
        return self._words(cause, answered, text, files)

    def _cause(self, answered: Answered, text: str) -> tuple[Cause, Lines]:
        """Why to ask again, and what to show with it."""
        if not answered.fits:
            return "misfit", around_misses(answered.missed, self._texts)
        if not answered.empty:
            return "form", {}
        from coder.context.asked_files import asked_files

        named = with_lines(asked_files(text, self._texts, default=self._target.path), self._texts)
        wanted = unseen(named, self._seen) if self._left["look"] else {}
        self.is_question = self._may_ask and asks(text) and not wanted
        return ("look", wanted) if wanted else ("form", {})

    def _words(self, cause: Cause, answered: Answered, text: str, files: str) -> str:
        """The request, in the form that was asked for at first."""
        how = form_words(self._form, is_python=self._target.is_python)
        if cause == "look" and files:
            return prompt("shown").format(files=files, form=how)
        if files:
            return f"{answered.problem}\n\nThese files as they are now:\n{files}"
        if answered.empty and not self._may_ask and asks(text):
            return f"Nobody can answer a question: decide by yourself. {how}"
        if answered.empty:
            what = "holds no code" if self._form == "whole" else "changes no file"
            return f"Your answer {what}. {how}"
        return answered.problem or ""
