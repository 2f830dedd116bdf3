"""A folder's own dependencies: which are shown to programs, and a test command that needs them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from coder.engine.agent import solve
from coder.environment.dependencies import find_folders
from coder.models.scripted import Scripted
from coder.run.settings import Budget, Settings
from coder.run.task import Task
from tests.git_repository import make_repository
from tests.memory_log import MemoryLog
from tests.ordinary_user import REPOSITORY
from tests.programs import require_toolchain

TEST = """const test = require('node:test')
test('it adds', () => require('expects').same(require('./sum')(2, 3), 5))
"""
EXPECTS = "exports.same = (a, b) => require('node:assert').strictEqual(a, b)\n"
WRONG = "module.exports = (a, b) => a - b\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A repository in JavaScript whose test needs an installed package."""
    tmp_path.chmod(0o755)
    make_repository(
        tmp_path / "project", package__json='{"name": "sum"}\n', sum__js=WRONG, sum__test__js=TEST
    )
    project = tmp_path / "project"
    (project / ".gitignore").write_text("node_modules\n")
    (project / "node_modules" / "expects").mkdir(parents=True)
    (project / "node_modules" / "expects" / "index.js").write_text(EXPECTS)
    return project


@pytest.mark.slow
async def test_tests_find_what_is_installed_beside_the_code(project: Path) -> None:
    require_toolchain("node", path="/usr/bin")
    task = Task(prompt="Mend it.", workspace=project, test_command=("node", "--test"), mends=True)
    answer = "**sum.js**\n```js\nmodule.exports = (a, b) => a + b\n```\n"

    run = await solve(
        task,
        model=Scripted([answer]),
        settings=Settings(edit_format="whole", budget=Budget(max_calls=1)),
        log=MemoryLog(),
    )

    assert (run.status, run.landed) == ("solved", ("sum.js",)), run.tests
    assert (project / "node_modules" / "expects" / "index.js").read_text() == EXPECTS


@pytest.mark.slow
async def test_a_runner_that_keeps_a_cache_among_its_packages_accepts_a_right_change(project: Path) -> None:
    """As Vitest 1 and 2 do, whose run ends with exit code 1 if they can't write their results."""
    require_toolchain("node", path="/usr/bin")
    runner = "require('fs').mkdirSync('node_modules/.cache/run', { recursive: true })\nrequire('./expects')"
    (project / "node_modules" / "run.js").write_text(f"{runner}.same(require('../sum')(2, 3), 5)\n")
    command = ("node", "node_modules/run.js")
    task = Task(prompt="Mend it.", workspace=project, test_command=command, mends=True)
    answer = "**sum.js**\n```js\nmodule.exports = (a, b) => a + b\n```\n"

    run = await solve(
        task,
        model=Scripted([answer]),
        settings=Settings(edit_format="whole", budget=Budget(max_calls=1)),
        log=MemoryLog(),
    )

    assert (run.status, run.landed) == ("solved", ("sum.js",)), run.tests
    assert not (project / "node_modules" / ".cache").exists()


@pytest.mark.slow
async def test_an_answer_changes_nothing_that_is_installed(project: Path) -> None:
    cheat = "**node_modules/expects/index.js**\n```js\nexports.same = () => {}\n```\n"
    task = Task(prompt="Mend it.", workspace=project, test_command=("node", "--test"), mends=True)

    run = await solve(
        task,
        model=Scripted([cheat, cheat]),
        settings=Settings(edit_format="whole", budget=Budget(max_calls=2)),
        log=MemoryLog(),
    )

    assert run.status != "solved"
    assert run.landed == ()
    assert (project / "node_modules" / "expects" / "index.js").read_text() == EXPECTS


def test_every_package_of_a_repository_has_its_own(tmp_path: Path) -> None:
    for place in ("node_modules", "packages/a/node_modules", "packages/b/node_modules"):
        (tmp_path / place).mkdir(parents=True)

    folders = find_folders(tmp_path, {"package.json", "packages/a/package.json", "packages/b/index.js"})

    assert folders == {
        "node_modules": tmp_path / "node_modules",
        "packages/a/node_modules": tmp_path / "packages/a/node_modules",
    }


def test_a_folder_that_git_tracks_or_a_link_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "elsewhere" / "node_modules").mkdir(parents=True)
    (tmp_path / "linked").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "own" / "node_modules").mkdir(parents=True)
    (tmp_path / "node_modules").symlink_to("/usr")

    folders = find_folders(
        tmp_path,
        {"package.json", "linked/package.json", "own/package.json", "own/node_modules/kept/index.js"},
    )

    assert folders == {}


@pytest.mark.slow
def test_where_nothing_can_be_mounted_a_run_goes_on_without_it(project: Path) -> None:
    script = f"""
import asyncio
from pathlib import Path
from coder.environment.run_policy import policy_for
from coder.run.settings import Settings
from coder.run.stored_file import StoredFile
from coder.run.task import Task
from sandbox import Command
from tests.system_python import SYSTEM_PYTHON
async def main():
    files = {{"package.json": StoredFile(text="{{}}")}}
    settings = Settings(python=str(SYSTEM_PYTHON))
    policy, opener = policy_for(Task(prompt="x", workspace=Path({str(project)!r})), settings, files)
    async with opener(policy) as box:
        print(list(policy.folders), box.backend, (await box.run(Command(argv=("ls",)))).status)
asyncio.run(main())
"""
    environment = {**os.environ, "PATH": "/nowhere", "DOCKER_HOST": "unix:///nowhere/docker.sock"}
    environment |= {"KUBERNETES_SERVICE_HOST": "10.0.0.1"}

    ended = subprocess.run(
        [sys.executable, "-c", script], env=environment, cwd=REPOSITORY, capture_output=True, text=True
    )

    assert ended.stdout == "['node_modules'] container ok\n", ended.stderr
