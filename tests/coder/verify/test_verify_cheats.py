"""Answers that solve nothing, and what they do about the test command that would show it."""

import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from coder.models.scripted import Scripted
from coder.run.run import Run
from coder.run.settings import Budget, Settings
from coder.run.task import Task, TestSource
from tests.growing_limits import growing_limits
from tests.kept_baselines import KEPT_BASELINES
from tests.kept_sandboxes import KEPT, solve
from tests.memory_log import MemoryLog
from tests.only_pytest import only_pytest

pytestmark = [KEPT, KEPT_BASELINES]

WRONG = "def f(x):\n    return x\n"
RIGHT = "def f(x):\n    return x + 1\n"
SCRIPT = "from solution import f\n\nassert f(1) == 2, 'tested'\n"
FUNCTION = "from solution import f\n\n\ndef test_f():\n    assert f(1) == 2\n"
SUITE = (
    "import unittest\nfrom solution import f\n\nclass T(unittest.TestCase):\n"
    "    def test_f(self): self.assertEqual(f(1), 2)\n"
)
FOLDERS = {
    "pytest": (("pytest", "-q"), {"test_it.py": FUNCTION}),
    "unittest": (("python3", "-m", "unittest", "-q"), {"test_it.py": SUITE}),
    "script": (("python3", "check.py"), {"check.py": SCRIPT}),
    "shell": (("sh", "run.sh"), {"run.sh": "set -e\npython3 check.py\n", "check.py": SCRIPT}),
    "shell pytest": (("./run.sh",), {"run.sh": "#!/bin/sh\nexec pytest -q\n", "test_it.py": FUNCTION}),
    "make": (("make", "test"), {"Makefile": "test:\n\tpython3 check.py\n", "check.py": SCRIPT}),
}


PYTEST = Settings(python=only_pytest(), plan=False, budget=Budget(samples=1, repairs=0))


async def answered(folder: Path, kind: str, *answers: Mapping[str, str]) -> Run:
    """A run of a folder's test command on these answers, the latter ones repairs."""
    command, files = FOLDERS[kind]
    for path, text in files.items():
        (folder / path).write_text(text)
        (folder / path).chmod(0o755)
    task = Task(prompt="Write f(x).", workspace=folder, test_command=command)
    budget = Budget(samples=1, repairs=len(answers) - 1)
    settings = Settings(python=only_pytest(), plan=False, budget=budget, test_timeout=30)
    texts = ["".join(f"**{path}**\n```\n{text}```\n" for path, text in answer.items()) for answer in answers]
    return await solve(task, model=Scripted(texts), settings=settings, log=MemoryLog())


@pytest.mark.slow
@pytest.mark.parametrize("kind", FOLDERS)
async def test_right_code_passes(kind: str, tmp_path: Path) -> None:
    run = await answered(tmp_path, kind, {"solution.py": RIGHT})

    assert (run.status, run.verified) == ("solved", "tests")


