"""A model that works in a session: tools, edits in words, verdicts, questions, and a run that goes on."""

import asyncio
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from coder.base.errors import ToolsRefused
from coder.base.prompts import prompt
from coder.models.abilities import Abilities
from coder.models.chat_completions import ChatModel
from coder.models.model import Answer, ChatMessage, ToolCall, Usage
from coder.models.scripted import Scripted
from coder.run.event_types import parse
from coder.run.reducer import fold_all
from coder.run.run import Run
from coder.run.settings import Budget, Settings
from coder.run.task import Task
from coder.show import render
from tests.coder.models.asking import QUICK, endpoint_of
from tests.docker_engine import IMAGE
from tests.faulty_endpoint import chunk, error, faulty_endpoint, streams, tool_call
from tests.kept_baselines import KEPT_BASELINES
from tests.kept_sandboxes import KEPT, resume, solve
from tests.memory_log import MemoryLog
from tests.recorded_runs import RECORDED
from tests.system_python import SYSTEM_PYTHON

pytestmark = [KEPT, RECORDED, KEPT_BASELINES]

WRONG = "def add(a, b):\n    return a - b\n"
RIGHT = "def add(a, b):\n    return a + b\n"
TEST = """import unittest

from calc import add


class Calc(unittest.TestCase):
    def test_add(self):
        self.assertEqual(add(1, 2), 3)
"""
UNITTEST = ("python", "-m", "unittest", "-q")
"""Starts in half the time that pytest takes, for tests of everything around it."""
EDIT = "calc.py\n```\n<<<<<<< SEARCH\n    return a - b\n=======\n    return a + b\n>>>>>>> REPLACE\n```\n"
SETTINGS = Settings(strategy="act")


def call(name: str, **arguments: object) -> ToolCall:
    return ToolCall(id=f"{name}{len(str(arguments)):08d}", name=name, arguments=json.dumps(arguments))


def bash(command: str) -> list[ToolCall]:
    return [call("bash", command=command)]


DONE = [call("done", summary="It adds now.")]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "calc.py").write_text(WRONG)
    (tmp_path / "test_calc.py").write_text(TEST)
    return tmp_path


async def worked(
    folder: Path,
    *answers: str | list[ToolCall] | Answer,
    settings: Settings = SETTINGS,
    log: MemoryLog | None = None,
) -> tuple[Run, Scripted]:
    model = Scripted(answers)
    task = Task(prompt="Mend add.", workspace=folder, test_command=UNITTEST)
    return await solve(task, model=model, settings=settings, log=log or MemoryLog()), model


def told(model: Scripted, request: int) -> str:
    """The last message of a request, from 1."""
    return model.requests[request - 1].messages[-1].content


@pytest.mark.slow
async def test_done_behind_a_call_that_failed_is_dropped_and_the_model_is_told(project: Path) -> None:
    wrong = bash("sed -i 's/-/+/' calc.py; exit 3")

    run, model = await worked(project, [*wrong, *DONE], DONE)

    results = [message.content for message in model.requests[1].messages if message.role == "tool"]
    assert "[exit 3, " in results[0]
    assert results[1] == "Not carried out: a call of `bash` before it failed. Read its result, then go on."
    assert run.status == "solved"
    assert len(model.requests) == 2


@pytest.mark.slow
async def test_done_behind_an_edit_that_fits_ends_the_run_with_one_request(project: Path) -> None:
    edit = call("edit", path="calc.py", old="a - b", new="a + b")

    run, model = await worked(project, [edit, *DONE])

    assert run.status == "solved"
    assert len(model.requests) == 1


@pytest.mark.slow
async def test_a_run_has_the_model_s_summary_and_its_document_holds_a_change_once(project: Path) -> None:
    edit = call("edit", path="calc.py", old="a - b", new="a + b")

    run, _ = await worked(project, [edit, *DONE])
    document = json.loads(run.model_dump_json())

    assert run.summary == document["summary"] == "It adds now."
    assert run.files == {"calc.py": RIGHT}
    assert (document["files"], "+    return a + b" in document["patch"]) == ({}, True)
    assert "  summary  It adds now." in render.details(run)


@pytest.mark.slow
async def test_an_answer_s_words_in_front_of_its_edits_are_the_summary(project: Path) -> None:
    run, _ = await worked(project, f"The sign was wrong.\n\n{EDIT}")

    assert run.summary == "The sign was wrong."


