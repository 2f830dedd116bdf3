"""The job of `coder run`: a program, its files and its policy, and its one run."""

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
    """The words of the command line, as they were given."""

    words: tuple[str, ...]
    code: str | None
    is_command: bool
    """The words stood behind `--`."""
    files: tuple[Path, ...]
    variables: tuple[str, ...]
    """NAME=VALUE each."""
    disk_mb: int

    @property
    def reads_source(self) -> bool:
        """The program itself is read from standard input."""
        return self.code is None and not self.is_command and self.words[:1] == ("-",)


@dataclass(frozen=True, slots=True)
class ProgramJob:
    """One program, with the files and policy of its fresh workspace."""

    program: Program
    files: Mapping[str, bytes]
    policy: Policy
    cells: tuple[str, ...] | None = None
    """The program as cells, where a kernel is to run it."""


def make_job(wanted: Invocation, settings: Settings, *, read_source: Callable[[], bytes]) -> ProgramJob:
    """Read and check everything before a sandbox is opened. Raises UsageError: something can't be used."""
    try:
        policy = _policy(wanted, settings)
        files = _Files(policy.disk_mb << 20)
        program = _program(wanted, files, read_source)
        cells = _cells(program, files, kernel=settings.kernel)
        for path in wanted.files:
            files.add(path)
    except ValidationError as error:
        first = error.errors()[0]
        raise UsageError(f"{_called(first['loc'])}: {first['msg']}.") from error
    return ProgramJob(program, files.contents, policy, cells)


async def run_job(
    job: ProgramJob,
    backend: str,
    *,
    stdin: bytes | int = b"",
    on_output: OnOutput | None = None,
    note: Callable[[str], None] = lambda text: None,
) -> tuple[Result, str]:
    """Run a job in a sandbox of its own; its result, and the backend.

    Args:
        note: told what this sandbox can't keep.
    """
    async with open_sandbox(job.policy, backend=backend) as box:
        if any(item.guarantee == "processors" and item.kept == "none" for item in box.capabilities()):
            note("no control group can be made here: --cpus holds only a program that asks for no more")
        if job.cells is not None:
            from sandbox.kernel.kernel import require_kernel, run_cells

            await require_kernel(box, job.policy)
            result = await run_cells(box, job.cells, fresh=True, files=job.files, on_output=on_output)
        else:
            result = await box.run(job.program, stdin=stdin, fresh=True, files=job.files, on_output=on_output)
        return result, box.backend


class _Files:
    """Files for the workspace, within its size."""

    def __init__(self, room: int) -> None:
        self._room = room
        self.contents: dict[str, bytes] = {}

    def add(self, path: Path) -> str:
        """Read one regular file, and give its name in the workspace: a path below here is kept as it is."""
        plain = PurePosixPath(os.path.normpath(path))
        name = plain.name if plain.is_absolute() or ".." in plain.parts else str(plain)
        if name in self.contents:
            raise UsageError(f"Two files would be {name} in the workspace.")
        try:
            if path.exists() and not path.is_file():
                raise UsageError(f"{path} isn't a regular file.")
            with path.open("rb") as file:
                content = file.read(self._room + 1)
        except OSError as error:
            raise UsageError(f"{path} can't be read: {error.strerror}.") from error
        self._room -= len(content)
        if self._room < 0:
            raise UsageError(f"{path} is more than the disk of the sandbox holds. --disk MIB gives it more.")
        self.contents[name] = content
        return name


def _program(wanted: Invocation, files: _Files, read_source: Callable[[], bytes]) -> Program:
    words = wanted.words
    if wanted.code is not None:
        # Behind -c all words are the program's own, as Python has it.
        source = _decoded(wanted.code.encode("utf-8", "surrogateescape"), "-c")
        return PythonCode(source=source, filename="-c", arguments=words)
    if not words or not words[0]:
        raise UsageError('Nothing to run. Name a FILE, "-" for standard input, -c CODE, or -- CMD.')
    if wanted.is_command:
        return Command(argv=words)
    if wanted.reads_source:
        return PythonCode(source=_decoded(read_source(), "standard input"), filename="-", arguments=words[1:])
    return _file_program(Path(words[0]), words[1:], files)


def _file_program(path: Path, arguments: tuple[str, ...], files: _Files) -> Program:
    if not os.path.exists(path):  # a Path raises for a name that is too long, as code is
        raise UsageError(
            f"There is no file {path}.\nA command of the sandbox goes behind --: "
            f"{own_command()} run -- {path}"
        )
    name = files.add(path)
    if path.suffix == _NOTEBOOK:
        return PythonCode(source="", filename=name, arguments=arguments)
    if path.suffix == ".py":
        source = _decoded(files.contents[name], str(path))
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


def _decoded(source: bytes, what: str) -> str:
    """Source as Python reads it: UTF-8 unless its first lines say otherwise."""
    try:
        return decode_source(source)
    except (SyntaxError, UnicodeDecodeError) as error:
        raise UsageError(f"{what} can't be read as Python: {error}.") from error


def _policy(wanted: Invocation, settings: Settings) -> Policy:
    folder = Path(wanted.words[0]).parent if wanted.words and not wanted.is_command else None
    own = {"disk_mb": wanted.disk_mb, "environment": dict(map(_variable, wanted.variables))}
    return Policy.model_validate(policy_of(settings, workspace=folder).model_dump() | own)


def _variable(text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not name or not sign:
        raise UsageError(f"--env: {text!r} isn't NAME=VALUE.")
    return name, value


def _called(place: tuple[int | str, ...]) -> str:
    """The flag or word that sets a field of the policy or of the program."""
    flags = {"disk_mb": "--disk", "memory_mb": "--memory", "processes": "--processes", "environment": "--env"}
    named = flags | {"wall_s": "--timeout", "cpu_s": "--timeout", "source": "-c", "argv": "CMD"}
    return named.get(str(place[0]), "ARGS")
