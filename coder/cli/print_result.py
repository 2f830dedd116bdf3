"""What a command leaves on stdout, and its exit code: the code, the diff, one JSON document, or nothing."""

import asyncio
import json
import os
from collections.abc import Callable

from coder.console.failure import report, single
from coder.console.screen import Screen
from coder.console.signals import INTERRUPTED
from coder.errors import CoderError, MachineError, UsageError
from coder.run.reducer import fold_all
from coder.run.run import Run
from coder.run.summary import summarize
from coder.store import SqliteLog, data_folder


def ended(start: Callable[[], Run], screen: Screen, *, as_json: bool, jsonl: bool) -> int:
    """Do the work of `start`, print what came of it, and return the exit code."""
    try:
        if as_json and jsonl:
            raise UsageError("--json and --jsonl exclude each other: one document, or a line for each event.")
        run = start()
    except Exception as error:  # noqa: BLE001 - whoever asked for a document gets one whatever happens
        screen.clear()
        exit_code = report(error)
        screen.tell_waiting()
        if screen.run_id is not None and exit_code == MachineError.exit_code:
            screen.tell(f"  next     coder resume {screen.run_id}")
        if as_json:
            print(_failure(single(error), exit_code, screen.run_id))
        return exit_code
    screen.verdict(run)
    if as_json:
        print(run.model_dump_json(indent=2))
    elif not jsonl:
        print(_shown(run, screen), end="")
    return run.exit_code


def _failure(error: BaseException, exit_code: int, run_id: str | None) -> str:
    """The document of a run that gave no Run: the same keys, and null for what isn't known."""
    words = str(error) if isinstance(error, CoderError) else f"{type(error).__name__}: {error}"
    known = _so_far(run_id) | {
        "status": "interrupted" if exit_code == INTERRUPTED else "error",
        "reason": words.partition("\n")[0],
        "verified": "none",
        "error": words,
        "exit_code": exit_code,
    }
    return json.dumps(dict.fromkeys(Run.model_fields) | known, indent=2)


def _so_far(run_id: str | None) -> dict[str, object]:
    """What the log holds of a run that was cut off."""
    if run_id is None:
        return {}
    try:
        with SqliteLog(data_folder(os.environ)) as log:
            state = fold_all(asyncio.run(log.read(run_id)))
    except (CoderError, ValueError):  # the log itself may be what failed
        return {"run_id": run_id}
    return summarize(state).model_dump(mode="json")


def _shown(run: Run, screen: Screen) -> str:
    """The diff of what landed or may, unless the screen has shown it; the code, of a run without a folder."""
    if screen.has_folder:
        wanted = run.landed or run.status in ("solved", "unverified")
        return run.patch if wanted and not screen.showed_diff else ""
    if run.status not in ("solved", "unverified"):
        return ""
    if len(run.files) == 1:
        (text,) = run.files.values()
        return _closed(text)
    return "".join(f"# {path}\n{_closed(text)}" for path, text in sorted(run.files.items()))


def _closed(text: str) -> str:
    return text if text.endswith("\n") else text + "\n"
