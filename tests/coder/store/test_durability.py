"""What waits for the disk, and what a power cut leaves of what doesn't."""

import asyncio
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from coder.base.errors import MachineError
from coder.base.text.redact import Redactor
from coder.engine.turn.turn import Turn
from coder.engine.turn.whole_answer import ask_whole_answer
from coder.environment.workbench import Workbench
from coder.models.model import ChatMessage, Sampling
from coder.models.scripted import Scripted
from coder.run.event_types import RunStarted
from coder.run.events import Draft
from coder.run.journal import Journal
from coder.run.settings import Settings
from coder.run.task import Task
from coder.run.watch import Unwatched
from coder.store import SqliteLog
from sandbox import Policy, open_sandbox
from tests.failing_disk import refuse_to_sync
from tests.forked import said_by_child

HELD = Draft(type="held", body={"text": "x" * 2000})
PASSING = Draft(type="passing", body={"text": "y" * 2000}, durable=False)
SECTOR = 512


def test_only_what_is_durable_waits_for_the_disk(tmp_path: Path) -> None:
    async def act() -> None:
        with SqliteLog(tmp_path) as log:
            async with log.lease("run_a") as token:
                await log.append("run_a", [HELD], after=0, token=token)
                refuse_to_sync()
                await log.append("run_a", [PASSING], after=1, token=token)
                await log.append("run_a", [PASSING, HELD], after=2, token=token)

    message = said_by_child(lambda: asyncio.run(act()))

    assert message.startswith("MachineError: Can't write")
    assert asyncio.run(_types(tmp_path)) == ["held", "passing"]


def test_of_a_turn_the_answer_alone_waits_for_the_disk(tmp_path: Path) -> None:
    async def turn() -> str:
        model = Scripted(["x = 1"])
        with SqliteLog(tmp_path) as log:
            async with log.lease("run_a") as token:
                journal = Journal("run_a", log, token=token, watch=Unwatched())
                started = RunStarted(task=Task(prompt="x"), settings=Settings(), model="toy")
                await journal.append(started)
                refuse_to_sync()
                bench = Workbench(Policy(), open_sandbox, redactor=Redactor.from_environment())
                model_turn = Turn("coder", journal=journal, model=model, bench=bench)
                message = ChatMessage(role="user", content="?")
                with pytest.raises(MachineError):
                    await ask_whole_answer(model_turn, [message], sampling=Sampling())
                return f"{len(model.requests)} {journal.state.spend.calls}"

    output = said_by_child(lambda: asyncio.run(turn()))

    assert output == "1 1"
    assert asyncio.run(_types(tmp_path)) == ["run.started", "model.requested"]


@pytest.mark.parametrize("harm", [lambda tail: b"", lambda tail: bytes(len(tail))], ids=["cut off", "zeros"])
def test_a_power_cut_leaves_all_up_to_the_last_durable_event_and_no_gap(
    tmp_path: Path, harm: Callable[[bytes], bytes]
) -> None:
    home, snapshot = tmp_path / "home", tmp_path / "left"

    async def write() -> tuple[int, bytes]:
        with SqliteLog(home) as log:
            async with log.lease("run_a") as token:
                await log.append("run_a", [PASSING], after=0, token=token)
                await log.append("run_a", [HELD], after=1, token=token)
                on_disk = _wal(home).stat().st_size
                for after in range(2, 6):
                    await log.append("run_a", [PASSING], after=after, token=token)
                shutil.copytree(home, snapshot)
                return on_disk, _wal(home).read_bytes()

    on_disk, wal = asyncio.run(write())
    event_counts = set()
    for at in range(on_disk, len(wal) + 1, 8 * SECTOR):
        cut = tmp_path / str(at)
        shutil.copytree(snapshot, cut)
        _wal(cut).write_bytes(wal[:at] + harm(wal[at:]))
        event_counts.add(len(asyncio.run(_types(cut))))
        shutil.rmtree(cut)

    assert on_disk < len(wal)
    assert event_counts >= {2, 5}
    assert min(event_counts) == 2


async def _types(folder: Path) -> list[str]:
    with SqliteLog(folder) as log:
        return [event.type for event in await log.read("run_a")]


def _wal(folder: Path) -> Path:
    return folder / "events/events.sqlite-wal"
