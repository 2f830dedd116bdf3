"""Traces of runs of a scripted model: tools, teams, attempts, forks; and what a collector may do to a run."""

import json
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from coder.base.errors import UsageError
from coder.base.usage import Usage
from coder.engine.resume import fork
from coder.engine.teams import Member, Panel, RoundRobin
from coder.models.model import Answer
from coder.models.scripted import Scripted
from coder.run.event_types import RunStarted, RunStopped
from coder.run.events import Event
from coder.run.run import Run
from coder.run.settings import Budget, Settings
from coder.run.task import Task
from coder.show.traces import collector
from coder.show.traces.collector import Collector
from coder.show.traces.fold import Trace
from coder.store import open_log
from tests.coder.engine.participants.test_acting import (
    DONE,
    EDIT,
    RIGHT,
    SETTINGS,
    WRONG,
    bash,
    call,
    project,
)
from tests.coder.engine.participants.test_acting_cut import TEST, cut_log
from tests.coder.engine.participants.test_code_mode import ASKS, PAY, YES, Bank, python
from tests.coder.engine.sampling.test_attempts import BREAK, MEND, Several
from tests.kept_sandboxes import KEPT, resume, solve
from tests.memory_log import MemoryLog
from tests.recorded_runs import RECORDED

from .receiver import Handle, receiver
from .test_fold import operation, see_tokens, see_whole, spans_of

pytestmark = [KEPT, RECORDED]

__all__ = ["project"]
CODE = f"```python\n{RIGHT}```"
MINE = "s3cr3t-of-the-environment"


def task_of(folder: Path) -> Task:
    return Task(prompt="Mend add.", workspace=folder, test_command=TEST)


@pytest.mark.slow
async def test_a_session_with_tools_called_by_programs_and_approved_on_a_resume(project: Path) -> None:
    log, bank, used = MemoryLog(), Bank(), Usage(input_tokens=100, output_tokens=7, cached_tokens=60)
    paid = Answer(text="", model="m", tool_calls=tuple(python(PAY)), usage=used)
    model = Scripted([bash("ls"), paid, python(PAY), EDIT, DONE])

    waits = await solve(task_of(project), model=model, settings=ASKS, log=log, tools=[bank.tool])
    run = await resume(waits.run_id, answer=YES, model=model, log=log, tools=[bank.tool])

    events = await log.read(run.run_id)
    spans = spans_of(events)
    see_whole(events, spans)
    see_tokens(events, spans)
    assert (waits.status, run.status, bank.paid) == ("waiting", "solved", [5])
    outer, inner = ([one for one in spans if one.name == f"execute_tool {name}"] for name in ("bash", "pay"))
    assert inner[0].parent in [one.context for one in outer]
    legs = [one for one in spans if operation(one) == "invoke_workflow"]
    assert [one.parent for one in legs] == [None, legs[0].context]


@pytest.mark.slow
async def test_a_session_that_was_cut_off_anywhere_goes_on_with_its_trace(project: Path) -> None:
    log = MemoryLog()
    whole = await solve(
        task_of(project), model=Scripted([bash("ls"), EDIT, DONE]), settings=SETTINGS, log=log
    )
    events = await log.read(whole.run_id)
    at = next(n for n, event in enumerate(events, 1) if event.type == "tool.called")
    (project / "calc.py").write_text(WRONG)
    rest = await cut_log(events[:at], whole.run_id)

    await resume(whole.run_id, model=Scripted([EDIT, DONE]), log=rest)

    again = await rest.read(whole.run_id)
    see_whole(again, spans_of(again))
    cut = [one.name for one in Trace(whole.run_id).take(again) if (one.attributes or {}).get("coder.cut_off")]
    assert cut == ["execute_tool bash", "invoke_agent coder", "invoke_workflow coder"]


@pytest.mark.parametrize(
    ("team", "answers"),
    [
        (
            RoundRobin((Member("coder"), Member("critic", "Find faults."))),
            [CODE.replace("+", "-"), "Sign.", CODE],
        ),
        (
            Panel((Member("one", "By +."), Member("two", "By sum.")), then=Member("coder")),
            ["Use +.", "Use sum.", CODE],
        ),
    ],
    ids=["in turn", "side by side"],
)
async def test_each_member_of_a_team_has_its_own_turns(team: object, answers: list[str]) -> None:
    log, task = MemoryLog(), Task(prompt="Write add(a, b).", checks=("assert add(2, 3) == 5",))

    run = await solve(task, model=Scripted(answers), settings=Settings(), team=team, log=log)  # type: ignore[arg-type]

    events = await log.read(run.run_id)
    see_whole(events, spans := spans_of(events))
    assert run.status == "solved"
    turns = [one for one in spans if operation(one) == "invoke_agent"]
    assert len(turns) == sum(event.type == "message.spoken" for event in events)