ALONE = {
    "wrong": WRONG,
    "os._exit": "import os\ndef f(x): os._exit(0)\n",
    "sys.exit": "import sys\ndef f(x): sys.exit(0)\n",
    "an exit from a thread": (
        "import os, threading\nt = threading.Thread(target=os._exit, args=(0,))\nt.start()\nt.join()\n"
        "def f(x): return x\n"
    ),
    "an exit at exit": "import atexit, os\natexit.register(os._exit, 0)\ndef f(x): return x\n",
    "another program": "import os\ndef f(x): os.execv('/bin/true', ['true'])\n",
    "a forged report": """
import glob, os
def f(x):
    rows = b'{"test": "t", "passed": true, "message": ""}\\n{"end": 0}\\n'
    for path in glob.glob('.coder/*'):
        if path.endswith('.jsonl'):
            open(path, 'ab').write(rows)
    for descriptor in range(3, 64):
        try:
            os.write(descriptor, rows)
        except OSError:
            pass
    os._exit(0)
""",
    "a report that is a link": """
import glob, os
def f(x):
    for path in glob.glob('.coder/*.jsonl'):
        os.rename(path, 'kept')
        os.symlink('/w/kept', path)
    os._exit(0)
""",
    "a patched assertEqual": "import unittest\nunittest.TestCase.assertEqual = lambda *a: None\n" + WRONG,
    "a patched runner": "import unittest\nunittest.TextTestRunner.run = lambda s, t: t\n" + WRONG,
    "a patched pytest": "import _pytest.python as p\np.Function.runtest = lambda self: None\n" + WRONG,
    "another test module": (
        "import sys, types\nm = types.ModuleType('test_it')\n"
        "exec('import unittest\\nclass T(unittest.TestCase):\\n    def test_f(self): pass', vars(m))\n"
        "sys.modules['test_it'] = m\n" + WRONG
    ),
    "tests that are skipped": "import pytest\npytest.skip('no', allow_module_level=True)\n" + WRONG,
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["pytest", "unittest", "script", "shell"])
@pytest.mark.parametrize("cheat", ALONE)
async def test_a_solution_that_cheats_solves_nothing(cheat: str, kind: str, tmp_path: Path) -> None:
    run = await answered(tmp_path, kind, {"solution.py": ALONE[cheat]})

    assert run.status == "unsolved"
    assert not (tmp_path / "solution.py").exists()


HOOK = "import pytest\n@pytest.hookimpl(tryfirst=True)\ndef pytest_pyfunc_call(pyfuncitem): return True\n"
USER_SITE = f".local/lib/python3.{sys.version_info.minor}/site-packages"
BESIDE = {
    "the tests": {"test_it.py": "def test_f(): pass\n", "check.py": "pass\n", "run.sh": "exit 0\n"},
    "a Makefile": {"Makefile": "test:\n\ttrue\n", "GNUmakefile": "test:\n\ttrue\n", "./run.sh": "exit 0\n"},
    "a conftest.py": {"./conftest.py": HOOK, "conftest.py": HOOK},
    "settings": {"pytest.ini": "[pytest]\naddopts = --co\n", "tox.ini": "[pytest]\naddopts = --co\n"},
    "a plugin": {
        "evil-1.dist-info/METADATA": "Name: evil\nVersion: 1\n",
        "evil-1.dist-info/entry_points.txt": "[pytest11]\nevil = evil\n",
        "evil.py": HOOK,
    },
    "modules of the tools' names": {
        "pytest.py": "def main(*a, **k): return 0\n",
        "unittest.py": "class TestCase: pass\ndef main(*a, **k): pass\n",
        "json.py": "raise SystemExit(0)\n",
    },
    "files of ours": {f".coder/{name}.py": "raise SystemExit(0)\n" for name in ("json", "hmac", "reporter")},
    "a site of the user's": {
        f"{USER_SITE}/usercustomize.py": "import os\nos._exit(0)\n",
        f"{USER_SITE}/sitecustomize.py": "import os\nos._exit(0)\n",
        f"{USER_SITE}/evil.pth": "import os; os._exit(0)\n",
        f"{USER_SITE}/pytest.py": "def main(*a, **k): return 0\n",
    },
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["pytest", "unittest", "make"])
@pytest.mark.parametrize("cheat", BESIDE)
async def test_files_beside_a_wrong_solution_solve_nothing(cheat: str, kind: str, tmp_path: Path) -> None:
    run = await answered(tmp_path, kind, {"solution.py": WRONG, **BESIDE[cheat]})

    passes_as_edited = (cheat, kind) == ("the tests", "pytest")  # the user decides on both parts of it
    assert run.status == ("unverified" if passes_as_edited else "unsolved")
    assert run.landed == ()


