"""`solve`, `fix`, `run_status` and `approve`: the runs of the command line, for any client."""

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from mcp import MCPError
from mcp_types import ElicitRequestFormParams, ElicitRequestParams, ElicitResult

from tests.coder.people.cli.test_solve import ADD, SUBTRACT, TASK, code
from tests.coder.platform.mcp_server.served import ERAS, Served, document, words
from tests.coder.show.traces.receiver import receiver
from tests.faulty_endpoint import FaultyEndpoint, calls, faulty_endpoint, says
from tests.processes import processes_with, wait_until

CHECKS = ["assert add(2, 3) == 5"]
TEST = """
import unittest
from solution import add

class Adds(unittest.TestCase):
    def test_adds(self): self.assertEqual(add(2, 3), 5)
"""


@pytest.fixture
def folder(served: Served) -> Path:
    path = served.root / "project"
    path.mkdir()
    return path


@pytest.fixture
def endpoint(served: Served) -> Iterator[FaultyEndpoint]:
    """It answers with code that adds."""
    with faulty_endpoint(says(code(ADD))) as opened:
        served.configure(base_url=opened.url, model="toy", strategy="repair")
        yield opened


@pytest.fixture
def _repaired(served: Served) -> Iterator[None]:
    """The model answers with code that adds, after code that subtracts."""
    with faulty_endpoint(says(code(SUBTRACT)), says(code(ADD))) as opened:
        served.configure(base_url=opened.url, model="toy", strategy="repair")
        yield


@pytest.mark.slow
@pytest.mark.usefixtures("_repaired")
@pytest.mark.parametrize("era", ERAS)
async def test_solve_gives_the_document_of_the_command_and_tells_of_each_event(
    served: Served, folder: Path, era: str
) -> None:
    messages: list[str | None] = []

    async def tell(progress: float, total: float | None, message: str | None) -> None:
        assert (progress, total) == (len(messages) + 1, None)
        messages.append(message)

    async with served.over_stdio(mode=era) as client:
        arguments = {"prompt": TASK, "path": "project", "checks": CHECKS}
        run = document(await client.call_tool("solve", arguments, progress_callback=tell))
        status = document(await client.call_tool("run_status", {"run": run["run_id"]}))

    assert (run["status"], run["verified"], run["exit_code"]) == ("solved", "checks", 0)
    assert (folder / "solution.py").read_text() == ADD
    assert messages[0] == f"run {run['run_id']}"
    assert any("expected 5, got -1" in str(line) for line in messages)
    assert "✓ 1 of 1 passed" in messages
    assert status == run
    resumed_run = json.loads(served.console.run("resume", run["run_id"], "--json").out)
    assert resumed_run.keys() == run.keys()


@pytest.mark.slow
async def test_without_a_path_the_code_is_in_the_result(served: Served, endpoint: FaultyEndpoint) -> None:
    async with served.over_stdio() as client:
        run = document(await client.call_tool("solve", {"prompt": TASK, "checks": CHECKS}))

    assert run["files"] == {"solution.py": ADD}
    assert [*served.root.iterdir()] == []


@pytest.mark.slow
async def test_a_run_for_a_client_is_traced(served: Served, endpoint: FaultyEndpoint) -> None:
    with receiver() as collector:
        async with served.over_stdio(CODER_OTLP=collector.url) as client:
            run = document(await client.call_tool("solve", {"prompt": TASK, "checks": CHECKS}))

    assert run["status"] == "solved"
    assert sum(span.name.startswith("chat") for span in collector.spans) == run["calls"]
    assert set(collector.sums("gen_ai.client.token.usage")) == {"input", "output"}


@pytest.mark.slow
async def test_fix_makes_a_command_pass(served: Served, endpoint: FaultyEndpoint, folder: Path) -> None:
    (folder / "solution.py").write_text(SUBTRACT)
    (folder / "test_add.py").write_text(TEST)
    command = "python3 -m unittest -q"
    async with served.over_stdio() as client:
        run = document(await client.call_tool("fix", {"path": "project", "command": command}))

    assert (run["status"], run["landed"]) == ("solved", ["solution.py"]), run
    assert (folder / "solution.py").read_text() == ADD


