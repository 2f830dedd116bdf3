"""The loop: a task goes in, a model writes code, it runs in a sandbox, and it stops when the tests pass.

from coder import Task, solve_sync

run = solve_sync(Task(prompt="Write add(a, b).", checks=("assert add(2, 3) == 5",)))

docs/index.md names the files of its core in reading order. Read agent last.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from coder.agent import Options, fork, resume, solve, solve_sync
    from coder.environment.run_policy import OpenSandbox
    from coder.errors import CoderError
    from coder.loop import Team
    from coder.models.model import Model
    from coder.participants.participant import Participant
    from coder.run.run import Run
    from coder.run.settings import Budget, Settings
    from coder.run.task import Task, TestSource
    from coder.run.termination import Stop
    from coder.run.watch import Watch
    from coder.store.lease import EventLog
    from coder.workspace.take_back import undo

__all__ = [
    "Budget",
    "CoderError",
    "EventLog",
    "Model",
    "OpenSandbox",
    "Options",
    "Participant",
    "Run",
    "Settings",
    "Stop",
    "Task",
    "Team",
    "TestSource",
    "Watch",
    "fork",
    "resume",
    "solve",
    "solve_sync",
    "undo",
]

_HOMES = {
    "Budget": "coder.run.settings",
    "CoderError": "coder.errors",
    "EventLog": "coder.store.lease",
    "Model": "coder.models.model",
    "OpenSandbox": "coder.environment.run_policy",
    "Options": "coder.agent",
    "Participant": "coder.participants.participant",
    "Run": "coder.run.run",
    "Settings": "coder.run.settings",
    "Stop": "coder.run.termination",
    "Task": "coder.run.task",
    "Team": "coder.loop",
    "TestSource": "coder.run.task",
    "Watch": "coder.run.watch",
    "fork": "coder.agent",
    "resume": "coder.agent",
    "solve": "coder.agent",
    "solve_sync": "coder.agent",
    "undo": "coder.workspace.take_back",
}


def __getattr__(name: str) -> object:
    """Load a public name when it is first used: `coder --help` must not pay for the whole loop (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module 'coder' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
