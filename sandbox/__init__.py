"""Run programs where they can do no harm. Importing this loads the standard library and pydantic only."""

from sandbox.contract import Capability, Running, Sandbox
from sandbox.errors import BackendMissing, FileRefused, PolicyUnmet, SandboxBroken, SandboxError
from sandbox.interpreter import Interpreter, find_interpreter
from sandbox.open import open_sandbox
from sandbox.policy import Limits, Policy
from sandbox.probe import BackendReport, probe_backends
from sandbox.program import Command, Program, PythonCode
from sandbox.result import Artifact, Result

__all__ = [
    "Artifact",
    "BackendMissing",
    "BackendReport",
    "Capability",
    "Command",
    "FileRefused",
    "Interpreter",
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
    "open_sandbox",
    "probe_backends",
]
