"""SessionCommands: the commands of a conversation, except `/go` and `/quit`."""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, get_args

from coder.base.errors import UsageError
from coder.base.text.dropped_paths import dropped_pictures
from coder.base.text.sanitize import count_of, one_line, printable
from coder.config.permissions import Permissions, ProjectPermissions
from coder.config.task_file import split_command
from coder.engine.chat.chat_session import ChatSession
from coder.models.abilities import abilities_of
from coder.models.model import Effort, Model
from coder.people.chat.between_messages import (
    clear,
    compact,
    context_parts,
    run_command,
    run_tests,
    start_servers,
)
from coder.people.chat.server_prompts import prompt_calls, prompt_rows
from coder.people.cli.chat_observer import ChatObserver
from coder.people.cli.cost_table import cost_blocks
from coder.people.cli.host_commands import HostCommands
from coder.run.event_types import AttemptEnded, AttemptStarted, Delegation, ToolAnswered, ToolCalled, parse
from coder.show.chat_commands import ChatCommand, help_rows, words_of
from coder.show.given_tests import keep_tests
from coder.show.line_reader import LineReader
from coder.show.render import money, tool_line
from coder.show.screen import Screen
from coder.show.tables import Block, Column, TextTable, pairs
from coder.source.shell import format_command
from coder.store import data_folder

SwitchModel = Callable[[str], Awaitable[tuple[Model, dict[str, object]]]]
Cancellable = Callable[[Coroutine[Any, Any, Any]], Awaitable[Any]]


