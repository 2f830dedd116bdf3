"""Start a turn's dialogue for a role with tools: what its model is told before it is asked."""

import asyncio
from collections.abc import Sequence

from coder.base.prompts import prompt
from coder.engine.participants.allowed_hosts import web_tools
from coder.engine.participants.dialogue import DialogueTurn
from coder.engine.participants.role import Role
from coder.engine.participants.submission import write_edits
from coder.engine.participants.workplace import Workplace
from coder.engine.prompting.files_shown import latest_plan, survey_of
from coder.engine.prompting.first_request import first_request
from coder.engine.prompting.next_request import format_outcome, next_request, verdict_words
from coder.engine.prompting.task_parts import current_target
from coder.engine.turn.turn import Turn
from coder.environment.python_line import python_line
from coder.models.model import ChatMessage, Form, ToolSpec
from coder.run.event_types import DialogueTaken
from coder.run.extensions import Rules
from coder.run.message import HUMAN, CodeMessage
from coder.run.state import State
from coder.tools.plan_tool import HAND_IN
from coder.tools.registry import ASK, DONE, Registry
from coder.tools.tool import Tool, tools_of

_NOT_WANTED = "[The user did not want this plan.]"
_NOT_MADE = "[This call was not made: the user goes on from the results above.]"


async def in_session(turn: Turn, role: Role) -> tuple[DialogueTurn, Workplace]:
    """Return a role's dialogue, begun with the task or continued with what has happened since."""
    state, target = turn.state, current_target(turn.state)
    user_tools, tools = await _tools(turn, role)
    is_on_copy = state.dialogue.session.original is not None
    if state.dialogue.participant != role.dialogue or is_on_copy != role.plans:
        await turn.journal.append(DialogueTaken(participant=role.dialogue, on_copy=role.plans))
    first_messages: list[ChatMessage] = []
    if not turn.state.dialogue.messages:
        python_future = python_line(turn.bench, state.files)
        survey, python = await asyncio.gather(survey_of(turn), python_future)
        if user_tools:
            from coder.tools.code_mode import code_words, module_for  # most runs have no tools of their own

            python += f"\n\n{code_words(user_tools, module_for(state.files))}"
        context = turn.abilities.context
        first_messages = first_request(
            turn.state, target, survey, form="tools", context=context, python=python, plans=role.plans
        )
        first_messages[0] = first_messages[0].model_copy(
            update={"content": f"{first_messages[0].content}\n{role.brief}".strip()}
        )
        first_messages[-1] = await _with_hooks(turn, role, first_messages[-1], is_first=not state.steps)
    if not role.plans:
        turn.bench.open_session_early(turn.state)
    # In a chat the answer itself asks, unless the user can answer while the model works.
    asks_by_tool = state.settings.asks and (not state.settings.chat or state.settings.ask_tool)
    end_tool = HAND_IN if role.plans else _done_tool(state)
    endings = (end_tool, ASK) if asks_by_tool else (end_tool,)
    delegate = () if role.plans or role.is_member else _delegate(turn)
    form = Form(tools=(*tools.specs, *delegate, *endings, *role.endings))
    names = [spec.name for spec in (end_tool, *role.endings)]
    dialogue = DialogueTurn(turn, form, first_messages, endings=names, plans=role.plans)
    workplace = _workplace(turn, tools)
    if turn.state.dialogue.unread is not None:
        await _tell_task(turn, role, dialogue, workplace)
    if turn.state.dialogue.is_untold:
        await _tell_fork(turn.state, dialogue, workplace)
    else:
        is_begun = bool(turn.state.dialogue.messages) or role.is_member
        if takes_over := bool(state.codes) and not is_begun and not role.plans:
            await _take_over(turn)
        await _tell_verdict(turn.state, role, dialogue, workplace, takes_over=takes_over)
    return dialogue, workplace


def _workplace(turn: Turn, tools: Registry) -> Workplace:
    """Return where calls are carried out, behind a gate if the user or the repository has hooks."""
    if turn.has_hooks:
        from coder.engine.participants.hook_gate import gate_of  # imported late: few runs have hooks
        from coder.engine.participants.hooked_workplace import HookedWorkplace

        if (gate := gate_of(turn)) is not None:
            return HookedWorkplace(turn, tools, gate)
    return Workplace(turn, tools)


def _delegate(turn: Turn) -> tuple[ToolSpec, ...]:
    """Return the tool that gives tasks to subagents; empty if there are none."""
    state = turn.state
    has_files = any(path.endswith(".md") and "/agents/" in path for path in state.files)
    if turn.children is None or not (state.settings.subagents or has_files):
        return ()
    from coder.engine.participants.delegating import subagents_of  # imported late: few runs have subagents
    from coder.tools.delegate_tool import delegate_spec

    subagents = subagents_of(state)
    return (delegate_spec(subagents),) if subagents else ()


def _done_tool(state: State) -> ToolSpec:
    if state.settings.subagent is not None:
        from coder.tools.delegate_tool import REPORT

        return REPORT
    if state.task.answer_schema is None:
        return DONE
    from coder.tools.answer_tool import done_with_answer  # imported late: few tasks have a schema

    return done_with_answer(state.task.answer_schema)