@pytest.mark.slow
async def test_a_plan_and_a_question_are_offered_only_where_somebody_answers(project: Path) -> None:
    _, interactive_model = await worked(project, EDIT)
    _, alone = await worked(project, EDIT, settings=Settings(strategy="act", asks=False))

    offered = [[tool.name for tool in model.requests[0].form.tools] for model in (interactive_model, alone)]  # type: ignore[union-attr]
    assert offered == [["bash", "edit", "plan", "done", "ask"], ["bash", "edit", "done"]]


async def test_done_behind_an_edit_that_does_not_fit_is_dropped(project: Path) -> None:
    edit = call("edit", path="calc.py", old="a * b", new="a + b")

    run, model = await worked(project, [edit, *DONE], EDIT)

    results = [message.content for message in model.requests[1].messages if message.role == "tool"]
    assert results[1].startswith("Not carried out: a call of `edit` before it failed.")
    assert run.status == "solved"


@pytest.mark.slow
async def test_a_model_looks_edits_and_is_done(project: Path) -> None:
    run, model = await worked(
        project, bash("cat calc.py"), [call("edit", path="calc.py", old="a - b", new="a + b")], DONE
    )

    assert "return a - b" in told(model, 2)
    assert (run.status, run.verified, run.calls) == ("solved", "tests", 3)
    assert (project / "calc.py").read_text() == RIGHT


@pytest.mark.slow
async def test_the_advised_way_to_import_the_project_finds_modules_at_its_top_and_in_src(
    project: Path,
) -> None:
    (project / "src/shop").mkdir(parents=True)
    (project / "src/shop/cart.py").write_text("NAME = 'cart'\n")
    advised = re.search(r"import the project by `(.+?)`", prompt("act"))
    assert advised is not None
    script = "import calc, shop.cart; print(shop.cart.NAME)"

    _, model = await worked(
        project, bash(f"echo '{script}' > /tmp/look.py; {advised[1]} python /tmp/look.py"), DONE
    )

    assert told(model, 2).startswith("cart\n")


@pytest.mark.usefixtures("docker_engine")
@pytest.mark.slow
async def test_a_model_works_in_a_container_and_the_verdict_comes_from_another_one(project: Path) -> None:
    settings = SETTINGS.model_copy(update={"sandbox": "docker", "image": IMAGE})
    look = bash("ls /.dockerenv; git status; python -m pytest -q")
    fix = bash("sed -i 's/a - b/a + b/' calc.py")

    run, model = await worked(project, look, fix, DONE, settings=settings)

    assert told(model, 2).startswith("/.dockerenv\nOn branch ")
    assert "-1 != 3" in told(model, 2)
    assert (run.status, run.verified) == ("solved", "tests")
    assert (project / "calc.py").read_text() == RIGHT


@pytest.mark.slow
async def test_what_a_command_changes_lands(project: Path) -> None:
    run, _ = await worked(project, bash("sed -i 's/a - b/a + b/' calc.py; echo 1 > notes.txt; rm -f x"), DONE)

    assert run.status == "solved"
    assert (project / "calc.py").read_text() == RIGHT
    assert (project / "notes.txt").read_text() == "1\n"


@pytest.mark.slow
async def test_git_shows_what_the_session_has_changed(project: Path) -> None:
    _, model = await worked(project, bash("sed -i 's/a - b/a + b/' calc.py; git diff --stat"), DONE)

    assert "calc.py | 2 +-" in told(model, 2)
    assert not (project / ".git").exists()


@pytest.mark.slow
async def test_edits_in_words_count_as_done(project: Path) -> None:
    log = MemoryLog()
    run, model = await worked(project, EDIT, log=log)

    assert (run.status, run.calls) == ("solved", 1)
    assert "tool.called" not in [event.type for event in await log.read(run.run_id)]
    assert [tool.name for tool in model.requests[0].form.tools][:2] == ["bash", "edit"]  # type: ignore[union-attr]


@pytest.mark.slow
async def test_done_on_red_tests_is_answered_with_what_fails(project: Path) -> None:
    run, model = await worked(project, bash("true"), DONE, EDIT)

    assert model.requests[2].messages[-1].role == "tool"
    assert "No file has changed" in told(model, 3) or "assert" in told(model, 3)
    assert run.status == "solved"


@pytest.mark.slow
async def test_the_dialogue_only_grows(project: Path) -> None:
    _, model = await worked(project, bash("ls"), bash("pwd"), "I wonder.", EDIT)

    for before, after in zip(model.requests, model.requests[1:], strict=False):
        assert after.messages[: len(before.messages)] == before.messages


