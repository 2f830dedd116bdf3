"""Coder: asks the model for changes, and asks again where an answer can't be tried."""

from collections.abc import Mapping
from functools import partial
from itertools import count

from coder.edits.answer import read_answer
from coder.edits.edit import Answered
from coder.models.abilities import EMBEDDED
from coder.models.model import ChatMessage, Sampling
from coder.prompting.files_shown import survey_of, texts_of
from coder.prompting.messages import coder_view
from coder.prompting.reprompt import again_words, asks, is_reply, misfit, quoted, target_now
from coder.run.attempts import Attempt, is_repeat, next_round
from coder.run.message import EXPERT, Message
from coder.run.settings import EditFormat
from coder.run.state import State
from coder.run.target import DEFAULT_PATH, Target, is_test
from coder.run.termination import EMPTY_ANSWERS
from coder.source.python_names import begun_function, defined_names, free_names
from coder.turn.turn import Turn
from coder.workspace.consent import is_given_test, is_kept_apart
from coder.workspace.overlay import following, to_ends

_FRESH_TEMPERATURE = 0.8
MOST_REASKS = 2
"""Of each cause, in one turn; they cost calls but no repair."""
_EMBEDDED_TOKENS = 768
"""The embedded model has lost its thread when it writes more than this for one answer."""
MOST_OF_A_FILE = 8_000
"""Characters of the largest file that is asked for whole; a larger one costs more to write than edits do."""
MOST_IN_ALL = 24_000
"""Characters of all files; of more, not every one is shown, and the others can't be written whole."""


class Coder:
    """Writes code: a first attempt, a repair of what failed, or a fresh start."""

    name = "coder"

    async def speak(self, turn: Turn) -> Message:
        """Ask for code until its form is right, and return whole files."""
        state = turn.state
        target, upcoming = target_now(state), next_round(state)
        answered, text = await self._ask(turn, target, upcoming)
        said = Message(
            author=self.name, kind="code", sample=upcoming.sample, attempt=upcoming.attempt, text=text
        )
        is_question = _is_question(state, answered, text)
        if state.settings.chat and (is_question or is_reply(state.task.prompt, answered, text)):
            return said.model_copy(update={"kind": "reply"})
        if is_question:
            return said.model_copy(update={"kind": "question"})
        return made_of(said, answered, state, target, upcoming)

    async def view(self, turn: Turn, target: Target, upcoming: Attempt) -> list[ChatMessage]:
        """The request for an attempt."""
        state, context = turn.state, turn.abilities.context
        form, survey = edit_format(state, target), await survey_of(turn)
        return coder_view(state, target, upcoming, survey=survey, form=form, context=context)

    async def _ask(self, turn: Turn, target: Target, upcoming: Attempt) -> tuple[Answered, str]:
        """The answer, asked for again where its form is off or its edits don't fit, twice each."""
        state, context = turn.state, turn.abilities.context
        form = edit_format(state, target)
        view = await self.view(turn, target, upcoming)
        files, shown = _files_now(state, upcoming), texts_of(state)
        readable = {path: text for path, text in files.items() if path in shown or path not in state.files}
        left, said = {"form": MOST_REASKS, "misfit": MOST_REASKS}, ""
        for asked in count():
            text = await turn.ask(view, sampling=sampling_of(turn.state, upcoming, asked))
            answered = answered_in(text, state, target, upcoming)
            is_done = answered.problem is None or _edits_tests_alone(answered, upcoming)
            is_words = state.settings.chat and is_reply(state.task.prompt, answered, text)
            cause = "form" if answered.fits else "misfit"
            is_last = not left[cause] or turn.state.progress.empty_answers >= EMPTY_ANSWERS
            # A model that repeats itself word for word isn't moved by being asked again.
            if is_done or is_words or is_last or text == said or _is_question(state, answered, text):
                return answered, text
            left[cause] -= 1
            said = text
            if answered.fits:
                again = again_words(answered, text, form=form, is_python=target.is_python)
            else:
                again = misfit(answered, readable, context=context)
            asked_again = ChatMessage(role="user", content=again)
            view = [*view, ChatMessage(role="assistant", content=quoted(text)), asked_again]
        raise AssertionError("a loop that always returns")


def answered_in(text: str, state: State, target: Target, upcoming: Attempt) -> Answered:
    """What an answer changes, with edits of given tests apart."""
    apart = partial(is_kept_apart, state=state, target=target)
    files = _files_now(state, upcoming)
    return read_answer(text, files, default=target.path, expected=target.names, ignored=apart)


def made_of(said: Message, answered: Answered, state: State, target: Target, upcoming: Attempt) -> Message:
    """A message of code, with what its answer changes."""
    before = upcoming.previous.files if upcoming.previous is not None else {}
    made = to_ends(answered.files, state.files)
    test_edits = _test_edits(answered, state, target, upcoming)
    goes_on = made or (answered.apart and before)
    changed = with_givens({**before, **made}, state, target) if goes_on else {}
    found = {
        "files": changed,
        "test_edits": test_edits,
        "left_out": tuple(path for path in answered.left_out if path not in test_edits),
        "problem": "" if changed or answered.empty else answered.gist or answered.problem or "",
        "repeats": is_repeat(state, {**changed, **test_edits}, said.text),
    }
    return said.model_copy(update=found)


class Expert(Coder):
    """A Coder whose calls go to the strong model, asked where the Coder has failed."""

    name = EXPERT


def _is_question(state: State, answered: Answered, text: str) -> bool:
    """Whether an answer only asks the user, who may be asked."""
    return state.settings.asks and answered.empty and answered.fits and asks(text)


def _edits_tests_alone(answered: Answered, upcoming: Attempt) -> bool:
    """Whether a repair leaves the code as it is, and edits given tests."""
    return upcoming.previous is not None and answered.fits and not answered.files and bool(answered.apart)


def _test_edits(answered: Answered, state: State, target: Target, upcoming: Attempt) -> dict[str, str | None]:
    """Given tests as this answer, and the one that it repairs, edit them."""
    before = upcoming.previous.test_edits if upcoming.previous is not None else {}
    made = to_ends(answered.apart, state.files)
    given = {path: text for path, text in made.items() if is_given_test(path, state, target)}
    stored = state.files
    return {
        path: text
        for path, text in {**before, **given}.items()
        if path not in stored or text != stored[path].text
    }


def _files_now(state: State, upcoming: Attempt) -> dict[str, str | None]:
    """The files that an answer is about: the user's, as the code that it repairs has changed them."""
    previous = upcoming.previous
    changed = {**previous.files, **previous.test_edits} if previous is not None else {}
    files = {path: stored.text for path, stored in state.files.items() if path not in changed}
    written = {path: text for path, text in changed.items() if text is not None}
    return following(files | written, changed, state.files)


def sampling_of(state: State, upcoming: Attempt, reask: int = 0) -> Sampling:
    """Greedy first, then drawn: a fresh start that can't differ would be no fresh start."""
    return state.settings.sampling(
        temperature=0.0 if upcoming.sample == 1 else _FRESH_TEMPERATURE,
        seed=1000 * (upcoming.sample - 1) + 10 * (upcoming.attempt - 1) + reask,
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
    """The files; without a folder, the only one is the target, whatever the model calls it."""
    texts = [text for path, text in files.items() if text is not None and path.endswith(".py")]
    is_free = target.path == DEFAULT_PATH and state.task.workspace is None and not state.task.test_command
    if not is_free or state.files or target.path in files or len(files) != 1 or not texts:
        return dict(files)
    return {target.path: texts[0]} if set(target.names) <= defined_names(texts[0]) else dict(files)