async def _tools(turn: Turn, role: Role) -> tuple[Sequence[Tool], Registry]:
    """Return the user's tools that a role may call, and the registry of all its tools."""
    settings, readers = turn.state.settings, [*_skill_tools(turn.state), *_lookup(turn)]
    if role.plans:
        return (), Registry(only_looks=True, more=readers)
    if settings.subagent is not None:
        more = [*readers, *web_tools(turn)]
        return (), Registry(only_looks=not settings.subagent.writes, plan=False, more=more)
    user_tools = await tools_of((*turn.bench.tools, *turn.bench.optional_tools))
    governed = [_governed(tool, settings.rules) for tool in user_tools]
    user_tools = [tool for tool in governed if tool is not None]
    user_tools = [tool for tool in user_tools if role.tools is None or tool.spec.name in role.tools]
    web = web_tools(turn) if role.tools is None or "web_fetch" in role.tools else []
    shows_plan = settings.asks or settings.chat
    return user_tools, Registry(user_tools, kernel=settings.kernel, plan=shows_plan, more=[*readers, *web])


def _governed(tool: Tool, rules: Rules | None) -> Tool | None:
    """Return a tool restricted by the user's rules; None if they deny it."""
    by_rules = getattr(tool, "governed", None)
    return tool if rules is None or by_rules is None else by_rules(rules)


def _lookup(turn: Turn) -> list[Tool]:
    """Return the tool that searches the user's documents; empty if the user named none."""
    if turn.bench.documents is None:
        return []
    from coder.engine.participants.document_search import lookup_tool  # imported late: few runs have any

    return [lookup_tool(turn, turn.bench.documents)]


def _skill_tools(state: State) -> list[Tool]:
    """Return the tool that reads skills; empty if there are none."""
    if not state.settings.skills and not any(path.endswith("/SKILL.md") for path in state.files):
        return []
    from coder.engine.prompting.skills_shown import skills_of  # imported late: few runs have skills
    from coder.tools.skill_tool import SkillTool

    skills = skills_of(state)
    return [SkillTool(skills)] if skills else []


def _without_repeat(state: State, role: Role) -> State:
    """Return the state at the latest outcome if another model has only repeated the failed answer."""
    latest, messages = state.last, state.progress.messages
    is_repeat = isinstance(latest, CodeMessage) and latest.repeats and latest.author != role.name
    return state.with_messages(messages[:-1]) if is_repeat else state


async def _take_over(turn: Turn) -> None:
    """Write the latest answer of a model without tools into the session of a model with tools."""
    code = turn.state.codes[-1]
    if code.is_change and not turn.state.dialogue.session.tree:
        await write_edits(turn, code.changes.texts)


async def _tell_verdict(
    state: State, role: Role, dialogue: DialogueTurn, workplace: Workplace, *, takes_over: bool
) -> None:
    """Report the outcome of the last `done`, question or edits once, and the team's messages since then."""
    endings = [spec.name for spec in (HAND_IN if role.plans else DONE, ASK, *role.endings)]
    ending = next(
        (settled_call.call for settled_call in dialogue.open_calls() if settled_call.call.name in endings),
        None,
    )
    is_own_code = not role.is_member or (bool(state.codes) and state.codes[-1].author == role.name)
    report = verdict_words(_without_repeat(state, role)) if is_own_code else None
    if report is None and not state.progress.pending and role.is_member:
        from coder.engine.prompting.thread import thread_words  # imported late: only teams need it

        report = thread_words(state, role.name, role.within, since=True) or None
        if report is None and (ending is not None or dialogue.words is not None):
            report = prompt(
                "your-turn"
            ).strip()  # without a new message, the latest answer would end this turn, too
    if report is None or dialogue.ends_with(report):
        return
    if ending is not None:
        dialogue.add(await workplace.tell(ending, report))
    elif dialogue.words is not None or role.is_member or takes_over:
        dialogue.say(report)


async def _tell_task(turn: Turn, role: Role, dialogue: DialogueTurn, workplace: Workplace) -> None:
    """Report the outcome of the previous message, then add the new message."""
    calls = dialogue.open_calls()
    for settled_call in calls:
        is_refused = settled_call.call.name == HAND_IN.name and not latest_plan(turn.state.steps[-1])
        dialogue.add(
            await workplace.tell(settled_call.call, _NOT_WANTED if is_refused else format_outcome(turn.state))
        )
    request = next_request(turn.state, context=turn.abilities.context, is_reported=bool(calls))
    dialogue.add(await _with_hooks(turn, role, request, is_first=False))


async def _with_hooks(turn: Turn, role: Role, message: ChatMessage, *, is_first: bool) -> ChatMessage:
    """Return the user's message with what the repository's hooks add to it."""
    state = turn.state
    if role.plans or state.settings.subagent is not None or not turn.has_hooks:
        return message
    from coder.engine.participants.hook_runs import with_context  # imported late: few runs have hooks

    return await with_context(turn, message, is_first=is_first)


async def _tell_fork(state: State, dialogue: DialogueTurn, workplace: Workplace) -> None:
    """Add the user's new message, and say that calls after the forked step were not made."""
    for settled_call in dialogue.open_calls():
        dialogue.add(await workplace.tell(settled_call.call, _NOT_MADE))
    if state.last is not None and state.last.author == HUMAN:
        dialogue.say(state.last.text)
