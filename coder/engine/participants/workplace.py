"""Workplace: carries out a model's calls in the run's session, and logs their results and changes."""

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from coder.base.errors import UsageError, own_command
from coder.base.text.sanitize import one_line
from coder.engine.participants.allowed_hosts import ask_about_hosts, let_through
from coder.engine.prompting.messages import late_baseline
from coder.engine.turn.turn import Turn
from coder.models.model import ChatMessage, ToolCall
from coder.run.event_types import ToolAnswered, ToolCalled
from coder.run.questions import Decision, Question, question_id
from coder.run.state import State
from coder.run.stored_file import StoredFile
from coder.run.termination import join_names
from coder.tools.call_words import MAX_SHOWN, call_words
from coder.tools.registry import Registry
from coder.tools.tool import Desk, ToolResult
from coder.workspace.proposal import text_file
from sandbox import SandboxBroken

if TYPE_CHECKING:
    from coder.environment.session_tree import SessionTree

_RESTARTED = (
    "[The session was restarted: files are as after the last answered call, with what the user has edited "
    "since. Background programs, /tmp and what was installed are gone.]\n"
)
_NEW_COPY = (
    "[This is a fresh copy of the user's files: what you had changed, started or installed in an earlier one "
    "is gone.]\n"
)
_UNASKED = Decision(decision="yes", how="default")
_CUT_OFF = (
    "[This call was cut off when the run stopped. It was not made again; nothing that it changed is kept.]"
)
_BROKEN = "[The session broke down in this call, which was not made again.]"
_READ_ONLY = (
    "read-only here, as this machine lays no overlay: {}. Install elsewhere: npm install --prefix /tmp/node, "
    "with NODE_PATH=/tmp/node/node_modules"
)
_RUN_CODE = ("bash", "python")
"""Tools whose programs may call the user's."""
_SHOWN, _MOST_SHOWN = 200, 20
"""Characters of a program's call, and calls, that a model is told of."""


