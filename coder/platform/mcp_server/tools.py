"""The tools of `coder mcp`: the requests of clients, and the documents that they get."""

import inspect
import os
from collections.abc import Awaitable, Callable
from importlib.metadata import version
from typing import Annotated, Any, TypeVar

from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.request_state import RequestStateSecurity
from mcp_types import ElicitRequest, ElicitResult, InputRequests, InputRequiredResult, ToolAnnotations
from pydantic import Field

from coder.base.errors import CoderError, UsageError, own_command
from coder.config.task_file import mending_task, read_task
from coder.platform.mcp_server.client import McpClientWatch, form_of
from coder.platform.served_flows import FlowRuns, input_type
from coder.run.open_question import open_question
from coder.run.run import Run
from coder.run.settings import Approved
from coder.show.failure import report, single
from coder.show.run_choices import RunChoices
from sandbox import SandboxError

T = TypeVar("T")
Ctx = Context[Any, Any]
RunId = Annotated[str, Field(description="A run's id, or the beginning of one.")]
_QUESTION = "question"
"""Key of a question in a result that asks for input."""
INSTRUCTIONS = (
    "Writes and mends code by a model of the user's, and runs programs in a sandbox. A run that ends as "
    "`waiting` has asked something: show its question to the user, and call approve with the user's answer."
)


def server_of(runs: FlowRuns) -> MCPServer[Any]:
    """Return the MCP server of these runs. Raises UsageError if a flow has the name of another tool."""
    server: MCPServer[Any] = MCPServer(
        "coder",
        instructions=INSTRUCTIONS,
        version=version("coder-agent"),
        log_level="CRITICAL",  # failures are reported to the client
        request_state_security=RequestStateSecurity(keys=[os.urandom(32)], ttl=24 * 3600.0),
    )
    tools = Tools(runs)
    writes = ToolAnnotations(read_only_hint=False, destructive_hint=True, open_world_hint=True)
    server.add_tool(tools.run_code, annotations=ToolAnnotations(destructive_hint=False))
    server.add_tool(tools.run_status, annotations=ToolAnnotations(read_only_hint=True))
    for tool in (tools.solve, tools.fix, tools.approve):
        server.add_tool(tool, annotations=writes)
    for name in runs.flows.names:
        if hasattr(Tools, name):
            raise UsageError(f"--flow: {name} is a tool of coder itself. Give the function another name.")
        server.add_tool(tools.flow_tool(name), annotations=writes)
    return server


