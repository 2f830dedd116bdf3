"""Logs of every release, read by this version: runs of older versions can still be shown and resumed."""

from pathlib import Path

import pytest

from coder.errors import LogNewer
from coder.events import Draft, Event
from coder.folding import fold_all
from coder.journal import Journal
from coder.loop import Finish, decide
from coder.stops import default_stop
from coder.store import MemoryLog
from coder.summary import summarize
from coder.teams.round_robin import default_team
from coder.watch import Unwatched

GOLDEN = Path(__file__).parent / "golden"


def logged(version: str) -> list[Event]:
    """The events of the run that this version wrote: a plan, a limit, a resume, a repair, solved."""
    lines = (GOLDEN / f"{version}.jsonl").read_text(encoding="utf-8").splitlines()
    return [Event.model_validate_json(line) for line in lines]


@pytest.mark.parametrize("version", ["0.1.0"])
def test_a_run_of_a_release_is_summed_up_as_that_release_did(version: str) -> None:
    run = summarize(fold_all(logged(version)))

    assert (run.status, run.verified, run.calls, run.attempts) == ("solved", "checks", 4, 2)
    assert run.files == {"solution.py": "def add(a, b):\n    return a + b\n"}


@pytest.mark.parametrize("version", ["0.1.0"])
def test_a_run_of_a_release_cut_at_any_event_is_decided_the_same(version: str) -> None:
    events = logged(version)
    stop, team = default_stop(), default_team()

    commands = [decide(fold_all(events[:cut]), team, stop) for cut in range(1, len(events) + 1)]
    again = [decide(fold_all(events[:cut]), team, stop) for cut in range(1, len(events) + 1)]

    assert commands == again
    assert isinstance(commands[-1], Finish)


async def test_a_run_with_an_event_of_a_newer_version_is_not_gone_on_with() -> None:
    log, run = MemoryLog(), "run_newer"
    newer = {"message.spoken": 2}
    drafts = [
        Draft(type=event.type, version=newer.get(event.type, event.version), body=event.body)
        for event in logged("0.1.0")
    ]
    async with log.lease(run) as token:
        await log.append(run, drafts, after=0, token=token)
        journal = Journal(run, log, token=token, watch=Unwatched())

        with pytest.raises(LogNewer, match="use that version"):
            await journal.load()