@pytest.mark.slow
async def test_given_tests_that_a_session_changes_do_not_decide(project: Path) -> None:
    run, _ = await worked(project, bash("echo 'def test_add(): pass' > test_calc.py"), DONE, DONE)

    assert run.status != "solved"
    assert (project / "test_calc.py").read_text() == TEST


class Toolless(Scripted):
    """An endpoint that refuses requests with tools."""

    def __init__(self, answers: Sequence[str | list[ToolCall]], *, after: int = 0) -> None:
        super().__init__(answers)
        self.refused, self._after = 0, after

    async def answer(self, messages: Sequence[ChatMessage], **given: Any) -> Answer:
        if given.get("form") is not None and len(self.requests) >= self._after:
            self.refused += 1
            raise ToolsRefused("toy takes no tools (HTTP 400).")
        return await super().answer(messages, **given)


@pytest.mark.slow
async def test_an_endpoint_that_refuses_tools_is_spoken_to_in_text(project: Path) -> None:
    model = Toolless(["```bash\nsed -i 's/a - b/a + b/' calc.py; cat calc.py\n```", "DONE"])
    task = Task(prompt="Mend add.", workspace=project, test_command=UNITTEST)

    run = await solve(task, model=model, settings=SETTINGS, log=MemoryLog())

    assert model.refused == 1
    assert model.requests[1].messages[: len(model.requests[0].messages)] == model.requests[0].messages
    assert "return a + b" in told(model, 2)
    assert all(message.role != "tool" for message in model.requests[1].messages)
    assert run.status == "solved"


@pytest.mark.slow
async def test_a_whole_file_below_its_path_is_written_where_an_endpoint_refuses_tools(project: Path) -> None:
    model = Toolless(["calc.py\n```python\ndef add(a, b):\n    return a + b\n```\n"])
    task = Task(prompt="Mend add.", workspace=project, test_command=UNITTEST)

    run = await solve(task, model=model, settings=SETTINGS, log=MemoryLog())

    assert (run.status, len(model.requests)) == ("solved", 1)


@pytest.mark.slow
async def test_a_bash_block_from_an_endpoint_that_calls_nothing_is_run(project: Path) -> None:
    run, model = await worked(project, "```bash\nsed -i 's/a - b/a + b/' calc.py; cat calc.py\n```", "DONE")

    assert "return a + b" in told(model, 2)
    assert model.requests[1].form is None
    assert run.status == "solved"


@pytest.mark.slow
async def test_a_run_in_text_goes_on_in_text(project: Path) -> None:
    log = MemoryLog()
    settings = SETTINGS.model_copy(update={"budget": Budget(max_calls=1)})
    stopped, first = await worked(project, "```bash\ncat calc.py\n```", settings=settings, log=log)
    model = Scripted([EDIT], name="scripted/dialogue")

    run = await resume(stopped.run_id, log=log, model=model, budget=Budget(max_calls=10))

    assert model.requests[0].form is None
    assert "return a - b" in told(model, 1)
    assert run.status == "solved"
    assert first.requests[0].messages[1] == model.requests[0].messages[1]


@pytest.mark.slow
async def test_a_fence_is_not_run_where_tools_are_called(project: Path) -> None:
    run, model = await worked(project, bash("ls"), "Run it:\n```bash\ntouch new.py\n```", EDIT)

    assert not (project / "new.py").exists()
    assert model.requests[2].form is not None
    assert run.status == "solved"


@pytest.mark.slow
async def test_a_fence_of_a_fallback_that_calls_nothing_is_run_though_another_model_has_called_tools(
    project: Path,
) -> None:
    fence = "```bash\nsed -i 's/a - b/a + b/' calc.py; cat calc.py\n```"
    run, model = await worked(project, bash("ls"), Answer(text=fence, model="other", usage=Usage()), "DONE")

    assert "return a + b" in told(model, 3)
    assert model.requests[2].form is None
    assert run.status == "solved"


@pytest.mark.slow
async def test_a_dialogue_that_outgrows_its_context_is_folded_in_one_step(project: Path) -> None:
    long = [bash(f"seq {start} 3000") for start in range(8)]
    model = Scripted([*long, EDIT], abilities=Abilities(context=24_000))
    log = MemoryLog()
    task = Task(prompt="Mend add.", workspace=project, test_command=UNITTEST)

    run = await solve(task, model=model, settings=SETTINGS, log=log)

    pairs = zip(model.requests, model.requests[1:], strict=False)
    breaks = [now for before, now in pairs if now.messages[: len(before.messages)] != before.messages]
    folds = [event for event in await log.read(run.run_id) if event.type == "context.folded"]
    assert run.status == "solved"
    assert len(breaks) == len(folds) >= 1
    assert all(request.messages[:2] == model.requests[0].messages[:2] for request in model.requests)


