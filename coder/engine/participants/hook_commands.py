"""Run hooks, the user's on the host and a repository's in the sandbox, and read their answers.

Protocol: https://code.claude.com/docs/en/hooks
"""

import asyncio
import json
import os
import re
import signal
from contextlib import suppress
from dataclasses import dataclass, replace
from secrets import token_hex
from typing import Any, Literal

from coder.base.text.sanitize import one_line, terminal_text
from coder.config.hook_programs import program_of
from coder.run.extensions import Hook
from sandbox import Session

_NOT_FOUND = 127
"""Exit code of a shell that doesn't find a program."""
BLOCKS = 2
"""Exit code with which a hook blocks."""
MAX_OUTPUT = 10_000
_MAX_BYTES = 50 << 20
"""Bytes that are read of a hook of the user."""
_MAX_PARSED = 50 << 20
"""Characters that are parsed in search of objects, as several may begin at one place."""
_MAX_REASON = 300
_CONTEXT_FROM_STDOUT = ("UserPromptSubmit", "SessionStart")
"""Events whose hooks give context by plain text on stdout."""
_OBJECT = re.compile(r"^[ \t]*(?P<object>\{\s*[\"'])", re.MULTILINE)
"""Beginning of an object at the beginning of a line."""
_GOES_ON_BY_STOP = ("Stop", "SessionEnd")
"""Events for whose hooks `continue: false` has no effect, as the model stops anyway."""
DECIDING = ("SessionStart", "UserPromptSubmit", "PreToolUse")
"""Events before a message or a call, whose hooks are kept from what the model has made most strictly."""
_HOMES = "/tmp/.hook-homes"
"""Folder of the sandbox with the home folder of the hook that runs."""
_BLOCKING = ("PreToolUse", "UserPromptSubmit")
"""Events whose hooks block if their output can't be read whole, since a part may block."""
_DECISIONS: dict[str, Literal["allow", "ask"]] = {
    "allow": "allow",
    "approve": "allow",
    "ask": "ask",
    "defer": "ask",
}
"""Decisions of a hook before a call; `defer`, like `ask`, leaves the call to a person who resumes the run."""


@dataclass(frozen=True, slots=True)
class HookAnswer:
    """What a hook has answered."""

    objection: str | None = None
    """Reason why the hook blocks; None: it doesn't."""
    context: str = ""
    """Its text for the model."""
    message: str = ""
    """Its text for the user."""
    decision: Literal["allow", "ask"] | None = None
    """Decision on the permission of a call that the hook doesn't block."""
    reason: str = ""
    """Reason to ask a person."""
    updated_input: dict[str, Any] | None = None
    """Arguments that replace those of the call."""
    problem: str = ""
    """Why the hook made no decision: it couldn't start, was stopped or failed; empty if it ran."""
    needs: str = ""
    """The program that isn't there, if that is why it failed."""


@dataclass(frozen=True, slots=True)
class _Ended:
    exit_code: int | None
    stdout: bytes
    stderr: str
    is_cut: bool = False
    """Whether a part of stdout is missing."""


def hook_document(run: str, event: str, cwd: str | None, **more: Any) -> bytes:  # noqa: ANN401 - JSON
    """Return the JSON that a hook reads."""
    document = {
        "session_id": run,
        "transcript_path": "",
        "cwd": cwd or os.getcwd(),
        "permission_mode": "default",
        "hook_event_name": event,
        **more,
    }
    return json.dumps(document).encode()


async def run_on_host(
    hook: Hook, document: bytes, folder: str | None, *, most_s: float | None = None
) -> HookAnswer:
    """Run a hook of the user's settings in a folder of this machine; one that takes too long is killed."""
    limit_s = min(hook.timeout, most_s or hook.timeout)
    try:
        process = await asyncio.create_subprocess_shell(
            hook.command,  # the user's own configuration
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            cwd=folder,
            env={
                **os.environ,
                "CLAUDE_PROJECT_DIR": folder or os.getcwd(),
                **({"CLAUDE_PLUGIN_ROOT": hook.plugin} if hook.plugin else {}),
            },
            start_new_session=True,
        )
    except OSError as error:
        return HookAnswer(problem=f"it can't be started: {error.strerror or error}")
    try:
        async with asyncio.timeout(limit_s):
            stdout, stderr = await process.communicate(document)
    except TimeoutError:
        return HookAnswer(problem=_too_slow(limit_s))
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
    is_cut = len(stdout) > _MAX_BYTES
    errors = stderr[:MAX_OUTPUT].decode("utf-8", "replace")
    return _read(_Ended(process.returncode, stdout[:_MAX_BYTES], errors, is_cut), hook.event)


