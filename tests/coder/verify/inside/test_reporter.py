"""The reporter: what it says of a test command, in a process of its own."""

import ast
import json
import subprocess
from pathlib import Path

import pytest

from coder.verify import inside
from coder.verify.our_programs import LAUNCH, programs
from tests.only_pytest import only_pytest


def report(
    folder: Path, *args: str, ours: tuple[str, ...] = ("test_it.py",)
) -> tuple[int, list[dict[str, object]]]:
    """Exit code and rows of the reporter, run on these arguments in `folder`."""
    names = [path.name for path in folder.iterdir()]
    config = {
        "report": "report.jsonl", "key": "00", "ours": list(ours), "names": names, "brought": [],
        "setup": None, "now": "now", "at_once": True, "watched": [],
    }  # fmt: skip
    (folder / "config.json").write_text(json.dumps(config))
    for path, content in programs().items():
        (folder / path).parent.mkdir(exist_ok=True)
        (folder / path).write_bytes(content)
    done = subprocess.run(
        [
            *(only_pytest(), "-I", LAUNCH, "keeper", "config.json"),
            *(only_pytest(), LAUNCH, "reporter", "config.json", *args),
        ],
        cwd=folder,
        capture_output=True,
        check=False,
        timeout=60,
    )
    lines = (folder / "report.jsonl").read_text().splitlines()
    return done.returncode, [json.loads(line.partition(" ")[2][1:]) for line in lines]


def write(folder: Path, solution: str, test: str) -> None:
    """The two files of a small task."""
    (folder / "solution.py").write_text(solution)
    (folder / "test_it.py").write_text(test)


ADD_TEST = "from solution import add\n\ndef test_add():\n    assert add(2, 3) == 5\n"


@pytest.mark.slow
def test_each_pytest_test_is_reported_and_then_the_end(tmp_path: Path) -> None:
    write(tmp_path, "def add(a, b):\n    return a + b\n", ADD_TEST)

    code, rows = report(tmp_path, "-m", "pytest", "-q")

    assert code == 0
    assert [row.get("passed") for row in rows if "test" in row] == [True]
    assert rows[-1] == {"end": 0}


@pytest.mark.slow
def test_garbage_of_the_tests_is_collected_but_not_in_what_runs_them(tmp_path: Path) -> None:
    write(
        tmp_path,
        "",
        "import gc\n\ndef test_it():\n    assert gc.isenabled()\n"
        "    import pytest, weakref\n    assert not any(found is pytest.main for found in gc.get_objects())\n"
        "    ring = type('Ring', (), {})()\n    ring.own, gone = ring, weakref.ref(ring)\n"
        "    del ring\n    gc.collect()\n    assert gone() is None\n",
    )

    code, _ = report(tmp_path, "-m", "pytest", "-q")

    assert code == 0


_CHECKED = """
import sys, tempfile
import pytest

sys.path.insert(0, "{archive}")
import tamper_checks

tempfile.tempdir = "{folder}"
looked = []


def hear(event, args):
    if event == "os.scandir" and not isinstance(args[0], int):  # a descriptor is of a folder to remove
        looked.append(str(args[0]))


sys.addaudithook(hear)
print(tamper_checks.pytest_still_fails_what_is_wrong())
print({{place for place in looked if not place.startswith("{folder}/")}})
"""


@pytest.mark.slow
def test_the_check_of_pytest_looks_into_no_folder_around_its_own(tmp_path: Path) -> None:
    (archive := tmp_path / "ours.zip").write_bytes(programs()[".coder/ours.zip"])
    (folder := tmp_path / "temporary").mkdir()
    script = _CHECKED.format(archive=archive, folder=folder)

    done = subprocess.run([only_pytest(), "-c", script], capture_output=True, text=True, check=True)

    assert done.stdout.split() == ["True", "set()"]


