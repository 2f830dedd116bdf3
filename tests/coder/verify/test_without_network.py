"""Tests that fail for want of the network or of an ignored file: left out, named, or the run is refused."""

from pathlib import Path

import pytest

from coder.models.scripted import Scripted
from coder.run.event_types import BaselineTaken, parse
from coder.run.run import Run
from coder.run.settings import Settings
from coder.run.task import Task
from coder.show.render import progress
from tests.kept_sandboxes import KEPT, solve
from tests.memory_log import MemoryLog
from tests.recorded_runs import RECORDED

pytestmark = [KEPT, RECORDED, pytest.mark.slow]

WRONG, RIGHT = "def f():\n    return 2\n", "def f():\n    return 1\n"
TESTS = """import unittest
from mod import f

class Test(unittest.TestCase):
    def test_f(self):
        self.assertEqual(f(), 1)

    def test_other(self):
        pass
"""
ONLINE = """import socket, unittest, urllib.request

class Online(unittest.TestCase):
    def test_name(self):
        socket.create_connection(("example.com", 80), timeout=5)

    def test_address(self):
        socket.create_connection(("93.184.215.14", 80), timeout=5)

    def test_library(self):
        try:
            urllib.request.urlopen("http://example.com")
        except OSError as error:
            raise RuntimeError("the service is away") from error
"""
NAMES = ["test_online.Online.test_address", "test_online.Online.test_library", "test_online.Online.test_name"]
ANSWER = f"`mod.py`\n```python\n{RIGHT}```\n"
UNITTEST, PYTEST = ("python", "-m", "unittest"), ("pytest", "-q")


async def run_on(
    folder: Path, files: dict[str, str], *command: str, mends: bool = True
) -> tuple[Run, BaselineTaken | None]:
    for path, text in files.items():
        (folder / path).write_text(text)
    log, task = MemoryLog(), Task(prompt="Fix it.", workspace=folder, test_command=command, mends=mends)
    run = await solve(task, model=Scripted([ANSWER]), settings=Settings(edit_format="whole"), log=log)
    bodies = [parse(event) for event in await log.read(run.run_id)]
    return run, next((body for body in bodies if isinstance(body, BaselineTaken)), None)


@pytest.mark.parametrize("command", [UNITTEST, PYTEST])
@pytest.mark.parametrize("mends", [True, False])
async def test_beside_other_red_tests_those_without_network_are_not_counted_but_named(
    tmp_path: Path, command: tuple[str, ...], mends: bool
) -> None:
    files = {"mod.py": WRONG, "test_mod.py": TESTS, "test_online.py": ONLINE}

    run, baseline = await run_on(tmp_path, files, *command, mends=mends)

    assert (run.status, run.calls) == ("solved", 1), run.error or run.reason
    assert baseline is not None
    assert len(baseline.offline) == len(NAMES)
    assert len(baseline.tests) == 5
    line = progress(baseline) or ""
    assert f"not counted, as the network is missing: {', '.join(baseline.offline)} (--network HOST)" in line


@pytest.mark.parametrize("command", [UNITTEST, PYTEST, ("python", "test_script.py")])
async def test_where_only_tests_without_network_are_red_there_is_nothing_for_a_model_to_fix(
    tmp_path: Path, command: tuple[str, ...]
) -> None:
    script = "import socket\nsocket.create_connection(('example.com', 80), timeout=5)\n"
    files = {"mod.py": RIGHT, "test_mod.py": TESTS, "test_online.py": ONLINE, "test_script.py": "pass\n"}
    if command[-1].endswith(".py"):
        files["test_script.py"] = script

    run, _ = await run_on(tmp_path, files, *command)

    assert (run.status, run.exit_code, run.calls) == ("error", 2, 0)
    assert "fails for want of the network in test_" in (run.error or "")
    assert "--network" in (run.error or "")


async def test_a_file_that_pytest_cannot_collect_without_network_ends_the_run(tmp_path: Path) -> None:
    module = "import socket\nsocket.create_connection(('example.com', 80))\n\ndef test(): pass\n"
    files = {"mod.py": WRONG, "test_mod.py": TESTS, "test_module.py": module}

    run, _ = await run_on(tmp_path, files, *PYTEST)

    assert (run.status, run.exit_code, run.calls) == ("error", 2, 0)
    assert "fails for want of the network in test_module.py" in (run.error or "")


async def test_an_error_that_only_speaks_of_the_network_is_no_want_of_it(tmp_path: Path) -> None:
    speaks = TESTS.replace("self.assertEqual(f(), 1)", "self.assertEqual(f(), 1, 'socket.gaierror: no host')")

    run, baseline = await run_on(tmp_path, {"mod.py": WRONG, "test_mod.py": speaks}, *UNITTEST)

    assert run.status == "solved"
    assert baseline is not None
    assert baseline.offline == ()


async def test_an_ignored_module_that_tests_import_is_named_beside_the_result(tmp_path: Path) -> None:
    test = "import unittest\nimport settings_local\n"
    ignored = "settings_local.py\n"
    files = {
        "mod.py": WRONG, "test_mod.py": TESTS, "test_settings.py": test, ".gitignore": ignored,
    }  # fmt: skip

    _, baseline = await run_on(tmp_path, files, *UNITTEST, mends=False)

    assert baseline is not None
    assert (baseline.ignored, baseline.missing) == (("settings_local",), ())
    line = progress(baseline) or ""
    assert "not in the sandbox, as git ignores it: settings_local (--show settings_local.py)" in line


NOTIFIES = """test:
\tpython3 -m unittest -q
\tpython3 -c "import urllib.request as u; u.urlopen('http://example.com')"
"""


async def test_a_step_behind_the_tests_that_needs_the_network_keeps_no_mend_from_landing(
    tmp_path: Path,
) -> None:
    files = {"mod.py": WRONG, "test_mod.py": TESTS, "Makefile": NOTIFIES}

    run, _ = await run_on(tmp_path, files, "make", "test")

    assert (run.status, run.calls) == ("solved", 1), run.error or run.reason
    assert (tmp_path / "mod.py").read_text() == RIGHT


async def test_where_only_such_a_step_is_red_there_is_nothing_for_a_model_to_fix(tmp_path: Path) -> None:
    run, _ = await run_on(
        tmp_path, {"mod.py": RIGHT, "test_mod.py": TESTS, "Makefile": NOTIFIES}, "make", "test"
    )

    assert (run.status, run.exit_code, run.calls) == ("error", 2, 0)
    assert "fails for want of the network" in run.reason


async def test_a_step_behind_the_tests_that_fails_otherwise_fails_the_change(tmp_path: Path) -> None:
    shown = "        self.assertEqual(f(), 1)\n        print('getaddrinfo ENOTFOUND example.com')\n"
    tests = TESTS.replace("        self.assertEqual(f(), 1)\n", shown)
    steps = "test:\n\tpython3 -m unittest -q\n\tpython3 -c \"raise SystemExit('a finding')\"\n"
    files = {"mod.py": WRONG, "test_mod.py": tests, "Makefile": steps}

    run, _ = await run_on(tmp_path, files, "make", "test")

    assert "one more was asked for" in run.reason  # the model was told of the failure
    assert (tmp_path / "mod.py").read_text() == WRONG
