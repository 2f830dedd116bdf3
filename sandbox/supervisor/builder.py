"""The seam between a server and the walls around it: how the keeper of a sandbox is to be started."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

from sandbox.interpreter.interpreter import Interpreter
from sandbox.supervisor.cgroups import Groups
from sandbox.supervisor.outer_wall import Specification

Specify = Callable[[int, int], Specification]
"""Says how a keeper is started that gets the control socket of the inside, and the lifeline."""


class Builder(Protocol):
    """One way to build what holds the runs of a sandbox."""

    def __call__(
        self,
        interpreter: Interpreter,
        groups: Groups | None,
        *,
        without: frozenset[str],
        shown: tuple[str, ...],
        attached: Mapping[str, Path],
    ) -> Specify:
        """How its keeper is started.

        `shown` are paths of the host's that programs may read besides, `attached` folders of the host's by
        their place in the workspace.
        """
