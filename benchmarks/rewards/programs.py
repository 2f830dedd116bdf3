"""Run programs in the form of SandboxFusion's `/run_code`: files, a compile step, installed languages.

Requests and results: https://github.com/bytedance/SandboxFusion, `sandbox/server/sandbox_api.py`.
"""

import base64
import posixpath
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from benchmarks.executors.wire import MAX_CPU_S
from sandbox import Command, FileRefused, Limits, Program, PythonCode, Result

Text = Annotated[str, Field(max_length=1 << 20)]
Content = Annotated[str, Field(max_length=16 << 20)]
"""A file's content in base64."""
FileName = Annotated[str, Field(max_length=4096)]
RunProgram = Callable[[Program, Limits, bytes, Mapping[str, bytes]], Awaitable[Result]]
"""Runs a program in a fresh workspace with these files."""


@dataclass(frozen=True, slots=True)
class Language:
    """Source file and commands to compile and run programs of a language."""

    file: str
    """Name of the program's source."""
    run: tuple[str, ...]
    compile: tuple[str, ...] = ()
    """Command of the compile step; empty if there is none."""

    @property
    def tool(self) -> str:
        """Command that must be installed."""
        return (self.compile or self.run)[0]


LANGUAGES: Mapping[str, Language] = {
    "python": Language("main.py", ("python", "main.py")),
    "bash": Language("main.sh", ("bash", "main.sh")),
    "nodejs": Language("main.js", ("node", "main.js")),
    "c": Language("main.c", ("./main",), ("gcc", "-std=c17", "main.c", "-o", "main", "-lm", "-pthread")),
    "cpp": Language("main.cpp", ("./main",), ("g++", "-std=c++17", "main.cpp", "-o", "main", "-pthread")),
    "go": Language("main.go", ("./main",), ("go", "build", "-o", "main", "main.go")),
    "java": Language("Main.java", ("java", "-cp", ".", "-ea", "Main"), ("javac", "-cp", ".", "Main.java")),
    "rust": Language("main.rs", ("./main",), ("rustc", "main.rs", "-o", "main")),
}
"""Languages by SandboxFusion's name, and `c`. Languages whose tool isn't in the sandbox are refused."""
_ENVIRONMENT = {"GOCACHE": "/tmp/go", "GOPATH": "/tmp/gopath", "GO111MODULE": "off"}


class RunCode(BaseModel):
    """A program, as SandboxFusion takes it."""

    code: Text
    language: str
    compile_timeout: float = Field(default=10, gt=0, strict=True)
    run_timeout: float = Field(default=10, gt=0, strict=True)
    memory_limit_MB: int = Field(default=-1, strict=True)
    stdin: Text | None = None
    files: dict[FileName, Content | None] = Field(default={}, max_length=256)
    fetch_files: list[FileName] = Field(default=[], max_length=256)


class CommandRunResult(BaseModel):
    """How a command ended, as SandboxFusion has it."""

    status: Literal["Finished", "Error", "TimeLimitExceeded"]
    execution_time: float | None = None
    return_code: int | None = None
    stdout: str | None = None
    stderr: str | None = None


class RunCodeResponse(BaseModel):
    """How a program ended, as SandboxFusion has it."""

    status: Literal["Success", "Failed", "SandboxError"]
    message: str = ""
    compile_result: CommandRunResult | None = None
    run_result: CommandRunResult | None = None
    executor_pod_name: str | None = None
    files: dict[str, str] = {}
    """Content in base64 by the path that was asked for."""


class ProgramRunner:
    """Compiles and runs programs; each step has a fresh workspace with the files of the previous step."""

    def __init__(self, run: RunProgram, *, max_mb: int) -> None:
        self._run, self._max_mb = run, max_mb
        self._installed: dict[str, bool] = {}

    async def run(self, request: RunCode) -> RunCodeResponse:
        """Run a program. Raises Problem if too many programs wait; SandboxBroken."""
        language = LANGUAGES.get(request.language)
        if language is None or not await self._is_installed(language.tool):
            return _refuse(f"{request.language!r} isn't run here, but: {', '.join(await self._languages())}.")
        try:
            files = decode(request.files)
            return await self._steps(language, request, {**files, language.file: request.code.encode()})
        except (FileRefused, ValueError) as error:
            return _refuse(f"The files can't be used: {error}")

    async def _steps(self, language: Language, request: RunCode, files: dict[str, bytes]) -> RunCodeResponse:
        memory_mb = self._max_mb
        if request.memory_limit_MB > 0:
            memory_mb = max(16, min(request.memory_limit_MB, self._max_mb))
        compiled = None
        if language.compile:
            seconds = min(request.compile_timeout, MAX_CPU_S)
            limits = Limits(cpu_s=MAX_CPU_S, wall_s=seconds, memory_mb=self._max_mb)
            command = Command(argv=language.compile, environment=_ENVIRONMENT)
            compile_run = await self._run(command, limits, b"", files)
            compiled = result_of(compile_run)
            files |= {artifact.path: artifact.content for artifact in compile_run.artifacts}
            if not compile_run.ok:
                fetched = encode(files, request.fetch_files)
                return RunCodeResponse(status="Failed", compile_result=compiled, files=fetched)
        seconds = min(request.run_timeout, MAX_CPU_S)
        limits = Limits(cpu_s=seconds, wall_s=seconds, memory_mb=memory_mb)
        program: Program = Command(argv=language.run)
        if request.language == "python":
            program = PythonCode(source=request.code, filename=language.file)
        run = await self._run(program, limits, (request.stdin or "").encode(), files)
        files |= {artifact.path: artifact.content for artifact in run.artifacts}
        return RunCodeResponse(
            status="Success" if run.ok else "Failed",
            compile_result=compiled,
            run_result=result_of(run),
            files=encode(files, request.fetch_files),
        )

    async def _is_installed(self, tool: str) -> bool:
        if tool not in self._installed:
            find = Command(argv=("sh", "-c", 'command -v "$0"', tool))
            result = await self._run(find, Limits(wall_s=10), b"", {})
            if result.killed_by is not None:  # a busy machine says nothing of the tool
                return False
            self._installed[tool] = result.ok
        return self._installed[tool]

    async def _languages(self) -> list[str]:
        return [name for name, language in LANGUAGES.items() if await self._is_installed(language.tool)]


def decode(files: Mapping[str, str | None]) -> dict[str, bytes]:
    """Decode files; return them by normalized path. Raises ValueError if a file isn't base64."""
    return {
        posixpath.normpath(path): base64.b64decode(content)
        for path, content in files.items()
        if content is not None
    }


def encode(files: Mapping[str, bytes], wanted: list[str]) -> dict[str, str]:
    """Encode the existing ones among the wanted files in base64; return them by requested path."""
    contents = {path: files.get(posixpath.normpath(path)) for path in wanted}
    return {
        path: base64.b64encode(content).decode() for path, content in contents.items() if content is not None
    }


def result_of(result: Result) -> CommandRunResult:
    """Describe how a command ended; without a return code if it exceeded its time limit."""
    is_late = result.killed_by in ("wall", "cpu")
    exit_status = result.exit_code if result.signal is None else -result.signal
    return CommandRunResult(
        status="TimeLimitExceeded" if is_late else "Finished",
        execution_time=result.wall_s,
        return_code=None if is_late else exit_status,
        stdout=result.stdout,
        stderr=result.stderr,
    )


def _refuse(message: str) -> RunCodeResponse:
    return RunCodeResponse(status="SandboxError", message=message)
