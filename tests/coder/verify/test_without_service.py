"""Tests that fail as no service answers: named, and not counted if another one is mended."""

import shutil
from pathlib import Path

import pytest

from coder.models.scripted import Scripted
from coder.run.event_types import BaselineTaken, Spoken, parse
from coder.run.found_tests import FoundTests
from coder.run.message import CheckLine, outcomes_in
from coder.run.run import Run
from coder.run.settings import Settings
from coder.run.task import Task
from coder.show.render import progress
from coder.verify.finding import find_lack
from tests.coder.verify.test_without_network import RIGHT, TESTS, WRONG
from tests.kept_sandboxes import KEPT, solve
from tests.memory_log import MemoryLog
from tests.recorded_runs import RECORDED

pytestmark = [KEPT, RECORDED, pytest.mark.slow]

CLIENT = """import socket, unittest

class Cache(unittest.TestCase):
    def setUp(self):
        try:
            self.socket = socket.create_connection(("127.0.0.1", 6379), timeout=5)
        except OSError as error:
            raise RuntimeError("the cache is away") from error

    def test_ping(self):
        self.socket.sendall(b"PING\\r\\n")
"""
PING = "test_cache.Cache.test_ping"
UNITTEST, PYTEST = ("python", "-m", "unittest"), ("pytest", "-q")
REPLACED = "`mod.py`\n```python\n{}```\n"


async def run_on(
    folder: Path,
    files: dict[str, str],
    answer: str,
    *command: str,
    mends: bool = True,
    is_found: bool = False,
) -> tuple[Run, BaselineTaken, str]:
    for path, text in files.items():
        (folder / path).write_text(text)
    found = (FoundTests(argv=command, place="test_mod.py"),) if is_found else ()
    task = Task(prompt="Fix it.", workspace=folder, test_command=command, mends=mends, found=found)
    log = MemoryLog()
    run = await solve(task, model=Scripted([answer] * 3), settings=Settings(edit_format="whole"), log=log)
    bodies = [parse(event) for event in await log.read(run.run_id)]
    baseline = next(body for body in bodies if isinstance(body, BaselineTaken))
    spoken = [body.message for body in bodies if isinstance(body, Spoken)]
    return run, baseline, outcomes_in(spoken)[0].note


FILES = {"mod.py": WRONG, "test_mod.py": TESTS, "test_cache.py": CLIENT}


@pytest.mark.parametrize("command", [UNITTEST, PYTEST])
@pytest.mark.parametrize(("mends", "is_found"), [(True, False), (False, False), (True, True), (False, True)])
async def test_a_test_whose_service_runs_nowhere_keeps_no_mend_of_another_from_landing(
    tmp_path: Path, command: tuple[str, ...], mends: bool, is_found: bool
) -> None:
    run, baseline, note = await run_on(
        tmp_path, FILES, REPLACED.format(RIGHT), *command, mends=mends, is_found=is_found
    )

    assert (run.status, run.calls) == ("solved", 1), run.error or run.reason
    assert "not counted, as no service answers before and after: test_cache" in note
    assert [name.rpartition("test_")[2] for name in baseline.unserved] == ["ping"]
    assert "test_ping" not in baseline.feedback
    assert "no service answers to test_cache" in (progress(baseline) or "")


async def test_where_nothing_else_is_red_such_a_test_must_pass(tmp_path: Path) -> None:
    files = FILES | {"mod.py": RIGHT}

    run, baseline, _ = await run_on(tmp_path, files, REPLACED.format(f"# f\n{RIGHT}"), *UNITTEST)

    assert run.status not in ("solved", "unverified")
    assert run.cause == "service"
    assert "ConnectionRefusedError" in baseline.feedback


async def test_a_change_that_mends_no_test_is_not_solved_by_one_without_its_service(tmp_path: Path) -> None:
    files = FILES | {"mod.py": RIGHT}

    run, _, _ = await run_on(tmp_path, files, REPLACED.format(f"# f\n{RIGHT}"), *UNITTEST, mends=False)

    assert (run.status, run.exit_code) == ("unverified", 8), run.reason


