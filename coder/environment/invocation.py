"""The job of `coder run`: run a program with its files and its policy."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import decode_source
from pathlib import Path, PurePosixPath

from pydantic import ValidationError

from coder.base.errors import UsageError, own_command
from coder.environment.run_policy import policy_of
from coder.environment.script_cells import cells_of, cells_of_notebook
from coder.run.settings import Settings
from sandbox import Command, Policy, Program, PythonCode, Result, open_sandbox
from sandbox.contract import OnOutput

_NOTEBOOK = ".ipynb"


@dataclass(frozen=True, slots=True)
class Invocation:
    """The arguments of the command line."""

    words: tuple[str, ...]
    code: str | None
    is_command: bool
    """Whether the words followed `--`."""
    files: tuple[Path, ...]
    variables: tuple[str, ...]
    """Variables, each as NAME=VALUE."""
    disk_mb: int

    @property
    def reads_source(self) -> bool:
        """Whether the program itself is read from standard input."""
        return self.code is None and not self.is_command and self.words[:1] == ("-",)


@dataclass(frozen=True, slots=True)
class PreparedProgram:
    """A program with the files and policy of its fresh workspace."""

    program: Program
    files: Mapping[str, bytes]
    policy: Policy
    cells: tuple[str, ...] | None = None
    """The program as cells, if a kernel runs it."""


def prepare_program(
    invocation: Invocation, settings: Settings, *, read_source: Callable[[], bytes]
) -> PreparedProgram:
    """Read and check all arguments before opening a sandbox. Raises UsageError if an argument is invalid."""
    try:
        policy = _policy(invocation, settings)
        files = _Files(policy.disk_mb << 20)
        program = _program(invocation, files, read_source)
        cells = _cells(program, files, kernel=settings.kernel)
        for path in invocation.files:
            files.add(path)
    except ValidationError as error:
        first_error = error.errors()[0]
        raise UsageError(f"{_flag_of(first_error['loc'])}: {first_error['msg']}.") from error
    return PreparedProgram(program, files.contents, policy, cells)


async def run_job(
    job: PreparedProgram,
    backend: str,
    *,
    stdin: bytes | int = b"",
    on_output: OnOutput | None = None,
    note: Callable[[str], None] = lambda text: None,
) -> tuple[Result, str]:
    """Run a job in a sandbox of its own; return its result, and the backend.

    Args:
        note: called with a message about a limit that the sandbox can't enforce.
    """
    async with open_sandbox(job.policy, backend=backend) as sandbox:
        if any(
            item.guarantee == "processors" and item.enforcement == "none" for item in sandbox.capabilities()
        ):
            note("no control group can be made here: --cpus holds only a program that asks for no more")
        if job.cells is not None:
            from sandbox.kernel.kernel import require_kernel, run_cells

            await require_kernel(sandbox, job.policy)
            result = await run_cells(sandbox, job.cells, fresh=True, files=job.files, on_output=on_output)
        else:
            result = await sandbox.run(
                job.program, stdin=stdin, fresh=True, files=job.files, on_output=on_output
            )
        return result, sandbox.backend


class _Files:
    """Files to copy into the workspace; `add` raises UsageError if they don't fit."""

    def __init__(self, room: int) -> None:
        self._bytes_left = room
        self.contents: dict[str, bytes] = {}

    def add(self, path: Path) -> str:
        """Read a regular file and return its name in the workspace; a path below the current folder stays
        as it is.
        """
        normal_path = PurePosixPath(os.path.normpath(path))
        name = (
            normal_path.name if normal_path.is_absolute() or ".." in normal_path.parts else str(normal_path)
        )
        if name in self.contents:
            raise UsageError(f"Two files would be {name} in the workspace.")
        try:
            if path.exists() and not path.is_file():
                raise UsageError(f"{path} isn't a regular file.")
            with path.open("rb") as file:
                content = file.read(self._bytes_left + 1)
        except OSError as error:
            raise UsageError(f"{path} can't be read: {error.strerror}.") from error
        self._bytes_left -= len(content)
        if self._bytes_left < 0:
            raise UsageError(f"{path} is more than the disk of the sandbox holds. --disk MIB gives it more.")
        self.contents[name] = content
        return name


