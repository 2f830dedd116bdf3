"""KeptEnvironment: the sandboxes of a conversation, which stay from message to message."""

import asyncio
from collections.abc import AsyncIterator, Mapping
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

_LARGE = 100_000
"""Characters of a folder of which a model is shown the best places, which are found among its definitions."""


class KeptEnvironment:
    """Opened with the first message, and anew where the message wants another policy, or a sandbox failed."""

    def __init__(self) -> None:
        self._stack = AsyncExitStack()
        self._bench: Workbench | None = None
        self._seen: tuple[str, ...] | None = None
        """The test command of the message before, which can run here."""
        self._preparing: asyncio.Task[None] | None = None

    def prepare(self, task: Task, settings: Settings, options: Options) -> None:
        """Open what the first message needs while the user types it; errors are reported with the message."""
        self._preparing = asyncio.create_task(self._prepare(task, settings, options))

    async def ready(self) -> None:
        """Wait until all is prepared that is being prepared."""
        preparing, self._preparing = self._preparing, None
        if preparing is not None:
            await asyncio.gather(preparing, return_exceptions=True)

    @property
    def session(self) -> SandboxSession | None:
        """Where the model works, once that is open."""
        return self._bench.open_session if self._bench is not None else None

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
        """The sandboxes for one message."""
        await self.ready()
        bench = await self._opened(task, settings, files, options, target=target)
        try:
            yield bench
        except SandboxError:
            await self.close()
            raise

    async def _opened(
        self,
        task: Task,
        settings: Settings,
        files: Mapping[str, StoredFile],
        options: Options,
        *,
        target: Target,
    ) -> Workbench:
        bench = self._bench
        if bench is not None and _about(bench.policy) == _about(policy_for(task, settings, files)[0]):
            bench.redactor = redactor_for(files, shown_files(task.workspace, settings.show))
            if self._seen != task.test_command:
                await prepare(bench, task, files, target=target)
        else:
            await self._close()
            environment = open_environment(task, settings, files, options, target=target)
            bench = await self._stack.enter_async_context(environment)
            self._bench = bench
        self._seen = task.test_command
        return bench

    async def _prepare(self, task: Task, settings: Settings, options: Options) -> None:
        read = await asyncio.to_thread(read_workspace, task, lands=settings.lands)
        target = find_target(task, read.files)
        bench = await self._opened(task, settings, read.files, options, target=target)
        await bench.has_sessions()
        texts = {path: file.text for path, file in read.files.items() if file.text is not None}
        if sum(map(len, texts.values())) > _LARGE:
            await facts_of(texts, cache=facts_folder())

    async def close(self) -> None:
        """Close the sandboxes; the next message opens others."""
        if self._preparing is not None:
            self._preparing.cancel()
        await self.ready()
        await self._close()

    async def _close(self) -> None:
        self._bench = None
        await self._stack.aclose()


def _about(policy: Policy) -> Policy:
    """A policy but for the room that it has for the files of the moment."""
    return policy.model_copy(update={"disk_mb": 0, "files": 0})
