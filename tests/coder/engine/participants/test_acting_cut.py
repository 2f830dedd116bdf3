"""A run of a model that works in a session is cut after each kind of event, and goes on."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from coder.models.scripted import Scripted
from coder.run.events import Draft, Event
from coder.run.reducer import fold_all
from coder.run.settings import Budget, Settings
from coder.run.task import Task
from tests.coder.states import distinct_cuts
from tests.docker_engine import IMAGE
from tests.kept_sandboxes import KEPT, resume, solve
from tests.memory_log import MemoryLog
from tests.recorded_runs import RECORDED
from tests.ssh_host import HOST, ssh_host

from .test_acting import DONE, RIGHT, SETTINGS, WRONG, bash, call, project

pytestmark = [KEPT, RECORDED]

__all__ = ["project"]
TEST = ("python3", "-c", "from calc import add; assert add(1, 2) == 3")
"""Not pytest: it would take most of the time."""
ANSWERS = (
    [*bash("echo 1 >> log.txt"), call("edit", path="calc.py", old="a - b", new="a * b")],
    bash("echo 22 >> log.txt; cat calc.py"),
    DONE,
    [call("edit", path="calc.py", old="a * b", new="a + b"), call("done", summary="Now it does.")],
)


async def cut_log(events: list[Event], run: str) -> MemoryLog:
    """A log that ends with these events."""
    log = MemoryLog()
    async with log.lease(run) as token:
        kept = [Draft(type=event.type, version=event.version, body=event.body) for event in events]
        await log.append(run, kept, after=0, token=token)
    return log


@pytest.mark.slow
async def test_a_run_cut_after_any_kind_of_event_ends_as_it_would_have(project: Path) -> None:
    whole = MemoryLog()
    model = Scripted(ANSWERS)
    task = Task(prompt="Mend add.", workspace=project, test_command=TEST)
    first = await solve(task, model=model, settings=SETTINGS, log=whole)
    events = await whole.read(first.run_id)
    expected = fold_all(events)
    landing = next(n for n, event in enumerate(events) if event.type == "landing.planned")

    assert (first.status, len(model.requests)) == ("solved", len(ANSWERS))
    for cut in distinct_cuts(events, 1, landing + 1):
        (project / "calc.py").write_text(WRONG)
        (project / "log.txt").unlink(missing_ok=True)
        log = await cut_log(events[:cut], first.run_id)
        kept = fold_all(await log.read(first.run_id))
        answered = sum(event.type == "model.answered" for event in events[:cut])
        lost = kept.spend.calls - answered
        rest = Scripted(ANSWERS[answered:])

        run = await resume(first.run_id, model=rest, log=log, budget=Budget(max_calls=20 + lost))

        state = fold_all(await log.read(first.run_id))
        where = f"cut after event {cut}, {events[cut - 1].type}"
        if kept.dialogue.session.open_tool is not None:
            assert any("nothing that it changed is kept" in m.content for m in state.dialogue.messages), where
        else:
            assert run.status == "solved", where
            assert (project / "calc.py").read_text() == RIGHT, where
            assert (project / "log.txt").read_text() == "1\n22\n", where
            assert state.dialogue.session.tree == expected.dialogue.session.tree, where
        assert len(rest.requests) == len(ANSWERS) - answered, where
        results = [m.tool_call_id for m in state.dialogue.messages if m.role == "tool"]
        assert len(results) == len(set(results)), where


@pytest.fixture(params=[pytest.param("docker", marks=pytest.mark.foreign), "ssh"])
def settings(request: pytest.FixtureRequest) -> Iterator[Settings]:
    """Settings of a backend behind a byte stream."""
    if request.param == "ssh":
        with ssh_host():
            yield SETTINGS.model_copy(update={"sandbox": f"ssh:{HOST}"})
    else:
        request.getfixturevalue("docker_engine")
        yield SETTINGS.model_copy(update={"sandbox": "docker", "image": IMAGE})


@pytest.mark.slow
async def test_a_run_behind_a_stream_that_is_cut_goes_on_where_it_was(
    project: Path, settings: Settings
) -> None:
    whole = MemoryLog()
    task = Task(prompt="Mend add.", workspace=project, test_command=TEST)
    first = await solve(task, model=Scripted(ANSWERS), settings=settings, log=whole)
    events = await whole.read(first.run_id)
    second = [n for n, event in enumerate(events) if event.type == "model.answered"][1]
    (project / "calc.py").write_text(WRONG)
    (project / "log.txt").unlink()
    log = await cut_log(events[: second + 1], first.run_id)
    rest = Scripted(ANSWERS[2:])

    run = await resume(first.run_id, model=rest, log=log)

    assert (first.status, run.status) == ("solved", "solved")
    assert (project / "calc.py").read_text() == RIGHT
    assert (project / "log.txt").read_text() == "1\n22\n"
    assert len(rest.requests) == 2
