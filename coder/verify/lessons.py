"""Lessons: what mended similar failures in the same folder before, from the log of finished runs.

No model writes a lesson. A lesson names a run whose tests failed in the same way and passed at its end, the
files that its change touched, the command that passed on them, and modules that were missing. These texts
come from a repository or a model, so a request quotes lessons as data.
"""

import json
import re
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from coder.base.errors import LogDamaged, LogNewer, UsageError
from coder.base.fs.atomic_replace import replacing
from coder.base.fs.private_folder import data_folder, private_folder
from coder.base.text.sanitize import one_line
from coder.models.model import ToolCall
from coder.run.event_types import BaselineTaken, RunStarted, ToolAnswered, ToolCalled, parse_if_readable
from coder.run.events import Event
from coder.run.reducer import fold_all
from coder.run.run import summarize
from coder.run.state import State
from coder.source.manifests import missing_modules
from coder.store import EventLog
from coder.store.run_list import RunSummary

MAX_LESSONS = 3
MAX_CHARACTERS = 1_000
"""Maximum characters of all lessons together, fewer than 300 tokens."""
_MAX_RUNS = 200
"""Read at most this many of the newest runs of a folder."""
_NAME_WIDTH = 80
_MAX_NAMES = 5
_LOOKS = frozenset({"cat", "cd", "echo", "find", "git", "grep", "head", "ls", "rg", "sed", "tail", "wc"})
"""Programs whose success says nothing about code."""
_ERROR = re.compile(r"\b([A-Za-z_][\w.]*(?:Error|Exception)): (.+)")
"""An exception with its message, as tracebacks end."""


@dataclass(frozen=True, slots=True)
class Lesson:
    """A run that failed at first and was solved."""

    run: str
    failing: frozenset[str]
    """Names of the tests that failed before the change."""
    error: str
    """Exception and message of the first failure; empty if there is none."""
    paths: tuple[str, ...]
    """Files that the change touched."""
    command: str = ""
    """The model's command that ended with exit code 0 on the changed files; empty if there is none."""
    missing: tuple[str, ...] = ()
    """Modules that the tests or the model's commands reported as missing."""

    def text(self) -> str:
        """Return one line for the model."""
        names = _join(sorted(self.failing)) or "no test by name"
        error = f" by {self.error}" if self.error else ""
        missing = f"; missing modules: {_join(self.missing)}" if self.missing else ""
        command = f"; then `{self.command}` passed" if self.command else ""
        changes = f"passed after changes of {_join(self.paths)}"
        return one_line(
            f"{self.run}: failing {names}{error}; {changes}{command}{missing}", width=MAX_CHARACTERS
        )


@dataclass(frozen=True, slots=True)
class Memory:
    """The user's choices about lessons, in a file below the data folder."""

    is_off: bool = False
    forgotten: frozenset[str] = frozenset()
    """Ids of runs whose lessons are never recalled."""

    @classmethod
    def load(cls) -> "Memory":
        """Read the file. Raises UsageError if the file is damaged."""
        path = _file()
        try:
            fields = json.loads(path.read_text(encoding="utf-8"))
            return cls(fields["off"] is True, frozenset(map(str, fields["forgotten"])))
        except FileNotFoundError:
            return cls()
        except (ValueError, LookupError, TypeError, OSError) as error:
            raise UsageError(f"{path} can't be read: {error}. Remove it to begin anew.") from error

    def save(self) -> None:
        """Write the file. Raises MachineError if the folder can't be created."""
        private_folder(data_folder())
        with replacing(_file()) as file:
            file.write(json.dumps({"off": self.is_off, "forgotten": sorted(self.forgotten)}).encode())


def _file() -> Path:
    return data_folder() / "memory.json"


