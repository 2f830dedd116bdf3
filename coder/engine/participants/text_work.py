"""TextWork: a turn of a Coder without tools, whose answer in text is read as edits."""

from collections.abc import Mapping
from functools import partial

from coder.edits.answer import read_answer
from coder.edits.edit import Answered
from coder.engine.participants.dialogue import DialogueTurn
from coder.engine.prompting.files_shown import survey_of, texts_of
from coder.engine.prompting.messages import coder_view
from coder.engine.prompting.reprompt import again_words, asks, is_reply, misfit, target_now
from coder.engine.turn.turn import Turn
from coder.models.abilities import EMBEDDED
from coder.models.model import ChatMessage, Sampling
from coder.run.attempts import code_to_repair, is_repeat
from coder.run.message import AnswerChanges, CodeMessage, Message, QuestionMessage, ReplyMessage
from coder.run.settings import EditFormat
from coder.run.state import State
from coder.run.target import DEFAULT_PATH, Target, is_test
from coder.run.termination import EMPTY_ANSWERS
from coder.source.python_names import begun_function, defined_names, free_names
from coder.workspace.consent import is_given_test, is_protected
from coder.workspace.overlay import following, to_ends

MOST_REASKS = 2
"""Of each cause, in one turn; they cost calls but no repair."""
_EMBEDDED_TOKENS = 768
"""The embedded model has lost its thread when it writes more than this for one answer."""
MOST_OF_A_FILE = 8_000
"""Characters of the largest file that is asked for whole; a larger one costs more to write than edits do."""
MOST_IN_ALL = 24_000
"""Characters of all files; of more, not every one is shown, and the others can't be written whole."""


class TextWork:
    """Work of a turn without tools: its dialogue is folded to the task, the last answer and its outcome.

    An answer in text is read as edits; one that can't be tried is answered in the same dialogue.
    """

    def __init__(self, turn: Turn, author: str, view: list[ChatMessage]) -> None:
        """Begin with the messages of `view`."""
        self.talk = DialogueTurn(turn, None, view)
        self._turn, self._author = turn, author
        self._state = state = turn.state
        self._target, self._repaired = target_now(state), code_to_repair(state)
        self._form = edit_format(state, self._target)
        self._reasks = {"form": MOST_REASKS, "misfit": MOST_REASKS}
        self._requests = 0
        self._previous = ""
        """The previous answer of this turn."""

    async def carry_out_calls(self) -> Message | None:
        """Return None: without tools, no call ends a turn."""
        return None

    async def ask(self) -> None:
        """Ask for the next answer."""
        await self.talk.ask(sampling_of(self._turn.state, self._requests))
        self._requests += 1

    async def read(self) -> Message | str:
        """The turn's message, or words that ask for another answer where this one can't be tried."""
        text, state, target = self.talk.words or "", self._state, self._target
        answered = read_edits(text, state, target, self._repaired)
        is_words = state.settings.chat and is_reply(state.task.prompt, answered, text)
        if is_words or self._is_final(answered, text) or _is_question(state, answered, text):
            return self._message(answered, text)
        self._reasks["form" if answered.fits else "misfit"] -= 1
        self._previous = text
        if answered.fits:
            return again_words(answered, text, form=self._form, is_python=target.is_python)
        return misfit_words(self._turn, answered, self._repaired)

    def _is_final(self, answered: Answered, text: str) -> bool:
        """Whether an answer can be tried, or asking for another one is of no use."""
        if answered.problem is None or _edits_tests_alone(answered, self._repaired):
            return True
        # A model that repeats itself word for word isn't moved by being asked again.
        is_repeated = text == self._previous
        is_last = not self._reasks["form" if answered.fits else "misfit"]
        return is_repeated or is_last or self._turn.state.progress.empty_answers >= EMPTY_ANSWERS

    def _message(self, answered: Answered, text: str) -> Message:
        state, repaired = self._state, self._repaired
        is_question = _is_question(state, answered, text)
        if state.settings.chat and (is_question or is_reply(state.task.prompt, answered, text)):
            return ReplyMessage(author=self._author, text=text)
        if is_question:
            return QuestionMessage(author=self._author, text=text)
        return answer_message(answered, state, self._target, repaired, author=self._author, text=text)


async def text_request(turn: Turn, target: Target, repaired: CodeMessage | None) -> list[ChatMessage]:
    """The dialogue without tools at the start of a turn: the task, the last answer as shown, its outcome."""
    state, context = turn.state, turn.abilities.context
    form, survey = edit_format(state, target), await survey_of(turn)
    return coder_view(state, target, repaired, survey=survey, form=form, context=context)


def read_edits(text: str, state: State, target: Target, repaired: CodeMessage | None) -> Answered:
    """Read what an answer changes, with edits of given tests apart."""
    apart = partial(is_protected, state=state, target=target)
    files = _files_now(state, repaired)
    return read_answer(text, files, default=target.path, expected=target.names, ignored=apart)


