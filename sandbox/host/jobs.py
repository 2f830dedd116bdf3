"""What a child is told to become: one program, or a trusted entry."""

from collections.abc import Callable, Mapping

from sandbox.host.limits import RunLimits
from sandbox.program import Command, Program


class Jobs:
    """Jobs of one sandbox: all have its environment, and are held to limits in its way."""

    def __init__(
        self, environment: Mapping[str, str], rlimits: Callable[[RunLimits], Mapping[str, int | None]]
    ) -> None:
        """`rlimits` says what the kernel holds each process of a run to."""
        self._environment, self._rlimits = environment, rlimits

    def of(self, program: Program, limits: RunLimits) -> dict[str, object]:
        """Run a program."""
        shared = {**self._shared(limits, program.environment), "cwd": program.cwd}
        if isinstance(program, Command):
            return {"kind": "command", "argv": program.argv, **shared}
        named = {"source": program.source, "filename": program.filename, "arguments": program.arguments}
        return {"kind": "python", **named, **shared}

    def of_entry(self, entry: str, arguments: Mapping[str, object], limits: RunLimits) -> dict[str, object]:
        """Be a trusted entry with a channel."""
        named = {"entry": entry, "arguments": dict(arguments)}
        return {"kind": "entry", **named, **self._shared(limits, {})}

    def _shared(self, limits: RunLimits, more: Mapping[str, str]) -> dict[str, object]:
        environment = {**self._environment, **more}
        return {"environment": environment, "rlimits": self._rlimits(limits), "stdin": False}
