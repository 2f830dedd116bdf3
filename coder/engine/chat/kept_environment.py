"""KeptEnvironment: the sandboxes of a conversation, reused for each message."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

from coder.base.fs.private_folder import facts_folder
from coder.context.definition_facts import facts_of
from coder.engine.open_run import open_environment
from coder.engine.options import Options
from coder.environment.run_policy import policy_for, redactor_for
from coder.environment.workbench import Workbench
from coder.run.find_target import find_target
from coder.run.settings import Settings
from coder.run.stored_file import StoredFile
from coder.run.target import Target
from coder.run.task import Task
from coder.verify.preflight import prepare
from coder.workspace.overlay import shown_files
from coder.workspace.read import read_workspace
from sandbox import Policy, SandboxError
from sandbox import Session as SandboxSession

_INDEXED_CHARACTERS = 100_000
"""Size of a folder in characters from which its definitions are indexed in advance."""


class KeptEnvironment:
    """Sandboxes that open at the first message, and reopen if the policy changes or a sandbox fails."""

    def __init__(self) -> None:
        self._stack = AsyncExitStack()
        self._bench: Workbench | None = None
        self._checked_command: tuple[str, ...] | None = None
        """The test command of the previous message, which can run here."""
        self._preparing: asyncio.Task[None] | None = None

    def prepare(self, task: Task, settings: Settings, options: Options) -> None:
        """Open the first message's sandboxes while the user types; errors are reported with the message."""
        self._preparing = asyncio.create_task(self._prepare(task, settings, options))

    async def ready(self) -> None:
        """Wait until the preparation has finished."""
        preparing, self._preparing = self._preparing, None
        if preparing is not None:
            await asyncio.gather(preparing, return_exceptions=True)

    @property
    def session(self) -> SandboxSession | None:
        """The session that the model works in if it is open, else None."""
        return self._bench.open_session if self._bench is not None else None

    @property
    def tools(self) -> Sequence[object]:
        """The user's tools and servers of the open sandboxes."""
        return (*self._bench.tools, *self._bench.optional_tools) if self._bench is not None else ()

    @asynccontextmanager
    async def use(
        self,
        task: Task,
        settings: Settings,
        files: Mapping[str, StoredFile],
        options: Options,
        *,
        target: Target,
    ) -> AsyncIterator[Workbench]:
        """Return a context manager with the sandboxes for one message."""
        await self.ready()
        bench = await self._open(task, settings, files, options, target=target)
        try:
            yield bench
        except SandboxError:
            await self.close()
            raise

    async def _open(
        self,
        task: Task,
        settings: Settings,
        files: Mapping[str, StoredFile],
        options: Options,
        *,
        target: Target,
    ) -> Workbench:
        bench = self._bench
        if bench is not None and _without_file_limits(bench.requested_policy) == _without_file_limits(
            policy_for(task, settings, files)[0]
        ):
            shown_paths = shown_files(task.workspace, settings.show)
            bench.redactor = redactor_for(files, shown_paths, bench.secrets)
            if self._checked_command != task.test_command:
                await prepare(bench, task, files, target=target)
        else:
            await self._close()
            environment = open_environment(task, settings, files, options, target=target)
            bench = await self._stack.enter_async_context(environment)
            self._bench = bench
        self._checked_command = task.test_command
        return bench

    async def _prepare(self, task: Task, settings: Settings, options: Options) -> None:
        snapshot = await asyncio.to_thread(read_workspace, task, lands=settings.lands)
        target = find_target(task, snapshot.files)
        bench = await self._open(task, settings, snapshot.files, options, target=target)
        await bench.has_sessions()
        texts = {path: file.text for path, file in snapshot.files.items() if file.text is not None}
        if sum(map(len, texts.values())) > _INDEXED_CHARACTERS:
            await facts_of(texts, cache=facts_folder())

    async def close(self) -> None:
        """Close the sandboxes; the next message opens new ones."""
        if self._preparing is not None:
            self._preparing.cancel()
        await self.ready()
        await self._close()

    async def _close(self) -> None:
        self._bench = None
        await self._stack.aclose()


def _without_file_limits(policy: Policy) -> Policy:
    """Return a policy without the limits that depend on the current files."""
    return policy.model_copy(update={"disk_mb": 0, "files": 0})