@pytest.mark.slow
async def test_attempts_are_one_trace_below_their_run(project: Path) -> None:
    log, settings = MemoryLog(), Settings(strategy="act", budget=Budget(samples=2))
    model = Several([BREAK, DONE, DONE], [MEND, DONE])

    run = await solve(task_of(project), model=model, settings=settings, log=log)

    runs = (run.run_id, f"{run.run_id}.1", f"{run.run_id}.2")
    spans = [one for each in runs for one in spans_of(await log.read(each))]
    roots = [one for one in spans if one.parent is None]
    assert len(roots) == 1
    assert len({one.context.trace_id for one in spans}) == 1
    starts = [one for one in spans if operation(one) == "invoke_workflow"]
    assert roots[0].context in [one.parent for one in starts]


@pytest.mark.slow
async def test_a_fork_is_a_trace_of_its_own_without_what_it_copied(project: Path) -> None:
    log = MemoryLog()
    first = await solve(
        task_of(project), model=Scripted([bash("ls"), EDIT, DONE]), settings=SETTINGS, log=log
    )
    (project / "calc.py").write_text(WRONG)

    forked = await fork(first.run_id, step=1, model=Scripted([EDIT, DONE]), log=log)

    events = await log.read(forked.run_id)
    begins = next(n for n, event in enumerate(events) if event.type == "run.origin")
    see_whole(events[begins:], spans := spans_of(events))
    see_tokens(events, spans)
    before = {one.context.span_id for one in spans_of(await log.read(first.run_id))}
    assert not before & {one.context.span_id for one in spans}


async def watched(
    folder: Path, url: str, monkeypatch: pytest.MonkeyPatch, *, content: bool = False
) -> tuple[Run, list[str]]:
    """A run that a collector watches, and what was said of it."""
    monkeypatch.setenv("CODER_HOME", str(folder / "home"))
    monkeypatch.setenv("MY_API_TOKEN", MINE)
    notices: list[str] = []
    answers = [f"It is {MINE}.\n```python\nx = 1\n```", CODE]
    task = Task(prompt="Write add(a, b), dear model.", checks=("assert add(2, 3) == 5",))
    with open_log() as log:
        async with Collector(url, notices.append, content=content) as watch:
            run = await solve(
                task, model=Scripted(answers), settings=Settings(strategy="repair"), log=log, watch=watch
            )
    return run, notices


@pytest.mark.slow
async def test_text_and_secrets_stay_here_without_the_flag_and_secrets_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with receiver() as plain, receiver() as full:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-key=abc%20d")
        run, notices = await watched(tmp_path, plain.url, monkeypatch)
        await watched(tmp_path, full.url, monkeypatch, content=True)

    assert (run.status, notices) == ("solved", [])
    assert {headers.get("x-key") for headers in plain.headers} == {"abc d"}
    for text in ("return a + b", "dear model", MINE, "It is"):
        assert text.encode() not in plain.raw
    assert MINE.encode() not in full.raw
    assert b"dear model" in full.raw
    (span, *_) = [one for one in full.spans if one.name.startswith("chat")]
    attributes = {each.key: each.value.string_value for each in span.attributes}
    (said_first, *_) = json.loads(attributes["gen_ai.output.messages"])
    assert said_first["role"] == "assistant"
    assert said_first["parts"][0]["content"].startswith("It is [redacted].")


@pytest.mark.parametrize(
    "url",
    [
        "localhost:4318",
        "ftp://h",
        "http://",
        "http://h/v1/traces?key=k3y",
        "http://h#f",
        "http://[::1",
        "http://h:0",
    ],
)
def test_only_scheme_host_port_and_path_are_an_address(url: str) -> None:
    with pytest.raises(UsageError, match="is no collector's address") as refused:
        Collector(url, print)
    assert "k3y" not in str(refused.value)


