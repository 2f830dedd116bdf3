"""The user's tools as functions of programs: values, exceptions, approval, budgets; never in a verdict."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from coder import Mcp
from coder.models.model import ToolCall
from coder.models.scripted import Scripted
from coder.run.questions import Decision
from coder.run.run import Run
from coder.run.settings import Budget, Settings
from coder.run.task import Task
from coder.store import SqliteLog
from coder.tools import code_mode
from tests.coder.states import distinct_cuts
from tests.coder.tools.test_mcp_client import ROUGH
from tests.docker_engine import IMAGE
from tests.kept_baselines import KEPT_BASELINES
from tests.kept_sandboxes import KEPT, resume, solve
from tests.memory_log import MemoryLog
from tests.processes import processes_with
from tests.recorded_runs import RECORDED

from .test_acting import DONE, EDIT, RIGHT, SETTINGS, WRONG, call, project, told
from .test_acting_cut import TEST, cut_log

pytestmark = [KEPT, RECORDED, KEPT_BASELINES]
__all__ = ["project"]
YES, NO = Decision(decision="yes", who="ann@there"), Decision(decision="no", words="too dear")
ASKS = SETTINGS.model_copy(update={"approve": ("tools",)})
PAY = "import tools; print('paid', tools.pay(5))"


def rows(count: int, table: str = "a") -> list[dict[str, object]]:
    """Rows of a table.

    At most as many as there are.
    """
    if count < 0:
        raise LookupError("no such rows")
    return [{"id": number, "table": table} for number in range(count)]


rows.effect = False  # type: ignore[attr-defined]


class Bank:
    """Counts what is paid."""

    def __init__(self) -> None:
        self.paid: list[int] = []

    @property
    def tool(self) -> Callable[..., object]:
        def pay(amount: int) -> str:
            """Pay an amount."""
            self.paid.append(amount)
            return f"receipt {len(self.paid)}"

        return pay


def python(code: str, name: str = "bash", **more: object) -> list[ToolCall]:
    if name == "python":
        return [call("python", code=code, **more)]
    return [call("bash", command=f"python3 - <<'END'\n{code}\nEND", **more)]


async def worked(
    folder: Path,
    *answers: str | list[ToolCall],
    tools: Sequence[Callable[..., object] | Mcp],
    settings: Settings = SETTINGS,
    log: MemoryLog | None = None,
) -> tuple[Run, Scripted]:
    model = Scripted(answers)
    task = Task(prompt="Mend add.", workspace=folder, test_command=TEST)
    return await solve(task, model=model, settings=settings, log=log or MemoryLog(), tools=tools), model


async def types(log: MemoryLog, run: Run) -> list[str]:
    return [event.type for event in await log.read(run.run_id)]


@pytest.mark.slow
async def test_a_program_filters_what_a_tool_gives(project: Path) -> None:
    code = "import tools; found = tools.rows(10000, table='b')\nprint(len(found), found[-1])"
    log = MemoryLog()
    run, model = await worked(project, python(code), EDIT, tools=[rows], log=log)

    assert told(model, 2).startswith("10000 {'id': 9999, 'table': 'b'}\n[exit 0, ")
    assert run.status == "solved"
    assert "- rows(count: int, table: str = 'a'): Rows of a table." in model.requests[0].messages[-1].content
    assert "code.called" not in await types(log, run)


@pytest.mark.slow
async def test_what_is_wrong_is_raised_in_the_program_with_the_words_for_models(project: Path) -> None:
    code = (
        "import tools\n"
        "for given in {'count': 'x'}, {'count': -1}, {'count': 1, 'more': 2}:\n"
        "    try: tools.rows(**given)\n"
        "    except tools.ToolError as error: print(error)\n"
        "tools.rows(1, 2)\n"
    )
    _, model = await worked(project, python(code), EDIT, tools=[rows])
    lines = told(model, 2).splitlines()

    assert lines[0].startswith("The arguments of rows don't fit: count: Input should be a valid integer")
    assert lines[1] == "rows failed: LookupError: no such rows"
    assert lines[2] == "The arguments of rows don't fit: more: Extra inputs are not permitted."
    assert (
        "tools.ToolError: The arguments of rows don't fit: table: Input should be a valid string" in lines[-2]
    )


@pytest.mark.slow
async def test_a_solution_that_needs_the_tools_fails(project: Path) -> None:
    needs = "import tools; return tools.rows(a + b)[-1]['id'] + 1"
    edit = call("edit", path="calc.py", old="return a - b", new=needs)
    run, model = await worked(
        project, [edit, *python("import calc; print(calc.add(1, 2))")], DONE, [], [], [], tools=[rows]
    )

    assert told(model, 2).startswith("3\n[exit 0")
    assert "No module named 'tools'" in told(model, 3)
    assert run.status != "solved"


@pytest.mark.slow
async def test_secrets_are_taken_out_of_values_of_any_kind(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP_TOKEN", 'pa"ss\nword')

    def config() -> dict[str, object]:
        """The configuration."""
        return {"list": [{'pa"ss\nword': "key"}, 'it is pa"ss\nword!'], "number": 1.5, "none": None}

    def text() -> str:
        """The same as text."""
        return '{"a": "pa"ss\nword"}'

    _, model = await worked(
        project, python("import tools; print(tools.config(), tools.text())"), EDIT, tools=[config, text]
    )

    assert told(model, 2).startswith(
        "{'list': [{'[redacted]': 'key'}, 'it is [redacted]!'], 'number': 1.5, 'none': None} "
        '{"a": "[redacted]"}'
    )


@pytest.mark.slow
async def test_each_effect_is_in_the_log_before_and_after_it(project: Path) -> None:
    log, bank = MemoryLog(), Bank()
    event_types: list[list[str]] = []

    async def refund(amount: int) -> None:
        """Pay back."""
        (events,) = log._events.values()  # type: ignore[attr-defined]
        event_types.append([event.type for event in events][-2:])

    run, _ = await worked(
        project,
        python("import tools; tools.pay(1); tools.refund(1)"),
        EDIT,
        tools=[bank.tool, refund],
        log=log,
    )

    assert bank.paid == [1]
    assert event_types == [["code.answered", "code.called"]]
    assert (await types(log, run)).count("code.answered") == 2


@pytest.mark.slow
async def test_a_person_is_asked_and_the_program_that_waited_calls_once(project: Path) -> None:
    log, bank = MemoryLog(), Bank()
    waiting, _ = await worked(project, python(PAY), tools=[bank.tool], settings=ASKS, log=log)
    again = Scripted([python(PAY), python(PAY)])

    second = await resume(waiting.run_id, model=again, log=log, tools=[bank.tool], answer=YES)

    assert (waiting.status, waiting.reason) == ("waiting", "Call pay\n    amount: 5")
    assert "was cut off when the run stopped" in told(again, 1)
    assert told(again, 2).startswith("paid receipt 1\n[exit 0, ")  # no call had worked before
    assert (second.status, bank.paid) == ("waiting", [5])  # the other one is another effect

    last = Scripted([python(PAY), EDIT])
    done = await resume(waiting.run_id, model=last, log=log, tools=[bank.tool], answer=NO)

    assert 'Its programs had called pay({"amount": 5})' not in told(last, 1)
    assert "tools.ToolError: [The user did not allow this call. They say: too dear]" in told(last, 2)
    assert (done.status, bank.paid) == ("solved", [5])


@pytest.mark.slow
@pytest.mark.parametrize("last", ["code.called", "code.answered"])
async def test_an_effect_of_a_program_that_was_cut_off_is_told_and_not_made_again(
    project: Path, last: str
) -> None:
    log, bank = MemoryLog(), Bank()
    run, _ = await worked(project, python(f"{PAY}\n{PAY}"), EDIT, tools=[bank.tool], log=log)
    events = await log.read(run.run_id)
    cut = next(event.seq for event in events if event.type == last)
    (project / "calc.py").write_text(WRONG)
    rest = Scripted([EDIT])

    done = await resume(
        run.run_id, model=rest, log=await cut_log(events[:cut], run.run_id), tools=[bank.tool]
    )

    note = "" if last == "code.answered" else ": cut off, it may have had its effect or not"
    assert f'[Its programs had called pay({{"amount": 5}}){note}.]' in told(rest, 1)
    assert (done.status, bank.paid) == ("solved", [5, 5])
    assert (project / "calc.py").read_text() == RIGHT


@pytest.mark.slow
async def test_a_run_cut_after_any_kind_of_event_makes_no_effect_twice(project: Path) -> None:
    log, bank = MemoryLog(), Bank()
    answers = [python("import tools; tools.pay(1); tools.pay(2)"), EDIT]
    run, _ = await worked(project, *answers, tools=[bank.tool], log=log)
    events = await log.read(run.run_id)
    landing = next(event.seq for event in events if event.type == "landing.planned")

    for cut in distinct_cuts(events, 1, landing):
        (project / "calc.py").write_text(WRONG)
        kept = [event.type for event in events[:cut]]
        bank.paid.clear()
        rest = Scripted(answers[kept.count("model.answered") :])
        budget = Budget(max_calls=20)
        short = await cut_log(events[:cut], run.run_id)
        await resume(run.run_id, model=rest, log=short, tools=[bank.tool], budget=budget)

        where = f"cut after event {cut}, {kept[-1]}"
        assert bank.paid == ([] if "tool.called" in kept else [1, 2]), where
        is_cut_off = "tool.called" in kept and "tool.answered" not in kept
        words = rest.requests[0].messages[-1].content if rest.requests else ""
        assert words.count("pay({") == (kept.count("code.called") if is_cut_off else 0), where


@pytest.mark.slow
async def test_an_effect_that_a_commands_end_cut_off_is_told(project: Path) -> None:
    begun = asyncio.Event()

    async def pay(amount: int) -> str:
        """Pay an amount."""
        begun.set()
        await asyncio.sleep(60)
        return "paid"

    async def started() -> str:
        """Wait until it is being paid."""
        await begun.wait()
        return ""

    code = (
        "import os, threading, tools\n"
        "threading.Thread(target=tools.pay, args=(7,), daemon=True).start()\n"
        "tools.started(); os._exit(0)"
    )
    started.effect = False  # type: ignore[attr-defined]
    _, model = await worked(project, python(code), EDIT, tools=[pay, started])

    assert told(model, 2).endswith(
        '[Its programs had called pay({"amount": 7}): cut off, it may have had its effect or not.]'
    )


@pytest.mark.slow
async def test_a_program_in_the_background_waits_for_the_next_command(project: Path) -> None:
    late = "nohup python3 -c 'import time, tools; time.sleep(0.5); print(len(tools.rows(3)))' > out.txt &"
    look = "until grep -q . out.txt; do sleep 0.05; done; cat out.txt; rm out.txt"
    _, model = await worked(
        project, [call("bash", command=late)], [call("bash", command=look)], EDIT, tools=[rows]
    )

    assert told(model, 3).startswith("3\n")


@pytest.mark.slow
async def test_a_workspace_with_tools_of_its_own_keeps_them(project: Path) -> None:
    (project / "tools").mkdir()
    (project / "tools/own.py").write_text("NAME = 'mine'\n")
    code = "import tools.own, coder_tools; print(tools.own.NAME, len(coder_tools.rows(2)))"
    _, model = await worked(project, python(code), EDIT, tools=[rows])

    assert told(model, 2).startswith("mine 2\n")
    assert "`import coder_tools`" in model.requests[0].messages[-1].content


@pytest.mark.slow
async def test_many_tools_are_named_and_called_from_code_alone(project: Path) -> None:
    def made(number: int) -> Callable[..., object]:
        def tool(count: int) -> int:
            """Count something of a shop, by a long sentence that says what it is."""
            return count + number

        tool.__name__ = f"count_{number}"
        return tool

    code = (
        "import tools; tools.help('count_7'); print(sum(getattr(tools, f'count_{n}')(0) for n in range(100)))"
    )
    _, model = await worked(project, python(code), EDIT, tools=[made(number) for number in range(100)])
    request = model.requests[0]

    assert request.form is not None
    assert [spec.name for spec in request.form.tools] == ["bash", "edit", "plan", "done", "ask"]
    assert "count_0, count_1, " in request.messages[-1].content
    assert "by a long sentence" not in request.messages[-1].content
    assert "count_7(count: int)\n\nCount something of a shop, by a long" in told(model, 2)
    assert "4950\n" in told(model, 2)


FLOOD = """\
import tools
refused = 0
for number in range(1_000_000):
    try:
        tools.rows(0)
    except tools.ToolError as error:
        refused += 1
        if refused == 5:
            print(number, error)
            break
