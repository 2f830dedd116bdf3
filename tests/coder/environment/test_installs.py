"""What a model installs in its session: it works there, the user's stays as it is, and no verdict sees it."""

import hashlib
import shutil
import venv
from pathlib import Path

import pytest

from coder.agent import solve
from coder.models.model import ToolCall
from coder.models.scripted import Scripted
from coder.run.run import Run
from coder.run.settings import Budget, Settings
from coder.run.task import Task
from coder.store import MemoryLog
from sandbox import session_policy
from sandbox.backends.bubblewrap import open_bubblewrap
from tests.coder.participants.test_actor import bash, told
from tests.ordinary_user import run_as_ordinary_user

BACKEND = """
import zipfile

def build_wheel(folder, config_settings=None, metadata_directory=None):
    name = "seven-1.0-py3-none-any.whl"
    with zipfile.ZipFile(f"{folder}/{name}", "w") as wheel:
        info = "seven-1.0.dist-info"
        wheel.writestr("seven.py", "VALUE = 7\\n")
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\\nName: seven\\nVersion: 1.0\\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr(f"{info}/RECORD", "")
    return name
"""
BUILD = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
INSTALL = "pip install -q ./seven && cd /tmp && python -c 'import seven; print(seven.VALUE, seven.__file__)'"


def everything(folder: Path) -> dict[str, object]:
    """What a folder holds, byte for byte, with rights and times."""
    return {
        str(path): (
            path.lstat().st_mtime_ns,
            path.lstat().st_mode,
            hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "",
        )
        for path in sorted(folder.rglob("*"))
    }


def written(folder: Path, **files: str) -> Path:
    """A folder with these files; a dunder stands for a dot, and a single one for a slash."""
    for name, text in files.items():
        path = folder / name.replace("__", ".").replace("_", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment with pip."""
    folder = tmp_path_factory.mktemp("environment") / "venv"
    venv.create(folder, symlinks=True, with_pip=True)
    return folder


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project that holds a package to install, whose build needs nothing else."""
    return written(tmp_path / "project", seven_backend__py=BACKEND, seven_pyproject__toml=BUILD)


async def worked(
    folder: Path, *calls: list[ToolCall], test: tuple[str, ...] | None = None, **how: object
) -> tuple[Run, Scripted]:
    """A run of a model that makes these calls; `how` are settings."""
    model = Scripted([*calls, "I stop here."])
    settings = Settings(strategy="act", budget=Budget(calls=len(calls) + 1)).model_copy(update=how)
    task = Task(prompt="Do it.", workspace=folder, test_command=test)
    return await solve(task, model=model, settings=settings, log=MemoryLog()), model


async def test_pip_installs_into_the_virtual_environment_as_the_session_sees_it(
    project: Path, environment: Path
) -> None:
    before = everything(environment)

    _, model = await worked(
        project,
        bash(INSTALL),
        bash("pip uninstall -qy seven pip; pip show pip"),
        python=environment / "bin/python",
    )

    assert told(model, 2).startswith("7 /opt/venv/lib/python3.")
    assert told(model, 3).splitlines()[-1].startswith("[exit 127")
    assert everything(environment) == before


async def test_without_overlays_pip_installs_to_a_place_first_on_the_path(
    project: Path, environment: Path
) -> None:
    policy = session_policy(python=environment / "bin/python", layered=("/opt/venv",))
    files = {f"seven/{path.name}": path.read_bytes() for path in (project / "seven").iterdir()}

    for without, walls in ((frozenset({"layer"}), "two"), (frozenset[str](), "one")):
        async with open_bubblewrap(policy, without=without, walls=walls) as box:  # type: ignore[arg-type]
            async with box.session(fresh=True, files=files) as session:
                ended = await session.sh(INSTALL)

        assert ended.output == "7 /tmp/home/installed/seven.py\n", ended.output


def test_an_ordinary_user_installs_too() -> None:
    script = f"""
import asyncio, os, tempfile, venv
from pathlib import Path
from sandbox import open_sandbox, session_policy
async def main():
    top = Path(tempfile.mkdtemp())
    venv.create(top, symlinks=True, with_pip=True)
    policy = session_policy(python=top / "bin/python", layered=("/opt/venv",))
    files = {{"seven/backend.py": {BACKEND.encode()!r}, "seven/pyproject.toml": {BUILD.encode()!r}}}
    async with open_sandbox(policy) as box, box.session(fresh=True, files=files) as session:
        print((await session.sh({INSTALL!r})).output.split("/lib")[0], len(list(top.rglob("seven*"))))
asyncio.run(main())
"""
    ended = run_as_ordinary_user(script, timeout_s=60)

    assert ended.stdout == "7 /opt/venv 0\n", ended.stdout + ended.stderr


async def test_npm_installs_over_the_modules_that_are_there(tmp_path: Path) -> None:
    if shutil.which("npm", path="/usr/bin") is None:
        pytest.skip("npm isn't installed below /usr")
    folder = written(
        tmp_path / "project",
        package__json='{"name": "sum", "dependencies": {"old": "file:old"}}',
        old_package__json='{"name": "old", "version": "1.0.0"}',
        seven_package__json='{"name": "seven", "version": "1.0.0"}',
        seven_index__js="module.exports = 7\n",
        __gitignore="node_modules\n",
    )
    (folder / "node_modules" / "old").mkdir(parents=True)
    (folder / "node_modules" / "old" / "package.json").write_text('{"name": "old", "version": "1.0.0"}')
    (folder / "node_modules" / ".package-lock.json").write_text("{}")
    before = everything(folder)
    install = "npm install --offline --no-audit --install-links ./seven"

    _, model = await worked(
        folder,
        bash(f"{install} && node -p 'require(\"seven\")'"),
        bash("npm ci --offline --install-links && ls node_modules"),
    )

    assert "7\n[exit 0" in told(model, 2)
    assert told(model, 3).splitlines()[-3:-1] == ["old", "seven"], told(model, 3)
    assert everything(folder) == before
