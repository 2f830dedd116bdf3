"""A model that acts with a kernel: cells keep their state, and their pictures reach a model that sees."""

import base64
import re
from pathlib import Path

import pytest

from coder.engine.chat.opening import open_session
from coder.models.abilities import Abilities
from coder.models.answer_parts import Image
from coder.models.model import ToolCall
from coder.models.scripted import Scripted
from coder.run.run import Run
from coder.run.settings import Budget
from coder.run.task import Task
from tests.coder.engine.participants.test_acting import (
    EDIT,
    SETTINGS,
    TEST,
    UNITTEST,
    WRONG,
    bash,
    call,
    told,
)
from tests.coder.people.chat.test_chat_session import Person
from tests.kept_baselines import KEPT_BASELINES
from tests.kept_sandboxes import KEPT, resume, solve
from tests.memory_log import MemoryLog
from tests.recorded_runs import RECORDED
from tests.sandbox.kernel.test_cells import PNG

pytestmark = [KEPT, RECORDED, KEPT_BASELINES]

KERNEL = SETTINGS.model_copy(update={"kernel": True})
PICTURE = Image(media_type="image/png", base64=base64.b64encode(PNG).decode())


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "calc.py").write_text(WRONG)
    (tmp_path / "test_calc.py").write_text(TEST)
    return tmp_path


def cell(code: str, **more: object) -> list[ToolCall]:
    return [call("python", code=code, **more)]


def shows(content: bytes, *, times: int = 1) -> list[ToolCall]:
    show = f"display(Image({content!r}))\n" * times
    return cell(f"from IPython.display import Image, display\n{show}")


def task(folder: Path) -> Task:
    return Task(prompt="Mend add.", workspace=folder, test_command=UNITTEST)


async def worked(
    folder: Path, *answers: str | list[ToolCall], sees: bool | None = None, log: MemoryLog | None = None
) -> tuple[Run, Scripted]:
    model = Scripted(answers, abilities=Abilities(sees=sees))
    return await solve(task(folder), model=model, settings=KERNEL, log=log or MemoryLog()), model


@pytest.mark.slow
async def test_cells_keep_their_state_and_a_change_of_theirs_lands(project: Path) -> None:
    change = "path = 'calc.py'; text = open(path).read().replace('a - b', 'a + b')"
    write = cell("with open(path, 'w') as file:\n    print(file.write(text))\n1/0")
    run, model = await worked(project, cell(change), write, [call("done", summary="Done.")])

    assert told(model, 2).startswith("[exit 0, ")
    assert "ZeroDivisionError" in told(model, 3)
    assert told(model, 3).rpartition("\n")[2].startswith("[exit 1, ")
    assert run.status == "solved"
    assert "a + b" in (project / "calc.py").read_text()


@pytest.mark.slow
async def test_a_long_output_a_timeout_and_a_kernels_end_are_told_as_those_of_commands_are(
    project: Path,
) -> None:
    answers = [
        cell("for n in range(9000): print(n)"),
        cell("import time; time.sleep(60)", timeout_s=1),
        cell("import os; os._exit(1)"),
        cell(""),
    ]
    _, model = await worked(project, *answers, EDIT)

    assert "left out; sed -n " in told(model, 2)
    assert re.search(r"\[timed out after \d+ s: timeout_s can be up to 1800\]", told(model, 3))
    assert told(model, 4).endswith("; the kernel has ended: what earlier cells had defined is gone]")
    assert told(model, 5).startswith("error: The arguments of python don't fit: code: ")


@pytest.mark.slow
async def test_pictures_reach_a_model_that_sees_and_the_same_ones_when_the_run_goes_on(project: Path) -> None:
    log = MemoryLog()
    settings = KERNEL.model_copy(update={"budget": Budget(max_calls=2)})
    first = Scripted([shows(PNG, times=5), bash("true")], abilities=Abilities(sees=True))
    stopped = await solve(task(project), model=first, settings=settings, log=log)
    second = Scripted([EDIT], name="scripted/dialogue", abilities=Abilities(sees=True))

    await resume(stopped.run_id, log=log, model=second, budget=Budget(max_calls=10))

    results = [message for message in first.requests[1].messages if message.role == "tool"]
    again = [message for message in second.requests[0].messages if message.role == "tool"]
    assert results[0].images == (PICTURE,) * 4
    assert results[0].content.count("[picture image/png, 1 KiB, kept as /tmp/out/cell-1-") == 5
    assert again[0] == results[0]