_EMPTYING = """
import _pytest.{plugin} as plugin

def add(a, b):
    return 0

def _empty(item):
    item.obj = lambda: None
    {end}

plugin.{hook}.__code__ = _empty.__code__
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("plugin", "hook", "end"),
    [
        ("skipping", "pytest_runtest_call", "return (yield)"),
        ("faulthandler", "pytest_runtest_protocol", "return (yield)"),
        ("unraisableexception", "pytest_runtest_setup", "return"),
    ],
    ids=["used", "unused", "unused, without a wrapper"],
)
def test_a_solution_that_empties_tests_from_within_a_plugin_is_found(
    tmp_path: Path, plugin: str, hook: str, end: str
) -> None:
    write(tmp_path, _EMPTYING.format(plugin=plugin, hook=hook, end=end), ADD_TEST)

    _, rows = report(tmp_path, "-m", "pytest", "-q")

    assert failed(rows) == ["pytest itself"]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["tamper_checks", "pytest_plugin", "skips"])
@pytest.mark.parametrize("tool", ["pytest", "unittest"])
def test_a_module_of_the_users_may_be_called_like_one_of_ours(tmp_path: Path, tool: str, name: str) -> None:
    (tmp_path / f"{name}.py").write_text("def add(a, b):\n    return a + b\n")
    by_unittest = "import unittest\n\nclass Test(unittest.TestCase):\n    def test_add(self):\n"
    by_unittest += "        self.assertEqual(add(2, 3), 5)\n"
    imported = f"from {name} import add\n"
    (tmp_path / "test_it.py").write_text(imported + by_unittest)

    code, rows = report(tmp_path, "-m", tool)

    assert code == 0
    assert [row.get("passed") for row in rows if "test" in row] == [True]


@pytest.mark.slow
def test_a_failing_assertion_is_quoted(tmp_path: Path) -> None:
    write(tmp_path, "def add(a, b):\n    return a - b\n", ADD_TEST)

    code, rows = report(tmp_path, "-m", "pytest", "-q")

    assert code == 1
    assert str(rows[2]["message"]).startswith("assert -1 == 5")


@pytest.mark.slow
def test_a_failing_assertion_is_quoted_where_its_test_is_long(tmp_path: Path) -> None:
    long = "\n".join(f"    row_{i} = {i}  # one of many" for i in range(200))
    test = ADD_TEST.replace("    assert", f"{long}\n    assert")
    write(tmp_path, "def add(a, b):\n    return a - b\n", test)

    _, rows = report(tmp_path, "-m", "pytest", "-q")

    message = str(rows[2]["message"])
    assert message.startswith("assert -1 == 5")
    assert message.endswith("test_it.py:204: AssertionError")


@pytest.mark.slow
@pytest.mark.parametrize("command", [("-m", "pytest", "-q"), ("-m", "unittest", "test_it"), ("test_it.py",)])
@pytest.mark.parametrize("way_out", ["import os; os._exit(0)", "import sys; sys.exit(0)", "raise SystemExit"])
def test_a_solution_that_ends_the_process_is_never_a_pass(
    tmp_path: Path, command: tuple[str, ...], way_out: str
) -> None:
    write(tmp_path, f"{way_out}\n", "import unittest\nfrom solution import add\nassert add(2, 3) == 5\n")

    _, rows = report(tmp_path, *command)

    ended_well = "end" in rows[-1]
    passed = [row for row in rows if row.get("passed")]
    assert not (ended_well and passed)


@pytest.mark.slow
def test_a_pytest_of_the_solutions_own_is_not_asked(tmp_path: Path) -> None:
    write(tmp_path, "def add(a, b):\n    return 0\n", ADD_TEST)
    (tmp_path / "pytest.py").write_text("def main(args, plugins):\n    return 0\n")

    code, rows = report(tmp_path, "-m", "pytest", "-q")

    assert code == 1
    assert [row.get("passed") for row in rows if "test" in row] == [False]


def failed(rows: list[dict[str, object]]) -> list[object]:
    return [row["test"] for row in rows if row.get("passed") is False]


@pytest.mark.slow
@pytest.mark.parametrize(
    "solution",
    [
        "import pytest\npytest.skip('no', allow_module_level=True)\n",
        "import pytest\ndef add(a, b): pytest.skip('no')\n",
        "import pytest\ndef add(a, b): pytest.xfail('no')\n",
        "import unittest\ndef add(a, b): unittest.TestCase().skipTest('no')\n",
        "raise ImportError\n",
    ],
)
def test_a_skip_that_the_solution_brings_about_is_a_failure(tmp_path: Path, solution: str) -> None:
    test = "import pytest\nadd = pytest.importorskip('solution', exc_type=ImportError).add\n"
    write(tmp_path, solution, f"{test}\ndef test_add():\n    assert add(2, 3) == 5\n")
    (tmp_path / "test_other.py").write_text("def test_other(): pass\n")

    _, rows = report(tmp_path, "-m", "pytest", "-q", ours=("test_it.py", "test_other.py"))

    assert len(failed(rows)) == 1


SKIPS_OF_PYTEST = (
    "@pytest.mark.skip\ndef test_no(): assert 0\n",
    "@pytest.mark.skipif(True, reason='no')\ndef test_no(): assert 0\n",
    "def test_no(): pytest.skip('no')\n",
    "def test_no(): pytest.importorskip('no_such_module')\n",
    "@pytest.mark.xfail\ndef test_no(): assert 0\n",
    "@pytest.mark.xfail(strict=True)\ndef test_no(): assert 0\n",
)
SKIPS_OF_UNITTEST = (
    "import unittest\nclass T(unittest.TestCase):\n    @unittest.skip('no')\n"
    "    def test_no(self): self.fail()\n",
    "import unittest\nclass T(unittest.TestCase):\n    def test_no(self): self.skipTest('no')\n",
    "import unittest\nclass T(unittest.TestCase):\n    @unittest.expectedFailure\n"
    "    def test_no(self): self.fail()\n",
)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("command", "more"),
    [
        *(("pytest", more) for more in SKIPS_OF_PYTEST + SKIPS_OF_UNITTEST),
        *(("unittest", more) for more in SKIPS_OF_UNITTEST),
    ],
)
def test_what_the_tests_themselves_skip_is_no_failure(tmp_path: Path, more: str, command: str) -> None:
    test = "import unittest\nclass U(unittest.TestCase):\n    def test_add(self): assert add(2, 3) == 5\n"
    write(
        tmp_path, "def add(a, b): return a + b\n", f"import pytest\nfrom solution import add\n{test}\n{more}"
    )

    code, rows = report(tmp_path, "-m", command, "-q")

    assert (code, failed(rows)) == (0, [])
    assert any(row.get("passed") for row in rows)


def test_under_unittest_too_a_skip_by_the_solution_is_a_failure(tmp_path: Path) -> None:
    test = "import unittest\nfrom solution import add\nclass T(unittest.TestCase):\n"
    test += "    def test_add(self): self.assertEqual(add(2, 3), 5)\n    def test_other(self): pass\n"
    write(tmp_path, "import unittest\ndef add(a, b): raise unittest.SkipTest('no')\n", test)

    _, rows = report(tmp_path, "-m", "unittest", "-q")

    assert failed(rows) == ["test_it.T.test_add"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("command", "patch"),
    [
        ("pytest", "import _pytest.python\n_pytest.python.Function.runtest = lambda self: None"),
        (
            "pytest",
            "import _pytest.reports as r\nmade = r.TestReport.__init__\n"
            "def init(self, nodeid, location, keywords, outcome, longrepr, *a, **k):\n"
            "    made(self, nodeid, location, keywords, 'passed', None, *a, **k)\n"
            "r.TestReport.__init__ = init",
        ),
        (
            "pytest",
            "import _pytest.assertion.rewrite as r\nimport builtins\n"
            "builtins.isinstance = lambda *a, made=isinstance: True if a[1] is str else made(*a)",
        ),
        ("pytest", "import builtins\nbuiltins.abs = lambda x: 5"),
        ("unittest", "import unittest\nunittest.TestCase.assertEqual = lambda *a: None"),
        ("unittest", "import unittest\nunittest.TestCase.run = lambda self, result: result.addSuccess(self)"),
        ("test_it.py", "import builtins\nbuiltins.isinstance = lambda *a: True"),
        (
            "test_it.py",
            "import sys, types\nsys.modules['math'] = types.SimpleNamespace(isclose=lambda *a: True)",
        ),
    ],
)
def test_a_solution_that_changes_the_tools_of_testing_does_not_pass(
    tmp_path: Path, command: str, patch: str
) -> None:
    test = "import unittest\nfrom solution import add\nclass T(unittest.TestCase):\n"
    test += "    def test_add(self): self.assertEqual(add(2, 3), 5)\n"
    write(tmp_path, f"{patch}\ndef add(a, b): return 5\n", test)

    _, rows = report(tmp_path, *([command] if command.endswith(".py") else ["-m", command, "-q"]))

    assert failed(rows) or "end" not in rows[-1]


@pytest.mark.slow
def test_a_test_that_skips_itself_is_neither_pass_nor_failure(tmp_path: Path) -> None:
    marks = "import pytest\n\n@pytest.mark.skip\ndef test_a(): assert 0\n\n"
    marks += "@pytest.mark.xfail\ndef test_b(): assert 0\n\n"
    write(tmp_path, "def add(a, b):\n    return a + b\n", marks + ADD_TEST)

    code, rows = report(tmp_path, "-m", "pytest", "-q")

    assert code == 0
    assert [(row["test"], row["passed"]) for row in rows if "test" in row] == [("test_it.py::test_add", True)]


@pytest.mark.slow
def test_a_skip_by_the_code_under_test_is_a_failure(tmp_path: Path) -> None:
    write(tmp_path, "import pytest\n\ndef add(a, b):\n    pytest.skip('no')\n", ADD_TEST)

    _, rows = report(tmp_path, "-m", "pytest", "-q")

    assert [row["passed"] for row in rows if "test" in row] == [False]


def test_a_test_file_with_its_own_exit_code_is_believed(tmp_path: Path) -> None:
    write(tmp_path, "x = 1\n", "import sys\nimport solution\nsys.exit(0 if solution.x == 1 else 1)\n")

    code, rows = report(tmp_path, "test_it.py")

    assert (code, rows[-1]) == (0, {"end": 0})


@pytest.mark.parametrize(
    "path", sorted(Path(inside.__file__).parent.glob("*.py")), ids=lambda path: path.name
)
def test_a_program_inside_can_be_read_by_python_3_8(path: Path) -> None:
    tree = ast.parse(path.read_text(), feature_version=(3, 8))

    evaluated = [node for node in ast.walk(tree) if isinstance(node, ast.arg) and node.annotation is not None]
    futures = [node for node in tree.body if isinstance(node, ast.ImportFrom) and node.module == "__future__"]
    assert futures or not evaluated, "Python 3.8 has no list[str] for an annotation that it evaluates"


CLIENTS = """import sys, unittest
sys.path.insert(0, {outside!r})
import client

