"""The test command that a person gave last for a folder is tried first where none is given.

It is kept in the user's data folder, by the real path of the folder, so that no repository can set it.
"""

import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path

from coder.base.errors import CoderError
from coder.config.permissions import Permissions
from coder.run.found_tests import FoundTests
from coder.run.task import Task
from coder.show.first_words import is_test_id
from coder.store import data_folder

Tell = Callable[[str], None]
_SELECTS = {"-k", "-run", "--run", "-t", "--testNamePattern", "-g", "--grep", "--lf", "--last-failed"}
"""Options that select tests by name or result."""


def with_given_tests(task: Task, *, no_test: bool, tell: Tell) -> Task:
    """Return the task with the folder's command among the found ones; `no_test` forgets the command."""
    is_decided = task.test_command or task.test_files or task.checks or task.answer_schema
    if task.workspace is None or not task.workspace.is_dir() or (is_decided and not no_test):
        return task
    try:
        command = Permissions(data_folder(os.environ), task.workspace).allowed.tests
        if command and no_test:
            keep_tests(task.workspace, (), tell=tell)
    except CoderError as error:
        tell(str(error))
        return task
    if not command or no_test:
        return task
    given = FoundTests(argv=command, place="an earlier --test", is_given=True)
    return task.model_copy(update={"found": (given,)})


def keep_tests(folder: Path | None, command: Sequence[str], *, tell: Tell) -> None:
    """Keep the test command of a folder, unless it selects single tests; an empty one is forgotten."""
    if folder is None or not folder.is_dir() or _selects_tests(command, folder):
        return
    try:
        permissions = Permissions(data_folder(os.environ), folder)
        if permissions.allowed.tests != tuple(command):
            permissions.write(permissions.allowed.model_copy(update={"tests": tuple(command)}))
    except CoderError as error:  # the run doesn't need it
        tell(str(error))


def _selects_tests(command: Sequence[str], folder: Path) -> bool:
    words = " ".join(command).split()
    is_script = len(words) == 2
    return re.search(r" unittest (?!discover\b|-)", " ".join(words)) is not None or any(
        "::" in word or word.partition("=")[0] in _SELECTS or (not is_script and is_test_id(word, folder))
        for word in words[1:]
    )
