"""KeptEnvironment: the sandboxes of a conversation, which stay from message to message."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager

from coder.agent import Options, open_environment
from coder.environment.run_policy import policy_for, redactor_for
from coder.environment.workbench import Workbench
from coder.run.event_types import StoredFile
from coder.run.settings import Settings
from coder.run.task import Task
from coder.verify.preflight import prepare
from coder.workspace.overlay import shown_files
from sandbox import Policy, SandboxError


class KeptEnvironment:
    """Opened with the first message, and anew where the message wants another policy, or a sandbox failed."""

    def __init__(self) -> None:
        """Open nothing yet."""
        self._stack = AsyncExitStack()
        self._bench: Workbench | None = None
        self._seen: tuple[object, ...] = ()
        """The commands of the message before, which can run here."""

    @asynccontextmanager
    async def use(
        self, task: Task, settings: Settings, files: Mapping[str, StoredFile], options: Options
    ) -> AsyncIterator[Workbench]:
        """The sandboxes for one message.

        Raises:
            UsageError, SandboxError: as `open_environment` does.
        """
        bench, commands = self._bench, (task.test_command, task.lint_command)
        if bench is not None and _about(bench.policy) == _about(policy_for(task, settings, files)[0]):
            bench.redactor = redactor_for(files, shown_files(task.workspace, settings.show))
            if self._seen != commands:
                await prepare(bench, task, files)
        else:
            await self.close()
            bench = await self._stack.enter_async_context(open_environment(task, settings, files, options))
            self._bench = bench
        self._seen = commands
        try:
            yield bench
        except SandboxError:
            await self.close()
            raise

    async def close(self) -> None:
        """Close the sandboxes; the next message opens others."""
        self._bench = None
        await self._stack.aclose()


def _about(policy: Policy) -> Policy:
    """A policy but for the room that it has for the files of the moment."""
    return policy.model_copy(update={"disk_mb": 0, "files": 0})
