"""Logs of every release, read by this version: runs of older versions can still be shown, resumed and undone.

`python -m tests.coder.golden_make tests/coder/golden/VERSION` makes those of a version.
"""

import asyncio
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import takewhile
from pathlib import Path

import pytest

from benchmarks.runner.runlog import BenchEnded, BenchJudged, BenchStarted
from coder.base.errors import LogNewer
from coder.engine.loop import Command, Finish, Speak, decide
from coder.engine.teams.coding_team import CodingTeam
from coder.engine.teams.repair import repair_stop
from coder.engine.turn.logged_calls import request_key
from coder.people.cli.app import run as coder
from coder.run.event_types import TYPES, CallIntended, is_newer, parse
from coder.run.events import Draft, Event
from coder.run.journal import Journal
from coder.run.reducer import fold_all
from coder.run.run import summarize
from coder.run.watch import Unwatched
from coder.store import SqliteLog
from tests.coder.people.cli.console import Console
from tests.faulty_endpoint import FaultyEndpoint, faulty_endpoint, says
from tests.memory_log import MemoryLog

GOLDEN = Path(__file__).parent / "golden"
NAMES = sorted(
    str(path.relative_to(GOLDEN).with_suffix(""))
    for path in GOLDEN.rglob("*.json")
    if path.with_suffix(".jsonl").exists()
)
RUNS = [name for name in NAMES if not name.endswith(("/bench", "/bench-resumed"))]
VERSIONS = sorted(path.name for path in GOLDEN.iterdir() if path.is_dir())
BENCH = {body.type: body for body in (BenchStarted, BenchJudged, BenchEnded)}
RIGHT = "def total(prices):\n    return sum(prices)\n"


