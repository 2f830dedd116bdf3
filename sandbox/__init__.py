"""Run programs where they can do no harm. Importing this loads the standard library and pydantic only.

Read contract, policy, open.
"""

from typing import TYPE_CHECKING

from sandbox.contract import Capability, Running, Sandbox
from sandbox.errors import BackendMissing, FileRefused, PolicyUnmet, SandboxBroken, SandboxError
from sandbox.interpreter.interpreter import Interpreter, find_interpreter
from sandbox.open import open_sandbox
from sandbox.policy import Limits, Policy
from sandbox.probe import BackendReport, probe_backends
from sandbox.program import Command, Program, PythonCode
from sandbox.result import Artifact, Result

if TYPE_CHECKING:
    from sandbox.kernel import Kernel, open_kernel

__all__ = [
    "Artifact",
    "BackendMissing",
    "BackendReport",
    "Capability",
    "Command",
    "FileRefused",
    "Interpreter",
    "Kernel",
    "Limits",
    "Policy",
    "PolicyUnmet",
    "Program",
    "PythonCode",
    "Result",
    "Running",
    "Sandbox",
    "SandboxBroken",
    "SandboxError",
    "find_interpreter",
    "open_kernel",
    "open_sandbox",
    "probe_backends",
]


def __getattr__(name: str) -> object:
    """A kernel's own modules are imported for those who ask for one."""
    if name in ("Kernel", "open_kernel"):
        from sandbox import kernel

        return getattr(kernel, name)
    raise AttributeError(f"module 'sandbox' has no attribute {name!r}")
