"""The loop: a task goes in, a model writes code, it runs in a sandbox, and it stops when the tests pass.

from coder import Task, solve_sync

run = solve_sync(Task(prompt="Write add(a, b).", checks=("assert add(2, 3) == 5",)))

docs/architecture.md names the files of its core in reading order. Read agent last.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from coder.base.errors import CoderError, Refused
    from coder.base.text.guards import Guard
    from coder.config.mcp_servers import Mcp
    from coder.engine.agent import solve, solve_sync
    from coder.engine.options import Options
    from coder.engine.participants.participant import Participant, Team
    from coder.engine.requests import answer, stop
    from coder.engine.resume import fork, resume
    from coder.environment.run_policy import OpenSandbox
    from coder.models.model import Answer, ChatMessage, Form, Model, Sampling, ToolCall, ToolSpec
    from coder.models.roles import open_model
    from coder.run.questions import Decider, Decision, Question
    from coder.run.run import Run
    from coder.run.settings import Budget, Settings
    from coder.run.task import Task, TestSource
    from coder.run.termination import Stop
    from coder.run.watch import Watch
    from coder.store.lease import EventLog
    from coder.workspace.take_back import undo

__all__ = [
    "Answer", "Budget", "ChatMessage", "CoderError", "Decider", "Decision", "EventLog", "Form", "Guard",
    "Mcp", "Model", "OpenSandbox", "Options", "Participant", "Question", "Refused", "Run", "Sampling",
    "Settings", "Stop", "Task", "Team", "TestSource", "ToolCall", "ToolSpec", "Watch", "answer", "fork",
    "open_model", "resume", "solve", "solve_sync", "stop", "undo",
]  # fmt: skip

_HOMES = {
    "coder.engine.agent": ("solve", "solve_sync"),
    "coder.engine.resume": ("fork", "resume"),
    "coder.config.mcp_servers": ("Mcp",),
    "coder.environment.run_policy": ("OpenSandbox",),
    "coder.base.errors": ("CoderError", "Refused"),
    "coder.base.text.guards": ("Guard",),
    "coder.engine.loop": ("Team",),
    "coder.models.model": ("Answer", "ChatMessage", "Form", "Model", "Sampling", "ToolCall", "ToolSpec"),
    "coder.models.roles": ("open_model",),
    "coder.engine.options": ("Options",),
    "coder.engine.participants.participant": ("Participant",),
    "coder.run.questions": ("Decider", "Decision", "Question"),
    "coder.run.run": ("Run",),
    "coder.run.settings": ("Budget", "Settings"),
    "coder.run.task": ("Task", "TestSource"),
    "coder.run.termination": ("Stop",),
    "coder.run.watch": ("Watch",),
    "coder.store.lease": ("EventLog",),
    "coder.engine.requests": ("answer", "stop"),
    "coder.workspace.take_back": ("undo",),
}


def __getattr__(name: str) -> object:
    """Load a public name when it is first used: `coder --help` must not pay for the whole loop (PEP 562)."""
    home = next((module for module, names in _HOMES.items() if name in names), None)
    if home is None:
        raise AttributeError(f"module 'coder' has no attribute {name!r}")
    return getattr(import_module(home), name)