@pytest.mark.slow
async def test_what_one_attempt_leaves_behind_does_not_help_the_next(tmp_path: Path) -> None:
    planted = f"""
import os, pathlib
pathlib.Path('kept').write_text({HOOK!r})
os.link('kept', 'conftest.py')
os.symlink('kept', 'pytest.ini')
os.mkdir('test_it.pyc')
os.chmod('.', 0o500)
def f(x): return x
"""

    run = await answered(tmp_path, "pytest", {"solution.py": planted}, {"solution.py": WRONG + "\n"})

    assert (run.status, run.calls) == ("unsolved", 2)


@pytest.mark.slow
async def test_a_script_that_is_the_task_itself_may_be_written(tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text("raise SystemExit(1)\n")
    task = Task(prompt="Make main.py end well.", workspace=tmp_path, test_command=("python3", "main.py"))
    settings = Settings(plan=False, budget=Budget(samples=1, repairs=0))

    run = await solve(
        task, model=Scripted(["**main.py**\n```\nprint('ok')\n```\n"]), settings=settings, log=MemoryLog()
    )

    assert run.status == "solved"
    assert run.strength == "inside"


@pytest.mark.slow
@pytest.mark.parametrize(
    "command", [("true",), ("python3", "-m", "unittest", "-q", "test_other"), ("pytest", "-q")]
)
@pytest.mark.parametrize(("code", "status"), [(WRONG, "unsolved"), (RIGHT, "solved")])
async def test_a_given_test_file_decides_also_where_the_command_leaves_it_out(
    command: tuple[str, ...], code: str, status: str, tmp_path: Path
) -> None:
    (tmp_path / "test_other.py").write_text(
        "import unittest\nclass T(unittest.TestCase):\n    def test(self): pass\n"
    )
    test_files = (TestSource(path="given.py", text=FUNCTION),)
    task = Task(prompt="Write f(x).", workspace=tmp_path, test_command=command, test_files=test_files)

    run = await solve(
        task, model=Scripted([f"**solution.py**\n```python\n{code}```\n"]), settings=PYTEST, log=MemoryLog()
    )

    assert run.status == status


PLAIN = {
    "pytest": "from solution import f\ndef test_one(): assert f(1) == 2\ndef test_two(): assert f(5) == 6\n",
    "a module's function": (
        "import solution\ndef test_one(): assert solution.f(1) == 2\n"
        "def test_two(): assert solution.f(5) == 6\n"
    ),
    "parametrize": (
        "import pytest\nfrom solution import f\n"
        "@pytest.mark.parametrize('x, y', [(1, 2), (5, 6)])\ndef test_it(x, y): assert f(x) == y\n"
    ),
    "unittest": (
        "import unittest\nfrom solution import f\nclass T(unittest.TestCase):\n"
        "    def test_one(self): self.assertEqual(f(1), 2)\n"
        "    def test_two(self): self.assertEqual(f(5), 6)\n"
    ),
}
INSIDE = {
    "tests found in memory": """
import gc
from _pytest.python import Function
def f(x):
    for found in gc.get_objects():
        if isinstance(found, Function):
            found.runtest = lambda *a: None
    return 2
""",
    "a hook found in memory": """
import gc
from _pytest.config import Config
class Hook:
    def pytest_pyfunc_call(self, pyfuncitem): return True
def f(x):
    for found in gc.get_objects():
        if type(found) is Config:
            found.pluginmanager.register(Hook(), 'hook') if not found.pluginmanager.has_plugin('hook') else 0
    return 2
""",
    "a report found in memory": """
import os, sys
def f(x):
    frame = sys._getframe()
    while frame:
        for value in frame.f_locals.values():
            if type(value).__name__ == 'Report':
                value.test('test_it.py::test_one', True)
                value.write(end=0)
                os._exit(0)
        frame = frame.f_back
    return 2
""",
}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("cheat", "tests"),
    [
        *((cheat, "pytest") for cheat in INSIDE),
        *(("tests found in memory", tests) for tests in PLAIN if tests != "pytest"),
    ],
)
async def test_a_plain_comparison_that_is_false_away_from_the_code_is_no_pass(
    cheat: str, tests: str, tmp_path: Path
) -> None:
    (tmp_path / "test_it.py").write_text(PLAIN[tests])
    task = Task(prompt="Write f(x).", workspace=tmp_path, test_command=("pytest", "-q"))
    code = f"**solution.py**\n```python\n{INSIDE[cheat]}```\n"

    run = await solve(task, model=Scripted([code]), settings=PYTEST, log=MemoryLog())

    assert run.status == "unsolved"


