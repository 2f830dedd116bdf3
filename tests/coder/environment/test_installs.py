"""What a model installs in its session: it works there, the user's stays as it is, and no verdict sees it."""

import hashlib
import venv
from pathlib import Path

import pytest

from coder.engine.agent import solve
from coder.environment.toolchains import with_layers, with_toolchains
from coder.models.model import ToolCall
from coder.models.scripted import Scripted
from coder.run.run import Run
from coder.run.settings import Budget, Settings
from coder.run.task import Task
from sandbox import Policy, session_policy
from sandbox.backends.bubblewrap import open_bubblewrap
from tests.coder.engine.participants.test_acting import DONE, bash, told
from tests.memory_log import MemoryLog
from tests.ordinary_user import run_as_ordinary_user
from tests.programs import require_toolchain

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
INSTALL = (
    "pip install -q ./vendored && cd /tmp && python -c 'import seven; print(seven.VALUE, seven.__file__)'"
)


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
    return written(tmp_path / "project", vendored_backend__py=BACKEND, vendored_pyproject__toml=BUILD)


async def worked(
    folder: Path, *calls: list[ToolCall], test: str | None = None, prompt: str = "Do it.", **how: object
) -> tuple[Run, Scripted]:
    """A run of a model that makes these calls; `how` are settings."""
    model = Scripted([*calls, "I stop here."])
    settings = Settings(strategy="act", budget=Budget(max_calls=len(calls) + 1)).model_copy(update=how)
    task = Task(prompt=prompt, workspace=folder, test_command=tuple(test.split()) if test else None)
    return await solve(task, model=model, settings=settings, log=MemoryLog()), model


@pytest.mark.slow
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


@pytest.mark.slow
async def test_without_overlays_pip_installs_to_a_place_first_on_the_path(
    project: Path, environment: Path
) -> None:
    policy = session_policy(python=environment / "bin/python", layered=("/opt/venv",))
    files = {f"vendored/{path.name}": path.read_bytes() for path in (project / "vendored").iterdir()}

    for opened in (
        open_bubblewrap(policy, without=frozenset({"layer"})),
        open_bubblewrap(policy, walls="one"),
    ):
        async with opened as box, box.session(fresh=True, files=files) as session:
            ended = await session.sh(INSTALL)

        assert ended.output == "7 /tmp/home/installed/seven.py\n", ended.output


@pytest.mark.slow
def test_an_ordinary_user_installs_too() -> None:
    script = f"""
import asyncio, os, tempfile, venv
from pathlib import Path
from sandbox import open_sandbox, session_policy
async def main():
    top = Path(tempfile.mkdtemp())
    venv.create(top, symlinks=True, with_pip=True)
    policy = session_policy(python=top / "bin/python", layered=("/opt/venv",))
    files = {{"vendored/backend.py": {BACKEND.encode()!r}, "vendored/pyproject.toml": {BUILD.encode()!r}}}
    async with open_sandbox(policy) as box, box.session(fresh=True, files=files) as session:
        print((await session.sh({INSTALL!r})).output.split("/lib")[0], len(list(top.rglob("seven*"))))
asyncio.run(main())
"""
    ended = run_as_ordinary_user(script, timeout_s=300)

    assert ended.stdout == "7 /opt/venv 0\n", ended.stdout + ended.stderr


@pytest.fixture
def modules(tmp_path: Path) -> Path:
    """A project in JavaScript whose one dependency is installed, and a package beside it."""
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
    return folder


async def test_where_modules_are_read_only_it_is_said_with_what_to_do(modules: Path) -> None:
    model = Scripted([bash("touch node_modules/x"), bash("true"), "I stop here."])
    settings = Settings(strategy="act", budget=Budget(max_calls=3))

    await solve(
        Task(prompt="Do it.", workspace=modules),
        model=model,
        settings=settings,
        log=MemoryLog(),
        sandbox=lambda policy: open_bubblewrap(policy, without=frozenset({"layer"})),
    )

    assert "Read-only file system" in told(model, 2)
    assert "no overlay: node_modules. Install elsewhere: npm install --prefix" in told(model, 2)
    assert "overlay" not in told(model, 3)


@pytest.mark.slow
async def test_npm_installs_over_the_modules_that_are_there(modules: Path) -> None:
    require_toolchain("npm", path="/usr/bin")
    before = everything(modules)
    install = "npm install --offline --no-audit --install-links ./seven"

    _, model = await worked(
        modules,
        bash(f"{install} && node -p 'require(\"seven\")'"),
        bash("npm ci --offline --install-links && ls node_modules"),
    )

    assert "7\n[exit 0" in told(model, 2)
    assert told(model, 3).splitlines()[-3:-1] == ["old", "seven"], told(model, 3)
    assert everything(modules) == before


