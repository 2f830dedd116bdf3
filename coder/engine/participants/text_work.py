"""TextWork: a turn of a Coder without tools, whose answers are read as edits."""

from collections.abc import Mapping
from functools import partial
from typing import Self

from coder.edits.answer import read_answer
from coder.edits.edit import Answered
from coder.edits.replies import asks, is_words
from coder.engine.participants.encoded_answers import in_their_encodings
from coder.engine.participants.plain_dialogue import PlainDialogue
from coder.engine.participants.role import Role, takes_words, wants_files
from coder.engine.prompting.files_shown import survey_of, texts_of
from coder.engine.prompting.first_request import first_request
from coder.engine.prompting.next_request import again_words, misfit, repair_request
from coder.engine.prompting.task_parts import current_target, file_blocks, takes_code
from coder.engine.turn.turn import Turn
from coder.models.abilities import EMBEDDED
from coder.models.model import ChatMessage, Sampling
from coder.run.attempts import code_to_repair, is_repeat
from coder.run.conversation import is_asked_about_change
from coder.run.message import AnswerChanges, CodeMessage, Message, QuestionMessage, ReplyMessage
from coder.run.settings import EditFormat
from coder.run.state import State
from coder.run.stored_file import readable_texts
from coder.run.target import DEFAULT_PATH, Target, is_test
from coder.run.termination import EMPTY_ANSWERS
from coder.run.watch import typed_lines
from coder.source.python_names import begun_function, defined_names, free_names
from coder.workspace.consent import is_given_test, is_protected
from coder.workspace.overlay import following, to_ends

MAX_REASKS = 2
"""Requests for another answer in one turn, for each cause; they count as calls, not as repairs."""
_EMBEDDED_TOKENS = 768
"""Token limit of one answer of the embedded model, whose longer answers only repeat themselves."""
MAX_FILE_CHARACTERS = 8_000
"""Characters of the largest file that a model rewrites as a whole; for larger files, edits are cheaper."""
MAX_TOTAL_CHARACTERS = 24_000
"""Characters of all files together; beyond that, some aren't shown, so they can't be rewritten as a whole."""