SERVER = """import socket

def serve():
    server = socket.create_server(("127.0.0.1", 0))
    return server, server.getsockname()[1]{off}

def f():
    return {f}
"""
SERVED = """import socket, unittest
from mod import serve

class Served(unittest.TestCase):
    def test_serve(self):
        server, port = serve()
        with server:
            socket.create_connection(("127.0.0.1", port), timeout=5).close()
"""


@pytest.mark.parametrize(("mends", "is_found"), [(True, False), (False, True)])
async def test_a_wrong_port_in_the_code_is_mended_as_any_fault(
    tmp_path: Path, mends: bool, is_found: bool
) -> None:
    files = {"mod.py": SERVER.format(off=" + 1", f=1), "test_mod.py": TESTS, "test_served.py": SERVED}

    run, baseline, _ = await run_on(
        tmp_path,
        files,
        REPLACED.format(SERVER.format(off="", f=1)),
        *UNITTEST,
        mends=mends,
        is_found=is_found,
    )

    assert baseline.unserved == ("test_served.Served.test_serve",)
    assert (run.status, run.calls) == ("solved", 1), run.error or run.reason


REFUSES = "{}\ndef g():\n    raise ConnectionRefusedError(111, 'Connection refused')\n"
CALLS = """import unittest
import mod

class Calls(unittest.TestCase):
    def test_g(self):
        self.assertEqual(getattr(mod, "g", lambda: 0)(), {})
"""


@pytest.mark.parametrize("before", ["passed", "failed"])
async def test_a_refused_connection_excuses_no_test_that_passed_or_failed_otherwise_before(
    tmp_path: Path, before: str
) -> None:
    files = {
        "mod.py": WRONG,
        "test_mod.py": TESTS,
        "test_g.py": CALLS.format("0" if before == "passed" else "1"),
    }

    run, _, note = await run_on(tmp_path, files, REPLACED.format(REFUSES.format(RIGHT)), *UNITTEST)

    assert run.status not in ("solved", "unverified")
    assert "not counted" not in note


@pytest.mark.skipif(shutil.which("node") is None, reason="needs node")
async def test_nodes_codes_of_errors_tell_that_no_service_answers(tmp_path: Path) -> None:
    files = {
        "sums.js": "exports.add = (a, b) => a - b\n",
        "sums.test.js": "const { test } = require('node:test')\nconst { equal } = require('node:assert')\n"
        "test('adds', () => equal(require('./sums').add(1, 1), 2))\n",
        "store.test.js": "const { test } = require('node:test')\nconst net = require('node:net')\n"
        "test('stores', () => new Promise((resolve, reject) => {\n"
        "  net.connect(5432, '127.0.0.1', resolve).on('error', reject)\n}))\n",
    }
    answer = "`sums.js`\n```js\nexports.add = (a, b) => a + b\n```\n"

    run, baseline, note = await run_on(tmp_path, files, answer, "node", "--test")

    assert baseline.unserved == ("test::stores",)
    assert (run.status, run.calls) == ("solved", 1), run.error or run.reason
    assert "not counted, as no service answers before and after: test::stores" in note


GO = 'x_test.go:4: get: Get "http://{0}/": dial tcp {0}: connect: connection refused'
RUST = 'called `Result::unwrap()` on an `Err` value: Os {{ code: 111, kind: {}, message: "…" }}'


@pytest.mark.parametrize(
    ("message", "lack"),
    [
        (GO.format("127.0.0.1:5999"), "service"),
        ('Get "http://a.invalid/": dial tcp: lookup a.invalid on 10.0.0.1:53: no such host', "network"),
        (RUST.format("ConnectionRefused"), "service"),
        (RUST.format("NetworkUnreachable"), "network"),
        ("connect ECONNREFUSED 127.0.0.1:5999", "service"),
        ("java.net.ConnectException: Connection refused", "service"),
        ("Connection refused", None),
    ],
)
def test_messages_of_other_runners_are_read_for_codes_and_classes_alone(
    message: str, lack: str | None
) -> None:
    line = CheckLine(name="test", passed=False, message=message)

    assert find_lack(line) == lack
    assert find_lack(line.model_copy(update={"expected": "1", "actual": "2"})) is None
