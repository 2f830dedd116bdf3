"""HookRuns: hooks around a model's calls, at the end of its turn, and a repository's for a message."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from coder.config.hooks import covers, hooks_of_repository
from coder.engine.participants.hook_commands import (
    MAX_OUTPUT,
    HookAnswer,
    hook_document,
    run_in_sandbox,
    run_on_host,
)
from coder.engine.prompting.task_parts import hook_notes
from coder.engine.turn.turn import Turn
from coder.models.model import ChatMessage, ToolCall
from coder.run.event_types import ToolAnswered
from coder.run.extensions import Hook, hook_files, with_manifests
from coder.run.state import State
from sandbox import SandboxBroken, Session

MAX_STOP_BLOCKS = 8
"""Times in one turn that hooks can have the model go on; its next end counts."""
_NAMES = {
    "bash": ("Bash",),
    "edit": ("Edit", "Write", "MultiEdit"),
    "python": ("NotebookEdit",),
    "web_fetch": ("WebFetch",),
    "skill": ("Skill",),
}
"""Claude's names of our tools; a matcher may use any of them."""


@dataclass(frozen=True, slots=True)
class HookRuns:
    """The hooks of one run."""

    state: State
    own: tuple[Hook, ...]
    of_repository: tuple[Hook, ...]

    @classmethod
    def of(cls, state: State) -> "HookRuns":
        """Return the hooks of the user's settings and of the files that the run read."""
        texts = {
            path: state.files[path].text for path in with_manifests(hook_files(state.files), state.files)
        }
        return cls(state, state.settings.hooks, hooks_of_repository(texts))

    def has(self, *events: str) -> bool:
        """Whether there are hooks of one of these events."""
        return any(hook.event in events for hook in (*self.own, *self.of_repository))

    @property
    def of_user(self) -> "HookRuns":
        """The user's own hooks alone, which run on this machine."""
        return HookRuns(self.state, self.own, ())

    async def refusal(self, call: ToolCall, session: Session, *, mcp_name: str = "") -> str | None:
        """Run the hooks before a call; return the text for the model if one blocks it.

        Args:
            mcp_name: `mcp__SERVER__TOOL` for a tool of an MCP server, by which a matcher may name it.
        """
        for answer in await self._around("PreToolUse", call, session, None, mcp_name):
            if answer.objection is not None:
                return f"[A hook blocked this call: {answer.objection}]"
        return None

    async def remarks(
        self, call: ToolCall, result: str, session: Session, *, mcp_name: str = ""
    ) -> list[str]:
        """Run the hooks after a call; return what they have to say to the model."""
        answers = await self._around("PostToolUse", call, session, result, mcp_name)
        remarks = [answer.objection or answer.context for answer in answers]
        return [f"[A hook says: {remark}]" for remark in remarks if remark]

    async def objection_to_stop(self, session: Session | None, *, is_repeated: bool) -> str | None:
        """Run the hooks at the end of the model's work; return the text for the model if it must go on.

        Args:
            session: where a repository's hooks run; None: they don't.
            is_repeated: whether the model goes on since such a hook has blocked its end.
        """
        for answer in await self._run("Stop", ("",), session, {"stop_hook_active": is_repeated}):
            if answer.objection is not None:
                return f"[A hook of the end says that the work isn't done: {answer.objection}]"
        return None

    async def context_of_repository(self, session: Session, *, is_first: bool) -> str:
        """Run the repository's hooks for a message; return what they add to it.

        They can't block a message: the user has sent it.

        Args:
            is_first: whether it is the first message of a run, at which a session starts.
        """
        hooks = HookRuns(self.state, (), self.of_repository)
        answers: list[HookAnswer] = []
        if is_first:
            answers += await hooks._run("SessionStart", ("startup",), session, {"source": "startup"})
        prompt = {"prompt": self.state.task.prompt[:MAX_OUTPUT]}
        answers += await hooks._run("UserPromptSubmit", ("",), session, prompt)
        return "\n".join(answer.context for answer in answers if answer.context)

    async def _around(
        self, event: str, call: ToolCall, session: Session, result: str | None, mcp_name: str
    ) -> list[HookAnswer]:
        """Run the hooks of an event that are for this call."""
        names = (mcp_name, call.name) if mcp_name else _NAMES.get(call.name, (call.name,))
        more: dict[str, Any] = {"tool_input": _arguments(call, session.root)}
        more |= {} if result is None else {"tool_response": {"output": result[:MAX_OUTPUT]}}
        return await self._run(event, names, session, more)

    async def _run(
        self, event: str, subjects: Sequence[str], session: Session | None, more: dict[str, Any]
    ) -> list[HookAnswer]:
        """Run the hooks of an event; of several before a call or an end, the first objection counts.

        A hook is told the first of the subjects that its matcher covers, as the name of the tool.
        """
        answers: list[HookAnswer] = []
        state = self.state
        own = [(hook, True) for hook in self.own]
        for hook, is_own in (*own, *((hook, False) for hook in self.of_repository)):
            subject = next((name for name in subjects if covers(hook, name)), None)
            if hook.event != event or subject is None:
                continue
            if "tool_input" in more:
                more = {**more, "tool_name": subject}
            if is_own:
                document = hook_document(state.run, event, state.root, **more)
                answers.append(await run_on_host(hook, document, state.root))
            elif session is not None:
                document = hook_document(state.run, event, session.root, **more)
                answers.append(await run_in_sandbox(hook, document, session))
            else:
                continue
            if answers[-1].objection is not None and event in ("PreToolUse", "Stop"):
                break
        return answers