@pytest.mark.slow
@pytest.mark.parametrize("sees", [False, None])
async def test_a_model_that_is_not_known_to_see_is_told_of_pictures_in_words(
    project: Path, sees: bool | None
) -> None:
    _, model = await worked(project, shows(PNG), EDIT, sees=sees)

    assert model.requests[1].messages[-1].images == ()
    assert told(model, 2).startswith("[picture image/png, 1 KiB, kept as /tmp/out/cell-1-1.png]\n[exit 0")


@pytest.mark.slow
@pytest.mark.parametrize("content", [PNG[:-4], PNG.replace(b"\0\0\0\1", b"\0\1\0\0", 1), PNG * 20_000])
async def test_what_an_endpoint_would_refuse_as_a_picture_stays_a_file(project: Path, content: bytes) -> None:
    make = cell(f"open('/tmp/p', 'wb').write({PNG!r} * 20_000)" if len(content) > 1 << 20 else "pass")
    data = "open('/tmp/p', 'rb').read()" if len(content) > 1 << 20 else repr(content)
    show = cell(f"from IPython.display import Image, display; display(Image({data}, format='png'))")
    _, model = await worked(project, make, show, EDIT, sees=True)

    assert "kept as /tmp/out/cell-2-1.png]" in told(model, 3)
    assert model.requests[2].messages[-1].images == ()


@pytest.mark.slow
async def test_without_a_kernel_no_cell_is_offered(project: Path) -> None:
    model = Scripted([EDIT])
    await solve(task(project), model=model, settings=SETTINGS, log=MemoryLog())

    assert "python" not in [tool.name for tool in model.requests[0].form.tools]  # type: ignore[union-attr]


@pytest.mark.slow
async def test_a_fold_leaves_out_pictures_of_older_results(project: Path) -> None:
    long = [bash(f"seq {start} 3000") for start in range(7)]
    model = Scripted([shows(PNG), *long, EDIT], abilities=Abilities(context=24_000, sees=True))

    await solve(task(project), model=model, settings=KERNEL, log=MemoryLog())

    assert sum(len(message.images) for message in model.requests[1].messages) == 1
    assert sum(len(message.images) for message in model.requests[-1].messages) == 0


@pytest.mark.slow
async def test_a_module_that_the_tests_decide_on_is_not_run_as_cells(tmp_path: Path) -> None:
    (package := tmp_path / "calc").mkdir()
    (package / "__init__.py").write_text("")
    (package / "names.py").write_text("SIGN = 1\n")
    (package / "add.py").write_text("from .names import SIGN\n\n\ndef add(a, b):\n    return a - b * SIGN\n")
    (tmp_path / "test_calc.py").write_text(TEST.replace("calc", "calc.add"))
    edit = [call("edit", path="calc/add.py", old="a - b", new="a + b")]
    mend = task(tmp_path).model_copy(update={"prompt": "Mend add in calc/add.py."})

    model = Scripted([edit, [call("done", summary="Done.")]])
    run = await solve(mend, model=model, settings=KERNEL, log=MemoryLog())

    assert run.status == "solved"


@pytest.mark.slow
async def test_in_a_conversation_cells_keep_their_state_from_message_to_message(project: Path) -> None:
    model = Scripted([cell("x = 41"), "It is 41.", cell("x + 1"), "42."])
    chat = Task(prompt="-", workspace=project)
    opening = open_session(MemoryLog(), chat, settings=KERNEL, model=model, watch=Person())
    async with opening as session:
        await session.say("what is x?")
        await session.say("and one more?")

    assert told(model, 4).startswith("42\n[exit 0")
