"""The dialogue of a role with tools at the start of a turn: what its model is told before it is asked."""

import asyncio
from collections.abc import Sequence

from coder.base.prompts import prompt
from coder.engine.participants.dialogue import DialogueTurn
from coder.engine.participants.role import Role
from coder.engine.participants.workplace import Workplace
from coder.engine.prompting.acting import first_request, format_outcome, next_request, verdict_words
from coder.engine.prompting.files_shown import latest_plan, survey_of
from coder.engine.prompting.reprompt import target_now
from coder.engine.turn.turn import Turn
from coder.environment.python_line import python_line
from coder.models.model import ChatMessage, Form
from coder.run.event_types import DialogueTaken
from coder.run.message import HUMAN, CodeMessage
from coder.run.state import State
from coder.tools.registry import ASK, DONE, HAND_IN, Registry, tools_of
from coder.tools.tool import Tool

_NOT_WANTED = "[The user did not want this plan.]"
_NOT_MADE = "[This call was not made: the user goes on from the results above.]"


async def in_session(turn: Turn, role: Role) -> tuple[DialogueTurn, Workplace]:
    """The dialogue of a role as it goes on: begun by the task, or with what has happened since."""
    state, target = turn.state, target_now(turn.state)
    own, tools = await _tools(turn, role)
    is_on_copy = state.dialogue.session.original is not None
    if state.dialogue.participant != role.dialogue or is_on_copy != role.plans:
        await turn.journal.append(DialogueTaken(participant=role.dialogue, on_copy=role.plans))
    first: list[ChatMessage] = []
    if not turn.state.dialogue.messages:
        line = python_line(turn.bench, state.files)
        survey, python = await asyncio.gather(survey_of(turn), line)
        if own:
            from coder.tools.code_mode import code_words, module_for  # most runs have no tools of their own

            python += f"\n\n{code_words(own, module_for(state.files))}"
        context = turn.abilities.context
        first = first_request(turn.state, target, survey, context=context, python=python, plans=role.plans)
        first[0] = first[0].model_copy(update={"content": f"{first[0].content}\n{role.brief}".strip()})
    if not role.plans:
        turn.bench.open_session_early(turn.state)
    asks_by_tool = state.settings.asks and not state.settings.chat  # there, words ask
    end = HAND_IN if role.plans else DONE
    endings = (end, ASK) if asks_by_tool else (end,)
    form = Form(tools=(*tools.specs, *endings, *role.endings))
    names = [spec.name for spec in (end, *role.endings)]
    talk = DialogueTurn(turn, form, first, endings=names, plans=role.plans)
    place = Workplace(turn, tools)
    if turn.state.dialogue.unread is not None:
        await _tell_task(turn, talk, place)
    if turn.state.dialogue.is_untold:
        await _tell_fork(turn.state, talk, place)
    else:
        is_begun = bool(turn.state.dialogue.messages) or role.is_member
        if takes_over := bool(state.codes) and not is_begun and not role.plans:
            await _take_over(state, place)
        await _tell_verdict(turn.state, role, talk, place, takes_over=takes_over)
    return talk, place


async def _tools(turn: Turn, role: Role) -> tuple[Sequence[Tool], Registry]:
    """The user's tools that a role may call, and all of its tools."""
    settings = turn.state.settings
    if role.plans:
        return (), Registry(only_looks=True)
    own = await tools_of((*turn.bench.tools, *turn.bench.optional_tools))
    own = [tool for tool in own if role.tools is None or tool.spec.name in role.tools]
    return own, Registry(own, kernel=settings.kernel, plan=settings.asks or settings.chat)


def _before_repeat(state: State, role: Role) -> State:
    """The state at the latest outcome, where another model has only repeated the answer that failed."""
    last, messages = state.last, state.progress.messages
    is_repeat = isinstance(last, CodeMessage) and last.repeats and last.author != role.name
    return state.with_messages(messages[:-1]) if is_repeat else state


async def _take_over(state: State, place: Workplace) -> None:
    """Put the latest answer of a model without tools into the session, where one with tools goes on."""
    code = state.codes[-1]
    if code.is_change and not state.dialogue.session.tree:
        await place.write(code.changes.texts)


async def _tell_verdict(
    state: State, role: Role, talk: DialogueTurn, place: Workplace, *, takes_over: bool
) -> None:
    """Report the outcome of the last `done`, question or edits, once, and what others have said since."""
    endings = [spec.name for spec in (HAND_IN if role.plans else DONE, ASK, *role.endings)]
    ending = next((one.call for one in talk.open_calls() if one.call.name in endings), None)
    is_own = not role.is_member or (bool(state.codes) and state.codes[-1].author == role.name)
    words = verdict_words(_before_repeat(state, role)) if is_own else None
    if words is None and not state.progress.pending and role.is_member:
        from coder.engine.prompting.thread import thread_words  # no run without a team needs it

        words = thread_words(state, role.name, role.within, since=True) or None
        if words is None and (ending is not None or talk.words is not None):
            words = prompt("your-turn").strip()  # else the latest answer would end this turn, too
    if words is None or talk.ends_with(words):
        return
    if ending is not None:
        talk.add(await place.tell(ending, words))
    elif talk.words is not None or role.is_member or takes_over:
        talk.say(words)


async def _tell_task(turn: Turn, talk: DialogueTurn, place: Workplace) -> None:
    """Report the outcome of the previous message, then the new message."""
    calls = talk.open_calls()
    for one in calls:
        is_refused = one.call.name == HAND_IN.name and not latest_plan(turn.state.steps[-1])
        talk.add(await place.tell(one.call, _NOT_WANTED if is_refused else format_outcome(turn.state)))
    talk.add(next_request(turn.state, context=turn.abilities.context, is_reported=bool(calls)))


async def _tell_fork(state: State, talk: DialogueTurn, place: Workplace) -> None:
    """Tell the user's other words, and that calls behind the step were not made."""
    for one in talk.open_calls():
        talk.add(await place.tell(one.call, _NOT_MADE))
    if state.last is not None and state.last.author == HUMAN:
        talk.say(state.last.text)