def connect():
    raise FileNotFoundError(2, "No such file or directory")

class Clients(unittest.TestCase):
    def test_database(self):
        client.connect()

    def test_in_a_group(self):
        raise ExceptionGroup("all attempts failed", [ConnectionRefusedError()])

    def test_while_handling(self):
        try:
            raise ConnectionRefusedError
        except OSError:
            raise RuntimeError("away") from None

    def test_slip_while_handling(self):
        try:
            raise ConnectionRefusedError
        except OSError as error:
            error.host

    def test_own_function(self):
        connect()

    def test_other_error_of_the_database(self):
        client.run()

    def test_words(self):
        raise ValueError("[Errno 111] Connection refused")
"""
CLIENT = """class OperationalError(Exception):
    pass

def connect():
    raise OperationalError("nobody is at home")

def run():
    raise OperationalError("no such table")
"""


def test_a_service_is_missing_by_the_exceptions_and_their_places_not_by_their_words(tmp_path: Path) -> None:
    project, outside = tmp_path / "project", tmp_path / "outside"
    project.mkdir()
    outside.mkdir()
    (outside / "client.py").write_text(CLIENT)
    (project / "test_it.py").write_text(CLIENTS.format(outside=str(outside)))

    _, rows = report(project, "-m", "unittest")

    lacks = {str(row["test"]).rpartition(".test_")[2]: row.get("lack") for row in rows if "test" in row}
    assert lacks == {
        "database": "service", "in_a_group": "service", "while_handling": "service",
        "slip_while_handling": None, "own_function": None, "other_error_of_the_database": None, "words": None,
    }  # fmt: skip