@pytest.mark.parametrize("value", ["k3y%0Anext", "k3y%C3%A9", "k3y%00"])
def test_a_header_that_cannot_be_sent_is_refused_before_the_run_without_its_value(
    monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", f"x-ok=1,x-key={value}")

    with pytest.raises(UsageError, match="header 2 of OTEL_EXPORTER_OTLP_HEADERS") as refused:
        Collector("http://localhost:4318", print)

    assert "k3y" not in str(refused.value)


@pytest.mark.slow
async def test_each_process_and_the_environment_name_what_reports_and_no_bad_pair_is_quoted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("OTEL_SERVICE_NAME", "nightly")
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=ci,b4d-resource")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-key=k3y,b4d-pair")
    with receiver() as endpoint:
        for _ in range(2):
            run, notices = await watched(tmp_path, endpoint.url, monkeypatch)

    metrics = [ExportMetricsServiceRequest.FromString(body) for body in endpoint.bodies["/v1/metrics"]]
    resources = [
        {each.key: each.value.string_value for each in one.resource_metrics[0].resource.attributes}
        for one in metrics
    ]
    assert len({one.pop("service.instance.id") for one in resources}) == 2
    assert resources == [{"service.name": "nightly", "deployment.environment.name": "ci"}] * 2
    assert all(name in str(endpoint.resources) for name in ("nightly", run.run_id))
    assert (notices, "b4d" in caplog.text) == ([], False)


def test_a_run_that_failed_has_its_exit_code_as_the_type_of_its_error() -> None:
    stopped = RunStopped(status="error", reason="no answer", exit_code=5, error="no answer")
    begun = RunStarted(task=Task(prompt="x"), settings=Settings(), model="m")
    drafts = [body.draft() for body in (begun, stopped)]
    events = [
        Event(run="run_a", seq=seq, time=1.0, type=one.type, body=one.body)
        for seq, one in enumerate(drafts, 1)
    ]

    spans = Trace("run_a").take(events)

    assert [dict(one.attributes or {})["error.type"] for one in spans] == ["5"]


def refuse(request: BaseHTTPRequestHandler) -> None:
    request.send_error(503, "no\x1b[31m")


def redirect(request: BaseHTTPRequestHandler) -> None:
    request.send_response(302)
    request.send_header("location", "http://127.0.0.1:1/elsewhere")
    request.end_headers()


def hang(request: BaseHTTPRequestHandler) -> None:
    """Wait until the client goes away."""
    request.rfile.read()


def pour(request: BaseHTTPRequestHandler) -> None:
    """Answer without an end."""
    request.send_response(200)
    request.end_headers()
    try:
        while True:
            request.wfile.write(b"x" * 65536)
    except OSError:
        pass


@pytest.mark.parametrize("handle", [refuse, redirect, hang, pour])
async def test_a_collector_that_fails_is_said_once_and_harms_no_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, handle: Handle
) -> None:
    monkeypatch.setattr(collector, "AT_END_S", 0.5)
    monkeypatch.setattr(collector, "SLOW_S", 1000)  # longer than a test may take
    monkeypatch.setattr(collector, "EVERY_S", 0.01)
    with receiver(handle) as endpoint:
        run, notices = await watched(tmp_path, endpoint.url, monkeypatch)

    assert run.status == "solved"
    assert len(notices) == (0 if handle is pour else 1)
    assert all("coder export RUN --otlp URL" in line and "\x1b" not in line for line in notices)


async def test_a_collector_that_is_not_there_costs_a_run_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, notices = await watched(tmp_path, "http://user:pass-word@127.0.0.1:9", monkeypatch)

    assert run.status == "solved"
    assert len(notices) == 1
    assert "pass-word" not in notices[0]


@pytest.mark.slow
async def test_calls_of_a_planner_are_spans_below_its_turn(project: Path) -> None:
    log = MemoryLog()
    plan = [call("plan", steps=["Turn the sign."])]
    settings = SETTINGS.model_copy(update={"plan": True})

    run = await solve(task_of(project), model=Scripted([bash("ls"), plan, EDIT]), settings=settings, log=log)

    events = await log.read(run.run_id)
    spans = spans_of(events)
    see_whole(events, spans)
    turns = {one.name: one.context for one in spans if operation(one) == "invoke_agent"}
    (command,) = (one for one in spans if one.name == "execute_tool bash")
    assert [*turns] == ["invoke_agent planner", "invoke_agent coder", "invoke_agent executor"]
    assert command.parent == turns["invoke_agent planner"]
