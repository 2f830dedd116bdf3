"""Jobs: what commands of a conversation have left running in its session."""

from collections.abc import Sequence

from coder.chat.chat_session import Session
from coder.errors import UsageError
from coder.text.sanitize import one_line


async def told_jobs(session: Session, words: Sequence[str]) -> str:
    """What runs, a line for each process; or with `stop PID`, end what that belongs to, and tell the model.

    Raises:
        UsageError: the words are no such request, or nothing of that pid runs.
    """
    live = session.kept.session
    jobs = [(one, job) for job in (await live.background() if live else ()) for one in job.processes]
    if not words:
        rows = [
            f"pid {one.pid}  {job.seconds:.0f} s  {one_line(one.command)}  output: {job.log}"
            for one, job in jobs
        ]
        return "\n".join(rows) or "nothing runs in the background"
    if len(words) != 2 or words[0] != "stop":
        raise UsageError("Write /jobs, or /jobs stop PID")
    found = next(((one, job) for one, job in jobs if str(one.pid) == words[1]), None)
    if found is None:
        raise UsageError(f"Nothing of pid {words[1]} runs in the background. See: /jobs")
    one, job = found
    await job.stop()
    session.notes.append(f"The user has stopped pid {one.pid} in the sandbox: {one_line(one.command)}")
    return f"stopped: {one_line(one.command)}"