@pytest.mark.slow
async def test_without_a_command_the_one_that_the_operator_gave_last_for_the_folder_must_pass(
    served: Served, endpoint: FaultyEndpoint, folder: Path
) -> None:
    (folder / "solution.py").write_text(ADD)
    (folder / "test_add.py").write_text(TEST)
    served.console.run("fix", ".", "--test", "python3 -m unittest -q", cwd=folder)
    (folder / "solution.py").write_text(SUBTRACT)

    async with served.over_stdio() as client:
        run = document(await client.call_tool("fix", {"path": "project"}))

    assert (run["status"], run["test_command"]) == ("solved", "python3 -m unittest -q"), run
    assert run["test_command_from"] == "an earlier --test"


@pytest.mark.slow
async def test_a_new_test_alone_does_not_show_that_a_task_is_done(
    served: Served, endpoint: FaultyEndpoint
) -> None:
    async with served.over_stdio() as client:
        run = document(await client.call_tool("solve", {"prompt": TASK, "checks": CHECKS}))

    events = json.loads(served.console.run("show", run["run_id"], "--json").out)
    assert events[0]["body"]["settings"]["require"] == "tests"


@pytest.mark.slow
@pytest.mark.parametrize("era", ERAS)
async def test_a_cancelled_request_interrupts_its_run_and_leaves_no_sandbox(
    served: Served, endpoint: FaultyEndpoint, folder: Path, era: str
) -> None:
    messages = asyncio.Queue[str]()
    tag = f"4{time.monotonic_ns()}"

    async def tell(progress: float, total: float | None, message: str | None) -> None:
        messages.put_nowait(str(message))

    async def until(claim: Callable[[], bool]) -> bool:
        return await asyncio.to_thread(wait_until, claim)

    async with served.over_stdio(mode=era) as client:
        arguments = {"path": "project", "command": f"sleep {tag}"}
        call = asyncio.create_task(client.call_tool("fix", arguments, progress_callback=tell))
        run = (await messages.get()).removeprefix("run ")
        assert await until(lambda: bool(processes_with(tag)))
        status = document(await client.call_tool("run_status", {"run": run}))
        assert (status["status"], "coder stop" in status["reason"]) == ("running", True)
        early = words(await client.call_tool("approve", {"run": run}))
        assert early.startswith("Error executing tool approve: It has asked nothing yet. Process ")
        call.cancel()
        assert await until(lambda: not processes_with(tag))
        async with asyncio.timeout(300):
            while status["status"] == "running":  # it ends in the log a moment after its programs
                await asyncio.sleep(0.05)
                status = document(await client.call_tool("run_status", {"run": run}))
    assert status["status"] == "interrupted"
    assert await asyncio.to_thread(wait_until, lambda: "\n" in served.said.read_text())
    assert served.said.read_text() == f"Interrupted and saved. Go on with: coder resume {run}\n"


@pytest.mark.slow
@pytest.mark.parametrize("era", ERAS)
async def test_a_client_that_goes_away_ends_its_run_and_the_server(
    served: Served, endpoint: FaultyEndpoint, folder: Path, era: str
) -> None:
    tag = f"4{time.monotonic_ns()}"
    async with served.over_stdio(mode=era) as client:
        arguments = {"path": "project", "command": f"sleep {tag}"}
        call = asyncio.create_task(client.call_tool("fix", arguments))
        assert await asyncio.to_thread(wait_until, lambda: bool(processes_with(tag)))
    with pytest.raises(MCPError):
        await call
    assert await asyncio.to_thread(wait_until, lambda: not processes_with(tag))
    assert await asyncio.to_thread(wait_until, lambda: "\n" in served.said.read_text())
    (line,) = served.said.read_text().splitlines()
    assert line.startswith("Interrupted and saved. Go on with: coder resume run_")


