"""The limits of one run, and the job of its child."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sandbox.inner.process.wire import ENDING
from sandbox.policy import Limits, Policy
from sandbox.program import Command, Program

_STACKS = 512 << 20
"""Bytes that the stacks of 64 threads reserve and hardly touch; use is sampled."""
_RESERVED = 4 << 30
"""Bytes of address space that threads and large libraries reserve and never touch."""


@dataclass(frozen=True, slots=True)
class RunLimits:
    """What one run may use."""

    wall_s: float
    cpu_s: float
    memory_mb: int
    processes: int
    output_bytes: int

    def within(self, other: "RunLimits") -> bool:
        """Whether a process made for `other` can be held to these limits."""
        return (
            self.cpu_s <= other.cpu_s
            and self.memory_mb <= other.memory_mb
            and self.processes <= other.processes
        )

    def rlimits(self, *, counted: bool) -> dict[str, int | None]:
        """Limits of each process; `counted`: a cgroup bounds the run's memory instead."""
        memory = self.memory_mb << 20
        return {
            "cpu_s": math.ceil(self.cpu_s),
            "processes": self.processes,
            "data_bytes": None if counted else memory + _STACKS,
            "address_bytes": None if counted else 4 * memory + _RESERVED,
        }


def resolve(policy: Policy, limits: Limits | None) -> RunLimits:
    """The caller's limits over the policy's."""
    given = limits or Limits()
    return RunLimits(
        wall_s=given.wall_s or policy.wall_s,
        cpu_s=given.cpu_s or policy.cpu_s,
        memory_mb=given.memory_mb or policy.memory_mb,
        processes=given.processes or policy.processes,
        output_bytes=given.output_bytes or policy.output_bytes,
    )


@dataclass(frozen=True, slots=True)
class Ending:
    """How a program ended, as reported by its reaper."""

    wait_status: int
    cpu_s: float
    max_rss_mb: float

    @classmethod
    def of(cls, message: bytes) -> "Ending":
        """Parse the reaper's last message."""
        how, user, system, resident = ENDING.unpack(message)
        return cls(how, (user + system) / 1e6, resident / 1024)


class Jobs:
    """Makes the jobs of one sandbox."""

    def __init__(
        self, environment: Mapping[str, str], rlimits: Callable[[RunLimits], Mapping[str, int | None]]
    ) -> None:
        """`rlimits` gives the kernel's limits of each process of a run."""
        self._environment, self._rlimits = environment, rlimits

    def of(self, program: Program, limits: RunLimits) -> dict[str, object]:
        """Job that runs a program."""
        shared = {**self._shared(limits, program.environment), "cwd": program.cwd}
        if isinstance(program, Command):
            return {"kind": "command", "argv": program.argv, **shared}
        named = {"source": program.source, "filename": program.filename, "arguments": program.arguments}
        return {"kind": "python", **named, **shared}

    def of_entry(self, entry: str, arguments: Mapping[str, object], limits: RunLimits) -> dict[str, object]:
        """Job that runs a trusted entry with a channel."""
        named = {"entry": entry, "arguments": dict(arguments)}
        return {"kind": "entry", **named, **self._shared(limits, {})}

    def _shared(self, limits: RunLimits, more: Mapping[str, str]) -> dict[str, object]:
        environment = {**self._environment, **more}
        return {"environment": environment, "rlimits": self._rlimits(limits), "stdin": False}
