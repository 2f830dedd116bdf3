"""Runs whose model calls tools of MCP servers: offered, asked about, made once."""

import json
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from coder import Decision, Mcp, Run, Settings, Task
from coder.base.errors import UsageError
from coder.models.chat_completions import ChatModel
from coder.models.model import ToolCall
from coder.models.scripted import Scripted
from coder.run.event_types import CallRetried, ToolAnswered, ToolCalled, parse
from coder.run.questions import Question
from coder.run.watch import Watch
from tests.coder.models.asking import QUICK, endpoint_of
from tests.coder.tools.test_mcp_client import ROUGH
from tests.faulty_endpoint import calls, error, faulty_endpoint, says
from tests.kept_sandboxes import KEPT, resume, solve
from tests.memory_log import MemoryLog
from tests.processes import processes_with
from tests.recorded_runs import RECORDED

pytestmark = [KEPT, RECORDED]

RIGHT = "main.py\n```python\ndef add(a, b):\n    return a + b\n```\n"
TASK = Task(prompt="Write add in main.py.", checks=("from main import add", "assert add(1, 2) == 3"))
ACTS = Settings(strategy="act")


def call(name: str, **arguments: object) -> list[ToolCall]:
    return [ToolCall(id=f"{name:_>9}"[:9], name=name, arguments=json.dumps(arguments))]


def rough(how: str = "", **more: object) -> Mcp:
    return Mcp("it", command=(sys.executable, str(ROUGH), how), **more)  # type: ignore[arg-type]


