"""Policies of a run's sandboxes, from its settings, files and import folders."""

import ast
import os
import re
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from math import ceil
from pathlib import Path

from coder.base.errors import UsageError
from coder.base.text.redact import Redactor
from coder.environment.dependencies import Installed, with_dependencies, with_shown
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


def with_sources(policy: Policy, task: Task, files: Mapping[str, StoredFile]) -> Policy:
    """Add variables of the test command to a policy, and PYTHONPATH with the project's folders."""
    variables, _ = split_assignments(task.test_command or ())
    folders = [variables.pop("PYTHONPATH", "")]
    if task.workspace is not None:
        folders += folders_inside(task.workspace, os.environ.get("PYTHONPATH", ""))
        folders += source_folders(task.workspace, files)
    path = ":".join(dict.fromkeys(filter(None, folders)))
    python_path = {"PYTHONPATH": path} if path else {}
    if not variables and not python_path:
        return policy
    return policy.model_copy(update={"environment": {**python_path, **variables, **policy.environment}})


def policy_for(task: Task, settings: Settings, files: Mapping[str, StoredFile]) -> tuple[Policy, OpenSandbox]:
    """Return the policy of a run on these files, and the function that opens its sandboxes.

    Raises as `policy_of` does.
    """
    policy = with_room(policy_of(settings, workspace=task.workspace), files)
    plain = with_sources(policy, task, files)
    policy = mounted = with_dependencies(plain, task.workspace, files, settings=settings)
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


_MAX_BYTES = 1 << 20
_MAPPING = re.compile(r"^MAPPING[^=\n]*=\s*(\{.*\})\s*$", re.MULTILINE)


def source_folders(workspace: Path, files: Iterable[str]) -> tuple[str, ...]:
    """Return relative folders for PYTHONPATH: `src` if it holds modules, and editable installs of `.venv`."""
    paths = set(files)
    folders = dict.fromkeys(_editable_folders(workspace.resolve()))
    if "src/__init__.py" not in paths and any(
        path.startswith("src/") and path.endswith(".py") for path in paths
    ):
        folders["src"] = None
    used_folders = [
        folder for folder in folders if folder == "." or any(path.startswith(f"{folder}/") for path in paths)
    ]
    return tuple(folder for folder in used_folders if ":" not in folder)


def folders_inside(workspace: Path, path: str) -> list[str]:
    """Return the folders of a PYTHONPATH that are in the workspace, relative to it."""
    root = workspace.resolve()
    folders = [Path(os.path.normpath(root / entry)) for entry in path.split(os.pathsep) if entry]
    return [folder.relative_to(root).as_posix() for folder in folders if folder.is_relative_to(root)]


def _editable_folders(workspace: Path) -> Iterator[str]:
    """Yield folders of the workspace that its virtual environment imports from."""
    for site_packages in sorted(workspace.glob(".venv/lib/python3*/site-packages")):
        for path_file in sorted(
            [*site_packages.glob("*.pth"), *site_packages.glob("__editable__*_finder.py")]
        ):
            for folder in _listed_folders(path_file):
                if folder.is_absolute() and folder.is_relative_to(workspace):
                    yield folder.relative_to(workspace).as_posix()


def _listed_folders(path_file: Path) -> list[Path]:
    """Return the folders from which an editable install imports, as its .pth file or finder lists them."""
    try:
        with path_file.open("rb") as file:
            text = file.read(_MAX_BYTES).decode("utf-8", "replace")
        if path_file.suffix == ".pth":
            return [Path(line.strip()) for line in text.splitlines() if not line.startswith(("import", "#"))]
        mapping = _MAPPING.search(text)
        values = ast.literal_eval(mapping[1]).values() if mapping else ()
        return [Path(value).parent for value in values if isinstance(value, str)]
    except (OSError, ValueError, SyntaxError, AttributeError, RecursionError, MemoryError):
        return []


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
