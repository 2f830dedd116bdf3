"""EditorAgent: the agent's side of the protocol. It maps requests to sessions, and failures to errors."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from acp import PROTOCOL_VERSION, RequestError
from acp.helpers import update_available_commands
from acp.interfaces import Client
from acp.schema import (
    AgentCapabilities,
    AuthenticateResponse,
    AuthMethodAgent,
    AvailableCommand,
    ClientCapabilities,
    CloseSessionResponse,
    DeleteSessionRequest,
    DeleteSessionResponse,
    Implementation,
    InitializeResponse,
    ListSessionsResponse,
    LoadSessionResponse,
    McpCapabilities,
    NewSessionResponse,
    PromptCapabilities,
    PromptResponse,
    ResumeSessionResponse,
    SessionAdditionalDirectoriesCapabilities,
    SessionCapabilities,
    SessionCloseCapabilities,
    SessionDeleteCapabilities,
    SessionListCapabilities,
    SessionResumeCapabilities,
    SetSessionConfigOptionResponse,
    SetSessionModeResponse,
)

from coder.base.errors import CoderError, LeaseHeld, UsageError
from coder.base.text.sanitize import one_line
from coder.people.acp.client_servers import ClientAdditions, additions, folder_at
from coder.people.acp.editor_session import EditorSession, open_editor_session
from coder.people.acp.open_sessions import OpenSession, OpenSessions
from coder.people.acp.prompt_blocks import pictures_of, text_of
from coder.people.acp.reading_session import ReadingSession, open_reading_session
from coder.people.acp.session_list import delete_chat, list_page
from coder.people.acp.session_options import mode_state, options_of, options_update, set_option
from coder.people.acp.session_watch import SessionWatch
from coder.show.failure import report, single
from coder.store import open_log
from sandbox import SandboxError

_AUTHENTICATION = AuthMethodAgent(
    id="configuration",
    name="Your configuration",
    description="Keys of models come from coder's configuration and from the environment; there is no login.",
)
"""The only authentication method; the registry of agents requires at least one."""
_INVALID_PARAMS, _INTERNAL_ERROR = -32602, -32603


class EditorAgent:
    """The agent of one client."""

    def __init__(self, flags: Mapping[str, object], args: Mapping[str, Any]) -> None:
        """Initialize with the given configuration flags, and the values of all flags."""
        self._flags, self._args = flags, args
        self._client: Client | None = None
        self._client_name = "an editor"
        self._capabilities: ClientCapabilities | None = None
        self._sessions = OpenSessions()
        self._turn = asyncio.Lock()
        """Held while sessions open and close, as two requests may name the same one."""

    def on_connect(self, conn: Client) -> None:
        """Receive the connection to the client."""
        self._client = conn

    async def close(self) -> None:
        """Interrupt and close all sessions."""
        await self._sessions.close_all()

    async def initialize(
        self,
        protocol_version: int,
        client_capabilities: ClientCapabilities | None = None,
        client_info: Implementation | None = None,
        **_: object,
    ) -> InitializeResponse:
        """Return protocol version 1, whatever the client offers, and this agent's capabilities."""
        if client_info is not None:
            self._client_name = one_line(client_info.name, width=60)
        self._capabilities = client_capabilities
        capabilities = AgentCapabilities(
            load_session=True,
            prompt_capabilities=PromptCapabilities(embedded_context=True, image=True),
            mcp_capabilities=McpCapabilities(http=find_spec("mcp") is not None, sse=False),
            session_capabilities=SessionCapabilities(
                list=SessionListCapabilities(),
                resume=SessionResumeCapabilities(),
                close=SessionCloseCapabilities(),
                delete=SessionDeleteCapabilities(),
                additional_directories=SessionAdditionalDirectoriesCapabilities(),
            ),
        )
        info = Implementation(name="coder", version=version("coder-agent"))
        return InitializeResponse(
            protocol_version=PROTOCOL_VERSION,
            agent_capabilities=capabilities,
            agent_info=info,
            auth_methods=[_AUTHENTICATION],
        )

    async def authenticate(self, method_id: str, **_: object) -> AuthenticateResponse:
        """Do nothing: keys of models come from the configuration of the user who starts this process."""
        async with _as_request_errors():
            if method_id != _AUTHENTICATION.id:
                raise UsageError(f"There is no method {method_id!r} here. Name: {_AUTHENTICATION.id}")
        return AuthenticateResponse()

    async def new_session(
        self,
        cwd: str,
        mcp_servers: Sequence[Any] = (),
        additional_directories: Sequence[str] | None = None,
        **_: object,
    ) -> NewSessionResponse:
        """Open a chat about a folder."""
        async with _as_request_errors(), self._turn:
            session = await self._open(folder_at(cwd), additions(mcp_servers, additional_directories))
        return NewSessionResponse(
            session_id=session.chat.run, modes=mode_state(session), config_options=options_of(session)
        )

    async def load_session(
        self,
        cwd: str,
        session_id: str,
        mcp_servers: Sequence[Any] = (),
        additional_directories: Sequence[str] | None = None,
        **_: object,
    ) -> LoadSessionResponse:
        """Continue a chat, also after its process was killed; its messages are sent first.

        A chat that another process works on is only shown, as it progresses.
        """
        async with _as_request_errors(), self._turn:
            added = additions(mcp_servers, additional_directories)
            session = await self._continued(cwd, session_id, added, repeats=True)
            await session.watch.flush()
        if isinstance(session, ReadingSession):
            return LoadSessionResponse()
        return LoadSessionResponse(modes=mode_state(session), config_options=options_of(session))

    async def resume_session(
        self,
        cwd: str,
        session_id: str,
        mcp_servers: Sequence[Any] | None = None,
        additional_directories: Sequence[str] | None = None,
        **_: object,
    ) -> ResumeSessionResponse:
        """Continue a chat without sending its messages."""
        async with _as_request_errors(), self._turn:
            added = additions(mcp_servers, additional_directories)
            session = await self._continued(cwd, session_id, added, repeats=False)
            await session.watch.flush()
        if isinstance(session, ReadingSession):
            return ResumeSessionResponse()
        return ResumeSessionResponse(modes=mode_state(session), config_options=options_of(session))

    async def list_sessions(
        self, cwd: str | None = None, cursor: str | None = None, **_: object
    ) -> ListSessionsResponse:
        """Return a page of the chats that can be loaded, newest first."""
        async with _as_request_errors():
            with open_log() as log:
                return await list_page(log, folder_at(cwd) if cwd is not None else None, cursor)

    async def close_session(self, session_id: str, **_: object) -> CloseSessionResponse:
        """Interrupt the work on a chat, and free what it holds; it can be loaded again."""
        async with _as_request_errors(), self._turn:
            await self._sessions.close(session_id)
        return CloseSessionResponse()

    async def delete_session(self, session_id: str) -> DeleteSessionResponse:
        """Delete a chat with its events; do nothing if there is none.

        Written files stay, and can't be undone any more.
        """
        async with _as_request_errors(), self._turn:
            if self._sessions.find(session_id) is not None:
                await self._sessions.close(session_id)
            with open_log() as log:
                await delete_chat(log, session_id)
        return DeleteSessionResponse()

    async def ext_method(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        """Handle requests that the package doesn't know (see stdio.UNROUTED)."""
        if method != "session/delete":
            raise RequestError.method_not_found(method)
        request = DeleteSessionRequest.model_validate(params)
        return (await self.delete_session(request.session_id)).model_dump(exclude_none=True)

    async def set_session_mode(self, session_id: str, mode_id: str, **_: object) -> SetSessionModeResponse:
        """Set ask, auto or plan."""
        async with _as_request_errors():
            session = self._sessions.writable(session_id)
            session.set_mode(mode_id)
            session.watch.send(options_update(session))
        return SetSessionModeResponse()

    async def set_config_option(
        self, session_id: str, config_id: str, value: object, **_: object
    ) -> SetSessionConfigOptionResponse:
        """Set the mode, the model, the strategy or the effort."""
        async with _as_request_errors():
            session = self._sessions.writable(session_id)
            await set_option(session, config_id, value)
        return SetSessionConfigOptionResponse(config_options=options_of(session))

    async def prompt(self, session_id: str, prompt: Sequence[Any], **_: object) -> PromptResponse:
        """Work on one message until it ends."""
        async with _as_request_errors():
            session = self._sessions.get(session_id)
            if isinstance(session, ReadingSession):
                session = await self._take_over(session)
            calls = session.calls()
            if not session.chat.has_begun:  # not with session/new: its client doesn't know the id yet
                session.watch.send(_commands(session))
            reason = await session.prompt(text_of(prompt, session.chat.root), pictures_of(prompt))
            if session.calls() != calls:  # the prompts of servers, which start with a message
                session.watch.send(_commands(session))
            await session.watch.flush()
        return PromptResponse(stop_reason=reason)

    async def cancel(self, session_id: str, **_: object) -> None:
        """Interrupt the work on a message, if any."""
        if (session := self._sessions.find(session_id)) is not None:
            session.cancel()

    async def _continued(
        self, cwd: str, session_id: str, added: ClientAdditions, *, repeats: bool
    ) -> OpenSession:
        """Return the session of a run, opened if needed; it is read-only if another process holds the run.

        Args:
            repeats: whether to send what has happened so far.
        """
        folder, session = folder_at(cwd), self._sessions.find(session_id)
        if isinstance(session, EditorSession):
            if session.root != folder:
                raise UsageError(f"{session_id} is not about {folder}.")
            await session.use(added)
        else:
            try:
                session = await self._open(folder, added, session_id)
            except LeaseHeld:
                reading = open_reading_session(
                    self._watch(folder), folder, session_id, added=added, repeats=repeats
                )
                return await self._sessions.open(reading)
        if repeats:
            await session.replay()
        session.watch.send(_commands(session))
        return session

    async def _take_over(self, reading: ReadingSession) -> EditorSession:
        """Open the run of a read-only session. Raises LeaseHeld if another process still works on it."""
        async with self._turn:
            if isinstance(session := self._sessions.get(reading.run), EditorSession):
                return session
            try:
                session = await self._open(reading.root, reading.added, reading.run)
            except LeaseHeld as error:
                raise await reading.refuse() from error
        session.watch.send(options_update(session))
        session.watch.send(_commands(session))
        return session

    async def _open(self, folder: Path, added: ClientAdditions, run: str | None = None) -> EditorSession:
        opening = open_editor_session(
            self._watch(folder), folder, self._flags, self._args, added=added, run=run
        )
        return await self._sessions.open(opening)

    def _watch(self, folder: Path) -> SessionWatch:
        assert self._client is not None
        return SessionWatch(self._client, folder, self._client_name, self._capabilities)


def _commands(session: EditorSession) -> Any:  # noqa: ANN401 - one of the schema's updates
    return update_available_commands(
        AvailableCommand(name=name, description=text) for name, text in session.calls().items()
    )


@asynccontextmanager
async def _as_request_errors() -> AsyncIterator[None]:
    """Return a context manager that raises failures as protocol errors; a bug's traceback goes to stderr."""
    try:
        yield
    except Exception as exception:
        error = single(exception)
        if isinstance(error, RequestError):
            raise
        if not isinstance(error, CoderError | SandboxError):
            report(error)
            raise RequestError(_INTERNAL_ERROR, "This is a bug in coder; stderr says more.") from error
        code = _INVALID_PARAMS if isinstance(error, UsageError) else _INTERNAL_ERROR
        raise RequestError(code, str(error)) from error