NAMES = (
    "test_it.py::test_one",
    "test_it.py::test_two",
    "test_it.T.test_one",
    "test_it.T.test_two",
    "check.py",
)
FORGES = f"""
import gc, json, os, sys
def forge(value):
    for name in {NAMES}:
        value.test(name, True)
    value.write(end=0)
    os._exit(0)
"""
FORGED = {
    "leaves after a forged report in a frame": f"""{FORGES}
def f(x):
    frame = sys._getframe()
    while frame:
        for value in frame.f_locals.values():
            if type(value).__name__ == 'Report':
                forge(value)
        frame = frame.f_back
    os._exit(0)
""",
    "leaves after a forged report in memory": f"""{FORGES}
def f(x):
    for value in gc.get_objects():
        if type(value).__name__ == 'Report':
            forge(value)
    os._exit(0)
""",
}
SHARES_PROCESS = """
import sys
def is_beside():
    frame = sys._getframe()
    while frame:
        if frame.f_code.co_filename.endswith(('test_it.py', 'check.py')):
            return True
        frame = frame.f_back
    return False
"""
NOT_COMPARED = {
    "raises away from the tests": f"""{SHARES_PROCESS}
def f(x):
    if not is_beside():
        raise RuntimeError
    return x + 1 if x == 1 else 6
""",
    "never returns away from the tests": f"""{SHARES_PROCESS}
import time
def f(x):
    while not is_beside():
        time.sleep(1)
    return x + 1 if x == 1 else 6
""",
    "can't be imported away from the tests": f"""{SHARES_PROCESS}
if not is_beside():
    raise ImportError
def f(x):
    return x + 1 if x == 1 else 6
""",
}
MAIN = "if __name__ == '__main__':\n    main()\n"
WAYS = {
    "pytest": (("pytest", "-q"), {"test_it.py": PLAIN["pytest"]}),
    "a local variable": (
        ("pytest", "-q"),
        {"test_it.py": "from solution import f\ndef test_one():\n    got = f(1)\n    assert got == 2\n"},
    ),
    "unittest": (("python3", "-m", "unittest", "-q"), {"test_it.py": PLAIN["unittest"]}),
    "a script": (("python3", "check.py"), {"check.py": SCRIPT}),
    "a script's main": (
        ("python3", "check.py"),
        {"check.py": f"from solution import f\ndef main():\n    assert f(1) == 2\n{MAIN}"},
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("cheat", "way"),
    [
        *((cheat, way) for cheat in FORGED for way in ("pytest", "a script", "unittest")),
    ],
)
async def test_a_plain_test_in_which_the_code_leaves_away_from_it_is_no_pass(
    cheat: str, way: str, tmp_path: Path
) -> None:
    command, files = WAYS[way]
    for path, text in {"solution.py": WRONG, **files}.items():
        (tmp_path / path).write_text(text)
    task = Task(prompt="Write f(x).", workspace=tmp_path, test_command=command)
    answer = Scripted([f"**solution.py**\n```\n{FORGED[cheat]}```\n"])

    run = await solve(task, model=answer, settings=PYTEST, log=MemoryLog())

    assert run.status == "unsolved"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("code", "way"),
    [
        *((code, "pytest") for code in NOT_COMPARED),
        *(("raises away from the tests", way) for way in WAYS if way != "pytest"),
    ],
)
async def test_a_plain_test_that_reaches_no_comparison_away_from_the_code_stays_inside(
    code: str, way: str, tmp_path: Path
) -> None:
    command, files = WAYS[way]
    for path, text in {"solution.py": WRONG, **files}.items():
        (tmp_path / path).write_text(text)
    task = Task(prompt="Write f(x).", workspace=tmp_path, test_command=command)
    for limit_s in growing_limits(3) if code.startswith("never") else [PYTEST.test_timeout]:
        answer = Scripted([f"**solution.py**\n```\n{NOT_COMPARED[code]}```\n"])
        settings = PYTEST.model_copy(update={"test_timeout": limit_s})
        run = await solve(task, model=answer, settings=settings, log=MemoryLog())
        if run.status == "solved":
            break

    assert (run.status, run.strength) == ("solved", "inside")


