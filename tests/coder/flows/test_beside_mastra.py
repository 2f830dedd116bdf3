"""The shape of the shipped flow beside the same one in Mastra: order, results, and two suspensions.

Mastra is in a folder of its own, outside of CI; without it this is skipped:

npm install --ignore-scripts --prefix FOLDER @mastra/core@1.71.0        CODER_MASTRA=FOLDER
"""

import asyncio
import json
import os
import shutil
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
from pydantic import JsonValue

from coder.flows import Flow, resume_flow, run_flow
from coder.run.events import Draft, Event
from coder.run.run import Run
from coder.store import SqliteLog

pytestmark = pytest.mark.foreign
Fields = dict[str, JsonValue]
RUN = "run_beside"
ISSUE: Fields = {"title": "add"}
STEPS = ["reproduce", "fix", "review", "branch"]


def note(step: str) -> None:
    with Path(os.environ["STEPS_LOG"]).open("a") as file:
        file.write(f"{step}\n")


def reproduce(issue: Fields) -> Fields:
    note("reproduce")
    return issue | {"command": "python3 check.py"}


def fix(issue: Fields) -> Fields:
    note("fix")
    return issue | {"patch": "a + b"}


def review(issue: Fields) -> Fields:
    note("review")
    return issue | {"remarks": f"{issue['patch']} is right"}


def branch(issue: Fields) -> Fields:
    note("branch")
    return issue | {"branch": f"coder/{issue['title']}"}


async def issue_flow(flow: Flow, issue: Fields) -> Fields:
    reproduction = await flow.step("reproduce", reproduce, issue)
    planned: Fields = reproduction | {"plan": (await flow.ask("plan")).agrees}
    reviewed = await flow.step("review", review, await flow.step("fix", fix, planned))
    approved: Fields = reviewed | {"commit": (await flow.ask("commit")).agrees}
    return await flow.step("branch", branch, approved)


class KillingLog(SqliteLog):
    """Kills its process after each event that no earlier process has logged."""

    seen: frozenset[str] = frozenset()

    async def append(self, run: str, drafts: Sequence[Draft], *, after: int, token: int) -> list[Event]:
        events = await super().append(run, drafts, after=after, token=token)
        if not {key_of(event) for event in events} <= self.seen:
            os.kill(os.getpid(), signal.SIGKILL)
        return events


def key_of(event: Event) -> str:
    return f"{event.type} {event.body.get('position', event.body.get('status', ''))}"


async def executed(log: SqliteLog, folder: Path) -> tuple[Run, list[str]]:
    """Begin or resume the flow until it has finished; return it with the questions that it waited with."""
    questions = []
    events = await log.read(RUN)
    if not events:
        run = await run_flow(issue_flow, ISSUE, log=log, folder=folder, run_id=RUN)
    else:
        is_waiting = events[-1].body.get("status") == "waiting"
        run = await resume_flow(RUN, issue_flow, answer="yes" if is_waiting else None, log=log)
    while run.status == "waiting":
        assert run.question is not None
        questions.append(run.question.text)
        run = await resume_flow(RUN, issue_flow, answer="yes", log=log)
    return run, questions


@pytest.fixture
def steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("STEPS_LOG", str(tmp_path / "steps.txt"))
    return tmp_path / "steps.txt"


@pytest.mark.slow
def test_a_flow_of_this_shape_killed_at_each_event_repeats_no_step(tmp_path: Path, steps: Path) -> None:
    kills, home = 0, tmp_path / "home"

    async def events() -> list[Event]:
        with SqliteLog(home) as log:
            return await log.read(RUN)

    async def execute(seen: frozenset[str]) -> None:
        with KillingLog(home) as log:
            log.seen = seen
            await executed(log, tmp_path)

    while "run.stopped finished" not in (seen := frozenset(map(key_of, asyncio.run(events())))):
        if (pid := os.fork()) == 0:
            try:
                asyncio.run(execute(seen | {"run.resumed "}))
            finally:
                os._exit(1)
        _, status = os.waitpid(pid, 0)
        assert os.WIFSIGNALED(status), kills
        kills += 1

    assert steps.read_text().split() == STEPS
    assert kills >= 2 * len(STEPS)


if "CODER_MASTRA" in os.environ or not os.environ.get("CODER_NO_SKIPS"):

    @pytest.mark.slow
    def test_mastra_takes_the_same_steps_suspends_as_often_and_has_the_same_result(
        tmp_path: Path, steps: Path
    ) -> None:
        folder, node = os.environ.get("CODER_MASTRA"), shutil.which("node")
        if folder is None or node is None:
            pytest.skip("it needs node, and CODER_MASTRA: a folder in which npm has installed @mastra/core")
        script, theirs = Path(__file__).with_name("mastra_issue.mjs"), tmp_path / "theirs.txt"

        ended = subprocess.run(
            [node, script, folder, theirs], capture_output=True, text=True, timeout=120, check=False
        )
        assert ended.returncode == 0, ended.stderr[-2000:]
        mastra = json.loads(ended.stdout.splitlines()[-1])
        with SqliteLog(tmp_path / "home") as log:
            run, questions = asyncio.run(executed(log, tmp_path))

        assert theirs.read_text().split() == steps.read_text().split() == STEPS
        assert mastra["suspended"] == questions == ["plan", "commit"]
        assert mastra["result"] == run.answer