@pytest.mark.slow
async def test_an_answer_to_a_question_is_its_result_word_for_word(project: Path) -> None:
    log = MemoryLog()
    waiting_run, _ = await worked(project, [call("ask", question="Ints or floats?")], log=log)
    model = Scripted([EDIT], name="scripted/dialogue")

    await resume(waiting_run.run_id, log=log, model=model, answer="ints, please", budget=Budget(max_calls=10))

    assert told(model, 1) == "ints, please"


async def test_a_question_ends_the_run_with_its_words(project: Path) -> None:
    run, _ = await worked(project, [call("ask", question="Ints or floats?", options=["ints", "floats"])])

    assert (run.status, run.exit_code) == ("waiting", 9)
    assert "Ints or floats?" in run.reason


class Thoughtful(Scripted):
    """Answers once the session has opened, as any model does that takes its time."""

    async def answer(self, messages: Sequence[ChatMessage], **asking: Any) -> Answer:
        """The next answer."""
        opening = [one for one in asyncio.all_tasks() if "Workbench.session" in repr(one.get_coro())]
        await asyncio.gather(*opening)
        return await super().answer(messages, **asking)


@pytest.mark.slow
async def test_edits_that_come_while_the_session_opens_are_in_it(project: Path) -> None:
    worse = EDIT.replace("    return a + b", "    return a * b")
    run, model = await worked(project, worse, bash("cat calc.py"), EDIT.replace("a - b", "a * b"))

    assert "return a * b" in told(model, 3)
    assert run.status == "solved"


@pytest.mark.slow
@pytest.mark.parametrize("kind", [Scripted, Thoughtful])
async def test_a_run_that_was_cut_off_goes_on_without_repeating_a_call(
    project: Path, kind: type[Scripted]
) -> None:
    log = MemoryLog()
    settings = SETTINGS.model_copy(update={"budget": Budget(max_calls=2)})
    commands = (bash("echo 1 > one.txt"), bash("sed -i 's/a - b/b - a/' calc.py"))
    stopped, _ = await worked(project, *commands, settings=settings, log=log)
    mend = bash("cat one.txt calc.py; git diff; sed -i 's/b - a/a + b/' calc.py")
    model = kind([mend, DONE], name="scripted/dialogue")

    run = await resume(stopped.run_id, log=log, model=model, budget=Budget(max_calls=10))

    assert stopped.status == "limit"
    assert "The session was restarted" in told(model, 2)
    assert "1\ndef add(a, b):\n    return b - a" in told(model, 2)
    assert "-    return a - b\n+    return b - a" in told(model, 2)
    assert run.status == "solved"
    assert fold_all(await log.read(run.run_id)).spend.calls == 4


@pytest.mark.slow
async def test_a_run_goes_on_where_a_file_of_its_own_has_become_a_folder(project: Path) -> None:
    log, settings = MemoryLog(), SETTINGS.model_copy(update={"budget": Budget(max_calls=2)})
    switch = bash("rm note; mkdir note; echo inner > note/part.txt")
    stopped, _ = await worked(project, bash("echo file > note"), switch, settings=settings, log=log)
    model = Scripted([bash("cat note/part.txt"), EDIT], name="scripted/dialogue")

    await resume(stopped.run_id, log=log, model=model, budget=Budget(max_calls=10))

    assert "inner" in told(model, 2)


GREEN = TEST.replace("add(1, 2), 3", "add(0, 0), 0")
CHECK = "python -c 'from calc import add; assert add(1, 2) == 3'"


@pytest.mark.slow
async def test_what_nothing_shows_is_remarked_once_and_then_ends_the_run(project: Path) -> None:
    (project / "test_calc.py").write_text(GREEN)

    run, model = await worked(project, EDIT, DONE)

    assert "nothing shows that the task is done" in told(model, 2)
    limit_s = re.search(r"runs there for more than (\d+) s, or for 10 s more", told(model, 2))
    assert limit_s is not None
    assert int(limit_s[1]) >= 15
    assert (run.status, run.exit_code, run.calls) == ("unverified", 8, 2)


