"""Where pytest takes its settings and plugins from: the untouched copy, and nothing that a change brings."""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from coder.models.scripted import Scripted
from coder.run import target
from coder.run.run import Run
from coder.run.settings import Budget, Settings
from coder.run.task import Task
from tests.kept_baselines import KEPT_BASELINES
from tests.kept_sandboxes import KEPT, solve
from tests.memory_log import MemoryLog
from tests.only_pytest import only_pytest

pytestmark = [KEPT, KEPT_BASELINES]

WRONG, RIGHT = "def f(x):\n    return x\n", "def f(x):\n    return x + 1\n"
TEST = "from solution import f\n\n\ndef test_f():\n    value = f(1)\n    assert value == 2\n"
NEVER_CALLED = """import pytest

@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem):
    return True if pyfuncitem.name == "test_f" else None
"""
BROUGHT = {
    "a hidden settings file": {
        ".pytest.toml": '[pytest]\naddopts = ["-p", "evil"]\n',
        "evil.py": NEVER_CALLED,
    },
    "a distribution in capitals": {
        "EVIL-1.DIST-INFO/METADATA": "Metadata-Version: 2.1\nName: evil\nVersion: 1\n",
        "EVIL-1.DIST-INFO/entry_points.txt": "[pytest11]\nevil = evil\n",
        "evil.py": NEVER_CALLED,
    },
    "the module of an installed plugin": {"pytest_idle.py": NEVER_CALLED},
}
COMMANDS = {
    "pytest": (("pytest", "-q"), {}),
    "shell": (("./run.sh",), {"run.sh": "#!/bin/sh\nexec python3 -m pytest -q\n"}),
    "the interpreter's path": (
        ("./run.sh",),
        {"run.sh": "#!/bin/sh\nexec /opt/venv/bin/python -m pytest -q\n"},
    ),
    "the path of pytest": (("./run.sh",), {"run.sh": "#!/bin/sh\nexec /opt/venv/bin/pytest -q\n"}),
}


@pytest.fixture(scope="module")
def idle_python() -> Iterator[Path]:
    """An interpreter with pytest and one more plugin, which does nothing."""
    with tempfile.TemporaryDirectory(dir=sys.prefix) as folder:
        Path(folder).chmod(0o755)
        yield with_idle_plugin(Path(folder))


def with_idle_plugin(folder: Path) -> Path:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", "--symlinks", str(folder)], check=True)
    packages = next(folder.glob("lib/python*/site-packages"))
    theirs = next(only_pytest().parent.parent.glob("lib/python*/site-packages"))
    shutil.copytree(theirs, packages, dirs_exist_ok=True)
    (packages / "pytest_idle.py").write_text("def pytest_configure(config):\n    config.is_idle = True\n")
    about = packages / "pytest_idle-1.dist-info"
    about.mkdir()
    (folder / "bin" / "pytest").write_text("#!/opt/venv/bin/python\nimport pytest\n\npytest.console_main()\n")
    (folder / "bin" / "pytest").chmod(0o755)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: pytest-idle\nVersion: 1\n")
    (about / "entry_points.txt").write_text("[pytest11]\nidle = pytest_idle\n")
    return folder / "bin" / "python"


async def answered(folder: Path, kind: str, files: Mapping[str, str], **settings: object) -> Run:
    command, more = COMMANDS[kind]
    for path, text in more.items():
        (folder / path).write_text(text)
        (folder / path).chmod(0o755)
    task = Task(prompt="Write f(x).", workspace=folder, test_command=command)
    one = {"python": only_pytest(), "plan": False, "budget": Budget(samples=1, repairs=0), **settings}
    answer = "".join(f"**{path}**\n```\n{text}```\n" for path, text in files.items())
    return await solve(task, model=Scripted([answer]), settings=Settings(**one), log=MemoryLog())


@pytest.mark.slow
@pytest.mark.parametrize("kind", COMMANDS)
@pytest.mark.parametrize("cheat", BROUGHT)
async def test_settings_and_plugins_that_a_change_brings_decide_nothing(
    cheat: str, kind: str, idle_python: Path, tmp_path: Path
) -> None:
    (tmp_path / "test_it.py").write_text(TEST)

    run = await answered(tmp_path, kind, {"solution.py": WRONG, **BROUGHT[cheat]}, python=idle_python)

    assert run.status == "unsolved", run.reason
    assert run.landed == ()


@pytest.mark.slow
async def test_settings_that_a_change_writes_into_a_file_of_unknown_meaning_decide_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(target, "SETTINGS", target.SETTINGS - {"tox.ini"})  # as a later pytest's new file
    COMMANDS["doctest"] = (("pytest", "-q", "--doctest-glob=*.rst"), {})
    (tmp_path / "test_f.rst").write_text(">>> from solution import f\n>>> f(1.0)\n2.0\n")
    (tmp_path / "solution.py").write_text(WRONG)
    (tmp_path / "tox.ini").write_text("[tox]\n")
    lenient = {"tox.ini": "[tox]\n[pytest]\ndoctest_optionflags = NUMBER\n"}

    run = await answered(tmp_path, "doctest", {"solution.py": "def f(x):\n    return x + 0.96\n", **lenient})

    assert run.status == "unsolved", run.reason
    assert run.landed == ()