C = "from solution import f; assert f(1) == 2"
SHELLS = {
    "python -c": {"run": f"python3 -c '{C}'\n"},
    "a here-document": {"run": f"set -e\npython3 - <<'EOF'\n{SCRIPT}EOF\n"},
    "a pipe": {"run": f"echo '{C}' | python3\n"},
    "options": {"run": "python3 -uB check.py\n", "check.py": SCRIPT},
    "a module": {"run": "python3 -m check\n", "check.py": SCRIPT},
}
LEAVES = {
    **{name: ALONE[name] for name in ("os._exit", "sys.exit", "an exit at exit", "another program")},
    "the C library": "import ctypes\ndef f(x): ctypes.CDLL(None)._exit(0)\n",
    "the guard's own way out": (
        "import gc, os\ndef f(x):\n    for found in gc.get_objects():\n"
        "        if getattr(found, '__name__', '') == '_exit': found(0)\n    os._exit(0)\n"
    ),
    "other files of ours": (
        "import glob, os\ndef f(x):\n    for path in glob.glob('.coder/**', recursive=True):\n"
        "        if os.path.isfile(path): open(path, 'w').write('exit 0')\n    os._exit(0)\n"
    ),
    "bogus rows": (
        "import os\ndef f(x):\n    for row in (b'{}', b'x', b'{\"end\": 0}', b'{\"changed\": []}'):\n"
        "        os.write(int(os.environ['CODER_ROWS']), row)\n    os._exit(0)\n"
    ),
}


async def by_shell(folder: Path, files: Mapping[str, str], code: str) -> Run:
    """A run of `sh run` on this answer, which was red before."""
    for path, text in {"solution.py": WRONG, **files}.items():
        (folder / path).write_text(text)
    task = Task(prompt="Write f(x).", workspace=folder, test_command=("sh", "run"))
    answer = Scripted([f"**solution.py**\n```\n{code}```\n"])
    return await solve(task, model=answer, settings=PYTEST, log=MemoryLog())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("way_out", "shell"),
    [
        # The first script's program runs in our process; the second one's is run again apart from the code.
        *((way_out, shell) for way_out in LEAVES for shell in ("python -c", "options")),
        *(("os._exit", shell) for shell in SHELLS if shell not in ("python -c", "options")),
    ],
)
async def test_leaving_a_program_of_a_shell_script_solves_nothing(
    way_out: str, shell: str, tmp_path: Path
) -> None:
    run = await by_shell(tmp_path, SHELLS[shell], LEAVES[way_out])

    assert run.status == "unsolved"


@pytest.mark.slow
@pytest.mark.parametrize("shell", SHELLS)
async def test_right_code_passes_a_program_of_a_shell_script(shell: str, tmp_path: Path) -> None:
    run = await by_shell(tmp_path, SHELLS[shell], RIGHT)

    assert (run.status, run.strength) == ("solved", "inside")


