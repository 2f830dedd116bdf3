"""An executor of smolagents: `CodeAgent(tools, model, executor=SandboxPythonExecutor())`.

Written for smolagents 1.26's `RemotePythonExecutor`, which sends tools and variables as source. Steps run
as cells of one kernel, and share definitions.
"""

import itertools
import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from smolagents.local_python_executor import CodeOutput
from smolagents.monitoring import AgentLogger, LogLevel
from smolagents.remote_executors import RemotePythonExecutor
from smolagents.tools import Tool
from smolagents.utils import AgentError

from sandbox.errors import FileRefused
from sandbox.kernel import Kernel
from sandbox.kernel.kernel import Cell
from sandbox.open import LoopThread
from sandbox.policy import session_policy
from sandbox.providers.kept_session import KeptSession

_MAX_OUTCOME = 8 << 20
_STEP = """
def _run_step(source, path):
    import ast, builtins, json, linecache, sys, traceback
    outcome = {{}}
    linecache.cache[path] = (len(source), None, source.splitlines(True), path)
    try:
        tree = ast.parse(source, path)
        last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
        exec(compile(tree, path, "exec"), globals())
        if last is not None:
            value = eval(compile(ast.Expression(last.value), path, "eval"), globals())
            outcome["output"] = None if value is None else str(value)
    except BaseException as error:
        outcome["error"], outcome["value"] = type(error).__name__, str(error)
        error.__traceback__ = error.__traceback__.tb_next
        outcome["traceback"] = "".join(traceback.format_exception(error))
    with open(path, "w") as file:
        json.dump(outcome, file)

_run_step({source!r}, {path!r})
"""
"""Source of a cell that runs a step and writes its outcome to a file of the workspace."""


class _Outcome(BaseModel):
    """Outcome of a step, written by the step itself; untrusted."""

    output: str | None = None
    error: str | None = None
    value: str = ""
    traceback: str = ""


class SandboxPythonExecutor(RemotePythonExecutor):
    """Runs the steps of an agent in a kernel in a sandbox; tools run there, too."""

    def __init__(
        self,
        additional_imports: Sequence[str] = (),
        logger: AgentLogger | None = None,
        *,
        timeout: float = 60,
        backend: str = "auto",
        policy: dict[str, Any] | None = None,
    ) -> None:
        """Open the sandbox and its kernel.

        Args:
            additional_imports: modules that must be importable, as nothing is installed.
            logger: the agent's.
            timeout: time limit of one step in seconds.
            backend: as for `open_sandbox`.
            policy: fields of `sandbox.Policy` that override those of `session_policy()`. Without `python`,
                programs have the packages of this environment, as smolagents' tools need some.

        Raises:
            SandboxError: the sandbox or its kernel can't be opened here; the message says what helps.
            AgentError: a module is missing.
        """
        super().__init__(list(additional_imports), logger or AgentLogger(level=LogLevel.ERROR))
        self._timeout, self._numbers = timeout, itertools.count(1)
        self._prepared: list[str] = []
        """Source of tools and variables, which is run again in a new kernel if the kernel is lost."""
        self._prepares = False
        kernel_policy = session_policy(**{"python": Path(sys.executable), **(policy or {}), "kernel": True})
        self._kept = KeptSession(kernel_policy, backend=backend)
        self._thread: LoopThread | None = (
            LoopThread().__enter__()
        )  # a daemon: it keeps no program from its end
        try:
            self._thread.make_blocking(self._kept.open)()
            self._execute = self._thread.make_blocking(Kernel(self._kept.session).execute)
            self._read = self._thread.make_blocking(self._kept.session.read)
            self._remove = self._thread.make_blocking(self._kept.session.remove)
            self.run_code_raise_errors("".join(f"import {name}\n" for name in additional_imports))
        except BaseException:
            self.cleanup()
            raise

    def send_tools(self, tools: dict[str, Tool]) -> None:
        """Define tools in the kernel. Raises AgentError if one can't be defined."""
        with self._preparing():
            super().send_tools(tools)

    def send_variables(self, variables: dict[str, Any]) -> None:
        """Define variables in the kernel. Raises AgentError, SerializationError."""
        with self._preparing():
            super().send_variables(variables)

    def run_code_raise_errors(self, code: str) -> CodeOutput:
        """Run one step.

        Raises:
            AgentError: the step raised, was killed at a limit, or ended the kernel.
            SandboxBroken: the sandbox itself stopped working.
        """
        if self._prepares:
            self._prepared.append(code)
        path = f".step-{next(self._numbers)}.py"
        cell = self._execute(_STEP.format(source=code, path=path), wall_s=self._timeout)
        logs, outcome = cell.result.output, self._outcome(path)
        if cell.state_lost:
            self._prepare_again()
        if outcome is None or cell.result.killed_by is not None:
            raise AgentError(f"{logs}\nThe code was ended: {self._reason(cell)}.", self.logger)
        if outcome.error == self.FINAL_ANSWER_EXCEPTION:
            return CodeOutput(self._deserialize_final_answer(outcome.value), logs, is_final_answer=True)
        if outcome.error is not None:
            raise AgentError(f"{logs}\nExecuting code yielded an error:\n{outcome.traceback}", self.logger)
        return CodeOutput(outcome.output, logs, is_final_answer=False)

    def install_packages(self, additional_imports: list[str]) -> list[str]:
        """Install nothing: a tool without its packages fails when it is called."""
        return additional_imports

    def cleanup(self) -> None:
        """Close the sandbox. Idempotent."""
        if self._thread is not None:
            self._thread.make_blocking(self._kept.close)()
            self._thread.__exit__()
            self._thread = None

    @contextmanager
    def _preparing(self) -> Iterator[None]:
        self._prepares = True
        try:
            yield
        finally:
            self._prepares = False

    def _prepare_again(self) -> None:
        for source in list(self._prepared):
            path = f".step-{next(self._numbers)}.py"
            self._execute(_STEP.format(source=source, path=path), wall_s=self._timeout)
            self._remove(path)

    def _outcome(self, path: str) -> _Outcome | None:
        """Return the outcome of a step; None if it wrote none, or none that can be read."""
        with suppress(FileRefused, ValueError):
            content = self._read(path, limit=_MAX_OUTCOME)
            self._remove(path)
            return _Outcome.model_validate(json.loads(content))
        return None

    def _reason(self, cell: Cell) -> str:
        if cell.result.killed_by is not None:
            return f"it reached the limit of {cell.result.killed_by}"
        return "its kernel ended, and definitions are lost" if cell.state_lost else "it left no outcome"
