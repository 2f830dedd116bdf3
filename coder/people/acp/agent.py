"""EditorAgent: the agent's side of the protocol. It maps requests to sessions, and failures to errors."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from acp import PROTOCOL_VERSION, RequestError
from acp.helpers import update_available_commands
from acp.interfaces import Client
from acp.schema import (
    AgentCapabilities,
    AuthenticateResponse,
    AvailableCommand,
    Implementation,
    InitializeResponse,
    LoadSessionResponse,
    NewSessionResponse,
    PromptCapabilities,
    PromptResponse,
    SessionMode,
    SessionModeState,
    SetSessionModeResponse,
)

from coder.base.errors import CoderError, UsageError
from coder.base.text.sanitize import one_line
from coder.context.quoting import fenced
from coder.people.acp.editor_session import COMMANDS, MODES, EditorSession, open_editor_session
from coder.show.failure import report, single
from sandbox import SandboxError

_INVALID_PARAMS, _INTERNAL_ERROR = -32602, -32603


class EditorAgent:
    """The agent of one client."""

    def __init__(self, flags: Mapping[str, object], args: Mapping[str, Any]) -> None:
        """Take the configuration's flags that were given, and the values of all flags."""
        self._flags, self._args = flags, args
        self._client: Client | None = None
        self._client_name = "an editor"
        self._sessions: dict[str, EditorSession] = {}
        self._owners: list[asyncio.Task[None]] = []
        """Tasks that each open a session, and close it at the end."""
        self._closing = asyncio.Event()

    def on_connect(self, conn: Client) -> None:
        """Receive the connection to the client."""
        self._client = conn

    async def close(self) -> None:
        """Interrupt and close all sessions."""
        self._closing.set()
        await asyncio.gather(*self._owners, return_exceptions=True)

    async def initialize(
        self, protocol_version: int, client_info: Implementation | None = None, **_: object
    ) -> InitializeResponse:
        """Answer version 1, whatever the client offers, and what this agent can do."""
        if client_info is not None:
            self._client_name = one_line(client_info.name, width=60)
        capabilities = AgentCapabilities(
            load_session=True, prompt_capabilities=PromptCapabilities(embedded_context=True)
        )
        info = Implementation(name="coder", version=version("coder-agent"))
        return InitializeResponse(
            protocol_version=PROTOCOL_VERSION,
            agent_capabilities=capabilities,
            agent_info=info,
            auth_methods=[],
        )

    async def authenticate(self, method_id: str, **_: object) -> AuthenticateResponse:
        """Do nothing: keys of models come from the configuration of the user who starts this process."""
        return AuthenticateResponse()

    async def new_session(self, cwd: str, **_: object) -> NewSessionResponse:
        """Open a chat about a folder."""
        async with _as_request_errors():
            session = await self._open(cwd)
        return NewSessionResponse(session_id=session.chat.run, modes=_modes(session))

    async def load_session(self, cwd: str, session_id: str, **_: object) -> LoadSessionResponse:
        """Continue a chat, also after its process was killed; its messages are sent first."""
        async with _as_request_errors():
            session = self._sessions.get(session_id) or await self._open(cwd, session_id)
            session.replay()
            session.watch.send(_commands())
            await session.watch.flush()
        return LoadSessionResponse(modes=_modes(session))

    async def set_session_mode(self, session_id: str, mode_id: str, **_: object) -> SetSessionModeResponse:
        """Set ask, auto or plan."""
        async with _as_request_errors():
            self._session(session_id).set_mode(mode_id)
        return SetSessionModeResponse()

    async def prompt(self, session_id: str, prompt: Sequence[Any], **_: object) -> PromptResponse:
        """Work on one message until it ends."""
        async with _as_request_errors():
            session = self._session(session_id)
            if not session.chat.has_begun:  # not with session/new: its client doesn't know the id yet
                session.watch.send(_commands())
            reason = await session.prompt(text_of(prompt, session.chat.root))
            await session.watch.flush()
        return PromptResponse(stop_reason=reason)

    async def cancel(self, session_id: str, **_: object) -> None:
        """Interrupt the work on a message, if there is some."""
        if (session := self._sessions.get(session_id)) is not None:
            session.cancel()

    def _session(self, session_id: str) -> EditorSession:
        if (session := self._sessions.get(session_id)) is None:
            raise UsageError(f"No session {session_id} is open. Open it by session/load.")
        return session

    async def _open(self, cwd: str, run: str | None = None) -> EditorSession:
        """Open a session in a task of its own, as what a task opens must be closed by the same task."""
        folder = _folder(cwd)
        opened: asyncio.Future[EditorSession] = asyncio.get_running_loop().create_future()
        self._owners.append(asyncio.create_task(self._own(folder, run, opened)))
        session = await opened
        self._sessions[session.chat.run] = session
        return session

    async def _own(self, folder: Path, run: str | None, opened: "asyncio.Future[EditorSession]") -> None:
        assert self._client is not None
        try:
            opening = open_editor_session(
                self._client, folder, self._flags, self._args, name=self._client_name, run=run
            )
            async with opening as session:
                opened.set_result(session)
                await self._closing.wait()
        except Exception as error:  # noqa: BLE001 - the request that waits raises it
            if opened.done():
                report(error)
            else:
                opened.set_exception(error)


def text_of(blocks: Sequence[Any], root: Path) -> str:
    """Return the text of a message. A linked file of the folder becomes a mention, an attached one is quoted.

    Raises UsageError: a block is neither text nor a text file.
    """
    parts = []
    for block in blocks:
        match block.type:
            case "text":
                parts.append(block.text)
            case "resource_link":
                parts.append(_mention(block.uri, root))
            case "resource" if hasattr(block.resource, "text"):
                parts.append(f"\n\n{_mention(block.resource.uri, root)}:\n{fenced(block.resource.text)}\n")
            case kind:
                raise UsageError(f"A message may hold text and text files, and this one holds: {kind}")
    return " ".join(parts)


def _folder(cwd: str) -> Path:
    folder = Path(cwd)
    if not folder.is_absolute() or not folder.is_dir():
        raise UsageError(f"cwd must be the absolute path of a folder, and {cwd!r} is none.")
    return folder.resolve()


def _mention(uri: str, root: Path) -> str:
    parts = urlsplit(uri)
    path = Path(unquote(parts.path))
    if parts.scheme == "file" and path.is_relative_to(root):
        name = path.relative_to(root).as_posix()
        return f"@{name}" if len(name.split()) == 1 else f"`{name}`"
    return uri


def _modes(session: EditorSession) -> SessionModeState:
    modes = [SessionMode(id=mode, name=mode.title(), description=text) for mode, text in MODES.items()]
    return SessionModeState(current_mode_id=session.mode, available_modes=modes)


def _commands() -> Any:  # noqa: ANN401 - one of the schema's updates
    return update_available_commands(
        AvailableCommand(name=name, description=text) for name, text in COMMANDS.items()
    )


@asynccontextmanager
async def _as_request_errors() -> AsyncIterator[None]:
    """Raise failures as errors of the protocol; a bug's traceback goes to stderr."""
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