@pytest.mark.slow
async def test_a_check_that_fails_before_and_succeeds_after_is_evidence(project: Path) -> None:
    (project / "test_calc.py").write_text(GREEN)

    run, _ = await worked(project, EDIT, [call("done", summary="It adds.", check=CHECK)])

    assert (run.status, run.verified, run.calls) == ("solved", "reproduced", 2)
    assert (project / "calc.py").read_text() == RIGHT


@pytest.mark.slow
async def test_a_new_test_of_the_session_is_evidence_and_lands(project: Path) -> None:
    (project / "test_calc.py").write_text(GREEN)
    test = TEST.replace("test_add", "test_sum").replace("\n", "\\n")
    command = f"sed -i 's/a - b/a + b/' calc.py; printf '{test}' > test_sum.py; python -m pytest -q"

    run, model = await worked(project, bash(command), DONE)

    assert "2 passed" in told(model, 2)
    assert (run.status, run.verified) == ("solved", "reproduced")
    assert (project / "test_sum.py").exists()


@pytest.mark.slow
async def test_at_a_limit_the_tree_as_it_stands_is_tried(project: Path) -> None:
    settings = SETTINGS.model_copy(update={"budget": Budget(max_calls=1)})

    solved, _ = await worked(project, bash("sed -i 's/a - b/a + b/' calc.py"), settings=settings)

    assert (solved.status, solved.calls) == ("solved", 1)
    assert (project / "calc.py").read_text() == RIGHT


@pytest.mark.slow
async def test_at_a_limit_a_tree_that_fails_is_kept_where_that_was_asked_for(project: Path) -> None:
    settings = SETTINGS.model_copy(update={"budget": Budget(max_calls=1), "keep": True})

    run, _ = await worked(project, bash("sed -i 's/a - b/a * b/' calc.py"), settings=settings)

    assert run.status == "limit"
    assert "a * b" in (project / "calc.py").read_text()


@pytest.mark.slow
async def test_what_tools_leave_behind_and_git_ignores_lands_nowhere(project: Path) -> None:
    (project / ".gitignore").write_text("build/\n*.tmp\n")
    (project / "kept.tmp").write_text("1\n")
    commands = "mkdir build deep; touch build/x a.tmp deep/b.tmp; echo 2 > kept.tmp"

    run, _ = await worked(
        project, bash(f"sed -i 's/a - b/a + b/' calc.py; python -m pytest -q; {commands}"), DONE
    )

    assert run.status == "solved"
    assert set(run.files) == {"calc.py", "kept.tmp"}


@pytest.mark.slow
async def test_a_function_of_the_callers_is_a_tool(project: Path) -> None:
    items: list[str] = []

    def price(item: str) -> float:
        """Price of an item, in US dollars."""
        items.append(item)
        return 1.5

    model, log = Scripted([[call("price", item="pear")], EDIT]), MemoryLog()
    task = Task(prompt="Mend add.", workspace=project, test_command=UNITTEST)

    run = await solve(task, model=model, settings=SETTINGS, log=log, tools=[price])

    called = next(event.body for event in await log.read(run.run_id) if event.type == "tool.called")
    assert (items, told(model, 2), called["effect"]) == (["pear"], "1.5", True)
    assert run.status == "solved"


@pytest.mark.slow
@pytest.mark.usefixtures("allowed_host")
async def test_a_model_acts_inside_the_container_around_it(project: Path) -> None:
    settings = SETTINGS.model_copy(update={"sandbox": "container", "python": str(SYSTEM_PYTHON)})
    task = Task(
        prompt="Mend add.", workspace=project, checks=("from calc import add; assert add(1, 2) == 3",)
    )

    run = await solve(task, model=Scripted([EDIT, DONE]), settings=settings, log=MemoryLog())

    assert (run.status, run.strength) == ("solved", "inside")


async def test_a_model_is_told_the_file_that_the_checks_import() -> None:
    task = Task(prompt="Write fib(n), the n-th Fibonacci number.", checks=("assert fib(10) == 55",))
    fib = "def fib(n):\n    a, b = 0, 1\n    for _ in range(n):\n        a, b = b, a + b\n    return a\n"
    model = Scripted([[call("edit", path="solution.py", new=fib)], DONE])

    run = await solve(task, model=model, settings=SETTINGS, log=MemoryLog())

    request_text = model.requests[0].messages[-1].content
    assert request_text.endswith("Write the file `solution.py`. It must define `fib`.")
    assert "0 files" not in request_text
    assert (run.status, run.files) == ("solved", {"solution.py": fib})


