"""Work of a session between two messages: run tests and commands; compact, clear or measure its dialogue."""

from collections.abc import Callable, Mapping, Sequence

from coder.base.errors import UsageError
from coder.base.text.sanitize import terminal_text
from coder.config.project_tests.find import with_found_tests
from coder.context.quoting import fenced
from coder.engine.chat.chat_session import ChatSession
from coder.engine.prompting.folding import folded
from coder.models.model import ChatMessage, Form
from coder.models.tokens import input_tokens
from coder.run.event_types import BaselineTaken, CallIntended, ContextFolded, DialogueCleared, parse
from coder.run.find_target import find_target
from coder.run.records.inputs import Inputs
from coder.run.records.spend import Spend
from coder.run.state import State, replace
from coder.run.use_tests import without_first_found
from coder.tools.shortened import shortened
from coder.tools.tool import tools_of
from coder.verify.baseline import take_baseline
from coder.verify.preflight import check_command
from coder.workspace.folder import Snapshot
from coder.workspace.read import read_workspace
from sandbox import CommandResult


async def run_tests(session: ChatSession) -> BaselineTaken:
    """Run the test command on the user's files, without a model.

    Raises UsageError if none is given or found, or it can't be run.
    """
    snapshot = read_workspace(session.task, lands=False)
    state = _new_state(session, snapshot)
    if state.task.test_command is None:
        raise UsageError("No tests were found here. Name the command: /test CMD")
    environment = session.environment(state.task, session.settings, snapshot.files, target=state.target)
    async with environment as bench:
        while True:
            try:
                await check_command(bench, state.task, snapshot.files)
                return await take_baseline(bench, state)
            except UsageError as error:
                if len(state.task.found) < 2:
                    raise
                task = without_first_found(state.task, str(error))
                target = find_target(task, snapshot.files)
                state = replace(state, task=task, inputs=replace(state.inputs, target=target))


async def run_command(
    session: ChatSession, command: str, on_output: Callable[[bytes], None]
) -> CommandResult:
    """Run a command in the model's session; the next message reports its result to the model."""
    snapshot = read_workspace(session.task, lands=False)
    state_before = _new_state(session, snapshot)
    environment = session.environment(
        session.task, session.settings, snapshot.files, target=state_before.target
    )
    async with environment as bench:
        session_tree = await bench.session(session.state or state_before)
        result = await session_tree.session.sh(command, on_output=on_output)
        output = bench.redactor.redact(terminal_text(result.output).rstrip())
    status_text = f"exit {result.exit_code}" if result.exit_code is not None else result.status
    excerpt = fenced(f"{shortened(output)}\n[{status_text}]")
    session.notes.append(f"The user has run `{command}` in the sandbox:\n{excerpt}")
    return result


async def start_servers(session: ChatSession) -> None:
    """Start the session's MCP servers, which otherwise start with a message."""
    snapshot = read_workspace(session.task, lands=False)
    target = _new_state(session, snapshot).target
    environment = session.environment(session.task, session.settings, snapshot.files, target=target)
    async with environment as bench:
        await tools_of((*bench.tools, *bench.optional_tools))


def _new_state(session: ChatSession, read: Snapshot) -> State:
    """Return the state of a run that has not begun, on the user's current files."""
    settings = session.settings
    task = with_found_tests(session.task, settings, read.files)
    return State(
        run=session.run,
        task=task,
        settings=settings,
        model=session.model.name,
        spend=Spend(budget=settings.budget),
        inputs=Inputs(read.files, root=str(read.root), target=find_target(task, read.files)),
    )


async def compact(session: ChatSession) -> tuple[int, int]:
    """Fold the dialogue with the model; return its tokens before and after."""
    state = session.state
    messages_before, plan = (
        (list(state.dialogue.messages), state.dialogue.plan) if state is not None else ([], "")
    )
    if (folded_messages := folded(messages_before, None, plan=plan)) != messages_before:
        await session.journal.append(ContextFolded(messages=tuple(folded_messages)))
    return input_tokens(messages_before), input_tokens(folded_messages)


async def clear(session: ChatSession) -> None:
    """Begin a new dialogue: the next message is sent without the earlier ones. The log keeps all messages."""
    session.added_paths = ()
    session.notes.clear()
    if session.hooks is not None:
        await session.hooks.clear()
    if session.has_begun:
        await session.journal.append(DialogueCleared())


async def context_parts(session: ChatSession) -> Mapping[str, int]:
    """Return tokens by part (system, files, tool results, …) of the dialogue, or without one of the latest
    request.
    """
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
    return _count_parts(messages, latest.form, prompts)


def _count_parts(
    messages: Sequence[ChatMessage], form: Form | None, prompts: Sequence[str]
) -> dict[str, int]:
    base_tokens = input_tokens([])
    sizes = dict.fromkeys(("system", "files", "dialogue", "tool results"), 0)
    sizes["system"] = input_tokens([], form)
    for message in messages:
        size = input_tokens([message]) - base_tokens
        match message.role:
            case "system":
                sizes["system"] += size
            case "tool":
                sizes["tool results"] += size
            case "user":
                words = max((prompt for prompt in prompts if prompt in message.content), key=len, default="")
                remaining_text = message.content.replace(words, "", 1) if words else ""
                remaining_tokens = (
                    input_tokens([message.model_copy(update={"content": remaining_text})]) - base_tokens
                    if remaining_text
                    else 0
                )
                file_tokens = min(remaining_tokens, size)
                sizes["files"] += file_tokens
                sizes["dialogue"] += size - file_tokens
            case _:
                sizes["dialogue"] += size
    return sizes