class Person:
    """Whoever sits at a client: gives these answers, and sees what is asked."""

    def __init__(self, *answers: ElicitResult) -> None:
        self.answers = [*answers]
        self.asked: list[ElicitRequestFormParams] = []

    async def __call__(self, context: object, asked: ElicitRequestParams) -> ElicitResult:
        assert isinstance(asked, ElicitRequestFormParams)
        self.asked.append(asked)
        return self.answers.pop(0)


YES = ElicitResult(action="accept", content={"decision": "yes"})
LANDING = {"prompt": TASK, "path": "project", "checks": CHECKS, "approve": ["landing"]}


@pytest.mark.slow
@pytest.mark.parametrize("era", ERAS)
async def test_a_landing_is_approved_by_a_form(
    served: Served, endpoint: FaultyEndpoint, folder: Path, era: str
) -> None:
    person, progress_values = Person(YES), list[float]()

    async def tell(progress: float, total: float | None, message: str | None) -> None:
        progress_values.append(progress)

    async with served.over_stdio(mode=era, elicitation_callback=person) as client:
        run = document(await client.call_tool("solve", LANDING, progress_callback=tell))

    assert (run["status"], run["landed"], len(endpoint.requests)) == ("solved", ["solution.py"], 1)
    (form,) = person.asked
    assert era != "legacy" or progress_values == [*range(1, len(progress_values) + 1)]
    assert form.message.startswith("Change solution.py?")
    assert "+    return a + b" in form.message
    assert form.requested_schema["properties"]["decision"]["enum"] == ["yes", "no"]
    log = json.loads(served.console.run("show", run["run_id"], "--json").out)
    (answer,) = [event["body"] for event in log if event["type"] == "question.answered"]
    assert (answer["decision"], answer["how"], answer["who"]) == ("yes", "mcp", "mcp")


@pytest.mark.slow
@pytest.mark.parametrize("era", ERAS)
async def test_a_form_that_says_no_or_nothing_writes_nothing(
    served: Served, endpoint: FaultyEndpoint, folder: Path, era: str
) -> None:
    declined, dismissed = ElicitResult(action="decline"), ElicitResult(action="cancel")
    no, perhaps = (ElicitResult(action="accept", content={"decision": word}) for word in ("no", "perhaps"))
    person = Person(declined, no, dismissed, perhaps)
    async with served.over_stdio(mode=era, elicitation_callback=person) as client:
        runs = [document(await client.call_tool("solve", LANDING)) for _ in range(4)]

    assert [run["status"] for run in runs] == ["refused", "refused", "waiting", "waiting"]
    assert [*folder.iterdir()] == []


@pytest.mark.slow
@pytest.mark.parametrize("era", ERAS)
async def test_a_user_who_can_be_asked_is_asked_before_a_file_is_overwritten(
    served: Served, endpoint: FaultyEndpoint, folder: Path, era: str
) -> None:
    (folder / "solution.py").write_text(SUBTRACT)
    person = Person(YES)
    async with served.over_stdio(mode=era, elicitation_callback=person) as client:
        run = document(await client.call_tool("solve", LANDING | {"approve": []}))

    assert (run["status"], run["landed"]) == ("solved", ["solution.py"])
    assert [form.message.partition("\n")[0] for form in person.asked] == ["Change solution.py?"]


@pytest.mark.slow
@pytest.mark.parametrize("era", ERAS)
async def test_a_no_with_words_is_told_to_the_model(
    served: Served, endpoint: FaultyEndpoint, folder: Path, era: str
) -> None:
    no = ElicitResult(action="accept", content={"decision": "no", "words": "say hello, too"})
    person = Person(no, YES)
    async with served.over_stdio(mode=era, elicitation_callback=person) as client:
        await client.call_tool("solve", LANDING)

    assert "say hello, too" in str(endpoint.requests[1])


