"""Install the dependencies of a task's tests, in a sandbox with access to indexes, as a cache entry.

The key of an entry covers all inputs of the install. An entry is complete or doesn't exist.
"""

import asyncio
import hashlib
import io
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files as resources
from pathlib import Path

from coder.base.errors import MachineError, UsageError
from coder.base.fs.private_folder import facts_folder, private_folder
from coder.base.text.sanitize import printable
from coder.environment.dependencies import ENVIRONMENT, Installed
from coder.environment.run_policy import OpenSandbox
from coder.people.install.indexes import Indexes, find_indexes, find_unreachable
from coder.people.install.unpacking import MAX_BYTES, unpack
from coder.run.command_inputs import MODULES, uses_pytest
from coder.run.settings import Settings
from coder.run.stored_file import StoredFile
from coder.source.manifests import find_manifests, install_command
from coder.verify.finding import shorten
from sandbox import Command, FileRefused, Policy
from sandbox.contract import OnOutput
from sandbox.interpreter.interpreter import Interpreter, describe, find_interpreter

_VERSION = 2
"""Version of the contents of an entry."""
_MAX_S = 1800.0
_FOLDER = ".coder-install"
_SCRIPT = f"""
set -eu
base=$(readlink -f "$(command -v python3)")
mkdir -p {_FOLDER}
if [ "$2" = python ]; then
    "$base" -m venv {_FOLDER}/{ENVIRONMENT}
    PATH="$PWD/{_FOLDER}/{ENVIRONMENT}/bin:$PATH"
    export PATH
fi
sh -ec "$1"
[ ! -d {MODULES} ] || mv {MODULES} {_FOLDER}/
cd {_FOLDER}
exec "$base" -I -c "$3"
"""
_OUTPUT_CHARACTERS = 2000
"""Longest quote of a failed command's output in characters."""


@dataclass(frozen=True, slots=True)
class InstallPlan:
    """An install: the command, its inputs, and the cache entry that it makes."""

    command: str
    indexes: Indexes
    base: Interpreter
    files: Mapping[str, bytes]
    """The user's files, of which the command gets a copy."""
    installed: Installed


def plan_install(
    root: Path,
    files: Mapping[str, StoredFile],
    *,
    settings: Settings,
    test_command: Sequence[str] = (),
    command: str | None = None,
) -> InstallPlan:
    """Plan an install by a command, or by the folder's manifests and locks.

    Raises:
        UsageError: there is nothing to install, or the interpreter or an index can't be used.
    """
    contents = {path: stored.content for path, stored in files.items()}
    manifests = find_manifests(contents)
    needs_pytest = bool(test_command) and uses_pytest(test_command)
    install_text = command or install_command(manifests, test_command, uses_pytest=needs_pytest)
    try:
        interpreter = find_interpreter(settings.python, workspace=root, environ=os.environ)
        base = describe(interpreter.executable)
    except ValueError as error:
        raise UsageError(str(error)) from error
    indexes = find_indexes(os.environ, home=Path.home(), extra_hosts=settings.network)
    entry = Installed(_cache_folder() / _key(root, install_text, base.executable, indexes, manifests))
    return InstallPlan(install_text, indexes, base, contents, entry)


def _cache_folder() -> Path:
    """Return the folder of all entries. Removing it only costs time."""
    return private_folder(private_folder(facts_folder()) / "installed")


def _key(root: Path, command: str, python: Path, indexes: Indexes, files: Mapping[str, bytes]) -> str:
    """Return the name of a folder's entry, which differs for another command, interpreter, index or manifest.

    Folders share no entry: code of a folder may run during its install, and other runs must not see the
    result.
    """
    status = python.stat()
    inputs = {
        "version": _VERSION,
        "root": str(root),
        "command": command,
        "python": [str(python), status.st_size, int(status.st_mtime), sys.platform],
        "hosts": indexes.hosts,
        "environment": dict(sorted(indexes.environment.items())),
        "files": {path: hashlib.sha256(content).hexdigest() for path, content in sorted(files.items())},
    }
    return hashlib.sha256(json.dumps(inputs).encode()).hexdigest()[:32]


