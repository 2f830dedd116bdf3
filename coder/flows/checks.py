"""Checks: a command of the flow, run in the sandbox on a copy of a folder."""

from pathlib import Path

from pydantic import BaseModel

from coder.environment.run_policy import OpenSandbox, policy_for
from coder.run.settings import Settings
from coder.run.task import Task
from coder.workspace.overlay import shown_files
from coder.workspace.read import read_workspace
from sandbox import Command, Limits

_MAX_OUTPUT = 20_000
"""Characters of output that the log keeps, from its end."""


class Check(BaseModel, frozen=True):
    """The outcome of a command; it is true if the command exited with 0."""

    command: str
    passed: bool
    exit_code: int | None
    """None: a limit or a signal ended it."""
    output: str
    """The end of its stdout and stderr."""

    def __bool__(self) -> bool:
        return self.passed


async def run_check(command: str, folder: Path, settings: Settings, sandbox: OpenSandbox | None) -> Check:
    """Run a shell command on a copy of the folder.

    Raises:
        UsageError, FolderError: the folder can't be read.
        SandboxError: no sandbox can be opened.
    """
    task = Task(prompt=command, workspace=folder, test_command=("sh", "-c", command))
    snapshot = read_workspace(task, lands=False)
    policy, opener = policy_for(task, settings, snapshot.files)
    files = {path: stored.content for path, stored in snapshot.files.items()}
    limits = Limits(wall_s=settings.test_timeout, cpu_s=settings.test_timeout)
    async with (sandbox or opener)(policy) as box:
        await box.lay(files | shown_files(folder, settings.show))
        result = await box.run(Command(argv=("sh", "-c", command)), limits=limits)
    output = "\n".join(text for text in (result.stdout, result.stderr) if text)
    return Check(
        command=command,
        passed=result.status == "ok" and result.exit_code == 0,
        exit_code=result.exit_code,
        output=output[-_MAX_OUTPUT:],
    )