async def with_context(turn: Turn, message: ChatMessage, *, is_first: bool) -> ChatMessage:
    """Return the user's message with what the repository's hooks add to it."""
    hooks = HookRuns.of(turn.state)
    if not HookRuns(turn.state, (), hooks.of_repository).has("SessionStart", "UserPromptSubmit"):
        return message
    session_tree = await turn.bench.session(turn.state)
    try:
        context = await hooks.context_of_repository(session_tree.session, is_first=is_first)
    except SandboxBroken:  # the next call opens another session
        return message
    notes = hook_notes(turn.bench.redactor.redact(context), of_repository=True)
    return message.model_copy(update={"content": "\n\n".join([message.content, *notes])})


async def objection_to_end(turn: Turn, hooks: HookRuns, *, earlier: int) -> str | None:
    """Run the hooks at the end of a turn; return the text for the model if it must go on.

    What a repository's hook changes in the session is logged, as it belongs to the work.

    Args:
        earlier: objections to earlier ends of this turn.
    """
    if not hooks.has("Stop"):
        return None
    turn.bench.has_run_stop_hooks = True
    if earlier == MAX_STOP_BLOCKS:
        return None
    objection = await _objection(turn, hooks, is_repeated=earlier > 0)
    return turn.bench.redactor.redact(objection) if objection is not None else None


async def _objection(turn: Turn, hooks: HookRuns, *, is_repeated: bool) -> str | None:
    if not HookRuns(turn.state, (), hooks.of_repository).has("Stop"):
        return await hooks.objection_to_stop(None, is_repeated=is_repeated)
    session_tree = await turn.bench.session(turn.state)
    try:
        objection = await hooks.objection_to_stop(session_tree.session, is_repeated=is_repeated)
        changes, left_out = await session_tree.changes()
    except SandboxBroken:
        return None
    if changes:
        calls = turn.state.spend.calls
        await turn.journal.append(
            ToolAnswered(call=calls, id="", name="edits", text="", changes=changes, left_out=left_out)
        )
    return objection


def _arguments(call: ToolCall, root: str) -> dict[str, Any]:
    """Return a call's arguments with the names that hooks for Claude Code read."""
    try:
        arguments = dict(call.parsed())
    except ValueError:
        return {}
    path = arguments.get("path")
    if call.name == "edit" and isinstance(path, str):
        arguments["file_path"] = path if path.startswith("/") else f"{root}/{path}"
    return arguments
