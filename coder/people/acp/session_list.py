"""The list of sessions that a client can load and delete: the chats in the log, newest first."""

from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from acp.schema import ListSessionsResponse, SessionInfo

from coder.base.errors import UsageError
from coder.base.text.sanitize import one_line
from coder.run.event_types import AttemptStarted
from coder.store import EventLog, RunSummary
from coder.store.in_thread import run_in_thread
from coder.store.moving import LeasedStore

_PAGE = 50
_TITLE_CHARACTERS = 100


async def list_page(log: EventLog, folder: Path | None, cursor: str | None) -> ListSessionsResponse:
    """Return a page of the chats about a folder, or about all folders.

    Args:
        cursor: the `next_cursor` of the page before.

    Raises:
        UsageError: the cursor is invalid.
    """
    sessions = [info for run in await log.runs() if (info := _info(run)) is not None]
    if folder is not None:
        sessions = [info for info in sessions if Path(info.cwd) == folder]
    begin = 0
    if cursor is not None:
        numbers = [number for number, info in enumerate(sessions) if info.session_id == cursor]
        if not numbers:
            raise UsageError("The cursor is of no page of this list. Ask for the first page, without one.")
        begin = numbers[0] + 1
    page = sessions[begin : begin + _PAGE]
    has_more = begin + _PAGE < len(sessions)
    if not has_more:
        return ListSessionsResponse(sessions=page)
    return ListSessionsResponse(sessions=page, next_cursor=page[-1].session_id)


async def delete_chat(log: LeasedStore, run: str) -> None:
    """Delete a chat and the runs that were made for it; do nothing if there is no such chat.

    Raises LeaseHeld if another process works on it.
    """
    if any(summary.run == run and _info(summary) is not None for summary in await log.runs()):
        await _delete(log, run)


async def _delete(log: LeasedStore, run: str) -> None:
    async with log.lease(run):
        events = await log.read(run)
        await run_in_thread(partial(log.rows.remove, run))
    for event in events:
        if event.type == AttemptStarted.type:
            await _delete(log, event.body["run"])


def title_of(prompt: str) -> str:
    """Return the first non-empty line of a message, as a title."""
    line = next((line for line in prompt.splitlines() if line.strip()), "")
    return one_line(line.strip(), width=_TITLE_CHARACTERS)


def shown_time(seconds: float) -> str:
    """Return a time as the protocol writes it."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")


def _info(run: RunSummary) -> SessionInfo | None:
    """Return the entry of a run; None if it isn't a chat about a folder."""
    task, settings = run.first.body.get("task", {}), run.first.body.get("settings", {})
    if not settings.get("chat") or not isinstance(workspace := task.get("workspace"), str):
        return None
    path = Path(workspace).resolve()
    return SessionInfo(
        session_id=run.run,
        cwd=str(path.parent if path.is_file() else path),
        additional_directories=settings.get("add_dir") or None,
        title=title_of(str(task.get("prompt", ""))) or None,
        updated_at=shown_time(run.last.time),
    )