def _program(invocation: Invocation, files: _Files, read_source: Callable[[], bytes]) -> Program:
    words = invocation.words
    if invocation.code is not None:
        # After -c all words are arguments of the program, as in Python.
        source = _decode(invocation.code.encode("utf-8", "surrogateescape"), "-c")
        return PythonCode(source=source, filename="-c", arguments=words)
    if not words or not words[0]:
        raise UsageError('Nothing to run. Name a FILE, "-" for standard input, -c CODE, or -- CMD.')
    if invocation.is_command:
        return Command(argv=words)
    if invocation.reads_source:
        return PythonCode(source=_decode(read_source(), "standard input"), filename="-", arguments=words[1:])
    return _file_program(Path(words[0]), words[1:], files)


def _file_program(path: Path, arguments: tuple[str, ...], files: _Files) -> Program:
    if not os.path.exists(path):  # Path.exists raises for a name that is too long, such as code
        raise UsageError(
            f"There is no file {path}.\nA command of the sandbox goes behind --: "
            f"{own_command()} run -- {path}"
        )
    name = files.add(path)
    if path.suffix == _NOTEBOOK:
        return PythonCode(source="", filename=name, arguments=arguments)
    if path.suffix == ".py":
        source = _decode(files.contents[name], str(path))
        return PythonCode(source=source, filename=name, arguments=arguments)
    if not os.access(path, os.X_OK):
        raise UsageError(f"{path} is neither a .py file nor executable.\nMake it executable: chmod +x {path}")
    return Command(argv=(f"./{name}", *arguments))


def _cells(program: Program, files: _Files, *, kernel: bool) -> tuple[str, ...] | None:
    if not kernel:
        if isinstance(program, PythonCode) and program.filename.endswith(_NOTEBOOK):
            raise UsageError(
                f"{program.filename} is a notebook.\nRun its cells: "
                f"{own_command()} run --kernel {program.filename}"
            )
        return None
    if isinstance(program, Command):
        raise UsageError("A kernel runs Python, and no commands. Leave it out with --no-kernel.")
    if program.arguments:
        raise UsageError("A kernel's cells have no arguments. Leave it out with --no-kernel.")
    if program.filename.endswith(_NOTEBOOK):
        return cells_of_notebook(files.contents[program.filename], program.filename)
    return cells_of(program.source)


def _decode(source: bytes, source_name: str) -> str:
    """Return source text as Python reads it: UTF-8 unless its first lines name another encoding."""
    try:
        return decode_source(source)
    except (SyntaxError, UnicodeDecodeError) as error:
        raise UsageError(f"{source_name} can't be read as Python: {error}.") from error


def _policy(invocation: Invocation, settings: Settings) -> Policy:
    folder = Path(invocation.words[0]).parent if invocation.words and not invocation.is_command else None
    explicit_fields = {
        "disk_mb": invocation.disk_mb,
        "environment": dict(map(_variable, invocation.variables)),
    }
    return Policy.model_validate(policy_of(settings, workspace=folder).model_dump() | explicit_fields)


def _variable(text: str) -> tuple[str, str]:
    name, separator, value = text.partition("=")
    if not name or not separator:
        raise UsageError(f"--env: {text!r} isn't NAME=VALUE.")
    return name, value


def _flag_of(location: tuple[int | str, ...]) -> str:
    """Return the flag or word that sets a field of the policy or the program."""
    flags = {"disk_mb": "--disk", "memory_mb": "--memory", "processes": "--processes", "environment": "--env"}
    words_by_field = flags | {"wall_s": "--timeout", "cpu_s": "--timeout", "source": "-c", "argv": "CMD"}
    return words_by_field.get(str(location[0]), "ARGS")
