"""A runner that would wait for changes of files runs once; other commands see no variable CI."""

import json
from pathlib import Path

import pytest

from coder.environment.watch_modes import watch_variables
from coder.models.scripted import Scripted
from coder.run.settings import Budget, Settings
from coder.run.stored_file import StoredFile
from coder.run.task import Task
from tests.coder.workspace.test_edited_tests import answer
from tests.kept_sandboxes import KEPT, solve
from tests.memory_log import MemoryLog

pytestmark = KEPT


def variables(script: str, *command: str) -> dict[str, str]:
    manifest = StoredFile.of(json.dumps({"scripts": {"test": script}}).encode())
    return watch_variables(command or ("npm", "test"), {"web/package.json": manifest})


@pytest.mark.parametrize(
    "script",
    [
        "vitest", "vitest --coverage", "tsc && npx vitest", "vitest watch", "jest --watch", "jest --watchAll",
        "react-scripts test", "mocha --watch", "mocha -w spec", "ng test", "node_modules/.bin/vitest",
        "cross-env A=1 react-scripts test --coverage", "karma start karma.conf.js",
    ],
)  # fmt: skip
def test_a_script_that_would_watch_is_told_to_run_once(script: str) -> None:
    assert variables(script) == {"CI": "1"}


@pytest.mark.parametrize(
    "script",
    [
        "vitest run", "vitest --run", "vitest --watch=false", "jest", "jest --ci", "mocha", "node --test", "",
        "react-scripts test --watchAll=false", "react-scripts build", "ng build", "ng test --watch=false",
        "karma start --single-run", "echo jest-like --watch",
    ],
)  # fmt: skip
def test_a_script_that_ends_keeps_the_variables_that_it_has_outside(script: str) -> None:
    assert variables(script) == {}


def test_a_command_that_watches_by_itself_is_told_so_and_a_manifest_that_is_none_is_passed_over() -> None:
    assert watch_variables(("npx", "vitest"), {"package.json": StoredFile.of(b"{")}) == {"CI": "1"}
    assert watch_variables(("pytest", "-q"), {"package.json": StoredFile.of(b'{"scripts": [1]}')}) == {}


@pytest.mark.slow
async def test_npm_test_of_a_runner_that_watches_ends(tmp_path: Path) -> None:
    runner = "#!/bin/sh\n[ -n \"$CI\" ] || sleep 600\ngrep -q 'return 2' m.js && echo ok\n"
    wrong = "exports.f = () => { return 1 }\n"
    (tmp_path / "node_modules" / ".bin").mkdir(parents=True)
    (tmp_path / "node_modules" / ".bin" / "react-scripts").write_text(runner)
    (tmp_path / "node_modules" / ".bin" / "react-scripts").chmod(0o755)
    (tmp_path / "package.json").write_text(json.dumps({"scripts": {"test": "react-scripts test"}}))
    (tmp_path / "m.js").write_text(wrong)
    settings = Settings(strategy="repair", plan=False, edit_format="whole", budget=Budget(max_calls=1))
    task = Task(prompt="f returns 2.", workspace=tmp_path, test_command=("npm", "test"))

    run = await solve(
        task,
        model=Scripted([answer(m__js=wrong.replace("1", "2"))]),
        settings=settings,
        log=MemoryLog(),
    )

    assert run.status == "solved", run.reason