async def run_in_sandbox(hook: Hook, document: bytes, session: Session, *, most_s: float) -> HookAnswer:
    """Run a hook of a repository in a session, with a new home folder, for at most `most_s` seconds."""
    home = f"{_HOMES}/{token_hex(8)}"
    errors = f"{home}.stderr"
    limit_s = min(hook.timeout, most_s)
    result = await session.sh(
        f"rm -rf {_HOMES}; mkdir -p {home}; ( {hook.command}\n) 2>{errors}",
        stdin=document,
        wall_s=limit_s,
        environment={
            "CLAUDE_PROJECT_DIR": session.root,
            "HOME": home,
            "PYTHONNOUSERSITE": "1",
            **({"CLAUDE_PLUGIN_ROOT": f"{session.root}/{hook.plugin}"} if hook.plugin else {}),
            **({"PYTHONPATH": ""} if hook.event in DECIDING else {}),  # it names the model's folders
        },
    )
    if result.exit_code is None and result.killed_by != "output":
        return HookAnswer(
            problem=_too_slow(limit_s) if result.status == "timeout" else f"it ended: {result.status}"
        )
    stderr = ""
    if result.exit_code != 0:
        stderr = (await session.sh(f"head -c {MAX_OUTPUT} {errors}; rm -f {errors}")).output
    is_cut = result.truncated or result.exit_code is None
    answer = _read(_Ended(result.exit_code, result.raw_output, stderr, is_cut), hook.event)
    is_missing = answer.problem and result.exit_code == _NOT_FOUND
    return replace(answer, needs=program_of(hook.command)) if is_missing else answer


def _read(ended: _Ended, event: str) -> HookAnswer:
    """Return a hook's answer: exit code 2, JSON on stdout, or for some events plain text on stdout.

    A hook that blocks is obeyed whatever else it has printed. Only an answer that stands alone can allow.
    """
    if ended.exit_code == BLOCKS:
        return HookAnswer(objection=_reason(ended.stderr))
    stdout = ended.stdout.decode("utf-8", "replace")
    documents, is_alone, is_whole = _json_objects(stdout)
    answers = [_answer(document, event) for document in documents]
    if (block := next((answer for answer in answers if answer.objection is not None), None)) is not None:
        return block
    if ended.is_cut or not is_whole:
        reason = "it printed more than can be read, so whether it blocks isn't known: have it print less"
        return HookAnswer(objection=reason) if event in _BLOCKING else HookAnswer(problem=reason)
    if ended.exit_code != 0:
        words = next((line for line in ended.stderr.splitlines() if line.strip()), "")
        return HookAnswer(problem=one_line(f"exit code {ended.exit_code} {words}".strip(), width=_MAX_REASON))
    if is_alone:
        return answers[0]
    if event not in _CONTEXT_FROM_STDOUT and _is_torn(stdout):
        return HookAnswer(problem="it printed JSON that can't be read, so it decides nothing")
    if not answers:
        return HookAnswer(context=_shortened(terminal_text(stdout)) if event in _CONTEXT_FROM_STDOUT else "")
    request = next((answer for answer in answers if answer.decision == "ask"), None)
    inputs = [answer.updated_input for answer in answers if answer.updated_input is not None]
    return HookAnswer(
        context=_shortened("\n".join(answer.context for answer in answers if answer.context)),
        message=" ".join(answer.message for answer in answers if answer.message),
        decision=request.decision if request is not None else None,
        reason=request.reason if request is not None else "",
        updated_input=inputs[-1] if inputs else None,
    )


def _answer(answer: dict[str, Any], event: str) -> HookAnswer:
    """Return the answer in one object."""
    special = answer.get("hookSpecificOutput")
    message = one_line(str(answer.get("systemMessage") or ""), width=MAX_OUTPUT)
    if isinstance(special, dict) and special.get("permissionDecision") == "deny":  # for whatever event
        return HookAnswer(_reason(special.get("permissionDecisionReason")), message=message)
    special = special if isinstance(special, dict) and special.get("hookEventName", event) == event else {}
    if answer.get("decision") in ("block", "deny"):
        return HookAnswer(_reason(answer.get("reason")), message=message)
    if answer.get("continue") is False and event not in _GOES_ON_BY_STOP:
        return HookAnswer(_reason(answer.get("stopReason")), message=message)
    context, updated_input = special.get("additionalContext"), special.get("updatedInput")
    return HookAnswer(
        context=_shortened(context) if isinstance(context, str) and "hookEventName" in special else "",
        message=message,
        decision=_DECISIONS.get(str(special.get("permissionDecision") or answer.get("decision"))),
        reason=_reason(special.get("permissionDecisionReason") or answer.get("reason")),
        updated_input=updated_input if isinstance(updated_input, dict) else None,
    )


def _json_objects(text: str) -> tuple[list[dict[str, Any]], bool, bool]:
    """Return the outermost objects in a text, whether one makes up the whole text, and whether all were read.

    In a text with very many beginnings of objects they can't all be tried.
    """
    objects: list[dict[str, Any]] = []
    decoder, position, parsed, is_alone = json.JSONDecoder(), 0, 0, False
    while (position := text.find("{", position)) >= 0:
        if parsed > _MAX_PARSED:
            return objects, False, False
        try:
            document, end = decoder.raw_decode(text, position)
        except json.JSONDecodeError as error:
            parsed += error.pos - position + 1
            position += 1
        except RecursionError:
            parsed += MAX_OUTPUT
            position += 1
        else:
            is_alone = not objects and not text[:position].strip() and not text[end:].strip()
            objects.append(document)
            position = end
    return objects, is_alone, True


def _is_torn(text: str) -> bool:
    """Whether the first object that begins a line can't be read."""
    if (match := _OBJECT.search(text)) is None:
        return False
    try:
        json.JSONDecoder().raw_decode(text, match.start("object"))
    except (ValueError, RecursionError):
        return True
    return False


def _too_slow(seconds: float) -> str:
    return f"it was stopped after {seconds:g} s"


def _reason(text: object) -> str:
    return one_line(str(text or ""), width=MAX_OUTPUT).strip() or "no reason given"


def _shortened(text: str) -> str:
    return text.strip()[:MAX_OUTPUT]