class SessionCommands:
    """The commands of one conversation. Each takes the rest of its line, and returns the text to print."""

    def __init__(
        self,
        session: ChatSession,
        reader: LineReader,
        screen: Screen,
        onlooker: ChatObserver,
        switch: SwitchModel,
        unless_cancelled: Cancellable,
    ) -> None:
        """Initialize with the session; on a terminal, apply the project's stored permissions.

        Args:
            switch: opens another model, and closes the previous one.
            unless_cancelled: returns the result of its work, or None if Ctrl-C interrupted it.
        """
        self._session = session
        self._screen = screen
        self._onlooker = onlooker
        self._switch = switch
        self._unless_cancelled = unless_cancelled
        self._permissions = Permissions(data_folder(os.environ), session.root)
        if sys.stdin.isatty():
            onlooker.permit(self._permissions)
        host = HostCommands(session, reader, screen)
        self._by_name: dict[str, Callable[[str], Awaitable[str | list[Block] | None]]] = {
            "help": self._help,
            "add": self._add,
            "test": self._test,
            "diff": self._diff,
            "undo": self._undo,
            "cost": self._cost,
            "!": self._command,
            "auto": self._auto,
            "permissions": self._list_permissions,
            "skills": self._skills,
            "commit": host.commit,
            "pr": host.pull_request,
            "show": self._show,
            "effort": self._effort,
            "plan": self._plan,
            "jobs": self._jobs,
            "context": self._context,
            "compact": self._compact,
            "clear": self._clear,
            "model": self._model,
        }

    async def do(self, command: ChatCommand) -> None:
        """Run a command and print its output."""
        if output := await self._by_name[command.name](command.rest):
            self._onlooker.show([printable(output)] if isinstance(output, str) else output)

    async def _help(self, arguments: str) -> list[Block]:
        if self._session.tools:
            await start_servers(self._session)
        prompts = prompt_calls(self._session)
        own = [name for name in self._onlooker.calls() if name not in prompts]
        return [pairs([*help_rows(own), *prompt_rows([*prompts.values()])])]

    async def _skills(self, arguments: str) -> list[Block]:
        from coder.people.cli.list_skills import list_for_agents  # imported late: it reads YAML

        listing = await asyncio.to_thread(list_for_agents, self._session.root)
        table, text = listing.table(), printable("\n".join(listing.lines()))
        return [*([table] if table else []), *([text] if text else [])]

    async def _add(self, arguments: str) -> str:
        if not arguments:
            paths = [one_line(path, width=300) for path in self._session.added_paths]
            return "\n".join(paths) or "no file was added; name some: /add PATH …"
        pictures, reasons = self._session.find_dropped(arguments)
        if reasons:
            raise UsageError(reasons[0])
        paths = dropped_pictures(arguments) if pictures else []
        names = [word for word in words_of(arguments) if not (word in paths or word.startswith("file://"))]
        self._session.added_pictures += pictures
        for path in (*paths, *self._session.add(names)):
            self._screen.tell(f"  · {one_line(path)}")
        return ""

    async def _test(self, arguments: str) -> str:
        command = split_command(arguments or None) or ()
        if arguments:
            self._session.task = self._session.task.model_copy(update={"test_command": command, "found": ()})
        results = await self._unless_cancelled(run_tests(self._session))
        if results is None:
            return ""
        if arguments:
            keep_tests(self._session.root, command, tell=self._screen.note)
        failing_names = [test.name for test in results.tests if not test.passed]
        count = f"{len(results.tests) - len(failing_names)} of {count_of(len(results.tests), 'test')} pass"
        lines = [f"{'✓' if results.passed else '✗'} {count}"]
        lines += [f"flaky: {', '.join(results.flaky)}"] if results.flaky else []
        return "\n".join([*lines, results.feedback]).rstrip()

    async def _diff(self, arguments: str) -> str:
        patch = printable(self._session.diff().rstrip("\n"))
        if not patch:
            return "this conversation has changed nothing"
        self._onlooker.show_diff(f"{patch}\n")
        return ""

    async def _undo(self, arguments: str) -> None:
        note = await self._session.undo()  # the screen has printed each file
        self._screen.tell(f"  · {one_line(note, width=400)}")

    async def _cost(self, arguments: str) -> list[Block]:
        budget = self._session.settings.budget
        limits = f"of at most {count_of(budget.max_calls, 'call')} and {money(float(budget.max_cost))}"
        return [*cost_blocks(await self._session.costs()), limits]

    async def _command(self, arguments: str) -> str:
        def show(chunk: bytes) -> None:
            self._screen.clear()
            self._onlooker.say(printable(chunk.decode("utf-8", "replace")), end="")

        result = await self._unless_cancelled(run_command(self._session, arguments, show))
        if result is None or result.exit_code == 0:
            return ""
        return f"[exit {result.exit_code}]" if result.exit_code is not None else f"[{result.status}]"

    async def _auto(self, arguments: str) -> str:
        if arguments not in ("", "always"):
            raise UsageError("Say /auto, or /auto always: also in later conversations about this project.")
        if arguments:
            self._permissions.write(self._permissions.reload().model_copy(update={"auto": True}))
        self._onlooker.yes = bool(arguments) or not self._onlooker.yes
        return "auto-apply is on" if self._onlooker.yes else "auto-apply is off: you are asked"

    async def _list_permissions(self, arguments: str) -> str:
        if arguments not in ("", "forget"):
            raise UsageError("Say /permissions, or /permissions forget: all of them.")
        this_time = self._onlooker.hosts.this_time if self._onlooker.hosts is not None else set()
        if arguments:
            self._permissions.write(ProjectPermissions())
            self._onlooker.yes = False
            this_time.clear()
        allowed = self._permissions.reload()
        lines = [f"{host}: programs may reach it, in this project" for host in allowed.hosts]
        lines += [f"{host}: programs may reach it, this time" for host in this_time - {*allowed.hosts}]
        lines += [
            f"{path}: may start servers while its digest is {digest[:32]}"
            for digest, path in allowed.files.items()
        ]
        lines += ["auto-apply is on, in this project"] if allowed.auto else []
        lines += ["commands work on this folder unnamed"] if allowed.folder else []
        lines += (
            [f"{format_command(allowed.tests)}: the tests, where none are given"] if allowed.tests else []
        )
        lines = sorted(lines) or ["nothing is allowed in advance: you are asked each time"]
        rules = self._session.settings.rules
        lines += [f"rule {ruling}" for ruling in rules.rulings()] if rules is not None else []
        return "\n".join(lines)

    async def _show(self, arguments: str) -> str:
        """Return a call's line and its full result, by number from 1; by default the latest."""
        calls: list[tuple[ToolCalled, ToolAnswered]] = []
        open_call: ToolCalled | None = None
        for event in await self._session.log.read(self._session.run) if self._session.has_begun else ():
            match parse(event):
                case ToolCalled() as open_call:
                    pass
                case ToolAnswered() as answered if open_call is not None and open_call.id == answered.id:
                    calls.append((open_call, answered))
                    open_call = None  # an answer without a call belongs to a call that was not carried out
        number = len(calls) if not arguments else int(arguments) if arguments.isdecimal() else 0
        if not 0 < number <= len(calls):
            raise UsageError(f"The model has made {count_of(len(calls), 'call')}. Name one: /show N")
        return f"{tool_line(*calls[number - 1])}\n{calls[number - 1][1].text}".rstrip("\n")

    async def _effort(self, arguments: str) -> str:
        if arguments and arguments not in get_args(Effort):
            raise UsageError(f"There is no effort {arguments!r}. Name one: {', '.join(get_args(Effort))}")
        if arguments:
            self._session.settings = self._session.settings.model_copy(update={"effort": arguments})
        return self._session.settings.effort or "the model's own"

    async def _plan(self, arguments: str) -> str:
        turns_on = self._session.settings.plan is not True
        update = {"plan": True if turns_on else None}
        self._session.settings = self._session.settings.model_copy(update=update)
        return f"plan mode is {'on: you approve a plan before each change' if turns_on else 'off'}"

    async def _jobs(self, arguments: str) -> str:
        return await run_jobs_command(self._session, words_of(arguments))

    async def _context(self, arguments: str) -> list[Block]:
        window, parts = abilities_of(self._session.model).context, await context_parts(self._session)
        total = sum(parts.values())
        limit_note = f"of {window:,} ({total / window:.0%})" if window else "; the model's limit is unknown"
        rows = [
            (name, f"{tokens:,}", f"{tokens / (window or total or 1):.1%}") for name, tokens in parts.items()
        ]
        columns = (Column("part"), Column("tokens", is_number=True), Column("share", is_number=True))
        table = TextTable(columns, rows, plain=["  {:<12} {:>10}".format(*row) for row in rows])
        return [f"{total:,} tokens{' ' if window else ''}{limit_note}", table]

    async def _clear(self, arguments: str) -> None:
        await clear(self._session)
        self._screen.tell("  · a new dialogue begins; files, session and log stay")

    async def _compact(self, arguments: str) -> str:
        tokens_before, tokens_after = await compact(self._session)
        return f"{tokens_before:,} → {tokens_after:,} tokens"

    async def _model(self, arguments: str) -> str:
        if arguments:
            self._session.model, update = await self._switch(arguments)
            self._session.settings = self._session.settings.model_copy(update=update)
            self._screen.watch_model(self._session.model.name, has_folder=True)
        return self._session.model.name


