"""The install itself, in a sandbox that may reach the indexes."""

import asyncio
import io
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files as resources
from pathlib import Path

from coder.environment.dependencies import ENVIRONMENT, Installed
from coder.environment.run_policy import OpenSandbox
from coder.errors import UsageError
from coder.install.entries import find_installed, make_entry
from coder.install.indexes import Indexes, find_indexes
from coder.install.unpacking import MOST_BYTES, unpack
from coder.run.command_inputs import MODULES, uses_pytest
from coder.run.settings import Settings
from coder.run.stored_file import StoredFile
from coder.source.manifests import install_command, named_in
from coder.text.sanitize import printable
from coder.verify.finding import shorten
from sandbox import Command, FileRefused, Policy
from sandbox.interpreter.interpreter import Interpreter, describe, find_interpreter

MOST_S = 1800.0
"""Seconds that an install may take."""
_MEMORY_MB, _DISK_MB, _FILES = 4096, 4096, 600_000
_FOLDER = ".coder-install"
_ARCHIVE = f"{_FOLDER}/installed.tar"
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
exec "$base" -I -c "$3" {_FOLDER}/{ENVIRONMENT} {MODULES} {_ARCHIVE}
"""
_SAID = 2000


@dataclass(frozen=True, slots=True)
class Plan:
    """An install: command, source, and the entry it makes."""

    command: str
    indexes: Indexes
    base: Interpreter
    files: Mapping[str, bytes]
    """The user's, of which a copy is laid for the command."""
    installed: Installed


def plan_install(
    root: Path,
    files: Mapping[str, StoredFile],
    *,
    settings: Settings,
    test_command: Sequence[str] = (),
    command: str | None = None,
) -> Plan:
    """Plan an install.

    Args:
        root: the user's folder.
        files: what was read of it.
        command: what installs, for a shell; None: what the folder's manifests and locks say.

    Raises:
        UsageError: nothing says what to install, or the interpreter or an index can't be used.
    """
    contents = {path: stored.content for path, stored in files.items()}
    named = named_in(contents)
    wanted = command or install_command(
        named, test_command, uses_pytest=bool(test_command) and uses_pytest(test_command)
    )
    try:
        found = find_interpreter(settings.python, workspace=root, environ=os.environ)
        base = describe(found.executable)
    except ValueError as error:
        raise UsageError(str(error)) from error
    indexes = find_indexes(os.environ, home=Path.home(), more=settings.network)
    entry = find_installed(root, command=wanted, python=base.executable, indexes=indexes, files=named)
    return Plan(wanted, indexes, base, contents, entry)


async def install(plan: Plan, open_sandbox: OpenSandbox) -> None:
    """Install, and make the entry.

    Raises:
        UsageError: the command failed; the message holds what it said last.
        MachineError: what was installed can't be kept.
        SandboxError: no sandbox here can reach hosts.
    """
    async with open_sandbox(_policy(plan)) as box:
        await box.lay(plan.files)
        packing = resources("coder.install").joinpath("packing.py").read_text(encoding="utf-8")
        kind = "python" if _is_for_python(plan) else "other"
        ended = await box.run(Command(argv=("sh", "-c", _SCRIPT, "sh", plan.command, kind, packing)))
        if not ended.ok:
            said = printable(shorten(f"{ended.stdout}\n{ended.stderr}", _SAID))
            why = "took too long" if ended.status == "timeout" else f"ended with {ended.exit_code}"
            raise UsageError(f"Nothing was installed: {plan.command!r} {why}.\n{said}")
        try:
            archive = await box.read(_ARCHIVE, limit=2 * MOST_BYTES)
        except FileRefused as error:
            raise UsageError(f"Nothing was installed: {error}") from error

    await asyncio.to_thread(make_entry, plan.installed, lambda folder: fill(folder, archive, plan))


def fill(folder: Path, archive: bytes, plan: Plan) -> None:
    """Make an entry of what an install packed: an archive by untrusted code.

    What says which interpreter runs is there before it: nothing of an archive replaces what is there.

    Raises:
        UsageError: nothing was installed.
        MachineError: it is no archive, or holds more than is kept.
    """
    environment = folder / ENVIRONMENT
    _make_environment(environment, plan.base)
    unpack(io.BytesIO(archive), folder, tops=(ENVIRONMENT, MODULES))
    if not (environment / "lib").is_dir():
        shutil.rmtree(environment)
    if not any(folder.iterdir()):
        raise UsageError(f"{plan.command!r} installed nothing: neither for Python nor {MODULES}.")


def _policy(plan: Plan) -> Policy:
    return Policy(
        network=plan.indexes.hosts,
        memory_mb=_MEMORY_MB,
        processes=512,
        wall_s=MOST_S,
        cpu_s=MOST_S,
        disk_mb=_DISK_MB,
        files=_FILES,
        open_files=1024,
        environment=dict(plan.indexes.environment),
        python=plan.base.path,
    )


def _is_for_python(plan: Plan) -> bool:
    return "pip" in plan.command or any(path.endswith(".py") for path in plan.files)


def _make_environment(folder: Path, base: Interpreter) -> None:
    """Write the files of a virtual environment ourselves: none comes from the archive."""
    version = ".".join(map(str, base.version))
    for made in (folder, folder / "bin"):
        made.mkdir()
        made.chmod(0o755)
    settings = folder / "pyvenv.cfg"
    settings.write_text(
        f"home = {base.executable.parent}\ninclude-system-site-packages = false\nversion = {version}\n",
        encoding="utf-8",
    )
    settings.chmod(0o644)
    for name in ("python", "python3"):
        (folder / "bin" / name).symlink_to(base.executable)