@pytest.mark.slow
@pytest.mark.parametrize("era", ERAS)
async def test_without_forms_a_run_waits_and_approve_ends_it(
    served: Served, endpoint: FaultyEndpoint, folder: Path, era: str
) -> None:
    async with served.over_stdio(mode=era) as client:
        run = document(await client.call_tool("solve", LANDING))
        assert (run["status"], run["exit_code"], run["question"]["about"]) == ("waiting", 9, "landing")
        assert [*folder.iterdir()] == []
        assert document(await client.call_tool("run_status", {"run": run["run_id"]})) == run
        ended = document(await client.call_tool("approve", {"run": run["run_id"]}))
        again = words(await client.call_tool("approve", {"run": run["run_id"]}))

    assert (ended["status"], ended["run_id"]) == ("solved", run["run_id"])
    assert (folder / "solution.py").read_text() == ADD
    assert len(endpoint.requests) == 1
    assert "answered already by mcp" in again


@pytest.mark.slow
async def test_a_request_that_is_cancelled_while_its_form_is_open_can_be_approved_later(
    served: Served, endpoint: FaultyEndpoint, folder: Path
) -> None:
    form_event = asyncio.Event()
    messages: list[str | None] = []

    async def tell(progress: float, total: float | None, message: str | None) -> None:
        messages.append(message)

    async def never(context: object, asked: ElicitRequestParams) -> ElicitResult:
        form_event.set()
        await asyncio.Event().wait()
        raise AssertionError("nobody sets it")

    async with served.over_stdio(mode="legacy", elicitation_callback=never) as client:
        call = asyncio.create_task(client.call_tool("solve", LANDING, progress_callback=tell))
        await form_event.wait()
        call.cancel()
        run = str(messages[0]).removeprefix("run ")
        ended = document(await client.call_tool("approve", {"run": run}))

    assert (ended["status"], ended["landed"]) == ("solved", ["solution.py"])
    assert len(endpoint.requests) == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ({"decision": "blanks"}, "blanks"),
        ({"words": "2"}, "blanks"),
        ({"words": "both \x1b[1mof them"}, "both"),
        ({}, None),
    ],
)
async def test_a_model_s_own_question_is_answered_by_approve(
    served: Served, answer: dict[str, str], told: str | None
) -> None:
    asks = calls("ask", question="Tabs or blanks?", options=["tabs", "blanks"])
    with faulty_endpoint(asks, calls("done", summary="done", check="")) as endpoint:
        served.configure(base_url=endpoint.url, model="toy", strategy="act", max_calls=2)
        async with served.over_stdio() as client:
            run = document(await client.call_tool("solve", {"prompt": TASK}))
            assert (run["status"], run["question"]["options"]) == ("waiting", ["tabs", "blanks"])
            answered = await client.call_tool("approve", {"run": run["run_id"], **answer})
        if told is None:
            assert "The answer is empty" in words(answered)
            return
        assert told in str(endpoint.requests[1].body["messages"][-1])


@pytest.mark.slow
async def test_a_model_s_own_question_is_answered_by_a_form(served: Served) -> None:
    asks = calls("ask", question="Tabs or \x1b[31mblanks?", options=["tabs", "blanks"])
    done = calls("done", summary="done", check="")
    with faulty_endpoint(asks, done) as endpoint:
        served.configure(base_url=endpoint.url, model="toy", strategy="act", max_calls=2)
        person = Person(ElicitResult(action="accept", content={"decision": "blanks"}))
        async with served.over_stdio(elicitation_callback=person) as client:
            await client.call_tool("solve", {"prompt": TASK})
        (form,) = person.asked
        assert form.message == "Tabs or blanks?"
        assert form.requested_schema["properties"]["decision"]["enum"] == ["tabs", "blanks"]
        assert "blanks" in str(endpoint.requests[1].body["messages"][-1])