"""


@pytest.mark.slow
async def test_a_program_that_calls_without_end_is_refused(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(code_mode, "CALLS", 100)

    _, model = await worked(project, python(FLOOD), python("import tools"), EDIT, tools=[rows])

    assert told(model, 2).startswith("103 One program may make 100 calls, of 64 MiB and 600 s in all.")
    assert told(model, 3).startswith("[exit 0, ")


@pytest.mark.slow
async def test_a_result_that_is_too_large_or_too_deep_is_refused(project: Path) -> None:
    def large() -> str:
        """A large text."""
        return "x" * (9 << 20)

    def deep() -> object:
        """A deep list."""
        nested_list: list[object] = []
        for _ in range(200):
            nested_list = [nested_list, "\\"]
        return nested_list

    code = (
        "import tools\n"
        "for tool in tools.large, tools.deep:\n"
        "    try: print(len(tool()))\n"
        "    except tools.ToolError as error: print(error)"
    )
    _, model = await worked(project, python(code), EDIT, tools=[large, deep])

    assert told(model, 2).startswith("The result is larger than 8 MiB. Ask for less of it.\n2\n")


@pytest.mark.slow
async def test_cells_call_them_too(project: Path) -> None:
    kernel = SETTINGS.model_copy(update={"kernel": True})
    first, second = python("import tools; len(tools.rows(7))", "python"), python("tools.rows(-1)", "python")
    _, model = await worked(project, first, second, EDIT, tools=[rows], settings=kernel)

    assert told(model, 2).startswith("7\n[exit 0")
    assert "ToolError: rows failed: LookupError: no such rows" in told(model, 3)


@pytest.mark.usefixtures("docker_engine")
@pytest.mark.slow
async def test_programs_in_a_container_call_them(project: Path) -> None:
    settings = SETTINGS.model_copy(update={"sandbox": "docker", "image": IMAGE})
    code = "import tools; print(len(tools.rows(10000)))"
    run, model = await worked(project, python(code), EDIT, tools=[rows], settings=settings)

    assert told(model, 2).startswith("10000\n")
    assert run.status == "solved"


@pytest.mark.slow
async def test_a_session_that_breaks_down_in_an_effect_is_told_and_the_program_not_run_again(
    project: Path,
) -> None:
    paid: list[int] = []

    def pay(amount: int) -> str:
        """Pay an amount."""
        paid.append(amount)
        for pid in processes_with("marker-of-this-program"):
            if Path(f"/proc/{pid}/comm").read_text().startswith("python3"):
                os.kill(parent(parent(pid)), signal.SIGKILL)  # bash, and above it the agent
        return "paid"

    code = [call("bash", command="python3 -c 'import tools; tools.pay(5); 1/0' marker-of-this-program; true")]
    run, model = await worked(project, code, python("print('goes on')"), EDIT, tools=[pay])

    assert paid == [5]
    assert 'files are kept]\n[Its programs had called pay({"amount": 5})' in told(model, 2)  # or: cut off
    assert "goes on" in told(model, 3)
    assert run.status == "solved"


def parent(pid: int) -> int:
    """The parent of a process."""
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()[1])


@pytest.mark.slow
async def test_programs_call_tools_of_mcp_servers_and_those_with_effects_ask(project: Path) -> None:
    server = Mcp("it", command=(sys.executable, str(ROUGH)))
    code = (
        "import tools\n"
        "print(tools.it_data(), tools.it_say(text='4'))\n"
        "for call in tools.it_say, tools.it_fail, tools.it_die, tools.it_data:\n"
        "    try: call()\n"
        "    except tools.ToolError as error: print(error)\n"
    )
    _, model = await worked(project, python(code), EDIT, tools=[server])
    lines = told(model, 2).splitlines()

    assert lines[0] == "{'degrees': 7} 4"
    assert lines[1] == "The arguments of it_say don't fit: 'text' is a required property."
    assert lines[-2].startswith("The MCP server it has ended")

    note = python("import tools; tools.it_note(text='a')")
    waiting, _ = await worked(project, note, tools=[server])

    assert (waiting.status, waiting.reason) == ("waiting", "Call it_note\n    text: a")


KILLED = """
import asyncio, os, signal, sys
from pathlib import Path
from coder import Settings, Task, solve
from coder.models.model import ToolCall
from coder.models.scripted import Scripted
from coder.store import SqliteLog
def pay(amount: int) -> str:
    "Pay."
    with open(sys.argv[2], "a") as file:
        file.write(f"{amount}\\n")
    if amount == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return "paid"
