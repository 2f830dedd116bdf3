"""`CODER_LOG=postgresql://…`: commands share the log of a server, and say what is wrong with it."""

import asyncio
import json
import re
import signal
from pathlib import Path

import pytest

from coder.engine.agent import solve
from coder.models.scripted import Scripted
from coder.people.cli.doctor import _log_finding
from coder.run.questions import Decision, Question
from coder.run.reducer import fold_all
from coder.run.settings import Settings
from coder.run.task import Task
from coder.store.postgres import PostgresLog
from tests.coder.people.cli.console import Console
from tests.coder.people.cli.test_solve import ADD, CHECK, SUBTRACT, TASK, code
from tests.faulty_endpoint import faulty_endpoint, hangs, says
from tests.less_python import run_without
from tests.postgres import PASSWORD, Server

PAGE = (Path(__file__).parents[4] / "docs/how-to/keep-runs.md").read_text()


@pytest.fixture
def url(postgres: Server) -> str:
    return postgres.database()


@pytest.mark.slow
def test_the_lines_of_the_page_run_and_a_run_is_shown_from_another_home(
    console: Console, tmp_path: Path, url: str
) -> None:
    _, export, *commands = re.findall(r"^```sh\n(.*?)^```", PAGE, re.M | re.S)[0].splitlines()
    assert export.startswith("export CODER_LOG=postgresql://")
    with faulty_endpoint(says(code(ADD))) as endpoint:
        model = ("--base-url", endpoint.url, "-m", "toy")
        done = console.run("solve", TASK, *CHECK, *model, "--json", CODER_LOG=url)
    run = json.loads(done.out)["run_id"]
    (tmp_path / "other").mkdir()
    other = Console(home=tmp_path / "other")

    for command in commands:
        ran = other.run(*command.split()[1:], CODER_LOG=url)
        assert run in ran.out, ran.err
    assert "solved" in other.run("show", run, CODER_LOG=url).out
    assert run not in other.run("ls").out


@pytest.mark.slow
def test_a_run_that_was_killed_goes_on_and_repeats_no_call(console: Console, url: str) -> None:
    with faulty_endpoint(says(code(SUBTRACT)), hangs(), says(code(ADD))) as endpoint:
        model = ("--base-url", endpoint.url, "-m", "toy", "--strategy", "repair")
        process = console.start("solve", TASK, *CHECK, *model, CODER_LOG=url)
        assert endpoint.wait_until(lambda it: len(it.requests) == 2)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        (listed,) = json.loads(console.run("ls", "--json", CODER_LOG=url).out)
        done = console.run("resume", listed["run_id"], CODER_LOG=url)

    assert done.code == 0, done.err
    assert len(endpoint.requests) == 3  # the one that hung is made again, and no other


def test_a_server_that_refuses_is_said_with_exit_code_5_and_no_password(
    console: Console, postgres: Server
) -> None:
    done = console.run("ls", CODER_LOG=postgres.url("postgres", password="wr0ng-horse"))
    bad = console.run("ls", CODER_LOG=f"mysql://a:{PASSWORD}@b/c")

    assert (done.code, "password authentication failed" in done.err) == (5, True)
    assert (bad.code, "postgresql://user:password@host/database" in bad.err) == (2, True)
    assert "horse" not in done.err + bad.err


@pytest.mark.parametrize(
    ("url", "said"),
    [(f"mysql://a:{PASSWORD}@b/c", "no address"), (f"postgresql://a:{PASSWORD}@127.0.0.1:1/b", "refused")],
)
async def test_the_doctor_looks_into_the_log_that_commands_open(
    url: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CODER_LOG", url)

    finding = await _log_finding()

    assert (finding.works, finding.needed, said in finding.text) == (False, True, True)
    assert PASSWORD not in finding.text


@pytest.mark.slow
def test_without_the_extra_it_says_how_to_get_it(tmp_path: Path) -> None:
    preamble = "import os; os.environ['CODER_LOG'] = 'postgresql://h/d'"
    script = f"{preamble}\nfrom coder.store import open_log\nopen_log().__enter__()"

    done = run_without("psycopg", script, tmp_path)

    assert f"-m pip install -e '{Path(__file__).parents[4]}[postgres]'" in done.stderr


class Cancelling:
    """A watch that ends its run at an event."""

    def __init__(self, at: int) -> None:
        self._left = at

    def event(self, event: object) -> None:
        self._left -= 1
        if not self._left:
            loop, task = asyncio.get_running_loop(), asyncio.current_task()
            assert task is not None
            loop.call_soon(task.cancel)

    def token(self, text: str) -> None: ...
    def output(self, stream: object, data: bytes) -> None: ...
    def is_there(self, question: Question) -> bool:
        return False

    async def decide(self, question: Question) -> Decision:
        raise NotImplementedError


@pytest.mark.slow
async def test_a_run_that_is_cancelled_in_any_append_has_said_so_in_its_log(url: str) -> None:
    task, settings = Task(prompt=TASK, checks=("assert add(2, 3) == 5",)), Settings(strategy="repair")
    with PostgresLog(url) as log:
        for at in range(1, 7):
            working = solve(
                task, model=Scripted([code(ADD)]), settings=settings, log=log, watch=Cancelling(at)
            )
            with pytest.raises(asyncio.CancelledError):
                await asyncio.create_task(working)

            state = fold_all(await log.read((await log.runs(limit=1))[0].run))
            assert state.progress.stopped is not None, at
            assert state.progress.stopped.status in ("interrupted", "solved")
