"""The shipped flow: an issue is reproduced, fixed, reviewed, approved and committed, also if it is killed."""

import asyncio
import json
import os
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Unpack

import pytest

from coder import Settings
from coder.flows import resume_flow, run_flow
from coder.flows.fix_issue import Issue, fix_issue
from coder.models.model import Answer, Asking, ChatMessage, ToolCall
from coder.models.scripted import Scripted
from coder.run.events import Draft, Event
from coder.run.run import Run
from coder.store import SqliteLog
from tests.git_repository import GitRepository, make_repository

RUN = "run_issue"
ISSUE = Issue(title="add subtracts", text="add(2, 3) is -1.", branch="coder/issue-1")
ACT = Settings(strategy="act")
COMMAND = "python3 check.py"
MEND = "sed -i 's/a - b/a + b/' calc.py"
PHRASES = {"reproduce": "Find out how", "fix": "Resolve the issue", "review": "Review the patch"}


class ByPrompt(Scripted):
    """Answers by what the request asks for, and writes down each answer, so that a repeated one is seen."""

    def __init__(self, calls: Path, **answers: list[ToolCall]) -> None:
        super().__init__([], name="scripted/issue")
        self._calls, self._by_word = calls, answers

    async def answer(self, messages: Sequence[ChatMessage], **asking: Unpack[Asking]) -> Answer:
        text = "\n".join(message.content for message in messages)
        word = next(word for word, phrase in PHRASES.items() if phrase in text)
        number = sum(message.role == "tool" for message in messages)
        with self._calls.open("a") as file:
            file.write(f"{word}-{number} ")
        return await Scripted([[self._by_word[word][number]]]).answer(messages, **asking)


class KillingLog(SqliteLog):
    """Kills its process after the first event of the flow that no earlier process has logged."""

    seen: frozenset[tuple[str, str]] = frozenset()

    async def append(self, run: str, drafts: Sequence[Draft], *, after: int, token: int) -> list[Event]:
        events = await super().append(run, drafts, after=after, token=token)
        if run == RUN and not {_key(event) for event in events} <= self.seen:
            os.kill(os.getpid(), signal.SIGKILL)
        return events


def _key(event: Event) -> tuple[str, str]:
    return event.type, str(event.body.get("position", event.body.get("status", "")))


def call(name: str, **arguments: object) -> ToolCall:
    return ToolCall(id=f"{name}00001", name=name, arguments=json.dumps(arguments))


def model(calls: Path, **changed: list[ToolCall]) -> ByPrompt:
    answers = {
        "reproduce": [call("done", answer={"command": COMMAND})],
        "fix": [call("bash", command=MEND), call("done", summary="Mended.")],
        "review": [call("done", answer={"approves": True, "remarks": "Good."})],
    }
    return ByPrompt(calls, **(answers | changed))


@pytest.fixture
def repository(tmp_path: Path) -> GitRepository:
    repository = make_repository(tmp_path / "work", calc__py="def add(a, b):\n    return a - b\n")
    repository.write(check__py="from calc import add\nassert add(2, 3) == 5\n")
    repository.commit()
    return repository


async def executed(log: SqliteLog, repository: GitRepository, model: ByPrompt) -> Run:
    """Begin the flow, or resume it with the answer to its question."""
    events = await log.read(RUN)
    if not events:
        return await run_flow(
            fix_issue, ISSUE, log=log, folder=repository.top, model=model, settings=ACT, run_id=RUN
        )
    is_waiting = events[-1].body.get("status") == "waiting"
    return await resume_flow(RUN, fix_issue, answer="yes" if is_waiting else None, log=log, model=model)


@pytest.mark.slow
def test_the_flow_of_an_issue_killed_at_each_of_its_events_repeats_no_call(
    tmp_path: Path, repository: GitRepository
) -> None:
    calls, kills, home = tmp_path / "calls.txt", 0, tmp_path / "home"

    async def state() -> list[Event]:
        with SqliteLog(home) as log:
            return await log.read(RUN)

    async def execute(seen: frozenset[tuple[str, str]]) -> None:
        with KillingLog(home) as log:
            log.seen = seen
            await executed(log, repository, model(calls))

    while True:
        seen = frozenset(map(_key, asyncio.run(state())))
        if ("run.stopped", "finished") in seen:
            break
        if (pid := os.fork()) == 0:
            try:
                asyncio.run(execute(seen | {("run.resumed", "")}))
            finally:
                os._exit(1)
        _, status = os.waitpid(pid, 0)
        assert os.WIFSIGNALED(status), kills
        kills += 1

    output = next(event.body["output"] for event in asyncio.run(state()) if event.type == "flow.ended")
    assert (output["outcome"], output["branch"], output["command"]) == ("branch", ISSUE.branch, COMMAND)
    assert kills >= 18
    assert calls.read_text().split() == ["reproduce-0", "fix-0", "fix-1", "review-0"]
    assert "a + b" in repository.git("show", f"{ISSUE.branch}:calc.py")
    assert repository.git("rev-list", "--count", f"HEAD..{ISSUE.branch}").strip() == "1"
    assert "a - b" in (repository.top / "calc.py").read_text()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("changed", "outcome"),
    [
        ({"reproduce": [call("done", answer={"command": "true"})]}, "not-reproduced"),
        ({"review": [call("done", answer={"approves": False, "remarks": "No test."})]}, "rejected"),
    ],
    ids=["not-reproduced", "rejected"],
)
async def test_an_issue_ends_without_a_branch(
    changed: dict[str, list[ToolCall]], outcome: str, tmp_path: Path, repository: GitRepository
) -> None:
    with SqliteLog(tmp_path / "home") as log:
        run = await executed(log, repository, model(tmp_path / "calls.txt", **changed))

    assert isinstance(run.answer, dict), run.error
    assert run.answer["outcome"] == outcome
    assert run.answer["command"]
    assert repository.git("branch", "--list", ISSUE.branch) == ""