class Noted(Watch):
    """Keeps the notes."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)


async def worked(
    answers: Sequence[str | list[ToolCall]],
    *servers: Mcp,
    settings: Settings = ACTS,
    log: MemoryLog | None = None,
    watch: Watch | None = None,
) -> tuple[Run, Scripted]:
    model = Scripted(answers)
    options = {"settings": settings, "watch": watch, "log": log or MemoryLog()}
    return await solve(TASK, model=model, tools=servers, **options), model  # type: ignore[misc]


def told(model: Scripted) -> list[str]:
    """What the model was told last in each request but the first."""
    return [request.messages[-1].content for request in model.requests[1:]]


@pytest.mark.slow
async def test_a_model_calls_a_tool_of_a_server_and_the_server_ends_with_the_run() -> None:
    run, model = await worked([call("it_say", text="3"), RIGHT], rough("ended"))

    assert run.status == "solved"
    assert told(model)[0].startswith("3")
    form = model.requests[0].form
    assert form is not None
    (spec,) = [tool for tool in form.tools if tool.name == "it_say"]
    assert (spec.description, spec.parameters["required"]) == ("say it", ["text"])
    assert processes_with(f"{ROUGH}\0ended") == []


@pytest.mark.slow
async def test_a_tool_that_vanished_and_one_that_is_none_are_errors_for_the_model() -> None:
    answers = [call("it_grow"), call("it_say", text="?"), call("it_grown"), RIGHT]
    run, model = await worked(answers, rough())

    assert run.status == "solved"
    assert told(model)[1].startswith("error: The MCP server it has no tool say any more")
    assert "There is no tool 'it_grown'" in told(model)[2]


async def test_a_server_that_does_not_start_or_dies_leaves_the_others() -> None:
    watch = Noted()
    other = Mcp("other", command=(sys.executable, str(ROUGH)))
    answers = [call("it_say", text="?"), call("other_die"), call("other_say", text="?"), RIGHT]
    run, model = await worked(answers, rough("exit"), other, watch=watch)

    assert run.status == "solved"
    assert "There is no tool 'it_say'" in told(model)[0]
    assert told(model)[2].startswith("error: The MCP server other has ended")
    assert [note.split(" ", 3)[2] for note in watch.notes] == ["it", "other"]


async def test_what_is_wrong_with_a_server_is_logged_where_nothing_shows_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.WARNING):
        await worked([RIGHT], rough("exit"))

    assert "MCP server it can't be used" in caplog.text


@pytest.mark.slow
async def test_a_tool_with_an_effect_waits_for_a_person_unless_it_is_allowed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CALLED_LOG", str(tmp_path / "called"))
    log, server = MemoryLog(), rough(env=("CALLED_LOG",))
    waiting, model = await worked([call("it_note", text="a"), RIGHT], server, log=log)
    assert (waiting.status, (tmp_path / "called").exists()) == ("waiting", False)
    assert waiting.question is not None
    assert waiting.question.text == "Call it_note\n    text: a"

    done = await resume(waiting.run_id, model=model, log=log, tools=[server], answer=Decision(decision="yes"))
    allowed, _ = await worked([call("it_note", text="b"), RIGHT], rough(env=("CALLED_LOG",), allow=("note",)))

    assert (done.status, allowed.status) == ("solved", "solved")
    assert (tmp_path / "called").read_text() == 'note {"text": "a"}\nnote {"text": "b"}\n'


class Cut(Exception):
    """The process ends here."""


class CutsAtTheAnswer(MemoryLog):
    """A log that fails when the answer of a call is to be written."""

    is_broken = True

    async def append(self, *given: object, **more: object) -> object:
        bodies = [event for one in given if isinstance(one, list | tuple) for event in one]
        if self.is_broken and any(getattr(body, "type", "") == ToolAnswered.type for body in bodies):
            raise Cut
        return await super().append(*given, **more)  # type: ignore[arg-type]


@pytest.mark.slow
async def test_an_effect_of_which_the_answer_was_lost_is_made_again_only_by_a_person(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CALLED_LOG", str(tmp_path / "called"))
    log, server = CutsAtTheAnswer(), rough(env=("CALLED_LOG",), allow=("note",))
    model = Scripted([call("it_note", text="a"), RIGHT])
    with pytest.raises(Cut):
        await solve(TASK, model=model, tools=[server], settings=ACTS, log=log)
    log.is_broken = False
    run = (await log.runs())[0].run
    events = [parse(event) for event in await log.read(run)]
    assert any(isinstance(body, ToolCalled) and body.effect for body in events)

    waiting = await resume(run, model=model, log=log, tools=[server])
    done = await resume(run, model=model, log=log, tools=[server], answer=Decision(decision="no"))

    assert isinstance(waiting.question, Question)
    assert "it may have had its effect or not" in waiting.question.text
    assert done.status == "solved"
    assert (tmp_path / "called").read_text() == 'note {"text": "a"}\n'
    assert "cut off" in told(model)[0]


async def test_a_required_server_needs_the_extra_and_any_other_is_left_out_without(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("mcp", "coder.tools.mcp_transport"):
        monkeypatch.setitem(sys.modules, name, None)  # as where it isn't installed
    watch = Noted()
    with pytest.raises(UsageError, match=r"pip install -e '.*\[mcp\]'"):
        await worked([RIGHT], rough())
    run, _ = await worked([RIGHT], rough(required=False), watch=watch)

    assert run.status == "solved"
    assert "MCP server it can't be used" in watch.notes[0]


@pytest.mark.slow
async def test_servers_are_refused_by_a_strategy_that_calls_no_tools_unless_they_are_not_required() -> None:
    repair = Settings(strategy="repair")
    with pytest.raises(UsageError, match="--strategy repair calls none"):
        await worked([RIGHT], rough(), settings=repair)
    run, _ = await worked([RIGHT], rough(required=False), settings=repair)

    assert run.status == "solved"


async def test_a_tool_whose_schema_the_endpoint_refuses_leaves_the_others_and_the_person_is_told_once() -> (
    None
):
    log = MemoryLog()
    refusal = error(400, "Invalid schema for function 'it_note': array schema missing items.")
    script = [refusal, calls("it_say", text="3"), says(RIGHT)]

    with faulty_endpoint(*script) as server:
        async with ChatModel(endpoint_of(server), patience=QUICK) as model:
            run = await solve(TASK, model=model, tools=[rough()], settings=ACTS, log=log)

    sent_names = [{tool["function"]["name"] for tool in request.body["tools"]} for request in server.requests]
    assert run.status == "solved"
    assert sent_names[0] - sent_names[1] == {"it_note"}
    assert sent_names[1] == sent_names[2] >= {"it_say", "edit", "bash"}
    retries = [body for event in await log.read(run.run_id) if isinstance(body := parse(event), CallRetried)]
    assert [retry.reason.split(" (")[0] for retry in retries] == [
        "toy/toy refuses the tool it_note, which is left out from now on"
    ]
