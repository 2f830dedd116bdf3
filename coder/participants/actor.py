"""Actor: the Coder that works in a session by tools, until it says that it is done."""

import asyncio
import re
from collections.abc import Sequence
from functools import partial
from typing import Literal

from coder.edits.answer import read_answer
from coder.edits.edit import Answered
from coder.environment.python_line import python_line
from coder.models.model import ChatMessage, Form, ToolCall, ToolSpec
from coder.participants.dialogue import DialogueTurn
from coder.participants.workplace import Workplace
from coder.prompting.acting import came_of_it, first_request, next_request, verdict_words
from coder.prompting.files_shown import survey_of
from coder.prompting.reprompt import asks, is_reply, target_now
from coder.prompts import prompt
from coder.run.event_types import DialogueTaken
from coder.run.message import HUMAN, Message
from coder.run.state import State
from coder.run.target import Target, target_of
from coder.run.termination import goes_round
from coder.run.watch import Listening
from coder.tools.registry import ASK, DONE, Ask, Done, Registry, tools_of
from coder.tools.tool import read_arguments
from coder.turn.turn import Turn
from coder.workspace.consent import is_kept_apart
from coder.workspace.overlay import to_ends
from coder.workspace.proposal import session_changes

MOST_NUDGES = 2
"""Answers in a row that neither call a tool nor change a file, before such an answer ends the turn."""
_NOT_MADE = "[This call was not made: the user goes on from the results above.]"
_DONE_LINE = re.compile(r"^[^\w\n]*DONE[^\w\n]*$", re.MULTILINE)
"""How a model that speaks in text says that it is done."""


class Actor:
    """Works on the task by tools, or answers with edits at once."""

    name = "coder"
    within: tuple[str, ...] = ()
    """The nested teams that it speaks in."""
    brief = ""
    """Words of a member of a team to its model, beside those of any that acts."""
    own_tools: tuple[str, ...] | None = None
    """The user's tools that it may call; None: all."""
    endings: tuple[ToolSpec, ...] = ()
    """Further tools whose call ends the turn: `to_NAME`."""
    speaks = False
    """Words alone are what it says to its team."""

    async def speak(self, turn: Turn) -> Message:
        """Act until the model says that it is done, asks the user, or has only words left."""
        target = target_now(turn.state)
        settings = turn.state.settings
        own = await tools_of((*turn.bench.tools, *turn.bench.optional_tools))
        own = [tool for tool in own if self.own_tools is None or tool.spec.name in self.own_tools]
        tools = Registry(own, kernel=settings.kernel, plan=settings.asks or settings.chat)
        endings = (DONE, ASK) if settings.asks and not settings.chat else (DONE,)  # there, words ask
        if turn.state.dialogue.participant != self.name:
            await turn.journal.append(DialogueTaken(participant=self.name))
        place = Workplace(turn, tools)
        first: list[ChatMessage] = []
        if not turn.state.dialogue.messages:
            line = python_line(turn.bench, turn.state.files)
            survey, python = await asyncio.gather(survey_of(turn), line)
            if own:
                from coder.tools.code_mode import (  # most runs have no tools of their own
                    code_words,
                    module_for,
                )

                python += f"\n\n{code_words(own, module_for(turn.state.files))}"
            first = first_request(turn.state, target, survey, context=turn.abilities.context, python=python)
            first[0] = first[0].model_copy(update={"content": f"{first[0].content}\n{self.brief}".strip()})
        turn.bench.open_session_early(turn.state)
        form = Form(tools=(*tools.specs, *endings, *self.endings))
        talk = DialogueTurn(turn, form, first, endings=[spec.name for spec in self.endings])
        if turn.state.dialogue.known_files is not None:
            await _tell_task(turn, talk, place)
        await (_tell_fork if turn.state.dialogue.is_untold else self._tell_verdict)(turn.state, talk, place)
        nudges = 0
        while True:
            for one in talk.open_calls():
                place.see_given(one.call)
                problem = one.problem or _dropped(turn.state, one.call)
                ending = problem or self._ending(turn.state, target, one.call)
                if isinstance(ending, Message):
                    return ending
                told = place.tell(one.call, ending, failed=True) if ending else place.carry_out(one.call)
                talk.add(await told)
            if goes_round(turn.state):
                return _code(turn.state, target, "")
            watch = turn.journal.watch
            if isinstance(watch, Listening) and (typed := "\n".join(watch.typed())):
                talk.say(typed)
            if talk.words is None:
                nudges = 0 if await talk.ask(turn.state.settings.sampling()) else nudges
                continue
            reply = await self._after_words(talk, turn, target, place)
            if reply is None:
                continue
            if isinstance(reply, Message):
                return reply
            if nudges == MOST_NUDGES:
                return _code(turn.state, target, talk.words)
            nudges += 1
            talk.say(reply)

    async def _after_words(
        self, talk: DialogueTurn, turn: Turn, target: Target, place: Workplace
    ) -> Message | str | None:
        """The turn's message, words to the model, or None where the answer is a call in text."""
        text = talk.words or ""
        answered = await _edited(text, turn.state, target, place, speaks=self.speaks)
        if answered is None:
            return _message(turn.state, "reply", text)
        if answered.problem is not None and not answered.empty:
            return answered.problem  # with the nearest lines; the model can look at the rest
        code = _code(turn.state, target, text)
        if answered.files or answered.apart:
            return code
        if talk.speaks_text():
            await talk.to_text()
            return None if talk.open_calls() else prompt("act-text")
        if (code.files or code.test_edits) and (_DONE_LINE.search(text) or not code.repeats):
            return code
        if asks(text) and turn.state.settings.asks:
            return _message(turn.state, "question", text)
        return prompt("stands" if code.files or code.test_edits else "nudge")

    async def _tell_verdict(self, state: State, talk: DialogueTurn, place: Workplace) -> None:
        """Report the outcome of the last `done`, question or edits, once, and what others have said since."""
        endings = [spec.name for spec in (DONE, ASK, *self.endings)]
        ending = next((one.call for one in talk.open_calls() if one.call.name in endings), None)
        is_own = not self.speaks or (bool(state.codes) and state.codes[-1].author == self.name)
        words = verdict_words(state) if is_own else None
        if words is None and not state.progress.pending and self.speaks:
            from coder.prompting.thread import thread_words  # no run without a team needs it

            words = thread_words(state, self.name, self.within, since=True) or None
            if words is None and (ending is not None or talk.words is not None):
                words = prompt("your-turn").strip()  # else the latest answer would end this turn, too
        if words is None or talk.ends_with(words):
            return
        if ending is not None:
            talk.add(await place.tell(ending, words))
        elif talk.words is not None or self.speaks:
            talk.say(words)

    def _ending(self, state: State, target: Target, call: ToolCall) -> Message | str | None:
        """The message of a call that ends the turn; what is wrong with it; None for any other call."""
        try:
            if call.name in [spec.name for spec in self.endings]:
                return self.handed_over(call)
            if call.name == DONE.name:
                done = read_arguments(call.parsed(), Done, name=call.name)
                return _code(state, target, done.summary, check=done.check)
            if call.name == ASK.name:
                asked = read_arguments(call.parsed(), Ask, name=call.name)
                return _message(state, "question", asked.question, options=asked.options)
        except ValueError as error:
            return f"error: {error}"
        return None

    def handed_over(self, call: ToolCall) -> Message:
        """The message of a call that hands over to another member."""
        words, to = str(call.parsed().get("words", "")), call.name.removeprefix("to_")
        return Message(author=self.name, kind="handoff", sample=1, attempt=1, text=words, to=to)


