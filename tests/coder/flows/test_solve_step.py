"""`flow.solve` is a run of its own, which a resume continues; `flow.check` runs in the sandbox."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Unpack

import pytest

from coder import Settings, Task
from coder.flows import Flow, resume_flow, run_flow
from coder.models.model import Answer, Asking, ChatMessage
from coder.models.scripted import Scripted
from coder.run.reducer import fold_all
from coder.store import SqliteLog

ADD = "def add(a, b):\n    return a + b\n"
RIGHT = f"`solution.py`\n```python\n{ADD}```"
TASK = Task(prompt="Write add(a, b).", checks=("assert add(2, 3) == 5",))
REPAIR = Settings(strategy="repair")


async def solving(flow: Flow, prompt: str) -> str:
    run = await flow.solve(TASK.model_copy(update={"prompt": prompt}))
    await flow.ask("Go on?")
    return f"{run.status} {run.files['solution.py']}"


async def checking(flow: Flow) -> list[bool]:
    outcomes = [bool(await flow.check(command)) for command in ("test -f here.txt", "test -f gone.txt")]
    await flow.check("rm here.txt")
    return outcomes


@pytest.mark.slow
async def test_a_task_is_solved_once_and_its_usage_is_the_flows(tmp_path: Path) -> None:
    model = Scripted([RIGHT])
    with SqliteLog(tmp_path / "log") as log:
        waiting = await run_flow(
            solving, "Write add(a, b).", log=log, folder=tmp_path, model=model, settings=REPAIR
        )
        finished = await resume_flow(waiting.run_id, solving, answer="yes", log=log, model=model)
        child = fold_all(await log.read(f"{waiting.run_id}.s1"))
        listed = [summary.run for summary in await log.runs()]

    assert finished.answer == f"solved {ADD}"
    assert len(model.requests) == 1
    assert (finished.calls, finished.tokens.output) == (1, child.spend.usage.output_tokens)
    assert listed == [waiting.run_id]


@pytest.mark.slow
async def test_a_question_of_the_child_is_the_flows_question(tmp_path: Path) -> None:
    folder = tmp_path / "project"
    folder.mkdir()
    asks = REPAIR.model_copy(update={"approve": ("landing",)})

    async def landing(flow: Flow) -> list[str]:
        run = await flow.solve(TASK.model_copy(update={"workspace": Path()}))
        return list(run.landed)

    with SqliteLog(tmp_path / "log") as log:
        model = Scripted([RIGHT])
        waiting = await run_flow(landing, None, log=log, folder=folder, model=model, settings=asks)
        finished = await resume_flow(waiting.run_id, landing, answer="yes", log=log, model=model)

    assert waiting.status == "waiting"
    assert waiting.question is not None
    assert waiting.question.about == "landing"
    assert "+def add" in waiting.question.patch
    assert finished.answer == ["solution.py"], finished.error
    assert (folder / "solution.py").read_text() == ADD


@pytest.mark.slow
async def test_a_child_that_was_cut_off_goes_on_without_a_repeated_call(tmp_path: Path) -> None:
    class Interrupting(Scripted):
        """Ends the flow when the model is called a second time."""

        async def answer(self, messages: Sequence[ChatMessage], **asking: Unpack[Asking]) -> Answer:
            if len(self.requests) == 1:
                task.cancel()
                await asyncio.sleep(60)
            return await super().answer(messages, **asking)

    first, second = Interrupting([RIGHT.replace("+", "-")]), Scripted([RIGHT])
    with SqliteLog(tmp_path / "log") as log:
        run = run_flow(
            solving,
            "Write add(a, b).",
            log=log,
            folder=tmp_path,
            model=first,
            settings=REPAIR,
            run_id="run_a",
        )
        task = asyncio.create_task(run)
        with pytest.raises(asyncio.CancelledError):
            await task
        waiting = await resume_flow("run_a", solving, log=log, model=second)

    assert waiting.status == "waiting", waiting.error
    assert (len(first.requests), len(second.requests)) == (1, 1)


@pytest.mark.slow
async def test_a_check_runs_in_the_sandbox_on_a_copy_of_the_folder(tmp_path: Path) -> None:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "here.txt").write_text("here")
    with SqliteLog(tmp_path / "log") as log:
        run = await run_flow(checking, None, log=log, folder=folder)

    assert run.answer == [True, False], run.error
    assert (folder / "here.txt").exists()