async def test_a_change_of_given_tests_alone_shows_nothing_where_checks_decide(project: Path) -> None:
    task = Task(
        prompt="Mend add.", workspace=project, checks=("from calc import add; assert add(0, 0) == 0",)
    )
    weaker = bash("echo 'def test_add(): pass' > test_calc.py")

    run = await solve(task, model=Scripted([weaker, DONE, DONE]), settings=SETTINGS, log=MemoryLog())

    assert (run.status, run.verified, run.landed) == ("unverified", "none", ())


@pytest.mark.slow
async def test_an_endpoint_without_tools_goes_on_in_text_with_what_another_began(project: Path) -> None:
    model = Toolless([bash("ls"), EDIT], after=1)

    run = await solve(
        Task(prompt="Mend add.", workspace=project, test_command=UNITTEST),
        model=model, settings=SETTINGS, log=MemoryLog(),
    )  # fmt: skip

    assert (run.status, model.refused) == ("solved", 1)


@pytest.mark.slow
async def test_the_log_and_the_screen_say_why_a_run_goes_on_in_text(project: Path) -> None:
    log, task = MemoryLog(), Task(prompt="Mend add.", workspace=project, test_command=UNITTEST)

    run = await solve(task, model=Toolless([EDIT]), settings=SETTINGS, log=log)

    lines = [render.progress(parse(event)) for event in await log.read(run.run_id)]
    folds = [line for line in lines if line is not None and "from its text" in line]
    assert folds == ["  ! toy takes no tools (HTTP 400). Its calls are read from its text from now on"]


@pytest.mark.slow
async def test_a_model_that_has_called_tools_is_never_spoken_to_in_text_also_after_a_resume(
    project: Path,
) -> None:
    ls = {"index": 0, **tool_call("bash", command="ls")}
    listing = {**chunk({"tool_calls": [ls]}, finish="tool_calls"), "model": "toy-of-today"}
    refusal = error(400, "toy does not support tools")
    log, task = MemoryLog(), Task(prompt="Mend add.", workspace=project, test_command=UNITTEST)
    settings = SETTINGS.model_copy(update={"budget": Budget(max_calls=1)})

    with faulty_endpoint(streams(listing, "[DONE]"), refusal) as server:
        async with ChatModel(endpoint_of(server), patience=QUICK) as model:
            stopped = await solve(task, model=model, settings=settings, log=log)
        async with ChatModel(endpoint_of(server), patience=QUICK) as model:
            run = await resume(stopped.run_id, log=log, model=model, budget=Budget(max_calls=10))

    assert run.status == "error"
    assert "refused the request" in run.reason
    assert all("tools" in request.body for request in server.requests)


@pytest.mark.slow
@pytest.mark.parametrize(("read", "status"), [(2048, "error"), (9000, "solved"), (7, "solved")])
async def test_a_server_that_leaves_out_half_of_the_first_request_is_told_from_others(
    project: Path, read: int, status: str
) -> None:
    usage = Usage(input_tokens=read, output_tokens=3)
    model = Scripted([Answer(text=EDIT, model="toy", usage=usage)])
    words = "Mend add. " + "Name things by what they are.\n" * 600
    task = Task(prompt=words, workspace=project, test_command=UNITTEST)

    run = await solve(task, model=model, settings=SETTINGS, log=MemoryLog())

    assert run.status == status
    assert ("OLLAMA_CONTEXT_LENGTH" in run.reason) == (status == "error")


@pytest.mark.slow
async def test_a_file_that_a_model_makes_a_folder_lands(project: Path) -> None:
    (project / "data").write_text("old\n")
    (project / "names").mkdir()
    (project / "names/list").write_text("a\n")

    run, _ = await worked(
        project,
        bash("sed -i 's/-/+/' calc.py; rm -r data names; mkdir data; echo new >data/new; echo b >names"),
        DONE,
    )

    assert (run.status, run.left_out) == ("solved", {}), run.reason
    assert ((project / "data/new").read_text(), (project / "names").read_text()) == ("new\n", "b\n")


async def test_a_session_that_opens_behind_calls_that_were_refused_is_not_said_to_be_a_new_one(
    project: Path,
) -> None:
    broken = [ToolCall(id="c1", name="bash", arguments='{"command": "ls')]
    unknown = [call("nosuch")]
    _, model = await worked(project, broken, unknown, bash("ls"), DONE)

    assert "restarted" not in told(model, 3)