async def _subagent_rows(session: ChatSession) -> list[str]:
    """Return a line for each subagent of the conversation: its run, and how it has ended."""
    rows: dict[str, str] = {}
    for event in await session.log.read(session.run) if session.has_begun else ():
        match parse(event):
            case AttemptStarted(delegation=Delegation() as delegation, run=run):
                rows[run] = f"{run}  {delegation.subagent}  works"
            case AttemptEnded(delegation=Delegation() as delegation, run=run) as ended:
                cost = money(float(ended.cost_usd) if ended.cost_known else None)
                calls = count_of(ended.calls, "call")
                rows[run] = f"{run}  {delegation.subagent}  {ended.seconds:.0f} s  {calls}  {cost}"
    return list(rows.values())


async def run_jobs_command(session: ChatSession, words: Sequence[str]) -> str:
    """List running processes and subagents; with `stop PID`, stop that job and notify the model."""
    session_in_sandbox = session.kept_environment.session
    jobs = [
        (process, job)
        for job in (await session_in_sandbox.background() if session_in_sandbox else ())
        for process in job.processes
    ]
    if not words:
        rows = [
            f"pid {process.pid}  {job.seconds:.0f} s  {one_line(process.command)}  output: {job.log}"
            for process, job in jobs
        ]
        rows += await _subagent_rows(session)
        return "\n".join(rows) or "nothing runs in the background"
    if len(words) != 2 or words[0] != "stop":
        raise UsageError("Write /jobs, or /jobs stop PID")
    match = next(((process, job) for process, job in jobs if str(process.pid) == words[1]), None)
    if match is None:
        raise UsageError(f"Nothing of pid {words[1]} runs in the background. See: /jobs")
    process, job = match
    await job.stop()
    session.notes.append(
        f"The user has stopped pid {process.pid} in the sandbox: {one_line(process.command)}"
    )
    return f"stopped: {one_line(process.command)}"
