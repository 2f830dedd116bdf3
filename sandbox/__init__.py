"""Run programs where they can do no harm. Importing this loads the standard library and pydantic only."""

from sandbox.contract import Capability, Running, Sandbox
from sandbox.errors import BackendMissing, FileRefused, PolicyUnmet, SandboxBroken, SandboxError
from sandbox.open import open_sandbox
from sandbox.policy import Limits, Policy
from sandbox.program import Command, Program, PythonCode
from sandbox.result import Result

__all__ = [
    "BackendMissing",
    "Capability",
    "Command",
    "FileRefused",
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
    "open_sandbox",
]
