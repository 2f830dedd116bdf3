"""Policies of a run's sandboxes, from its settings, files and import folders."""

import os
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from math import ceil
from pathlib import Path

from coder.base.errors import UsageError
from coder.base.text.redact import Redactor
from coder.environment.dependencies import Installed, with_dependencies, with_shown
from coder.environment.python_path import find_python_path
from coder.environment.time_zone import find_time_zone
from coder.environment.unread_folders import without_unread, without_unread_python
from coder.environment.watch_modes import watch_variables
from coder.run.command_inputs import split_assignments
from coder.run.settings import Settings
from coder.run.stored_file import StoredFile
from coder.run.task import Task
from sandbox import Policy, PolicyUnmet, Sandbox, open_sandbox
from sandbox.interpreter.interpreter import describe, find_interpreter

_PAGE = 4096
_SMALL_COUNT, _SMALL_SIZE = 1_000, 8 << 20
"""Numbers of files and bytes that fit into any workspace without larger limits."""

_SESSION_LIMITS = ("memory_mb", "disk_mb", "files", "processes", "open_files")
"""Limits that are higher in a session."""

OpenSandbox = Callable[[Policy], AbstractAsyncContextManager[Sandbox]]


def for_session(policy: Policy) -> Policy:
    """Return the policy of a model's session: at least the limits of `session_policy`."""
    from sandbox import session_policy

    minimum = session_policy()
    limits = {name: max(getattr(policy, name), getattr(minimum, name)) for name in _SESSION_LIMITS}
    return policy.model_copy(update=limits)


def with_room(policy: Policy, files: Mapping[str, StoredFile]) -> Policy:
    """Return the policy with larger limits of disk and files if the given files exceed small ones."""
    size = sum(ceil(len(file.text or file.base64 or "") / _PAGE) * _PAGE for file in files.values())
    if len(files) <= _SMALL_COUNT and size <= _SMALL_SIZE:
        return policy
    folders = len({path.rpartition("/")[0] for path in files})
    limits = {
        "disk_mb": policy.disk_mb + ceil(size / (1 << 20)),
        "files": policy.files + len(files) + folders,
    }
    return policy.model_copy(update=limits)


def with_sources(policy: Policy, task: Task, settings: Settings, files: Mapping[str, StoredFile]) -> Policy:
    """Add variables of the test command to a policy, PYTHONPATH with the project's folders and folders
    outside that it names, CI against watch modes, and the time zone of the machine on which a person works.
    """
    variables, _ = split_assignments(task.test_command or ())
    variables.pop("PYTHONPATH", None)
    path = find_python_path(task, settings, files, python=policy.python)
    python_path = {"PYTHONPATH": ":".join(path.folders)} if path.folders else {}
    copy_of = task.workspace.resolve() if task.workspace is not None and path.is_installed else None
    zone = {} if task.workspace is None else find_time_zone(os.environ)
    watch = watch_variables(task.test_command or (), files)
    environment = {**python_path, **zone, **watch, **variables, **policy.environment}
    beside = {**policy.beside, **path.shown}
    return policy.model_copy(update={"environment": environment, "beside": beside, "copy_of": copy_of})


def policy_for(
    task: Task,
    settings: Settings,
    files: Mapping[str, StoredFile],
    *,
    note: Callable[[str], None] = lambda text: None,
) -> tuple[Policy, OpenSandbox]:
    """Return the policy of a run on these files, and the function that opens its sandboxes.

    Args:
        note: receives a line for each folder that the user's rules on reading keep from programs.

    Raises as `policy_of` does.
    """
    policy = with_room(policy_of(settings, workspace=task.workspace), files)
    if task.unread:
        policy = without_unread_python(policy, task, note)
    plain = with_sources(policy, task, settings, files)
    policy = with_dependencies(plain, task.workspace, files, settings=settings)
    if task.unread:
        policy = without_unread(policy, task, note)
    mounted = policy
    if settings.show or settings.add_dir:
        policy = with_shown(policy, settings, task.workspace)
    backend = "container" if settings.in_place else settings.sandbox
    if settings.sandbox != "auto":
        return policy, lambda policy: open_sandbox(policy, backend=backend)

    def simplify(policy: Policy) -> Policy:
        return _without_mounts(policy, plain, mounted)

    return policy, lambda policy: _open_any(policy, simplify, backend)


@asynccontextmanager
async def _open_any(
    policy: Policy, simplify: Callable[[Policy], Policy], backend: str
) -> AsyncIterator[Sandbox]:
    """Open a sandbox, without mounted dependencies and toolchains if it can't mount them."""
    async with AsyncExitStack() as stack:
        try:
            sandbox = await stack.enter_async_context(open_sandbox(policy, backend=backend))
        except PolicyUnmet:
            simple = simplify(policy)
            if simple == policy:
                raise
            sandbox = await stack.enter_async_context(open_sandbox(simple, backend=backend))
        yield sandbox


def _without_mounts(policy: Policy, plain: Policy, mounted: Policy) -> Policy:
    """Return the policy without what `mounted` adds to `plain`, and without layers."""
    added = mounted.environment.keys() - plain.environment.keys()
    return policy.model_copy(
        update={
            "folders": {
                place: folder for place, folder in policy.folders.items() if place not in mounted.folders
            },
            "beside": {name: folder for name, folder in policy.beside.items() if name not in mounted.beside},
            "environment": {key: value for key, value in policy.environment.items() if key not in added},
            "on_path": plain.on_path,
            "layered": (),
        }
    )


def policy_of(settings: Settings, *, workspace: Path | None) -> Policy:
    """Return the policy of these settings. Raises UsageError if the interpreter can't be used."""
    python = settings.python
    if settings.installed is not None:
        entry = Installed(settings.installed)
        if not entry.is_there:
            raise UsageError(f"What was installed for this run has gone: {entry.folder}. Start a new one.")
        python = entry.python or python
    try:
        interpreter = find_interpreter(python, workspace=workspace, environ=os.environ)
    except ValueError as error:
        raise UsageError(str(error)) from error
    return Policy(
        memory_mb=settings.memory,
        processes=settings.processes,
        wall_s=settings.program_timeout,
        cpu_s=settings.program_timeout,
        cpus=settings.cpus,
        image=settings.image,
        runtime=settings.runtime,
        network=settings.network,
        python=None if python is None and interpreter == describe(None) else interpreter.path,
        kernel=settings.kernel,
    )


def redactor_for(
    files: Mapping[str, StoredFile], overlay: Mapping[str, bytes], secrets: Sequence[str] = ()
) -> Redactor:
    """Return a redactor of secrets in the environment and `.env` files, and of `secrets`."""
    texts = {path: stored.text for path, stored in files.items() if stored.text is not None}
    texts |= {path: content[: 1 << 20].decode("utf-8", "replace") for path, content in overlay.items()}
    if not texts:
        return Redactor.from_environment(secrets=secrets)
    from coder.context.secrecy import secrets_in

    return Redactor.from_environment(secrets=(*secrets, *secrets_in(texts)))