def logged(name: str) -> list[Event]:
    """The events of a run of an older version."""
    lines = (GOLDEN / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    return [Event.model_validate_json(line) for line in lines]


def told(events: Sequence[Event]) -> dict[str, object]:
    """What the events of one run fold to."""
    judged = [BenchJudged.model_validate(event.body) for event in events if event.type == BenchJudged.type]
    if events[0].type == BenchStarted.type:
        ends = [event.body for event in events if event.type == BenchEnded.type]
        return {
            "verdicts": {f"{one.verdict.id} {one.verdict.sample}": one.verdict.verdict for one in judged},
            "calls": sum(one.usage.calls for one in judged if one.usage is not None),
            "ends": [BenchEnded.model_validate(body).reason for body in ends],
        }
    state = fold_all(events)
    run, steps = summarize(state), state.steps
    return {
        "status": run.status,
        "verified": run.verified,
        "strength": run.strength,
        "exit_code": run.exit_code,
        "limit": run.limit,
        "calls": run.calls,
        "attempts": run.attempts,
        "tokens": [run.tokens.input, run.tokens.output],
        "files": run.files,
        "patch": run.patch,
        "landed": list(run.landed),
        "commit": run.commit,
        "tests": [[one.name, one.passed] for one in run.tests],
        "earlier": [
            [
                one.progress.stopped and one.progress.stopped.status,
                list(one.landing.written),
                one.landing.taken_back,
            ]
            for one in steps
        ],
    }


def differences(stored: object, read: object, place: str = "") -> list[str]:
    """Where what this version reads isn't what was stored; fields that are new don't count."""
    if isinstance(stored, dict) and isinstance(read, dict):
        groups = [
            differences(value, read.get(key, "gone"), f"{place}.{key}") for key, value in stored.items()
        ]
        return [line for lines in groups for line in lines]
    if isinstance(stored, list) and isinstance(read, list) and len(stored) == len(read):
        pairs = zip(stored, read, strict=True)
        return [
            line for n, (one, other) in enumerate(pairs) for line in differences(one, other, f"{place}.{n}")
        ]
    return [] if stored == read else [f"{place}: {stored!r} is read as {read!r}"]


def put(events: Sequence[Event], home: Path) -> str:
    """Write a run into the log of a CODER_HOME, as it was; gives its id."""
    run, times = events[0].run, iter([event.time for event in events])

    async def write(log: SqliteLog) -> None:
        async with log.lease(run) as token:
            for event in events:
                draft = Draft(type=event.type, version=event.version, body=event.body, durable=False)
                await log.append(run, [draft], after=event.seq - 1, token=token)

    folder = home / "bench" if events[0].type == BenchStarted.type else home
    with SqliteLog(folder, clock=lambda: next(times)) as log:
        asyncio.run(write(log))
    return run


def moved(events: Iterable[Event], place: Path, endpoint: FaultyEndpoint | None = None) -> list[Event]:
    """The run as if it had happened in this place, and at this endpoint."""
    lines = [event.model_dump_json().replace("/tmp/golden", str(place)) for event in events]
    if endpoint is not None:
        lines = [re.sub(r"127\.0\.0\.1:\d+", f"127.0.0.1:{endpoint.port}", line) for line in lines]
    return [Event.model_validate_json(line) for line in lines]


def lay(events: Sequence[Event]) -> Path:
    """Make the folder of a run as the run found it."""
    state = fold_all(events)
    assert state.root is not None
    for path, file in state.files.items():
        (Path(state.root) / path).parent.mkdir(parents=True, exist_ok=True)
        (Path(state.root) / path).write_text(file.text or "", encoding="utf-8")
    return Path(state.root)


def made_with(folder: Path) -> dict[str, str]:
    """Digests of what the one benchmark of a log was made with."""

    async def first(log: SqliteLog) -> Event:
        (event,) = [one.first for one in await log.runs() if one.first.type == BenchStarted.type]
        return event

    with SqliteLog(folder) as log:
        return dict(asyncio.run(first(log)).body["digests"])


def with_digests(events: Sequence[Event], digests: Mapping[str, str]) -> list[Event]:
    """A benchmark's run as if it had been made with these."""
    body = {**events[0].body, "digests": {**events[0].body["digests"], **digests}}
    return [events[0].model_copy(update={"body": body}), *events[1:]]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A CODER_HOME that knows all of the runs."""
    folder = tmp_path_factory.mktemp("home")
    for name in NAMES:
        put(logged(name), folder)
    return folder


@pytest.fixture
def prints(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., str]:
    """What a command prints that ends well there."""
    monkeypatch.setenv("CODER_HOME", str(home))

    def printed(*words: str) -> str:
        assert coder(words) == 0, capsys.readouterr().err
        return capsys.readouterr().out

    return printed


@pytest.fixture
def console(tmp_path: Path) -> Console:
    return Console(tmp_path)


@pytest.mark.parametrize("name", NAMES)
def test_a_run_folds_to_what_it_folded_to_when_it_was_made(name: str) -> None:
    expected = json.loads((GOLDEN / f"{name}.json").read_text(encoding="utf-8"))

    assert differences(expected, told(logged(name))) == []


@pytest.mark.parametrize("name", NAMES)
def test_every_type_and_field_of_a_log_keeps_its_name_and_its_value(name: str) -> None:
    for event in logged(name):
        read = (TYPES | BENCH)[event.type].model_validate(event.body).model_dump(mode="json")

        assert not is_newer(event)
        assert differences(event.body, read, event.type) == []


@pytest.mark.parametrize("name", RUNS)
def test_a_call_that_was_made_is_known_again_by_its_key(name: str) -> None:
    calls = [call for event in logged(name) if isinstance(call := parse(event), CallIntended)]
    calls = [call for call in calls if not call.kept]  # of the others, the dialogue holds a part

    assert [request_key(call.messages, call.sampling, call.form) for call in calls] == [
        call.key for call in calls
    ]


@pytest.mark.parametrize("name", RUNS)
def test_a_run_is_shown_with_all_that_was_said(name: str, prints: Callable[..., str]) -> None:
    events = logged(name)
    run, answers = events[0].run, [event.body["text"] for event in events if event.type == "model.answered"]

    page, document, costs = (prints("show", run, *how) for how in ((), ("--json", "--full"), ("--cost",)))

    assert page.startswith(f"{run}  {events[0].body['model']}\n")
    assert [line for text in answers for line in text.split("\n") if line not in page] == []
    assert not [event.type for event in events if f"{event.type} (version" in page]
    assert json.loads(document) == [event.model_dump(mode="json") for event in events]
    assert costs


def test_all_runs_are_listed_with_their_ends(prints: Callable[..., str]) -> None:
    rows = {row["run_id"]: row["status"] for row in json.loads(prints("ls", "--json", "--limit", "0"))}

    ends = {logged(name)[0].run: told(logged(name))["status"] for name in RUNS}
    assert rows == {run: {"interrupted": "unfinished"}.get(end, end) for run, end in ends.items()}


@pytest.mark.parametrize("version", VERSIONS)
def test_benchmarks_are_listed_and_their_reports_shown(version: str, prints: Callable[..., str]) -> None:
    runs = [logged(f"{version}/{name}") for name in ("bench", "bench-resumed")]
    path = GOLDEN / version / "files" / "report.json"

    rows = {row["run"]: row for row in json.loads(prints("bench", "list", "--runs", "--json"))}
    report, page = prints("bench", "report", str(path), "--json"), prints("bench", "report", str(path))

    assert [(rows[events[0].run]["state"], rows[events[0].run]["samples"]) for events in runs] == [
        ("done", 2)
    ] * 2
    assert differences(json.loads(path.read_text(encoding="utf-8")), json.loads(report)) == []
    assert "shop/two" in page


@pytest.mark.slow
@pytest.mark.parametrize("version", VERSIONS)
def test_a_run_that_a_limit_ended_goes_on_where_it_was(version: str, console: Console) -> None:
    first = takewhile(lambda event: event.type != "run.resumed", logged(f"{version}/resumed"))
    with faulty_endpoint(says(f"```python\n{RIGHT}```")) as endpoint:
        run = put(moved(first, console.home, endpoint), console.home / "data")
        done = console.run("resume", run, "--max-calls", "4", "--json")

    document = json.loads(done.out)
    assert (done.code, document["status"], document["calls"]) == (0, "solved", 2)
    assert document["files"] == {"solution.py": RIGHT}
    assert len(endpoint.requests) == 1


@pytest.mark.slow
@pytest.mark.parametrize("version", VERSIONS)
def test_a_run_whose_process_was_killed_goes_on_and_lands(version: str, console: Console) -> None:
    with faulty_endpoint(says(f"`prices.py`\n```python\n{RIGHT}```")) as endpoint:
        events = moved(logged(f"{version}/cut"), console.home, endpoint)
        folder, run = lay(events), put(events, console.home / "data")
        done = console.run("resume", run, "--json")

    document = json.loads(done.out)
    assert (done.code, document["status"], document["calls"]) == (0, "solved", 3), done.err
    assert document["landed"] == ["prices.py"]
    assert (folder / "prices.py").read_text(encoding="utf-8") == RIGHT
    assert len(endpoint.requests) == 1


@pytest.mark.slow
@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("left", [None, "def total(prices):\n    return 1\n"])
def test_where_the_folder_is_gone_or_another_a_resume_says_so(
    version: str, left: str | None, console: Console
) -> None:
    with faulty_endpoint(says(f"`prices.py`\n```python\n{RIGHT}```")) as endpoint:
        events = moved(logged(f"{version}/cut"), console.home, endpoint)
        run = put(events, console.home / "data")
        if left is not None:
            (lay(events) / "prices.py").write_text(left, encoding="utf-8")
        done = console.run("resume", run)

    assert done.code == 2, (done.code, done.out, done.err)
    assert "prices.py" in done.err
    assert "Traceback" not in done.err


@pytest.mark.parametrize("version", VERSIONS)
def test_what_a_run_has_landed_is_taken_back(
    version: str, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = moved(logged(f"{version}/landed"), console.home)
    folder, run = lay(events), put(events, console.home / "data")
    wrong = (folder / "prices.py").read_text(encoding="utf-8")
    (folder / "prices.py").write_text(RIGHT, encoding="utf-8")
    monkeypatch.setenv("CODER_HOME", str(console.home / "data"))

    assert console.run("undo", run).code == 0
    assert (folder / "prices.py").read_text(encoding="utf-8") == wrong


@pytest.mark.slow
@pytest.mark.parametrize("version", VERSIONS)
def test_a_conversation_goes_on_with_a_further_message(version: str, console: Console) -> None:
    with faulty_endpoint(says("It sums them.")) as endpoint:
        events = moved(logged(f"{version}/chat"), console.home, endpoint)
        lay(events)
        run = put(events, console.home / "data")
        done = console.run("chat", "--resume", run, stdin=b"What does it do?\n")
        (request,) = endpoint.requests

    assert (done.code, done.out) == (0, "It sums them.\n"), done.err
    assert {"role": "user", "content": "What is wrong?"} in request.body["messages"]


@pytest.mark.slow
@pytest.mark.parametrize("version", VERSIONS)
def test_a_benchmark_that_was_killed_judges_only_what_is_left_and_only_as_it_began(
    version: str, console: Console
) -> None:
    suite = (GOLDEN / version / "files" / "suite.jsonl").read_text(encoding="utf-8")
    (console.home / "suite.jsonl").write_text(suite, encoding="utf-8")
    begun = ("bench", "run", "suite.jsonl", "--one-shot", "--workers", "1")
    wrong = says("```python\ndef two(n):\n    return n\n```")
    with faulty_endpoint(wrong) as endpoint:
        variables = {"CODER_BASE_URL": endpoint.url, "CODER_MODEL": "toy"}
        console.run(*begun, CODER_HOME=str(console.home / "now"), **variables)
        events = moved(logged(f"{version}/bench-resumed"), console.home, endpoint)[:2]
        homes = {"other": {"judge": "another"}, "same": made_with(console.home / "now" / "bench")}
        run, _ = (put(with_digests(events, more), console.home / name) for name, more in homes.items())
        again = ("bench", "run", "--resume", run, "--json")
        before = len(endpoint.requests)
        refused, resumed = (console.run(*again, CODER_HOME=str(console.home / name)) for name in homes)

    assert refused.code == 2, refused.err
    assert "judge" in refused.err
    assert (resumed.code, len(endpoint.requests)) == (0, before + 1), resumed.err
    assert json.loads(resumed.out)["outcomes"] == {"passed": 1, "failed": 1}


@pytest.mark.parametrize("version", VERSIONS)
def test_a_run_of_a_release_cut_at_any_event_is_decided_the_same(version: str) -> None:
    events = logged(f"{version}/solve")
    stop, team = repair_stop(), CodingTeam()

    commands = [decide(fold_all(events[:cut]), team, stop) for cut in range(1, len(events) + 1)]
    again = [decide(fold_all(events[:cut]), team, stop) for cut in range(1, len(events) + 1)]

    assert list(map(described, commands)) == list(map(described, again))
    assert isinstance(commands[-1], Finish)


def described(command: Command) -> object:
    """Return a command in which participants are named, as they are made anew for each command."""
    return [one.name for one in command.participants] if isinstance(command, Speak) else command


async def test_a_run_with_an_event_of_a_newer_version_is_not_gone_on_with() -> None:
    log, run = MemoryLog(), "run_newer"
    newer = {"message.spoken": 2}
    drafts = [
        Draft(type=event.type, version=newer.get(event.type, event.version), body=event.body)
        for event in logged("0.2.0.dev0/solve")
    ]
    async with log.lease(run) as token:
        await log.append(run, drafts, after=0, token=token)
        journal = Journal(run, log, token=token, watch=Unwatched())

        with pytest.raises(LogNewer, match="use that version"):
            await journal.load()