ONE = f"python3 -c '{C}'\n"
HONEST = {
    "a file made before": f"echo 41 >in.txt\n{ONE}rm in.txt\n",
    "another folder": f"mkdir -p x && cd x\nPYTHONPATH=.. {ONE}",
    "a variable": f"export LEVEL=1\n{ONE}",
    "arguments": "python3 -c 'import sys, solution; assert solution.f(1) == int(sys.argv[1])' 2\n",
    "output": "test \"$(python3 -c 'from solution import f; print(f(1))')\" = 2\n",
    "a module of Python's": "python3 -m json.tool data.json >out.json && python3 check.py && python3 -V\n",
    "its own exit": "python3 -c 'import sys, solution; sys.exit(0 if solution.f(1) == 2 else 1)'\n",
}


@pytest.mark.slow
@pytest.mark.parametrize("name", HONEST)
async def test_right_code_passes_whatever_a_script_does_around_it(name: str, tmp_path: Path) -> None:
    needs = "import os\n" + RIGHT.replace("    return", "    os.environ['LEVEL']\n    return")
    code = needs if name == "a variable" else RIGHT
    run = await by_shell(
        tmp_path, {"run": f"set -e\n{HONEST[name]}", "data.json": "{}", "check.py": SCRIPT}, code
    )

    assert run.status == "solved", run.reason


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
async def test_a_plain_test_that_passes_away_from_the_code_is_decided_there(way: str, tmp_path: Path) -> None:
    command, files = WAYS[way]
    for path, text in {"solution.py": WRONG, **files}.items():
        (tmp_path / path).write_text(text)
    task = Task(prompt="Write f(x).", workspace=tmp_path, test_command=command)
    answer = Scripted([f"**solution.py**\n```\n{RIGHT}```\n"])

    run = await solve(task, model=answer, settings=PYTEST, log=MemoryLog())

    assert (run.status, run.strength) == ("solved", "outside")


@pytest.mark.slow
@pytest.mark.parametrize("path", ["test_it.py", "conftest.py"])
async def test_a_module_in_a_folder_that_tests_add_to_the_path_is_found_away_from_it(
    path: str, tmp_path: Path
) -> None:
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib/solution.py").write_text(WRONG)
    adds = "import os, sys\nsys.path.insert(0, os.path.join(os.path.dirname(__file__), 'lib'))\n"
    (tmp_path / "conftest.py").write_text(adds if path == "conftest.py" else "")
    (tmp_path / "test_it.py").write_text(FUNCTION if path == "conftest.py" else adds + FUNCTION)
    task = Task(prompt="Mend f(x).", workspace=tmp_path, test_command=("pytest", "-q"))
    answer = Scripted([f"**lib/solution.py**\n```\n{RIGHT}```\n"])

    run = await solve(task, model=answer, settings=PYTEST, log=MemoryLog())

    assert (run.status, run.strength) == ("solved", "outside")


@pytest.mark.slow
async def test_a_comparison_that_depends_on_the_process_stands(tmp_path: Path) -> None:
    test = "import solution\n\ndef test_f(monkeypatch):\n    monkeypatch.setenv('NAME', 'x')\n"
    (tmp_path / "test_it.py").write_text(f"{test}    assert solution.f() == 'x'\n")
    task = Task(prompt="Write f().", workspace=tmp_path, test_command=("pytest", "-q"))
    code = "**solution.py**\n```python\nimport os\ndef f(): return os.environ.get('NAME')\n```\n"

    run = await solve(task, model=Scripted([code]), settings=PYTEST, log=MemoryLog())

    assert (run.status, run.strength) == ("solved", "inside")


