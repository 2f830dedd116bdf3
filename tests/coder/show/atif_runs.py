"""Trajectories of runs of scripted models, for the tests of the format."""

import asyncio
import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from coder.engine.agent import solve
from coder.models.model import ToolCall
from coder.models.scripted import Scripted
from coder.run.events import Event
from coder.run.settings import Settings
from coder.run.task import Task
from coder.show.atif import write_atif
from coder.store import SqliteLog

WRONG, RIGHT = (f"```python\ndef add(a, b):\n    return a {sign} b\n```\n" for sign in "-+")


def call(name: str, **arguments: str) -> list[ToolCall]:
    """Return an answer that calls one tool."""
    return [ToolCall(id=f"{name}-1", name=name, arguments=json.dumps(arguments))]


def events_of(home: Path, task: Task, answers: Sequence[Any], settings: Settings) -> list[Event]:
    """Return the events of one run and of its attempts, where they began."""
    with SqliteLog(home) as log:
        run = asyncio.run(solve(task, model=Scripted(answers), settings=settings, log=log)).run_id
        events: list[Event] = []
        for event in asyncio.run(log.read(run)):
            events.append(event)
            if event.type == "attempt.started":
                events += asyncio.run(log.read(event.body["run"]))
    return events


@cache
def acting() -> tuple[Event, ...]:
    """Return the events of a run that looks, edits, calls a tool that isn't there, and is done."""
    with TemporaryDirectory() as folder:
        return tuple(_act(Path(folder)))


@cache
def repairing() -> tuple[Event, ...]:
    """Return the events of a run whose first answer fails its check."""
    task = Task(prompt="Write add(a, b).", checks=("assert add(2, 3) == 5",))
    with TemporaryDirectory() as folder:
        return tuple(events_of(Path(folder), task, [WRONG, RIGHT], Settings(strategy="repair")))


def _act(folder: Path) -> list[Event]:
    project = folder / "project"
    project.mkdir()
    (project / "calc.py").write_text("def add(a, b):\n    return a - b\n")
    (project / "test_calc.py").write_text(
        "from calc import add\n\n\ndef test_add():\n    assert add(2, 1) == 3\n"
    )
    answers = [
        call("bash", command="printf 'seen \\377'"),
        call("edit", path="calc.py", old="a - b", new="a + b"),
        [ToolCall(id="fly-1", name="fly", arguments="to the moon")],
        call("done", summary="It adds."),
    ]
    task = Task(prompt="Mend add.", workspace=project, test_command=("python", "-m", "pytest", "-q"))
    return events_of(folder / "home", task, answers, Settings(strategy="act"))


def document(events: Sequence[Event]) -> dict[str, Any]:
    """Return the trajectory of events."""
    parsed: dict[str, Any] = json.loads(write_atif(events))
    return parsed