def misfit_words(turn: Turn, answered: Answered, repaired: CodeMessage | None) -> str:
    """The words that ask again for edits that don't fit, with the nearest lines of the files."""
    state = turn.state
    files, visible = _files_now(state, repaired), texts_of(state)
    readable = {path: code for path, code in files.items() if path in visible or path not in state.files}
    return misfit(answered, readable, context=turn.abilities.context)


def answer_message(
    answered: Answered, state: State, target: Target, repaired: CodeMessage | None, *, author: str, text: str
) -> CodeMessage:
    """A message of code, with the files that its answer changes."""
    before = repaired.changes.files if repaired is not None else {}
    files = to_ends(answered.files, state.files)
    test_edits = _test_edits(answered, state, target, repaired)
    goes_on = files or (answered.apart and before)
    changed = with_givens({**before, **files}, state, target) if goes_on else {}
    changes = AnswerChanges(
        files=changed,
        test_edits=test_edits,
        left_out=tuple(path for path in answered.left_out if path not in test_edits),
        problem="" if changed or answered.empty else answered.gist or answered.problem or "",
    )
    repeats = is_repeat(state, changes.texts, text)
    return CodeMessage(author=author, text=text, changes=changes, repeats=repeats)


def _is_question(state: State, answered: Answered, text: str) -> bool:
    """Whether an answer only asks the user, who may be asked."""
    return state.settings.asks and answered.empty and answered.fits and asks(text)


def _edits_tests_alone(answered: Answered, repaired: CodeMessage | None) -> bool:
    """Whether a repair leaves the code as it is, and edits given tests."""
    return repaired is not None and answered.fits and not answered.files and bool(answered.apart)


def _test_edits(
    answered: Answered, state: State, target: Target, repaired: CodeMessage | None
) -> dict[str, str | None]:
    """Given tests as this answer, and the one that it repairs, edit them."""
    before = repaired.changes.test_edits if repaired is not None else {}
    apart = to_ends(answered.apart, state.files)
    tests = {path: text for path, text in apart.items() if is_given_test(path, state, target)}
    stored = state.files
    return {
        path: text
        for path, text in {**before, **tests}.items()
        if path not in stored or text != stored[path].text
    }


def _files_now(state: State, repaired: CodeMessage | None) -> dict[str, str | None]:
    """The files that an answer is about: the user's, as the code that it repairs has changed them."""
    changed = repaired.changes.texts if repaired is not None else {}
    files = {path: stored.text for path, stored in state.files.items() if path not in changed}
    written = {path: text for path, text in changed.items() if text is not None}
    return following(files | written, changed, state.files)


def sampling_of(state: State, reask: int = 0) -> Sampling:
    """Greedy unless the settings say otherwise; each request has a seed of its own."""
    return state.settings.sampling(
        seed=10 * len(state.codes) + reask,
        most=_EMBEDDED_TOKENS if state.model == f"local/{EMBEDDED}" else None,
    )


def edit_format(state: State, target: Target) -> EditFormat:
    """As the user named it, else whole files where all that may change are small and can be shown."""
    if state.settings.edit_format is not None:
        return state.settings.edit_format
    sizes = {path: len(file.text) for path, file in state.files.items() if file.text is not None}
    likely = [target.path] if target.path in sizes else [path for path in sizes if not is_test(path)]
    is_small = max((sizes[path] for path in likely), default=0) <= MOST_OF_A_FILE
    is_weak = EMBEDDED in state.settings.roles.get("coder", state.model)
    return "whole" if is_weak or (is_small and sum(sizes.values()) <= MOST_IN_ALL) else "search-replace"


def with_givens(files: Mapping[str, str | None], state: State, target: Target) -> dict[str, str | None]:
    """The files of an answer, with imports and helpers of the prompt that it uses and lacks."""
    files = _named(files, state, target)
    source = files.get(target.path)
    begun = begun_function(state.task.prompt)
    if source is None or begun is None or state.files:
        return dict(files)
    if set(free_names(source)) & defined_names(begun.before):
        source = f"{begun.before.rstrip()}\n\n\n{source}"
    return {**files, target.path: source}


def _named(files: Mapping[str, str | None], state: State, target: Target) -> dict[str, str | None]:
    """Return the files; without a folder, a single file gets the target's path."""
    texts = [text for path, text in files.items() if text is not None and path.endswith(".py")]
    is_free = target.path == DEFAULT_PATH and state.task.workspace is None and not state.task.test_command
    if not is_free or state.files or target.path in files or len(files) != 1 or not texts:
        return dict(files)
    return {target.path: texts[0]} if set(target.names) <= defined_names(texts[0]) else dict(files)
