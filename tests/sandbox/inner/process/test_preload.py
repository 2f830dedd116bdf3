"""Modules that are imported before a run: there at once, and changed by no other run."""

import venv
from pathlib import Path

import pytest

from sandbox import Policy, PolicyUnmet, PythonCode, Sandbox, open_sandbox

SEEN = "import sys; before = '{0}' in sys.modules; import {0}; print(before)"


@pytest.fixture
def brought(tmp_path: Path) -> Path:
    """The site-packages of a virtual environment that brings a module `brought`."""
    venv.create(tmp_path / "v", with_pip=False, symlinks=True)
    packages = next((tmp_path / "v").glob("lib/python3*/site-packages"))
    (packages / "brought.py").write_text(
        "import sys\nkept = []\nlooked = dict(line.split(':', 1) for line in open('/proc/self/status'))\n"
    )
    return packages


def policy(packages: Path, *names: str) -> Policy:
    return Policy(python=packages.parents[2] / "bin" / "python", preload=names)


async def printed(box: Sandbox, source: str) -> str:
    result = await box.run(PythonCode(source=source))
    assert result.ok, result
    return result.stdout


async def test_a_module_of_the_base_interpreter_is_there_before_the_run() -> None:
    async with open_sandbox(Policy(preload=("sqlite3", "xml.dom"))) as box:
        assert await printed(box, SEEN.format("sqlite3")) == "True\n"
        assert await printed(box, SEEN.format("xml.dom")) == "True\n"
        assert await printed(box, SEEN.format("csv")) == "False\n"


async def test_a_module_that_a_virtual_environment_brings_is_imported_behind_all_walls(brought: Path) -> None:
    async with open_sandbox(policy(brought, "brought")) as box:
        told = "s = brought.looked; print(*(s[name].strip() for name in ('Seccomp', 'CapEff', 'Pid')))"
        assert await printed(box, f"{SEEN.format('brought')}\n{told}") == "True\n2 0000000000000000 2\n"


async def test_what_one_run_leaves_in_a_module_no_other_run_finds(brought: Path) -> None:
    async with open_sandbox(policy(brought, "brought", "sqlite3")) as box:
        for _ in range(3):
            leave = "import brought, sqlite3; print(brought.kept, hasattr(sqlite3, 'left'))"
            source = f"{leave}; brought.kept.append(1); sqlite3.left = 1"
            assert await printed(box, source) == "[] False\n"


async def test_random_numbers_differ_from_run_to_run() -> None:
    async with open_sandbox(Policy(preload=("random",))) as box:
        drawn = {await printed(box, "import random; print(random.random())") for _ in range(4)}

    assert len(drawn) == 4


async def test_a_preloaded_program_has_one_thread() -> None:
    async with open_sandbox(Policy(preload=("concurrent.futures", "sqlite3"))) as box:
        assert await printed(box, "import os; print(len(os.listdir('/proc/self/task')))") == "1\n"


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (None, "No module named"),
        ("raise ValueError('not today')", "ValueError: not today"),
        ("import os; os._exit(3)", "ended"),
        ("print('\\x1b[2J'); raise SystemExit('\\x1b[31m')", r"\x1b[31m"),
    ],
)
async def test_a_module_that_can_not_be_imported_is_named_when_the_sandbox_opens(
    brought: Path, source: str | None, said: str
) -> None:
    if source is not None:
        (brought / "absent.py").write_text(source)

    with pytest.raises(PolicyUnmet) as refused:
        async with open_sandbox(policy(brought, "brought", "absent"), backend="bubblewrap"):
            pass

    assert "absent" in str(refused.value)
    assert said in str(refused.value)
    assert "\x1b" not in str(refused.value)


async def test_a_module_that_starts_a_thread_is_left_to_each_run(brought: Path) -> None:
    (brought / "busy.py").write_text(
        "import threading, time\nthreading.Thread(target=time.sleep, args=(60,), daemon=True).start()\n"
    )
    async with open_sandbox(policy(brought, "busy")) as box:
        assert await printed(box, "import os; print(len(os.listdir('/proc/self/task')))") == "2\n"
        assert await printed(box, "print(1)") == "1\n"
