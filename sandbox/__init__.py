"""Run untrusted code safely. Imports only pydantic and the standard library. Read contract, policy, open."""

from importlib import import_module
from typing import TYPE_CHECKING

from sandbox.contract import Running, Sandbox, Session, Started
from sandbox.errors import (
    BackendMissing,
    CalleeEnded,
    CallFailed,
    FileRefused,
    PolicyUnmet,
    SandboxBroken,
    SandboxError,
)
from sandbox.interpreter.interpreter import Interpreter, find_interpreter
from sandbox.open import open_sandbox, open_sandbox_sync
from sandbox.policy import Capability, Limits, Policy, session_policy
from sandbox.program import Command, Program, PythonCode
from sandbox.result import Artifact, Change, Changes, CommandResult, Entry, LeftOut, Result, StillRunning

if TYPE_CHECKING:
    from sandbox.host.confine import confine
    from sandbox.kernel import Kernel, open_kernel
    from sandbox.probe import BackendReport, probe_backends
    from sandbox.verdicts.call import call, open_function
    from sandbox.verdicts.check import Assertion, Check, CheckReport, Example, TestFile, check
    from sandbox.verdicts.run_report import CheckResult, Crossing

__all__ = [
    "Artifact",
    "Assertion",
    "BackendMissing",
    "BackendReport",
    "CallFailed",
    "CalleeEnded",
    "Capability",
    "Change",
    "Changes",
    "Check",
    "CheckReport",
    "CheckResult",
    "Command",
    "CommandResult",
    "Crossing",
    "Entry",
    "Example",
    "FileRefused",
    "Interpreter",
    "Kernel",
    "LeftOut",
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
    "Session",
    "Started",
    "StillRunning",
    "TestFile",
    "call",
    "check",
    "confine",
    "find_interpreter",
    "open_function",
    "open_kernel",
    "open_sandbox",
    "open_sandbox_sync",
    "probe_backends",
    "session_policy",
]

_CHECKS = ("Assertion", "Check", "CheckReport", "Example", "TestFile", "check")
_HOMES = {
    **dict.fromkeys(("call", "open_function"), "sandbox.verdicts.call"),
    "CheckResult": "sandbox.verdicts.run_report",
    "Crossing": "sandbox.verdicts.run_report",
    **dict.fromkeys(_CHECKS, "sandbox.verdicts.check"),
    **dict.fromkeys(("Kernel", "open_kernel"), "sandbox.kernel"),
    **dict.fromkeys(("BackendReport", "probe_backends"), "sandbox.probe"),
    "confine": "sandbox.host.confine",
}


def __getattr__(name: str) -> object:
    """Load rarely used names when first used (PEP 562). Raises AttributeError."""
    if name not in _HOMES:
        raise AttributeError(f"module 'sandbox' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
