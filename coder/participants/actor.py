"""Actor: the Coder that works in a session: it looks, runs and edits until it says that it is done.

Its dialogue is the log's (`State.dialogue`) and only grows: a turn that was cut off goes on where it was.
"""

from collections.abc import Collection
from typing import Literal

from coder.edits.answer import Answered, read_answer
from coder.edits.parsed import parsed
from coder.environment.session_tree import tree_of
from coder.models.model import ChatMessage, Form, Sampling, ToolCall
from coder.participants.workplace import Workplace
from coder.prompting.acting import first_request, misfit, verdict_words
from coder.prompting.looking import survey_of
from coder.prompting.replies import asks
from coder.prompts import prompt
from coder.run.message import Message
from coder.run.state import State
from coder.run.target import Target, decides, find_target
from coder.tools.protocol import Settled, settled
from coder.tools.registry import ASK, DONE, Ask, Done, Registry
from coder.tools.tool import read_arguments
from coder.turn import Turn
from coder.workspace.edited_tests import is_allowed
from coder.workspace.session_changes import session_changes
from coder.workspace.symlinks import end_of, to_ends

MOST_NUDGES = 2
"""Answers in a row that neither call a tool nor change a file, before such an answer ends the turn."""


class Actor:
    """Works on the task by tools, or answers with edits at once."""

    name = "coder"

    async def speak(self, turn: Turn) -> Message:
        """Act until the model says that it is done, asks the user, or has only words left."""
        target = find_target(turn.state.task, turn.state.files)
        tools = Registry()
        endings = (DONE, ASK) if turn.state.settings.asks else (DONE,)
        form = Form(tools=(*tools.specs, *endings))
        offered = [spec.name for spec in form.tools]
        place = Workplace(turn, tools)
        talk = await _talk(turn, target, place, offered)
        nudges = 0
        while True:
            for one in _open_calls(talk, offered, cut_off=_is_cut_off(turn.state)):
                ending = one.problem or _ending(turn.state, target, one.call)
                if isinstance(ending, Message):
                    return ending
                told = place.tell(one.call, ending) if ending else place.carry_out(one.call)
                talk.append(await told)
            if talk[-1].role != "assistant":
                answer = await turn.answer(talk, sampling=_sampling(turn.state), form=form)
                calls = answer.tool_calls
                talk.append(ChatMessage(role="assistant", content=answer.text, tool_calls=calls))
                nudges = 0 if calls else nudges
                continue
            text = talk[-1].content
            answered = await _edited(text, turn.state, target, place)
            reply = _after_words(text, answered, turn.state, target)
            if isinstance(reply, Message):
                return reply
            if nudges == MOST_NUDGES:
                return _code(turn.state, target, text, problem=answered.gist or answered.problem or "")
            nudges += 1
            talk.append(ChatMessage(role="user", content=reply))


async def _talk(turn: Turn, target: Target, place: Workplace, offered: Collection[str]) -> list[ChatMessage]:
    """The dialogue so far, with what came of the last `done`, question or edits; or the first request."""
    state = turn.state
    if not state.dialogue:
        survey = await survey_of(turn)
        return first_request(state, target, survey, context=turn.abilities.context)
    talk = list(state.dialogue)
    words = verdict_words(state)
    if words is None:
        return talk
    pending = _open_calls(talk, offered, cut_off=False)
    ending = next((one.call for one in pending if one.call.name in (DONE.name, ASK.name)), None)
    if ending is not None:
        talk.append(await place.tell(ending, words))
    elif talk[-1].role == "assistant":
        talk.append(ChatMessage(role="user", content=words))
    return talk


def _open_calls(talk: list[ChatMessage], offered: Collection[str], *, cut_off: bool) -> list[Settled]:
    """The calls of the last answer without a result, in order; the answer holds them as settled.

    Args:
        offered: names of the tools.
        cut_off: the answer ended at its length limit.
    """
    at = max((i for i, message in enumerate(talk) if message.role == "assistant"), default=None)
    if at is None:
        return []
    taken = {call.id for message in talk[:at] for call in message.tool_calls}
    calls = settled(talk[at].tool_calls, offered, cut_off=cut_off, taken=taken)
    talk[at] = talk[at].model_copy(update={"tool_calls": tuple(one.call for one in calls)})
    told = {message.tool_call_id for message in talk[at + 1 :]}
    return [one for one in calls if one.call.id not in told]


def _is_cut_off(state: State) -> bool:
    return bool(state.pending) and state.pending[-1].finish == "length"


def _ending(state: State, target: Target, call: ToolCall) -> Message | str | None:
    """The message that ends the turn, where a call does; what is wrong with it; None for any other call."""
    try:
        if call.name == DONE.name:
            done = read_arguments(call.parsed(), Done, name=call.name)
            return _code(state, target, done.summary, check=done.check)
        if call.name == ASK.name:
            return _message(state, "question", _question(read_arguments(call.parsed(), Ask, name=call.name)))
    except ValueError as error:
        return f"error: {error}"
    return None


def _question(asked: Ask) -> str:
    return "\n".join([asked.question, *(f"{n}. {option}" for n, option in enumerate(asked.options, 1))])


async def _edited(text: str, state: State, target: Target, place: Workplace) -> Answered:
    """Make the edits in the text of an answer, all of them or none."""
    files = {path: stored.text for path, stored in tree_of(state).items()}
    task, allow = state.task, state.settings.allow

    def is_kept_apart(path: str) -> bool:
        return not is_allowed(path, allow) and decides(end_of(path, state.files), task, target)

    read = read_answer(text, files, default=target.path, expected=target.names, ignored=is_kept_apart)
    answered = await parsed(read, files)
    if answered.fits and (answered.files or answered.apart):
        await place.write({**to_ends(answered.files, state.files), **to_ends(answered.apart, state.files)})
    return answered


def _after_words(text: str, answered: Answered, state: State, target: Target) -> Message | str:
    """The message that ends the turn after an answer without a call, or what the model is asked."""
    if answered.problem is not None and not answered.empty:
        texts = {path: stored.text for path, stored in tree_of(state).items() if stored.text is not None}
        return misfit(answered, texts)
    code = _code(state, target, text)
    if answered.files or answered.apart or ((code.files or code.test_edits) and not code.repeats):
        return code
    if asks(text) and state.settings.asks:
        return _message(state, "question", text)
    return prompt("nudge")


def _code(state: State, target: Target, text: str, *, check: str = "", problem: str = "") -> Message:
    """What the session has changed, as an answer that can be tried."""
    made = session_changes(state, target)
    last = state.codes[-1] if state.codes else None
    is_same = last is not None and (last.files, last.test_edits) == (made.files, made.test_edits)
    return _message(state, "code", text).model_copy(
        update={
            "files": made.files,
            "test_edits": made.test_edits,
            "left_out": made.left_out,
            "problem": problem,
            "repeats": is_same and not check,
        }
    )


def _message(state: State, kind: Literal["code", "question"], text: str) -> Message:
    return Message(author=Actor.name, kind=kind, sample=1, attempt=len(state.codes) + 1, text=text)


def _sampling(state: State) -> Sampling:
    settings = state.settings
    return Sampling(
        temperature=settings.temperature if settings.temperature is not None else 0.0,
        top_p=settings.top_p,
        seed=settings.seed,
        max_tokens=settings.max_answer_tokens,
    )