class Tools:
    """One method for each tool; clients see its signature and docstring."""

    def __init__(self, runs: FlowRuns) -> None:
        self._runs = runs

    async def run_code(
        self,
        code: Annotated[str | None, Field(description="Python source.")] = None,
        files: Annotated[dict[str, str] | None, Field(description="Files by relative path.")] = None,
        command: Annotated[str | None, Field(description="In place of code: `node main.js`.")] = None,
        timeout_s: Annotated[float | None, Field(gt=0, le=600)] = None,
    ) -> dict[str, Any]:
        """Run one program in a sandbox: it sees the files that are given here, and no others."""
        return await _with_tool_error(self._runs.program(code, files or {}, command, timeout_s))

    async def solve(
        self,
        prompt: Annotated[str, Field(description="The task in words.")],
        ctx: Ctx,
        path: Annotated[str | None, Field(description="Folder or file to change.")] = None,
        files: Annotated[list[str] | None, Field(description="Globs of what to show, too.")] = None,
        tests: Annotated[str | None, Field(description="What must pass: `pytest -q`.")] = None,
        checks: Annotated[list[str] | None, Field(description="`assert add(2, 3) == 5`")] = None,
        approve: Annotated[list[Approved] | None, Field(description="What waits for a yes.")] = None,
    ) -> Run | InputRequiredResult:
        """Have a model write code for a task, run it in a sandbox, and stop when tests or checks pass.

        Without a path nothing is written: the code is in `files` of the result.
        """

        async def begin(client: McpClientWatch) -> Run:
            task = read_task(
                "" if prompt == "-" else prompt,  # "-" means standard input, which clients can't use
                file=None,
                workspace=None if path is None else self._runs.below(path),
                test=tests,
                test_files=(),
                checks=tuple(checks or ()),
                read=tuple(files or ()),
            )
            return await self._runs.solve(task, client, RunChoices(approve=tuple(approve or ())))

        return await self._run(ctx, begin)

    async def fix(
        self,
        path: Annotated[str, Field(description="The folder to work on, where the command runs.")],
        ctx: Ctx,
        command: Annotated[
            str | None,
            Field(description="What must pass: `pytest -q`; without it, the folder's tests are found."),
        ] = None,
    ) -> Run | InputRequiredResult:
        """Have a model make failing tests pass; what made them pass is written into the folder."""

        async def begin(client: McpClientWatch) -> Run:
            if not (folder := self._runs.below(path)).is_dir():
                raise UsageError(f"{path!r} is no folder. Name the one that the command runs in.")
            return await self._runs.solve(mending_task(command, folder), client, RunChoices())

        return await self._run(ctx, begin)

    def flow_tool(self, name: str) -> Callable[..., Awaitable[Run | InputRequiredResult]]:
        """Return the tool that begins a flow: a function with the annotation of the flow's input."""
        flow = self._runs.flows.named(name)

        async def begin_flow(ctx: Ctx, path: str = ".", **arguments: Any) -> Run | InputRequiredResult:  # noqa: ANN401
            document = flow.written(arguments.get("input"))

            async def begin(client: McpClientWatch) -> Run:
                return await self._runs.begin_flow(name, document, path, client)

            return await self._run(ctx, begin)

        described = Annotated[str, Field(description="Folder that the flow works in.")]
        annotations: dict[str, Any] = {"ctx": Ctx, "path": described, "return": Run | InputRequiredResult}
        parameters = [
            inspect.Parameter("ctx", inspect.Parameter.KEYWORD_ONLY, annotation=Ctx),
            inspect.Parameter("path", inspect.Parameter.KEYWORD_ONLY, annotation=described, default="."),
        ]
        if (annotation := input_type(flow)) is not None:
            annotations["input"] = annotation
            parameters.insert(
                0, inspect.Parameter("input", inspect.Parameter.KEYWORD_ONLY, annotation=annotation)
            )
        begin_flow.__name__, begin_flow.__annotations__ = name, annotations
        begin_flow.__doc__ = inspect.getdoc(flow.function) or f"Run the flow {flow.name}."
        begin_flow.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
            parameters, return_annotation=annotations["return"]
        )
        return begin_flow

    async def run_status(self, run: RunId) -> Run:
        """Return the result of a run so far, `running` or ended, and the question that it waits with."""
        return await _with_tool_error(self._runs.status(run))

    async def approve(
        self,
        run: RunId,
        ctx: Ctx,
        decision: Annotated[str, Field(description="yes, no, always, or an option.")] = "yes",
        words: Annotated[str, Field(description="In words; with a no, what should be different.")] = "",
    ) -> Run | InputRequiredResult:
        """Answer the question that a run waits with, as its user has decided, and continue the run."""

        async def begin(client: McpClientWatch) -> Run:
            current = await self._runs.status(run)
            if current.status == "running" and current.question is None:
                raise UsageError(f"It has asked nothing yet. {current.reason}")
            question_id, question = open_question(await self._runs.state(run))
            answer = client.decision(question, decision, words)
            return await self._runs.answer(run, answer, client, question_id=question_id)

        return await self._run(ctx, begin)

    async def _run(
        self, ctx: Ctx, begin: Callable[[McpClientWatch], Awaitable[Run]]
    ) -> Run | InputRequiredResult:
        """Return the ended run, or the question that it waits for, if the client asks its user by results."""
        client = McpClientWatch(ctx, self._runs.client)
        return await _with_tool_error(self._ask_until_done(ctx, begin, client), client)

    async def _ask_until_done(
        self, ctx: Ctx, begin: Callable[[McpClientWatch], Awaitable[Run]], client: McpClientWatch
    ) -> Run | InputRequiredResult:
        identity, _, asked_id = (ctx.request_state or "").partition(" ")
        response = (ctx.input_responses or {}).get(_QUESTION)
        run = await self._runs.status(identity) if identity else await begin(client)
        while run.status == "waiting" and run.question is not None and client.can_elicit:
            open_id, question = open_question(await self._runs.state(run.run_id))
            if response is None or open_id != asked_id:
                response = await client.show(question)
            if not isinstance(response, ElicitResult):
                form: InputRequests = {_QUESTION: ElicitRequest(params=form_of(question))}
                return InputRequiredResult(input_requests=form, request_state=f"{run.run_id} {open_id}")
            if (answer := client.answer_of(question, response)) is None:
                break
            run, response = await self._runs.answer(run.run_id, answer, client, question_id=open_id), None
        return run


async def _with_tool_error(work: Awaitable[T], client: McpClientWatch | None = None) -> T:
    """Return the result of work. Raises ToolError with a message on the failure and the run's id."""
    try:
        return await work
    except Exception as exception:  # noqa: BLE001 - the outermost frame of a request
        error = single(exception)
        message = str(error)
        if not isinstance(error, CoderError | SandboxError):
            report(error)
            message = f"This is a bug in coder: {type(error).__name__}. The server's stderr says more."
        if client is not None and client.run_id is not None:
            message += f"\nSee it with run_status, or go on with it: {own_command()} resume {client.run_id}"
        raise ToolError(message) from error
