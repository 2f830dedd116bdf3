"""What a process in a container is told to become, as `sandbox.inner.single` reads it."""

from collections.abc import Mapping

from sandbox.docker.boot import WORKSPACE
from sandbox.docker.prepared import rlimits_of
from sandbox.limits import RunLimits
from sandbox.program import Command, Program


class Jobs:
    """Jobs of one sandbox: they have its environment."""

    def __init__(self, path: str, environment: Mapping[str, str]) -> None:
        """`path` is where the image has its commands, `environment` the policy's."""
        clean = {"PATH": path, "HOME": WORKSPACE, "LANG": "C.UTF-8", "USER": "sandbox"}
        self._environment = {**clean, **environment}

    def of(self, program: Program, limits: RunLimits) -> dict[str, object]:
        """Run a program."""
        if isinstance(program, Command):
            return {"kind": "command", "argv": program.argv, **self._shared(limits, program.environment)}
        named = {"source": program.source, "filename": program.filename, "arguments": program.arguments}
        return {"kind": "python", **named, **self._shared(limits, {})}

    def of_entry(self, entry: str, arguments: Mapping[str, object], limits: RunLimits) -> dict[str, object]:
        """Be a trusted entry with a channel."""
        return {
            "kind": "entry",
            "entry": entry,
            "arguments": dict(arguments),
            **self._shared(limits, {}),
        }

    def _shared(self, limits: RunLimits, more: Mapping[str, str]) -> dict[str, object]:
        return {"environment": {**self._environment, **more}, "rlimits": rlimits_of(limits), "stdin": False}
