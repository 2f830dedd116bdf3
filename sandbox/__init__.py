"""Run untrusted code safely. Imports only pydantic and the standard library. Read contract, policy, open."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
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
    from sandbox.host.confine import confine
    from sandbox.interpreter.interpreter import Interpreter, find_interpreter
    from sandbox.kernel import Kernel, open_kernel
    from sandbox.open import open_sandbox, open_sandbox_sync
    from sandbox.policy import Capability, Limits, Policy, session_policy
    from sandbox.probe import BackendReport, probe_backends
    from sandbox.program import Command, Program, PythonCode
    from sandbox.result import Artifact, Change, Changes, CommandResult, Entry, LeftOut, Result, StillRunning
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

_HOMES = {
    "sandbox.contract": ("Running", "Sandbox", "Session", "Started"),
    "sandbox.errors": (
        "BackendMissing",
        "CalleeEnded",
        "CallFailed",
        "FileRefused",
        "PolicyUnmet",
        "SandboxBroken",
        "SandboxError",
    ),
    "sandbox.host.confine": ("confine",),
    "sandbox.interpreter.interpreter": ("Interpreter", "find_interpreter"),
    "sandbox.kernel": ("Kernel", "open_kernel"),
    "sandbox.open": ("open_sandbox", "open_sandbox_sync"),
    "sandbox.policy": ("Capability", "Limits", "Policy", "session_policy"),
    "sandbox.probe": ("BackendReport", "probe_backends"),
    "sandbox.program": ("Command", "Program", "PythonCode"),
    "sandbox.result": (
        "Artifact",
        "Change",
        "Changes",
        "CommandResult",
        "Entry",
        "LeftOut",
        "Result",
        "StillRunning",
    ),
    "sandbox.verdicts.call": ("call", "open_function"),
    "sandbox.verdicts.check": ("Assertion", "Check", "CheckReport", "Example", "TestFile", "check"),
    "sandbox.verdicts.run_report": ("CheckResult", "Crossing"),
}


def __getattr__(name: str) -> object:
    """Import a public name at its first use (PEP 562), so that commands without a sandbox import nothing.

    Raises AttributeError.
    """
    home = next((module for module, names in _HOMES.items() if name in names), None)
    if home is None:
        raise AttributeError(f"module 'sandbox' has no attribute {name!r}")
    return getattr(import_module(home), name)