@pytest.mark.slow
async def test_a_comparison_for_which_a_fixture_prepares_the_process_stands(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(
        "import pytest, solution\n\n@pytest.fixture(autouse=True)\ndef named(): solution.NAME = 'x'\n"
    )
    (tmp_path / "test_it.py").write_text("import solution\n\ndef test_f():\n    assert solution.f() == 'x'\n")
    task = Task(prompt="Write f().", workspace=tmp_path, test_command=("pytest", "-q"))
    code = "**solution.py**\n```python\nNAME = ''\ndef f(): return NAME\n```\n"

    run = await solve(task, model=Scripted([code]), settings=PYTEST, log=MemoryLog())

    assert (run.status, run.strength) == ("solved", "outside")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("package", "gives", "strength"),
    [("shapes", "ab", "outside"), ("idna", "ab", "inside"), ("idna", "AB", "inside")],
    ids=["not installed", "installed and right", "installed and wrong"],
)
async def test_an_installed_copy_of_the_package_is_not_tested_in_place_of_the_answer(
    package: str, gives: str, strength: str, tmp_path: Path
) -> None:
    code = tmp_path / "src" / package / "__init__.py"
    code.parent.mkdir(parents=True)
    code.write_text("def encode(text): return b''\n")
    (tmp_path / "tests").mkdir()
    test = f"from {package} import encode\n\ndef test(): assert encode('ab') == {gives.encode()!r}\n"
    (tmp_path / "tests/test_encode.py").write_text(test)
    # Our own interpreter has a dozen plugins.
    command = ("PYTHONPATH=src", "PYTEST_DISABLE_PLUGIN_AUTOLOAD=1", "pytest", "-q")
    task = Task(prompt="Mend it.", workspace=tmp_path, test_command=command, mends=True)
    upper = ".upper()" if gives.isupper() else ""
    answer = f"**src/{package}/__init__.py**\n```\ndef encode(text): return text.encode(){upper}\n```\n"

    idna_settings = PYTEST.model_copy(update={"python": Path(sys.executable)})  # it has idna
    settings = idna_settings if package == "idna" else PYTEST

    run = await solve(task, model=Scripted([answer]), settings=settings, log=MemoryLog())

    assert (run.status, run.strength) == ("solved", strength)


QUERY = """class Field:
    def __init__(self, name): self.name = name
    def __eq__(self, other): return lambda row: row[self.name] == other


def count(rows, test):
    return sum(1 for row in rows if test(row)) + 1
"""
QUERIED = """from query import Field, count


def test_count():
    same = Field("a") == 1
    assert count([{"a": 1}, {"a": 2}], same) == 1
"""
COUNT = "def count(rows):\n    return len(rows) + 1\n"
COUNTED = "from query import count\n\n\ndef test_count():\n    number = count([1])\n    assert number == 1\n"
LINK = """class Link:
    def __init__(self, path): self.path = path
    def __str__(self): return self.path
    def __eq__(self, other): return str(self) == str(other)


def link(name):
    return Link(f"/{name}/x")
"""
LINKED = 'from query import link\n\n\ndef test_link():\n    assert link("a") == "/a"\n'
EQUAL_TO_ALL = (
    "class Same:\n    def __eq__(self, other): return True\n\n\ndef count(rows):\n    return Same()\n"
)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("before", "test", "answer", "status"),
    [
        (QUERY, QUERIED, QUERY.replace(" + 1", ""), "solved"),
        (LINK, LINKED, LINK.replace("/x", ""), "solved"),
        (COUNT, COUNTED, EQUAL_TO_ALL, "unsolved"),
    ],
    ids=[
        "operators that build a query",
        "an object of a class that the test doesn't name",
        "an object that is equal to all",
    ],
)
async def test_an_equality_that_the_users_own_code_has_refutes_no_answer(
    before: str, test: str, answer: str, status: str, tmp_path: Path
) -> None:
    (tmp_path / "query.py").write_text(before)
    (tmp_path / "test_query.py").write_text(test)
    task = Task(prompt="Mend it.", workspace=tmp_path, test_command=("pytest", "-q"), mends=True)
    code = f"**query.py**\n```python\n{answer}```\n"

    run = await solve(task, model=Scripted([code]), settings=PYTEST, log=MemoryLog())

    assert run.status == status, run.reason