PLUGINS = ("pytest-xdist", "execnet", "pytest-asyncio", "typing_extensions")
HONEST = {
    "no settings": ("pytest -q", {"test_it.py": TEST}, {"solution.py": RIGHT}),
    "a path given to the command": (
        "pytest -q -o pythonpath=src",
        {"tests/test_it.py": TEST, "src/solution.py": WRONG},
        {"src/solution.py": RIGHT},
    ),
    "settings in a folder of their own": (
        "pytest -q -c etc/pytest.ini",
        {
            "etc/pytest.ini": "[pytest]\npythonpath = ../src\ntestpaths = ../tests\n",
            "tests/test_it.py": TEST,
            "src/solution.py": WRONG,
        },
        {"src/solution.py": RIGHT},
    ),
    "settings that the change edits for another reason": (
        "pytest -q",
        {
            "pyproject.toml": '[project]\nname = "x"\n[tool.pytest.ini_options]\npythonpath = ["src"]\n',
            "tests/test_it.py": TEST,
            "src/solution.py": WRONG,
        },
        {"src/solution.py": RIGHT, "pyproject.toml": '[project]\nname = "y"\n'},
    ),
    "a manifest that is new": (
        "pytest -q test",
        {"test/test_it.py": TEST, "test/conftest.py": "", "solution.py": WRONG},
        {"solution.py": RIGHT, "setup.py": "", "test/setup.py": ""},
    ),
    "a plugin that is the code": (
        "pytest -q -p plug",
        {
            "test_it.py": "def test_f(answer):\n    assert answer == 2\n",
            "plug.py": "import pytest\n\n@pytest.fixture\ndef answer():\n    return 1\n",
        },
        {"plug.py": "import pytest\n\n@pytest.fixture\ndef answer():\n    return 2\n"},
    ),
    "plugins that are installed": (
        "pytest -q -n 2",
        {
            "pytest.ini": "[pytest]\nasyncio_mode = auto\n",
            "test_it.py": "from solution import f\n\nasync def test_f():\n    assert f(1) == 2\n",
        },
        {"solution.py": RIGHT},
    ),
    "an interpreter called by its path": (
        "make check",
        {
            "Makefile": "check:\n\tcd lib && PYTHONHASHSEED=0 /opt/venv/bin/python -u -mpytest -q tests\n",
            "lib/pytest.ini": "[pytest]\npythonpath = src\n",
            "lib/tests/test_it.py": TEST,
            "lib/src/solution.py": WRONG,
        },
        {"lib/src/solution.py": RIGHT},
    ),
    "options on an earlier run": (
        "pytest -x --lf",
        {
            "pytest.ini": "[pytest]\naddopts = --ff\npythonpath = src\n",
            "test_it.py": TEST,
            "src/solution.py": WRONG,
        },
        {"src/solution.py": RIGHT},
    ),
    "make": (
        "make check",
        {
            "Makefile": "check:\n\tpython3 -m pytest -q tests\n",
            "pytest.ini": "[pytest]\npythonpath = src\n",
            "tests/test_it.py": TEST,
            "src/solution.py": WRONG,
        },
        {"src/solution.py": RIGHT},
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("case", HONEST)
async def test_settings_and_plugins_of_an_honest_project_work_as_before(case: str, tmp_path: Path) -> None:
    command, files, answer = HONEST[case]
    for path, text in files.items():
        (tmp_path / path).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / path).write_text(text)
    COMMANDS["honest"] = (tuple(command.split()), {})
    plugins = PLUGINS if case == "plugins that are installed" else ()

    run = await answered(tmp_path, "honest", answer, python=only_pytest(*plugins))

    assert (run.status, run.verified) == ("solved", "tests"), run.reason
    assert run.landed


@pytest.mark.slow
@pytest.mark.parametrize("folder", ["", "backend/"], ids=["at the top", "in a folder"])
async def test_a_plain_test_finds_the_code_where_pytest_has_it_on_the_path(
    tmp_path: Path, folder: str
) -> None:
    top = tmp_path / folder
    (top / "lib").mkdir(parents=True)
    (top / "tests").mkdir()
    (top / "lib" / "solution.py").write_text(WRONG)
    (top / "tests" / "test_f.py").write_text(TEST)
    (top / "pytest.ini").write_text("[pytest]\npythonpath = lib\n")
    task = Task(prompt="Mend f.", workspace=tmp_path, test_command=("pytest", "-q", folder or "."))
    mended = f"**{folder}lib/solution.py**\n```python\n{RIGHT}```\n"

    run = await solve(
        task,
        model=Scripted([mended]),
        settings=Settings(plan=False, edit_format="whole", budget=Budget(max_calls=1)),
        log=MemoryLog(),
    )

    assert (run.status, run.strength) == ("solved", "outside"), run.reason