class Workplace:
    """The tools of one turn, and the session that they act in, opened when one is first called."""

    def __init__(self, turn: Turn, tools: Registry) -> None:
        self._turn = turn
        self._tools = tools

    @property
    def _is_on_copy(self) -> bool:
        """Changes are discarded with the session that they are made in."""
        return self._turn.state.dialogue.session.original is not None

    async def _session(self, *, anew: bool = False) -> "SessionTree":
        bench, state = self._turn.bench, self._turn.state
        return await (bench.copy_session if self._is_on_copy else bench.session)(state, anew=anew)

    def require_tool(self, call: ToolCall) -> None:
        """Check that the tool of a call that a person was asked about is given. Raises UsageError."""
        state = self._turn.state
        identity = question_id(state.run, len(state.progress.messages), self._key(call))
        is_open = state.questions.open is not None and state.questions.open.id == identity
        if call.name not in self._tools and (is_open or identity in state.questions.answers):
            raise UsageError(
                f"A call of {call.name} waits for its tool, which isn't given. "
                f"Give it again: {own_command()} resume {state.run} with the --mcp or --tool that the run had"
            )

    async def carry_out(self, call: ToolCall) -> ChatMessage:
        """Call a tool and return its result; an interrupted call is not made again."""
        turn, state = self._turn, self._turn.state
        effect = self._tools.has_effect(call.name)
        open_tool = state.dialogue.session.open_tool
        is_cut_off = open_tool is not None and open_tool.id == call.id
        if is_cut_off and not (effect and await self._is_made_again(call)):
            return await self.tell(
                call, f"{_CUT_OFF}{_made_by(state, call)}{let_through(self._turn)}", failed=True
            )
        if not is_cut_off and effect and (refused := await self._refused(call)) is not None:
            return await self.tell(call, refused, failed=True)
        let_through(self._turn)
        await turn.baseline(0)
        await self._session()
        is_new = state.dialogue.participant not in turn.bench.known_to
        is_restarted = is_new and any(message.role == "tool" for message in state.dialogue.messages)
        redact = turn.bench.redactor.redact
        arguments = redact(call.arguments)
        await turn.journal.append(
            ToolCalled(call=state.spend.calls, id=call.id, name=call.name, arguments=arguments, effect=effect)
        )
        try:
            result, changes, left_out = await self._made(call)
        except SandboxBroken:  # nothing of the call stays
            if effects := _made_by(turn.state, call):
                return await self.tell(call, f"{_BROKEN}{effects}", failed=True)
            is_restarted = True
            result, changes, left_out = await self._made(call, anew=True)
        turn.bench.known_to.add(state.dialogue.participant)
        text = redact(result.text)
        new = [line for line in left_out if line not in _lines(state)]
        if new and not self._is_on_copy:
            text = f"{text}\n[left out, lands nowhere: {join_names(new)}]"
        if is_new and turn.bench.read_only:
            text = f"{text}\n[{_READ_ONLY.format(turn.bench.read_only)}]"
        answered = ToolAnswered(
            call=state.spend.calls,
            id=call.id,
            name=call.name,
            text=f"{_NEW_COPY if self._is_on_copy else _RESTARTED}{text}" if is_restarted else text,
            exit_code=result.exit_code,
            seconds=result.seconds,
            failed=result.failed,
            running=result.running,
            images=result.images,
            changes=changes,
            left_out=left_out,
        )
        return await self._logged(answered)

    async def _refused(self, call: ToolCall, key: str = "") -> str | None:
        """Words to the model where the user doesn't allow a call with effects."""
        words = f"Call {self._shown(call)}"
        is_asked = self._tools.asks(call.name) or "tools" in self._turn.state.settings.approve
        if is_asked and len(words) > MAX_SHOWN:
            return f"[Not made: a person is shown {MAX_SHOWN:,} characters of a call, and it is longer.]"
        question = self._question(call, words, options=("yes", "always", "no"))
        asks = self._tools.asks(call.name)
        unasked = None if asks else _UNASKED
        answer = await self._turn.question(question, key=key or self._key(call), otherwise=unasked)
        if answer.agrees:
            return None
        return f"[The user did not allow this call.{f' They say: {answer.words}' if answer.words else ''}]"

    def _key(self, call: ToolCall) -> str:
        """What tells a call from any other of the turn: its id alone may come again."""
        return f"{call.id} {self._turn.state.spend.calls} {call.name} {call.arguments}"

    async def _is_made_again(self, call: ToolCall) -> bool:
        """Ask whether to make an interrupted call again: nobody knows how far it came."""
        words = (
            f"This call was cut off: it may have had its effect or not. Make it again? {self._shown(call)}"
        )
        question = self._question(call, words, options=("yes", "no"))
        key = f"again {self._key(call)} {self._turn.state.spend.tool_calls}"
        return (await self._turn.question(question, key=key)).agrees

    def _question(self, call: ToolCall, words: str, *, options: tuple[str, ...]) -> Question:
        author = self._turn.participant
        return Question(
            kind="approve",
            about="tools",
            text=words,
            options=options,
            subject=call.name if "always" in options else "",
            by=author,
        )

    def _shown(self, call: ToolCall) -> str:
        return self._turn.bench.redactor.redact(call_words(call))

    async def _made(
        self, call: ToolCall, *, anew: bool = False
    ) -> tuple[ToolResult, dict[str, StoredFile | None], tuple[str, ...]]:
        """What a call gave and changed, and what is left out; `anew` uses a new session."""
        work = await self._session(anew=anew)
        bench = self._turn.bench

        def heard(chunk: bytes) -> None:
            if bench.on_output is not None:
                bench.on_output("stdout", chunk)

        def seconds_left() -> float:
            state = self._turn.state
            return max(1.0, state.spend.budget.timeout - state.spend.seconds)

        redact, sees = bench.redactor.redact, self._turn.abilities.sees is True
        desk = Desk(work.session, seconds_left, redact, heard, kernel=work.kernel, sees=sees)
        if self._tools.own and call.name in _RUN_CODE:
            from coder.engine.participants.program_calls import (
                ProgramCalls,  # most runs have no tools of their own
            )

            result = await ProgramCalls(self._turn, self._tools, call, self._refused).carry_out(desk)
            is_killed = result.exit_code is None and not result.running
            if is_killed or self._turn.state.dialogue.session.open_effect is not None:
                result = replace(result, text=f"{result.text}{_made_by(self._turn.state, call)}")
        else:
            result = await self._tools.answer(call, desk)
        changes, left_out = await work.changes()
        if not self._tools.has_effect(call.name) and (host_notes := await ask_about_hosts(self._turn)):
            result = replace(result, text="\n".join([result.text, *host_notes]))
        return result, changes, left_out

    async def tell(self, call: ToolCall, text: str, *, failed: bool = False) -> ChatMessage:
        """Answer a call without making it; `failed`: it should have been made."""
        state = self._turn.state
        lines = _lines(state)
        return await self._logged(
            ToolAnswered(
                call=state.spend.calls, id=call.id, name=call.name, text=text, failed=failed, left_out=lines
            )
        )

    async def write(self, files: Mapping[str, str | None]) -> None:
        """Make the edits that stood in the text of an answer."""
        state, bench = self._turn.state, self._turn.bench
        changes: dict[str, StoredFile | None] = {
            path: text_file(text, like=state.dialogue.session.tree.get(path) or state.files.get(path))
            for path, text in files.items()
        }
        if bench.open_session is not None:
            await (await bench.session(state)).write(changes)
        event = ToolAnswered(call=state.spend.calls, id="", name="edits", text="", changes=changes)
        await self._turn.journal.append(event)

    async def _logged(self, answered: ToolAnswered) -> ChatMessage:
        turn = self._turn
        if turn.state.dialogue.owes_baseline:
            report = turn.bench.redactor.redact(late_baseline(turn.state, turn.abilities.context))
            answered = answered.model_copy(update={"text": f"{answered.text}\n[{report}]"})
        await turn.journal.append(answered)
        return ChatMessage(
            role="tool", content=answered.text, images=answered.images, tool_call_id=answered.id
        )


def _lines(state: State) -> tuple[str, ...]:
    """What was left out at the latest look, as the log has it."""
    return tuple(f"{path}: {reason}" for path, reason in state.dialogue.session.left_out.items())


def _made_by(state: State, call: ToolCall) -> str:
    """What a model is told of the calls with effects that the programs of a call have made; often empty."""
    effects = [one for one in state.dialogue.session.effects if one.id == call.id]
    lines = [f"{one.name}({one_line(one.arguments, width=_SHOWN)})" for one in effects[-_MOST_SHOWN:]]
    if effects and state.dialogue.session.open_effect is effects[-1]:
        lines[-1] += ": cut off, it may have had its effect or not"
    if len(effects) > _MOST_SHOWN:
        lines.insert(0, f"{len(effects) - _MOST_SHOWN} others")
    return f"\n[Its programs had called {'; '.join(lines)}.]" if effects else ""
