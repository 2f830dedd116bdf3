"""HookRuns: run the hooks of the user on the host, and those of the repository in the sandbox."""

import asyncio
import json
import os
import signal
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from coder.base.text.sanitize import one_line, terminal_text
from coder.config.hooks import covers, hooks_of_repository
from coder.models.model import ToolCall
from coder.run.extensions import Hook
from coder.run.state import State
from sandbox import Session

_BLOCKS = 2
"""Exit code with which a hook blocks a call."""
MAX_OUTPUT = 10_000
_NAMES = {"bash": "Bash", "edit": "Edit", "python": "NotebookEdit", "web_fetch": "WebFetch", "skill": "Skill"}
"""Claude's names of our tools."""


@dataclass(frozen=True, slots=True)
class _Ended:
    exit_code: int | None
    stdout: str
    stderr: str


@dataclass(frozen=True, slots=True)
class HookRuns:
    """The hooks of one run."""

    state: State
    own: tuple[Hook, ...]
    of_repository: tuple[Hook, ...]

    @classmethod
    def of(cls, state: State) -> "HookRuns":
        """Return the hooks of the user's settings and of the files that the run read."""
        texts = {path: file.text for path, file in state.files.items() if path.endswith(".json")}
        return cls(state, state.settings.hooks, hooks_of_repository(texts))

    async def refusal(self, call: ToolCall, session: Session) -> str | None:
        """Run the hooks before a call; return the text for the model if one blocks it."""
        for reason in await self._run("PreToolUse", call, session, None):
            return f"[A hook blocked this call: {reason}]"
        return None

    async def remarks(self, call: ToolCall, result: str, session: Session) -> list[str]:
        """Run the hooks after a call; return what they have to say to the model."""
        return [
            f"[A hook says: {reason}]" for reason in await self._run("PostToolUse", call, session, result)
        ]

    async def stop(self) -> None:
        """Run the user's hooks at the end of a run."""
        for hook in self.own:
            if hook.event == "Stop":
                await self._on_host(hook, self._document("Stop"))

    async def _run(self, event: str, call: ToolCall, session: Session, result: str | None) -> list[str]:
        """Run the hooks of an event that are for this call; return the reasons of those that object."""
        name, arguments = _NAMES.get(call.name, call.name), _arguments(call, session.root)
        reasons = []
        own = [(hook, True) for hook in self.own]
        for hook, is_own in (*own, *((hook, False) for hook in self.of_repository)):
            if hook.event != event or not covers(hook, name):
                continue
            more: dict[str, Any] = {"tool_name": name, "tool_input": arguments}
            more |= {} if result is None else {"tool_response": {"output": result[:MAX_OUTPUT]}}
            document = self._document(event, root=None if is_own else session.root, **more)
            ended = await (self._on_host(hook, document) if is_own else _in_sandbox(hook, document, session))
            if (reason := _objection(ended)) is not None:
                reasons.append(one_line(reason, width=MAX_OUTPUT))
                if event == "PreToolUse":
                    break
        return reasons

    def _document(self, event: str, *, root: str | None = None, **more: Any) -> bytes:  # noqa: ANN401 - JSON
        """Return the JSON that a hook reads."""
        document = {
            "session_id": self.state.run,
            "transcript_path": "",
            "cwd": root or self.state.root or os.getcwd(),
            "hook_event_name": event,
            **more,
        }
        return json.dumps(document).encode()

    async def _on_host(self, hook: Hook, document: bytes) -> _Ended:
        folder = self.state.root
        process = await asyncio.create_subprocess_shell(
            hook.command,  # the user's own configuration
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            cwd=folder,
            env={**os.environ, "CLAUDE_PROJECT_DIR": folder or os.getcwd()},
            start_new_session=True,
        )
        try:
            async with asyncio.timeout(hook.timeout):
                stdout, stderr = await process.communicate(document)
        except TimeoutError:
            return _Ended(None, "", "")
        finally:
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                await process.wait()
        return _Ended(process.returncode, _text(stdout), _text(stderr))


async def _in_sandbox(hook: Hook, document: bytes, session: Session) -> _Ended:
    errors = "/tmp/.hook-stderr"
    result = await session.sh(
        f"( {hook.command}\n) 2>{errors}",
        stdin=document,
        wall_s=hook.timeout,
        environment={"CLAUDE_PROJECT_DIR": session.root},
    )
    stderr = await session.sh(f"cat {errors}; rm -f {errors}") if result.exit_code == _BLOCKS else None
    return _Ended(result.exit_code, result.output, stderr.output if stderr is not None else "")


def _objection(ended: _Ended) -> str | None:
    """Return why a hook objects: by exit code 2, or by JSON on stdout; None if it doesn't."""
    if ended.exit_code == _BLOCKS:
        return ended.stderr.strip() or "no reason given"
    if ended.exit_code != 0 or not ended.stdout.lstrip().startswith("{"):
        return None
    try:
        answer = json.loads(ended.stdout)
    except (ValueError, RecursionError):
        return None
    special = answer.get("hookSpecificOutput")
    special = special if isinstance(special, dict) else {}
    if special.get("permissionDecision") == "deny":
        return str(special.get("permissionDecisionReason") or "no reason given")
    if answer.get("decision") == "block" or answer.get("continue") is False:
        return str(answer.get("reason") or answer.get("stopReason") or "no reason given")
    context = special.get("additionalContext")
    return context if isinstance(context, str) and special.get("hookEventName") == "PostToolUse" else None


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


def _text(content: bytes) -> str:
    return terminal_text(content[:MAX_OUTPUT].decode("utf-8", "replace"))