async def install(plan: InstallPlan, open_sandbox: OpenSandbox, *, on_output: OnOutput | None = None) -> None:
    """Install, and make the cache entry.

    Args:
        on_output: called with each piece of the command's output.

    Raises:
        UsageError: the command failed; the message has the end of its output.
    """
    async with open_sandbox(_policy(plan)) as sandbox:
        await sandbox.lay(plan.files)
        packing = resources("coder.people.install").joinpath("packing.py").read_text(encoding="utf-8")
        is_for_python = "pip" in plan.command or any(path.endswith(".py") for path in plan.files)
        kind = "python" if is_for_python else "other"
        command = Command(argv=("sh", "-c", _SCRIPT, "sh", plan.command, kind, packing))
        result = await sandbox.run(command, on_output=on_output)
        if not result.ok:
            output = printable(shorten(f"{result.stdout}\n{result.stderr}", _OUTPUT_CHARACTERS))
            reason = "took too long" if result.status == "timeout" else f"ended with {result.exit_code}"
            unreachable = await find_unreachable(plan.indexes.hosts)
            lines = filter(None, (output, unreachable))
            raise UsageError("\n".join((f"Nothing was installed: {plan.command!r} {reason}.", *lines)))
        try:
            archive = await sandbox.read(f"{_FOLDER}/installed.tar", limit=2 * MAX_BYTES)
        except FileRefused as error:
            raise UsageError(f"Nothing was installed: {error}") from error

    await asyncio.to_thread(make_entry, plan.installed, lambda folder: fill(folder, archive, plan))


def _policy(plan: InstallPlan) -> Policy:
    return Policy(
        network=plan.indexes.hosts,
        memory_mb=4096,
        processes=512,
        wall_s=_MAX_S,
        cpu_s=_MAX_S,
        disk_mb=4096,
        files=600_000,
        open_files=1024,
        environment=dict(plan.indexes.environment),
        python=plan.base.path,
    )


def make_entry(entry: Installed, fill: Callable[[Path], None]) -> None:
    """Fill a folder and make it the entry atomically. Raises MachineError if that can't be written."""
    try:
        with tempfile.TemporaryDirectory(prefix=".begun-", dir=entry.folder.parent) as temporary_folder:
            folder = Path(temporary_folder) / "made"
            folder.mkdir()
            folder.chmod(0o755)  # regardless of the umask: programs of another uid read it
            fill(folder)
            folder.rename(entry.folder)
    except OSError as error:
        if not entry.is_there:  # another process may have made the entry first
            raise MachineError(f"What was installed can't be kept in {entry.folder}: {error}.") from error


def fill(folder: Path, archive: bytes, plan: InstallPlan) -> None:
    """Unpack an archive made by untrusted code into a cache entry. Raises UsageError if it is empty.

    The interpreter's files are written first, as files of the archive never replace existing ones.
    """
    environment = folder / ENVIRONMENT
    _make_environment(environment, plan.base)
    unpack(io.BytesIO(archive), folder, tops=(ENVIRONMENT, MODULES))
    if not (environment / "lib").is_dir():
        shutil.rmtree(environment)
    if not any(folder.iterdir()):
        raise UsageError(f"{plan.command!r} installed nothing: neither for Python nor {MODULES}.")


def _make_environment(folder: Path, base: Interpreter) -> None:
    """Write the files of a virtual environment; none comes from the archive."""
    version = ".".join(map(str, base.version))
    for directory in (folder, folder / "bin"):
        directory.mkdir()
        directory.chmod(0o755)
    settings = folder / "pyvenv.cfg"
    settings.write_text(
        f"home = {base.executable.parent}\ninclude-system-site-packages = false\nversion = {version}\n",
        encoding="utf-8",
    )
    settings.chmod(0o644)
    for name in ("python", "python3"):
        (folder / "bin" / name).symlink_to(base.executable)