@pytest.mark.slow
async def test_a_verdict_lacks_what_was_installed_and_says_what_helps(
    project: Path, environment: Path
) -> None:
    test = "import unittest, calc, seven\n\nclass It(unittest.TestCase):\n"
    test += "    def test(self): assert calc.VALUE == seven.VALUE\n"
    written(project, calc__py="VALUE = 8\n")
    (project / "test_it.py").write_text(test)

    run, model = await worked(
        project,
        bash(f"{INSTALL}; cd /w; sed -i s/8/7/ calc.py; python -m unittest"),
        DONE,
        test="python -m unittest",
        python=environment / "bin/python",
    )

    assert "Ran 1 test" in told(model, 2)
    assert "OK" in told(model, 2)
    assert "seven is missing" in told(model, 3), told(model, 3)
    assert "--install-with" in told(model, 3)
    assert (run.cause, run.lacks) == ("missing_module", ("seven",))


SUM_JS = "const test = require('node:test')\nconst assert = require('node:assert')\n"
SUM_JS += "test('it adds', () => assert.strictEqual(require('./sum')(2, 3), 5))\n"
SUM_SH = "#!/bin/sh\n[ \"$(sh sum.sh 2 3)\" = 5 ] || { echo 'not 5'; exit 1; }\n"
SUM_RS = "pub fn sum(a: i32, b: i32) -> i32 { a - b }\n#[test]\nfn adds() { assert_eq!(sum(2, 3), 5); }\n"
CARGO = '[package]\nname = "sum"\nversion = "0.1.0"\nedition = "2021"\n'
SUM_GO = "package sum\n\nfunc Sum(a, b int) int { return a - b }\n"
TEST_GO = 'package sum\n\nimport "testing"\n\nfunc TestSum(t *testing.T) {\n\tif Sum(2, 3) != 5 {\n'
TEST_GO += '\t\tt.Fatal("not 5")\n\t}\n}\n'


@pytest.mark.slow
@pytest.mark.parametrize(
    ("tool", "files", "changed", "test"),
    [
        pytest.param(
            "node",
            {"package.json": "{}", "sum.js": "module.exports = (a, b) => a - b\n", "sum.test.js": SUM_JS},
            "sum.js",
            "node --test",
            id="node",
            marks=pytest.mark.foreign,
        ),
        pytest.param(
            *("sh", {"sum.sh": "echo $(($1 - $2))\n", "test.sh": SUM_SH}, "sum.sh", "sh test.sh"), id="sh"
        ),
        pytest.param(
            "cargo",
            {"Cargo.toml": CARGO, "src/lib.rs": SUM_RS, ".gitignore": "target\nCargo.lock\n"},
            "src/lib.rs",
            "cargo test --offline",
            id="cargo",
            marks=pytest.mark.foreign,
        ),
        pytest.param(
            "go",
            {"go.mod": "module sum\n", "sum.go": SUM_GO, "sum_test.go": TEST_GO},
            "sum.go",
            "go test ./...",
            id="go",
            marks=pytest.mark.foreign,
        ),
    ],
)
async def test_a_model_solves_it_with_the_toolchain_of_this_machine(
    tool: str, files: dict[str, str], changed: str, test: str, tmp_path: Path
) -> None:
    require_toolchain(tool)
    folder = tmp_path / "project"
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    tmp_path.chmod(0o755)

    run, model = await worked(
        folder,
        bash(test),
        bash(f"sed -i 's/ - / + /' {changed} && {test}"),
        DONE,
        prompt=f"Mend {changed}.",
        test=test,
        memory_mb=2048,
        program_timeout=60,
    )

    assert "[exit 0" not in told(model, 2), told(model, 2)
    assert "[exit 0" in told(model, 3), told(model, 3)
    assert (run.status, run.landed) == ("solved", (changed,)), (run.reason, run.tests, told(model, 4))


def test_what_path_names_is_found_for_projects_that_need_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    go, java = tmp_path / "sdk/go", tmp_path / "sdk/jdk"
    written(go, bin_go="", pkg_tool_x="")
    written(java, bin_java="", release="")
    for command in (go / "bin/go", java / "bin/java"):
        command.chmod(0o755)
    home = written(
        tmp_path / "home",
        __cargo_registry_x="",
        __cargo_credentials__toml="",
        __m2_repository_x="",
        __npm_x="",
    )
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("PATH", f"{go}/bin:{java}/bin")
    monkeypatch.setenv("GOMODCACHE", str(written(tmp_path / "mod", cache_download_x="")))

    policy = with_toolchains(Policy(), {"a/go.mod", "Cargo.toml"})
    of_java = with_toolchains(Policy(), {"pom.xml"})

    assert policy.beside == {"go": go, "go-modules": tmp_path / "mod/cache/download"}
    assert policy.on_path == ("/opt/shown/go/bin",)
    assert policy.environment["GOPROXY"].startswith("file:///opt/shown/go-modules,")
    assert of_java.beside == {"java": java, "maven": home / ".m2/repository"}
    assert of_java.environment["JAVA_HOME"] == "/opt/shown/java"
    assert with_toolchains(Policy(), {"main.py"}) == Policy()
    assert with_layers(policy).layered == ("/opt/venv", "npm-cache", "go", "go-modules")
    assert with_layers(Policy()).environment == {"npm_config_cache": "/opt/shown/npm-cache"}
    assert "npm-cache" not in with_layers(policy, caches=False).beside
    assert "go-modules" not in with_toolchains(Policy(), {"go.mod"}, caches=False).beside
