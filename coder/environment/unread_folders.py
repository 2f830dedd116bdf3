"""Leave out of what a run is shown, folders and documents, what the user's rules deny to read."""

import csv
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from coder.base.text.guards import Guards
from coder.base.text.redact import Redactor
from coder.base.text.sanitize import one_line
from coder.config.unread import Unread
from coder.context.documents import open_documents
from coder.run.settings import Settings
from coder.run.task import Task
from sandbox import Policy
from sandbox.interpreter.interpreter import describe

if TYPE_CHECKING:
    from coder.context.documents import Documents

_CACHE = "__pycache__"


def without_unread(policy: Policy, task: Task, note: Callable[[str], None]) -> Policy:
    """Return a policy without shown folders that hold a file which the rules deny to read.

    Args:
        note: receives a line for each folder that is left out.
    """
    shown = {**policy.folders, **policy.beside}
    denied = {name: reason for name, folder in shown.items() if (reason := _denied_in(folder, task))}
    for name, reason in denied.items():
        note(f"programs don't see {one_line(name)}: {reason}")
    return policy.model_copy(
        update={
            "folders": {place: folder for place, folder in policy.folders.items() if place not in denied},
            "beside": {name: folder for name, folder in policy.beside.items() if name not in denied},
            "layered": tuple(name for name in policy.layered if name not in denied),
        }
    )


def without_unread_python(policy: Policy, task: Task, note: Callable[[str], None]) -> Policy:
    """Return a policy without a virtual environment that holds a file which the rules deny to read.

    Files that its packages list as their own don't count: they are no secrets, and programs import them.
    """
    environment = describe(policy.python).venv if policy.python is not None else None
    if environment is None or not (reason := _denied_in(environment, task, besides=_packaged)):
        return policy
    note(f"programs use Python without {one_line(str(environment))}: {reason}")
    return policy.model_copy(update={"python": None})


async def open_readable(task: Task, settings: Settings, redactor: Redactor, guards: Guards) -> "Documents":
    """Return the documents of a run without those that the rules deny to read.

    Raises as `open_documents` does.
    """
    parents = [path.parent for path in settings.docs]
    denied = Unread(task.unread, task.workspace or Path(), parents).by
    return await open_documents(settings, redactor, guards, workspace=task.workspace, denied=denied)


def _denied_in(folder: Path, task: Task, besides: Callable[[Path], set[str]] | None = None) -> str:
    """Return which rule denies reading which file of a folder; empty if none does."""
    others = set[str]()
    for path, glob in Unread(task.unread, task.workspace or Path(), [folder.parent]).below(folder):
        if besides is not None and not others:
            others = besides(folder)
        if path not in others and f"/{_CACHE}" not in path.removeprefix(str(folder)):
            return one_line(f"your rules deny reading {path}: deny Read({glob})", width=400)
    return ""


def _packaged(environment: Path) -> set[str]:
    """Return the paths of the files that the packages of a virtual environment list as their own."""
    paths = set[str]()
    for record in environment.resolve().glob("lib*/python3.*/site-packages/*.dist-info/RECORD"):
        site = record.parent.parent
        with record.open(encoding="utf-8", errors="replace", newline="") as rows:
            paths |= {os.path.normpath(site / row[0]) for row in csv.reader(rows) if row}
    return paths
