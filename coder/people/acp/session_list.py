"""The list of sessions that a client can load: the chats in the log, newest first."""

from datetime import UTC, datetime
from pathlib import Path

from acp.schema import ListSessionsResponse, SessionInfo

from coder.base.errors import UsageError
from coder.base.text.sanitize import one_line
from coder.store import EventLog, RunSummary

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


def title_of(prompt: str) -> str:
    """Return the first non-empty line of a message, as a title."""
    line = next((line for line in prompt.splitlines() if line.strip()), "")
    return one_line(line.strip(), width=_TITLE_CHARACTERS)


def _info(run: RunSummary) -> SessionInfo | None:
    """Return the entry of a run; None if it isn't a chat about a folder."""
    task, settings = run.first.body.get("task", {}), run.first.body.get("settings", {})
    if not settings.get("chat") or not isinstance(workspace := task.get("workspace"), str):
        return None
    path = Path(workspace).resolve()
    return SessionInfo(
        session_id=run.run,
        cwd=str(path.parent if path.is_file() else path),
        title=title_of(str(task.get("prompt", ""))) or None,
        updated_at=datetime.fromtimestamp(run.last.time, UTC).isoformat(timespec="seconds"),
    )
