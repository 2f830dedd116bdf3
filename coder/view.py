"""View: what a model is shown of a run. Small on purpose: the task, the latest code, the first failure."""

from collections.abc import Mapping

from coder.bodies import StoredFile
from coder.edits.asking import quoted, repair_of_edits
from coder.message import Message
from coder.models.model import ChatMessage
from coder.prompts import prompt
from coder.rounds import Round
from coder.settings import EditFormat
from coder.state import State
from coder.target import Target

_FILE_BUDGET = 24_000
"""Characters of the user's files that are quoted; more drowns a small model and costs a large one."""


def coder_view(state: State, target: Target, turn: Round, *, form: EditFormat = "whole") -> list[ChatMessage]:
    """The conversation that asks for code: a first attempt, or a repair of the code that failed.

    Args:
        form: the form in which changes are asked for.
    """
    system = "coder" if form == "whole" else f"edit-{form}"
    messages = [
        ChatMessage(role="system", content=prompt(system)),
        ChatMessage(role="user", content=_task(state, target, form=form)),
    ]
    if turn.previous is not None and state.outcome is not None:
        said = state.outcome.feedback
        if form == "whole":
            shown, asked = _fenced(turn.previous.files, target), prompt("repair").format(feedback=said)
        else:
            shown, asked = quoted(turn.previous.text), repair_of_edits(state, turn.previous, said)
        messages += [
            ChatMessage(role="assistant", content=shown),
            ChatMessage(role="user", content=asked),
        ]
    return messages


def planner_view(state: State, target: Target) -> list[ChatMessage]:
    """The conversation that asks for a plan."""
    return [
        ChatMessage(role="system", content=prompt("planner")),
        ChatMessage(role="user", content=_task(state, target)),
    ]


def _task(state: State, target: Target, *, form: EditFormat = "whole") -> str:
    plan = next((message for message in reversed(state.messages) if message.kind == "plan"), None)
    names = ", ".join(f"`{name}`" for name in target.names)
    return prompt("task" if form == "whole" else "change").format(
        task=state.task.prompt.strip(),
        plan=_plan(plan),
        files=_files(state.files, target),
        tests=_tests(state),
        path=target.path,
        names=f" It must define {names}." if names else "",
    )


def _plan(message: Message | None) -> str:
    return f"\nFollow this plan:\n{message.text.strip()}\n" if message else ""


def _tests(state: State) -> str:
    parts = [f"\nIt must pass `{test.path}`:\n```python\n{test.text}```\n" for test in state.task.test_files]
    if state.task.checks:
        checks = "\n".join(check.strip() for check in state.task.checks)
        parts.append(f"\nIt must pass:\n```python\n{checks}\n```\n")
    return "".join(parts)


def _files(files: Mapping[str, StoredFile], target: Target) -> str:
    """The user's text files, those that the task depends on first, as far as the budget goes."""
    order = sorted(files, key=lambda path: (path != target.path, path not in target.tests, path))
    parts: list[str] = []
    left = _FILE_BUDGET
    for path in order:
        text = files[path].text
        if text is None:
            continue
        if len(text) <= left:
            parts.append(f"\n`{path}`:\n```\n{text.rstrip()}\n```\n")
            left -= len(text)
        else:
            parts.append(f"\n`{path}` is there too ({len(text)} characters, not shown).\n")
            left -= 100
        if left <= 0:
            break
    return "".join(parts)


def _fenced(files: Mapping[str, str | None], target: Target) -> str:
    return "\n".join(_one_fenced(path, text, target) for path, text in files.items())


def _one_fenced(path: str, text: str | None, target: Target) -> str:
    if text is None:
        return f"`{path}` is deleted."
    fenced = f"\n{text.rstrip()}\n```"
    return f"```python{fenced}" if path == target.path else f"`{path}`\n```{fenced}"
