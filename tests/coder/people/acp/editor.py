"""An editor for tests: it starts `coder acp` and drives it by the protocol's own Python client."""

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from acp import RequestError, spawn_agent_process, text_block
from acp.client.connection import ClientSideConnection
from acp.schema import (
    AcceptElicitationResponse,
    AgentMessageChunk,
    AgentThoughtChunk,
    AllowedOutcome,
    ClientCapabilities,
    DeclineElicitationResponse,
    DeniedOutcome,
    InitializeResponse,
    ReadTextFileResponse,
    RequestPermissionResponse,
    UserMessageChunk,
)

from tests.coder.people.cli.console import CODER, Console
from tests.coder.people.cli.start_for_others import command_for_others
from tests.faulty_endpoint import FaultyEndpoint


class Editor:
    """A client that keeps what it is sent, and answers questions by its script."""

    def __init__(self, *answers: str) -> None:
        self.answers = list(answers)
        self.buffers: dict[str, str] = {}
        """Texts that aren't saved, by path."""
        self.written: dict[str, str] = {}
        """What was written through this editor, which saves it."""
        self.on_question: Callable[[], None] = lambda: None
        self.updates: list[Any] = []
        self.questions: list[Any] = []
        self.arrived, self.asked, self.may_answer = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self.may_answer.set()
        self.forms: list[tuple[str, Any]] = []
        """Forms that were shown: the message, and what it asks for."""
        self.entries: list[dict[str, object] | None] = []
        """What is entered in each form; None: it is declined."""
        self.initialized: InitializeResponse
        self.agent: ClientSideConnection
        self.pid = 0

    async def session_update(self, session_id: str, update: Any, **_: object) -> None:
        self.updates.append(update)
        self.arrived.set()

    async def request_permission(
        self, session_id: str, tool_call: Any, options: list[Any], **_: object
    ) -> RequestPermissionResponse:
        self.questions.append((tool_call, [option.option_id for option in options]))
        self.on_question()
        answer = self.answers.pop(0) if self.answers else None
        self.asked.set()
        await self.may_answer.wait()
        if answer is None:
            return RequestPermissionResponse(outcome=DeniedOutcome(outcome="cancelled"))
        return RequestPermissionResponse(outcome=AllowedOutcome(outcome="selected", option_id=answer))

    async def create_elicitation(self, message: str, mode: Any, **_: object) -> Any:
        self.forms.append((message, mode))
        content = self.entries.pop(0)
        if content is None:
            return DeclineElicitationResponse(action="decline")
        return AcceptElicitationResponse(action="accept", content=content)

    async def read_text_file(self, session_id: str, path: str, **_: object) -> ReadTextFileResponse:
        if path not in self.buffers and not Path(path).is_file():
            raise RequestError.resource_not_found(path)
        return ReadTextFileResponse(content=self.buffers.get(path) or Path(path).read_text())

    async def write_text_file(self, session_id: str, path: str, content: str, **_: object) -> None:
        self.written[path] = content
        self.buffers.pop(path, None)
        Path(path).write_text(content)

    def on_connect(self, conn: object) -> None:
        pass

    def text(self, kind: type = AgentMessageChunk) -> str:
        """All words of one kind of update."""
        return "".join(update.content.text for update in self.updates if isinstance(update, kind))

    @property
    def thoughts(self) -> str:
        return self.text(AgentThoughtChunk)

    @property
    def repeated(self) -> str:
        return self.text(UserMessageChunk)

    async def until(self, kind: type, words: str = "") -> None:
        """Wait for an update of a kind, or for words in all of its kind."""
        async with asyncio.timeout(300):
            while not any(isinstance(update, kind) for update in self.updates) or (
                words and words not in self.text(kind)
            ):
                self.arrived.clear()
                await self.arrived.wait()

    async def open(self, folder: Path) -> str:
        """Open a session about a folder, and return its id."""
        return (await self.agent.new_session(cwd=str(folder), mcp_servers=[])).session_id

    async def say(self, session: str, text: str) -> str:
        """Send a message, and return why its work has stopped."""
        answer = await self.agent.prompt(session_id=session, prompt=[text_block(text)])
        return answer.stop_reason


@asynccontextmanager
async def editing(
    console: Console, endpoint: FaultyEndpoint | None = None, *answers: str, **more: Any
) -> AsyncIterator[Editor]:
    """An editor whose agent has been initialized."""
    async with spawned(console, endpoint, Editor(*answers), **more) as editor:
        yield editor


@asynccontextmanager
async def spawned(
    console: Console,
    endpoint: FaultyEndpoint | None,
    editor: Editor,
    *,
    version: int = 1,
    capabilities: ClientCapabilities | None = None,
    more_flags: tuple[str, ...] = (),
    **environ: str,
) -> AsyncIterator[Editor]:
    """Start the agent of an editor, and initialize it."""
    flags = ("--base-url", endpoint.url, "-m", "toy") if endpoint is not None else ()
    words, variables = ("acp", *flags, *more_flags), console.environ | environ
    pid: Future[int] = Future()
    with command_for_others(CODER, *words, environ=variables, cwd=console.home, pid=pid) as command:
        started = spawn_agent_process(
            editor,  # type: ignore[arg-type]  # it has the methods that are called
            *command,
            env=variables,
            cwd=console.home,
            use_unstable_protocol=True,
            transport_kwargs={"stderr": None},
        )
        async with started as (editor.agent, _):
            editor.pid = await asyncio.wrap_future(pid)
            editor.initialized = await editor.agent.initialize(
                protocol_version=version, client_capabilities=capabilities
            )
            assert editor.initialized.protocol_version == 1
            yield editor