code = '{"command": "python3 -c \\'import tools; tools.pay(1); tools.pay(2); tools.pay(3)\\'"}'
with SqliteLog(Path(sys.argv[1])) as log:
    task = Task(prompt="Mend add.", workspace=Path(sys.argv[3]), test_command=sys.argv[4:])
    model = Scripted([[ToolCall(id="call00000", name="bash", arguments=code)]])
    asyncio.run(solve(task, model=model, settings=Settings(strategy="act"), log=log, tools=[pay]))
"""


@pytest.mark.slow
async def test_a_killed_process_makes_an_effect_once_and_the_next_one_tells_of_it(
    project: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    home = tmp_path_factory.mktemp("home")
    words = [sys.executable, "-c", KILLED, str(home / "log"), str(home / "paid"), str(project), *TEST]
    killed = await asyncio.to_thread(subprocess.run, words, check=False)

    def pay(amount: int) -> str:
        """Pay."""
        raise AssertionError("paid again")

    with SqliteLog(home / "log") as log:
        (summary,) = await log.runs()
        rest = Scripted([EDIT])
        run = await resume(summary.run, model=rest, log=log, tools=[pay])

    assert killed.returncode == -signal.SIGKILL
    assert (home / "paid").read_text() == "1\n2\n"
    cut = 'pay({"amount": 2}): cut off, it may have had its effect or not'
    assert f'[Its programs had called pay({{"amount": 1}}); {cut}.]' in told(rest, 1)
    assert run.status == "solved"


THREADS = """\
import threading, tools
def ask():
    while True:
        try:
            tools.rows("no number")
        except Exception:
            pass
for _ in range(60):
    threading.Thread(target=ask, daemon=True).start()
threading.Event().wait()
"""


@pytest.mark.slow
async def test_threads_whose_calls_are_refused_do_not_outlive_their_command(project: Path) -> None:
    script = call("bash", command=f"python3 - <<'END'\n{THREADS}END", timeout_s=3)

    _, model = await worked(project, [script], EDIT, tools=[rows])

    assert "[timed out after " in told(model, 2)
