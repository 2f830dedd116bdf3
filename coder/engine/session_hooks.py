"""SessionHooks: the user's own hooks at the start of a session, at each message, and at the session's end.

They run on the host, before a message is logged, so that a message which a hook blocks is stored nowhere. A
repository's hooks for a message run in the sandbox (`participants/hook_runs.py`).
"""

from contextlib import AsyncExitStack

from coder.base.errors import Refused
from coder.config.hooks import covers
from coder.engine.options import Options
from coder.engine.participants.hook_commands import HookAnswer, hook_document, run_on_host
from coder.run.extensions import Hook, hook_failure, hook_wait
from coder.run.watch import note_of, shown_wait

_END_S = 10.0
"""Longest time of a hook at the end of a session, in seconds: the user waits for the prompt of the shell."""


class SessionHooks:
    """The user's hooks of one session: a run that this process works on, or a conversation."""

    def __init__(self, hooks: tuple[Hook, ...], run: str, *, watch: object, is_resumed: bool) -> None:
        """Initialize with the hooks of a run; `watch` shows their messages to the user."""
        self._hooks, self._run = hooks, run
        self._watch, self._note = watch, note_of(watch)
        self._source = "resume" if is_resumed else "startup"
        self._folder: str | None = None
        self._is_open = False

    async def start(self, folder: str | None) -> str:
        """Run the hooks of the start, unless they have run; return their text for the model.

        Args:
            folder: the folder of the run, in which the hooks run.
        """
        if self._is_open:
            return ""
        self._is_open, self._folder = True, folder
        answers = await self._answers("SessionStart", self._source, source=self._source)
        for answer in answers:  # such a hook blocks nothing
            if answer.objection is not None:
                self._note(f"a hook of SessionStart says: {answer.objection}")
        return _joined(answers)

    async def submit(self, prompt: str, folder: str | None) -> str:
        """Run the hooks of a message; return their text for the model, after the text of SessionStart hooks.

        Raises Refused if a hook blocks the message.
        """
        context = await self.start(folder)
        answers = await self._answers("UserPromptSubmit", "", prompt=prompt)
        if (reason := next((each.objection for each in answers if each.objection is not None), None)) is None:
            return "\n".join(filter(None, [context, _joined(answers)]))
        raise Refused(f"A hook of yours blocked this message, and no model was called: {reason}")

    async def clear(self) -> None:
        """End the session and let the next message start a new one, as the conversation is forgotten."""
        await self.end("clear")
        self._source = "clear"

    async def end(self, reason: str = "other") -> None:
        """Run the hooks of the end, if the session has started."""
        if self._is_open:
            self._is_open = False
            await self._answers("SessionEnd", reason, most_s=_END_S, reason=reason)

    async def _answers(
        self, event: str, subject: str, *, most_s: float | None = None, **more: str
    ) -> list[HookAnswer]:
        answers = []
        for hook in self._hooks:
            if hook.event == event and covers(hook, subject):
                document = hook_document(self._run, event, self._folder, **more)
                async with shown_wait(self._watch, hook_wait(event, hook.shown)):
                    answers.append(await run_on_host(hook, document, self._folder, most_s=most_s))
                if answers[-1].message:
                    self._note(answers[-1].message)
                if answers[-1].problem:
                    self._note(hook_failure(event, hook.shown, answers[-1].problem))
                if answers[-1].objection is not None and event == "UserPromptSubmit":
                    break
        return answers


def _joined(answers: list[HookAnswer]) -> str:
    return "\n".join(answer.context for answer in answers if answer.context)


def open_hooks(
    stack: AsyncExitStack, hooks: tuple[Hook, ...], run: str, options: Options, *, is_resumed: bool = False
) -> SessionHooks:
    """Return the user's hooks of a session; the hooks of its end run when the stack closes."""
    session_hooks = SessionHooks(hooks, run, watch=options.get("watch"), is_resumed=is_resumed)
    stack.push_async_callback(session_hooks.end)
    return session_hooks