async def recall(log: EventLog, state: State, baseline: BaselineTaken) -> tuple[str, ...]:
    """Return lessons of the run's folder whose failure resembles the baseline's, the most similar first.

    Failures are similar if they share the name of a failing test, the exception and message of the first
    failure, or a missing module.

    Raises:
        LogDamaged, MachineError: the log can't be read.
        UsageError: the file of the user's choices is damaged.
    """
    memory = Memory.load()
    if memory.is_off or state.root is None or baseline.passed:
        return ()
    failing, error = _signature(baseline)
    missing = frozenset(baseline.missing)
    matches = [
        (len(lesson.failing & failing), lesson)
        for lesson in await lessons_of(log, state.root, forgotten={*memory.forgotten, state.run})
        if lesson.failing & failing
        or (error and lesson.error == error)
        or missing.intersection(lesson.missing)
    ]
    matches.sort(key=lambda match: (match[0], match[1].run), reverse=True)
    texts: list[str] = []
    for _, lesson in matches[:MAX_LESSONS]:
        if sum(map(len, texts)) + len(lesson.text()) <= MAX_CHARACTERS:
            texts.append(lesson.text())
    return tuple(texts)


async def lessons_of(log: EventLog, root: str, *, forgotten: Collection[str] = ()) -> list[Lesson]:
    """Return the lessons of a folder, the newest first. Raises LogDamaged if the list can't be read."""
    lessons = []
    for summary in list(_runs_of(await log.runs(), root))[:_MAX_RUNS]:
        if summary.run in forgotten:
            continue
        with suppress(LogDamaged, LogNewer):  # `coder show` says why
            lesson = _lesson(await log.read(summary.run))
            lessons += [lesson] if lesson is not None else []
    return lessons


def _runs_of(summaries: Collection[RunSummary], root: str) -> Iterator[RunSummary]:
    for summary in summaries:
        is_ended = summary.last.body.get("status") == "solved"
        if is_ended and summary.first.type == RunStarted.type and summary.first.body.get("root") == root:
            yield summary


def _lesson(events: Sequence[Event]) -> Lesson | None:
    """Return the lesson of a run; None unless tests failed first, the run solved its task and wrote files."""
    state = fold_all(events)
    baseline, run = state.progress.baseline, summarize(state)
    if baseline is None or baseline.passed or run.status != "solved" or not run.landed:
        return None
    failing, error = _signature(baseline)
    results = list(_results(events))
    texts = [result.text for _, result in results if result.exit_code]
    missing = (*baseline.missing, *(name for text in texts for name in missing_modules(text, state.files)))
    command = _passing_command(results)
    return Lesson(state.run, failing, error, run.landed, command, tuple(dict.fromkeys(missing)))


def _results(events: Sequence[Event]) -> Iterator[tuple[str, ToolAnswered]]:
    """Yield each result of a tool, with the command if the tool is `bash`."""
    commands: dict[str, str] = {}
    for event in events:
        match parse_if_readable(event):
            case ToolCalled(name="bash") as called:
                call = ToolCall(id=called.id, name=called.name, arguments=called.arguments)
                with suppress(ValueError):
                    commands[called.id] = str(call.parsed().get("command", "")).strip()
            case ToolAnswered() as result:
                yield commands.get(result.id, ""), result


def _passing_command(results: Sequence[tuple[str, ToolAnswered]]) -> str:
    """Return the last command that passed after the last change, if possible one that failed earlier."""
    failed: set[str] = set()
    passing: dict[str, bool] = {}
    for command, result in results:
        if result.changes:
            passing.clear()
        if result.exit_code:
            failed.add(command)
        elif result.exit_code == 0 and not result.running and _is_check(command):
            passing[command] = command in failed
    mended = [command for command, has_failed in passing.items() if has_failed]
    return ([*passing, *mended] or [""])[-1]


def _is_check(command: str) -> bool:
    """Whether a command is short, and does more than look at files."""
    words = command.rpartition("&&")[2].split()
    is_line = command.isprintable() and len(command) <= _NAME_WIDTH and "`" not in command
    return bool(words) and is_line and words[0] not in _LOOKS


def _signature(baseline: BaselineTaken) -> tuple[frozenset[str], str]:
    """Return the names of the failing tests, and the first failure's exception with its message."""
    failing = frozenset(test.name for test in baseline.tests if not test.passed)
    match = _ERROR.search(baseline.first.message) if baseline.first is not None else None
    return failing, one_line(match[0], width=2 * _NAME_WIDTH) if match else ""


def _join(names: Collection[str]) -> str:
    """Return some names as one line of limited length."""
    short_names = [one_line(name, width=_NAME_WIDTH) for name in list(names)[:_MAX_NAMES]]
    rest = f" and {len(names) - _MAX_NAMES} more" if len(names) > _MAX_NAMES else ""
    return f"{', '.join(short_names)}{rest}"