class TextWork:
    """Work of a turn without tools: its dialogue is folded to the task, the last answer and its outcome.

    An answer in text is read as edits; an answer that can't be verified gets a reply in the dialogue.
    """

    def __init__(self, turn: Turn, author: str, view: list[ChatMessage]) -> None:
        """Begin a dialogue with the messages of `view`."""
        self.talk = PlainDialogue(turn, view)
        self._turn, self._author = turn, author
        self._state = state = turn.state
        self._target, self._repaired = current_target(state), code_to_repair(state)
        self._form = edit_format(state, self._target)
        self._reasks = {"form": MAX_REASKS, "misfit": MAX_REASKS}
        self._requests = 0
        self._previous = ""
        """The previous answer of this turn."""
        self._doubted: dict[str, str] = {}
        """Whole files of the previous answer that are written only if the next one repeats them."""
        self._words: list[str] = []
        """This turn's answers in words alone."""

    @classmethod
    async def begin(cls, turn: Turn, role: Role) -> Self:
        """Return the work of a turn whose dialogue holds the task, the last answer and its outcome.

        Lines that the user has typed meanwhile, and messages to the run, are added after the task.
        """
        # A turn that is repeated finds its answers by its requests, so it reads what the first time had.
        if not turn.state.progress.pending:
            lines = typed_lines(turn.journal.watch) if turn.state.codes else []
            await turn.journal.take_messages(lines, turn.bench.redactor.redact)
        state, context = turn.state, turn.abilities.context
        target, repaired = current_target(state), code_to_repair(state)
        form, survey = edit_format(state, target), await survey_of(turn)
        view = first_request(state, target, survey, form=form, context=context)
        if repaired is not None:
            view += repair_request(state, target, repaired, form)
        return cls(turn, role.name, view)

    async def carry_out_calls(self) -> Message | None:
        """Return None: without tools, no call ends a turn."""
        return None

    async def ask(self) -> None:
        """Ask the model for the next answer."""
        await self.talk.ask(sampling_of(self._turn.state, self._requests))
        self._requests += 1

    async def read(self) -> Message | str:
        """Return the turn's message, or a request for another answer if this one can't be verified."""
        text, state, target = self.talk.words or "", self._state, self._target
        edits = read_edits(text, state, target, self._repaired, doubted=self._doubted)
        self._doubted = edits.doubted
        if edits.doubted and edits.problem:
            self._words.append(text.strip())  # it may be an explanation, as the next answer tells
        if (message := self._spoken(edits, text)) is not None:
            return message
        if self._is_final(edits, text):
            code = answer_message(edits, state, target, self._repaired, author=self._author, text=text)
            return await self._hooked(code)
        self._reasks["form" if edits.fits else "misfit"] -= 1
        self._previous = text
        if edits.fits:
            return again_words(edits, text, form=self._form, is_code=takes_code(state, target))
        return misfit_words(self._turn, edits, self._repaired)

    async def _hooked(self, message: CodeMessage) -> Message | str:
        """Return an answer that has passed the hooks, or the hooks' refusals and remarks."""
        if not self._turn.has_hooks:
            return message
        from coder.engine.participants.hooked_answer import through_hooks  # imported late: few have hooks

        message, words = await through_hooks(self._turn, message)
        if not words or not self._reasks["misfit"]:
            return message
        self._reasks["misfit"] -= 1
        return words

    def _is_final(self, edits: Answered, text: str) -> bool:
        """Return whether an answer can be verified, or asking again is pointless."""
        if edits.problem is None or _edits_tests_alone(edits, self._repaired):
            return True
        # A model that repeats itself word for word does so again when asked again.
        is_repeated = text == self._previous
        is_last = not self._reasks["form" if edits.fits else "misfit"]
        return is_repeated or is_last or self._turn.state.progress.empty_answers >= EMPTY_ANSWERS

    def _spoken(self, edits: Answered, text: str) -> Message | None:
        """Return the message of an answer in words: a question to the user, or the end of the turn.

        None if there are edits, or if the model gets a follow-up, which is at most one.
        """
        state = self._state
        if not is_words(edits, text):
            return None
        may_talk = state.settings.chat or is_asked_about_change(state)
        if not may_talk and state.settings.asks and asks(text):
            return QuestionMessage(author=self._author, text=text)
        if may_talk:
            return ReplyMessage(author=self._author, text=text)
        if self._repaired is not None or not takes_words(state, self._author):
            return None
        self._words.append(text.strip())
        if wants_files(state) and len(self._words) == 1:
            return None
        return ReplyMessage(author=self._author, text="\n\n".join(dict.fromkeys(self._words)))


def read_edits(
    text: str,
    state: State,
    target: Target,
    repaired_code: CodeMessage | None,
    *,
    doubted: Mapping[str, str] | None = None,
) -> Answered:
    """Read the edits in an answer, and separate edits of given tests.

    Args:
        doubted: whole files of the previous answer that were doubted.
    """
    edits = read_answer(
        text,
        _current_files(state, repaired_code),
        default=target.path,
        expected=target.names,
        ignored=partial(is_protected, state=state, target=target),
        blocks=file_blocks(state, acts=False),
        originals={path: stored.text for path, stored in state.files.items()},
        doubted=doubted,
    )
    return in_their_encodings(edits, state.files)


def misfit_words(turn: Turn, edits: Answered, repaired_code: CodeMessage | None) -> str:
    """Return the request to repeat edits that don't fit, with the nearest lines of the files."""
    state = turn.state
    files, visible = _current_files(state, repaired_code), texts_of(state)
    readable = {path: code for path, code in files.items() if path in visible or path not in state.files}
    return misfit(edits, readable, context=turn.abilities.context)


