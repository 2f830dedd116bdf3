"""Our own part of perf.frameworks: a turn is a call and its events; a loop calls a tool until text comes."""

import tempfile
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from coder.base.text.redact import Redactor
from coder.engine.teams.coding_team import CodingTeam
from coder.engine.turn.turn import Turn
from coder.environment.workbench import Workbench
from coder.models.find_model import resolve
from coder.models.model import ChatMessage, Form, Sampling, ToolSpec
from coder.models.roles import Roles, open_roles
from coder.run.event_types import RunStarted, Spoken
from coder.run.journal import Journal
from coder.run.message import CodeMessage
from coder.run.settings import Budget, Settings
from coder.run.task import Task
from coder.run.watch import Unwatched
from coder.store import EventLog, SqliteLog
from perf.peer import SCHEMA, add
from sandbox import Policy, open_sandbox
from tests.memory_log import MemoryLog

ADD = ToolSpec(name="add", description="Add two integers.", parameters=SCHEMA)
SAID = CodeMessage(author="coder", text="done")


async def ours(name: str, url: str) -> tuple[Callable[[bool], Any], Callable[[Any], Awaitable[None]]]:
    """What makes a team, and what runs it to its end, with the log of this name."""
    stack = AsyncExitStack()
    choice = await resolve("gpt-4o", base_url=url, environ={"OPENAI_API_KEY": "x"})
    model = await stack.enter_async_context(open_roles(Roles(main=choice)))
    log: EventLog = MemoryLog()
    if name == "ours_sqlite":
        log = stack.enter_context(SqliteLog(Path(tempfile.mkdtemp())))
    token = await stack.enter_async_context(log.lease("run_x"))
    journal = Journal("run_x", log, token=token, watch=Unwatched())
    settings = Settings(budget=Budget(max_calls=100_000))
    await journal.append(RunStarted(task=Task(prompt="hi"), settings=settings, model=model.name))
    bench = Workbench(Policy(), open_sandbox, redactor=Redactor.from_environment())

    async def run(made: tuple[object, bool]) -> None:
        turn = Turn("coder", journal=journal, model=model, bench=bench)
        form = Form(tools=(ADD,)) if made[1] else None
        messages = [ChatMessage(role="system", content="x"), ChatMessage(role="user", content="hi")]
        while True:
            answer = await turn.answer(messages, sampling=Sampling(), form=form)
            if not answer.tool_calls:
                break
            messages.append(ChatMessage(role="assistant", content="", tool_calls=answer.tool_calls))
            for call in answer.tool_calls:
                arguments: dict[str, Any] = call.parsed()
                result = str(add(**arguments))
                messages.append(ChatMessage(role="tool", content=result, tool_call_id=call.id))
        await journal.append(Spoken(message=SAID))

    return lambda tools: (CodingTeam(), tools), run