def _dropped(state: State, call: ToolCall) -> str:
    """Why `done` isn't carried out behind a call that failed; empty where none did."""
    failed = state.dialogue.failed_tool
    if call.name != DONE.name or not failed:
        return ""
    return f"Not carried out: a call of `{failed}` before it failed. Read its result, then go on."


class LastTree:
    """Hands in the session's tree as it is when a limit ends the work, so that it is verified."""

    name = Actor.name

    async def speak(self, turn: Turn) -> Message:
        """Hand in the tree."""
        return _code(turn.state, target_of(turn.state), "")


def untried_work(state: State) -> Message | None:
    """What the session has changed since the latest answer that was tried, as a change; None: nothing."""
    if not state.dialogue.session.tree:
        return None
    code = _code(state, target_of(state), "")
    return code if (code.files or code.test_edits) and not code.repeats else None


def has_new_tree(state: State) -> bool:
    """Whether the session has changed files since the latest answer that was tried."""
    return untried_work(state) is not None


async def _tell_task(turn: Turn, talk: DialogueTurn, place: Workplace) -> None:
    """Report the outcome of the previous message, then the new message."""
    calls = talk.open_calls()
    for one in calls:
        talk.add(await place.tell(one.call, came_of_it(turn.state)))
    talk.add(next_request(turn.state, context=turn.abilities.context, told=bool(calls)))


async def _tell_fork(state: State, talk: DialogueTurn, place: Workplace) -> None:
    """Tell the user's other words, and that calls behind the step were not made."""
    for one in talk.open_calls():
        talk.add(await place.tell(one.call, _NOT_MADE))
    if state.last is not None and state.last.author == HUMAN:
        talk.say(state.last.text)


async def _edited(
    text: str, state: State, target: Target, place: Workplace, *, speaks: bool
) -> Answered | None:
    """Make the edits in the text of an answer that fit; None for words alone in a chat or a team."""
    files = {path: stored.text for path, stored in state.worked.items()}
    apart = partial(is_kept_apart, state=state, target=target)
    answered = read_answer(
        text, files, default=target.path, expected=target.names, ignored=apart, in_part=True
    )
    is_talk = state.settings.chat or speaks
    if is_talk and is_reply(state.task.prompt, answered, text) and not has_new_tree(state):
        return None
    if answered.files or (answered.fits and answered.apart):
        await place.write({**to_ends(answered.files, state.files), **to_ends(answered.apart, state.files)})
    return answered


def _code(state: State, target: Target, text: str, *, check: str = "") -> Message:
    made = session_changes(state, target)
    last = state.codes[-1] if state.codes else None
    is_same = last is not None and (last.files, last.test_edits) == (made.files, made.test_edits)
    found: dict[str, object] = {"files": made.files, "test_edits": made.test_edits, "left_out": made.left_out}
    found |= {"check": check, "repeats": is_same and not check}
    return _message(state, "code", text).model_copy(update=found)


def _message(
    state: State, kind: Literal["code", "question", "reply"], text: str, *, options: Sequence[str] = ()
) -> Message:
    return Message(
        author=Actor.name,
        kind=kind,
        sample=1,
        attempt=len(state.codes) + 1,
        text=text,
        options=tuple(options),
    )