def answer_message(
    edits: Answered,
    state: State,
    target: Target,
    repaired_code: CodeMessage | None,
    *,
    author: str,
    text: str,
) -> CodeMessage:
    """Return a message of code with the files that an answer changes."""
    files_before = repaired_code.changes.files if repaired_code is not None else {}
    files = to_ends(edits.files, state.files)
    test_edits = _test_edits(edits, state, target, repaired_code)
    has_change = bool(files or (edits.apart and files_before))
    change = with_prompt_code({**files_before, **files}, state, target) if has_change else {}
    changes = AnswerChanges(
        files=change,
        test_edits=test_edits,
        left_out=tuple(path for path in edits.left_out if path not in test_edits),
        problem="" if change or edits.empty else edits.gist or edits.problem or "",
    )
    repeats = is_repeat(state, changes.texts, text)
    return CodeMessage(author=author, text=text, changes=changes, repeats=repeats)


def _edits_tests_alone(edits: Answered, repaired_code: CodeMessage | None) -> bool:
    """Return whether a repair only edits given tests."""
    return repaired_code is not None and edits.fits and not edits.files and bool(edits.apart)


def _test_edits(
    edits: Answered, state: State, target: Target, repaired_code: CodeMessage | None
) -> dict[str, str | None]:
    """Return the given tests as edited by this answer and the answer that it repairs."""
    edits_before = repaired_code.changes.test_edits if repaired_code is not None else {}
    edited_texts = to_ends(edits.apart, state.files)
    tests = {path: text for path, text in edited_texts.items() if is_given_test(path, state, target)}
    stored = state.files
    return {
        path: text
        for path, text in {**edits_before, **tests}.items()
        if path not in stored or text != stored[path].text
    }


def _current_files(state: State, repaired_code: CodeMessage | None) -> dict[str, str | None]:
    """Return the files that an answer refers to: the user's, as changed by the code under repair."""
    changed_texts = repaired_code.changes.texts if repaired_code is not None else {}
    files = {path: stored.text for path, stored in state.files.items() if path not in changed_texts}
    written_texts = {
        path: text for path, text in readable_texts(changed_texts, state.files).items() if text is not None
    }
    return following(files | written_texts, changed_texts, state.files)


def sampling_of(state: State, reask: int = 0) -> Sampling:
    """Return the sampling of a request: greedy by default, with a seed per request."""
    return state.settings.sampling(
        seed=10 * len(state.codes) + reask,
        most=_EMBEDDED_TOKENS if state.model == f"local/{EMBEDDED}" else None,
    )


def edit_format(state: State, target: Target) -> EditFormat:
    """Return the format that the user chose, else whole files if those that may change are small."""
    if state.settings.edit_format is not None:
        return state.settings.edit_format
    sizes = {path: len(file.text) for path, file in state.files.items() if file.text is not None}
    likely_paths = [target.path] if target.path in sizes else [path for path in sizes if not is_test(path)]
    is_small = max((sizes[path] for path in likely_paths), default=0) <= MAX_FILE_CHARACTERS
    is_weak = EMBEDDED in state.settings.roles.get("coder", state.model)
    return (
        "whole" if is_weak or (is_small and sum(sizes.values()) <= MAX_TOTAL_CHARACTERS) else "search-replace"
    )


def with_prompt_code(files: Mapping[str, str | None], state: State, target: Target) -> dict[str, str | None]:
    """Return an answer's files; the imports and helpers of the prompt are added to code that uses them."""
    files = _at_target_path(files, state, target)
    source = files.get(target.path)
    function_start = begun_function(state.task.prompt)
    if source is None or function_start is None or state.files:
        return dict(files)
    if set(free_names(source)) & defined_names(function_start.before):
        source = f"{function_start.before.rstrip()}\n\n\n{source}"
    return {**files, target.path: source}


def _at_target_path(files: Mapping[str, str | None], state: State, target: Target) -> dict[str, str | None]:
    """Return the files; without a folder, a single file gets the target's path."""
    texts = [text for path, text in files.items() if text is not None and path.endswith(".py")]
    may_rename = target.path == DEFAULT_PATH and state.task.workspace is None and not state.task.test_command
    if not may_rename or state.files or target.path in files or len(files) != 1 or not texts:
        return dict(files)
    return {target.path: texts[0]} if set(target.names) <= defined_names(texts[0]) else dict(files)
