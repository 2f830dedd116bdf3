"""What a session does between two messages: run tests and commands, shorten, clear or count its dialogue."""

from collections.abc import Callable, Mapping, Sequence

from coder.base.errors import UsageError
from coder.base.text.sanitize import terminal_text
from coder.context.quoting import fenced
from coder.engine.prompting.folding import folded
from coder.models.model import ChatMessage, Form
from coder.models.tokens import input_tokens
from coder.people.chat.chat_session import ChatSession
from coder.run.event_types import BaselineTaken, CallIntended, ContextFolded, DialogueCleared, parse
from coder.run.find_target import find_target
from coder.run.records.inputs import Inputs
from coder.run.records.spend import Spend
from coder.run.state import State
from coder.tools.shortened import shortened
from coder.verify.baseline import take_baseline
from coder.workspace.folder import Snapshot
from coder.workspace.read import read_workspace
from sandbox import CommandResult


async def run_tests(session: ChatSession) -> BaselineTaken:
    """Run the test command on the user's files, without a model; UsageError: there is none."""
    task = session.task
    if task.test_command is None:
        raise UsageError("There is no test command yet. Name one: /test CMD")
    read = read_workspace(task, lands=False)
    state = _unbegun(session, read)
    async with session.environment(task, session.settings, read.files, target=state.target) as bench:
        return await take_baseline(bench, state)


async def run_command(
    session: ChatSession, command: str, on_output: Callable[[bytes], None]
) -> CommandResult:
    """Run a command in the model's session; the next message reports it to the model."""
    read = read_workspace(session.task, lands=False)
    unbegun = _unbegun(session, read)
    environment = session.environment(session.task, session.settings, read.files, target=unbegun.target)
    async with environment as bench:
        work = await bench.session(session.state or unbegun)
        done = await work.session.sh(command, on_output=on_output)
        output = bench.redactor.redact(terminal_text(done.output).rstrip())
    how = f"exit {done.exit_code}" if done.exit_code is not None else done.status
    excerpt = fenced(f"{shortened(output)}\n[{how}]")
    session.notes.append(f"The user has run `{command}` in the sandbox:\n{excerpt}")
    return done


def _unbegun(session: ChatSession, read: Snapshot) -> State:
    """A run that has not begun, on the user's files as they are."""
    settings = session.settings
    return State(
        run=session.run,
        task=session.task,
        settings=settings,
        model=session.model.name,
        spend=Spend(budget=settings.budget),
        inputs=Inputs(read.files, str(read.root), find_target(session.task, read.files)),
    )


async def compact(session: ChatSession) -> tuple[int, int]:
    """Fold the dialogue with the model; gives its tokens before and after."""
    state = session.state
    before, plan = (list(state.dialogue.messages), state.dialogue.plan) if state is not None else ([], "")
    if (shorter := folded(before, None, plan=plan)) != before:
        await session.journal.append(ContextFolded(messages=tuple(shorter)))
    return input_tokens(before), input_tokens(shorter)


async def clear(session: ChatSession) -> None:
    """Begin a new dialogue: the next message knows of no earlier one. The log keeps them all."""
    session.added = ()
    session.notes.clear()
    if session.begun:
        await session.journal.append(DialogueCleared())


async def context_parts(session: ChatSession) -> Mapping[str, int]:
    """Count tokens of the dialogue by part, or of the latest request if each message has its own."""
    state = session.state
    if state is None:
        return {}
    requests = [
        body
        for event in await session.log.read(session.run)
        if isinstance(body := parse(event), CallIntended | DialogueCleared)
    ]
    latest = requests[-1] if requests else None
    if not isinstance(latest, CallIntended):
        return {}
    messages = state.dialogue.messages if latest.in_dialogue else latest.messages
    prompts = [step.task.prompt.strip() for step in (*state.steps, state)]
    return _parts(messages, latest.form, prompts)


def _parts(messages: Sequence[ChatMessage], form: Form | None, prompts: Sequence[str]) -> dict[str, int]:
    empty = input_tokens([])
    sizes = dict.fromkeys(("system", "files", "dialogue", "tool results"), 0)
    sizes["system"] = input_tokens([], form)
    for message in messages:
        size = input_tokens([message]) - empty
        match message.role:
            case "system":
                sizes["system"] += size
            case "tool":
                sizes["tool results"] += size
            case "user":
                words = max((prompt for prompt in prompts if prompt in message.content), key=len, default="")
                rest = message.content.replace(words, "", 1) if words else ""
                files = input_tokens([message.model_copy(update={"content": rest})]) - empty if rest else 0
                own = min(files, size)
                sizes["files"] += own
                sizes["dialogue"] += size - own
            case _:
                sizes["dialogue"] += size
    return sizes
