"""Node programs under test that end, keep or replace what would make their tests fail."""

from pathlib import Path

import pytest

from coder.models.scripted import Scripted
from coder.run.run import Run
from coder.run.settings import Budget, Settings
from coder.run.task import Task
from tests.kept_baselines import KEPT_BASELINES
from tests.kept_sandboxes import KEPT, solve
from tests.memory_log import MemoryLog
from tests.programs import require_toolchain

pytestmark = [KEPT, KEPT_BASELINES]

WRONG, RIGHT = "module.exports = x => x;\n", "module.exports = x => x + 1;\n"
CHECK = "const assert = require('assert');\nassert.strictEqual(require('./lib')(1), 2);\n"
SUITE = f"{CHECK}require('node:test')('f', () => assert.strictEqual(require('./lib')(2), 3));\n"
PACKAGE = '{"scripts": {"test": "node check.js"}}'
COMMANDS = {"node check.js": CHECK, "npm test": CHECK, "node --test check.js": SUITE}
CHEATS = {
    "exit": "module.exports = x => process.exit(0);\n",
    "exit below": "module.exports = x => process.reallyExit(0);\n",
    "exit later": f"setTimeout(process.exit, 0, 0);\nprocess.on('uncaughtException', () => {{}});\n{WRONG}",
    "handler": f"process.on('uncaughtException', () => {{}});\n{WRONG}",
    "exit code": f"process.on('exit', () => {{ process.exitCode = 0; }});\n{WRONG}",
    "assertion": f"require('assert').strictEqual = () => {{}};\n{WRONG}",
    "defined assertion": (
        f"Object.defineProperty(require('assert'), 'strictEqual', {{ value: () => {{}} }});\n{WRONG}"
    ),
    "capture of errors": f"process.setUncaughtExceptionCaptureCallback(() => {{}});\n{WRONG}",
    "domain": f"require('domain').create().on('error', () => {{}}).enter();\n{WRONG}",
    "strict assertion": (
        f"const a = require('assert');\na.strictEqual = a.strict.strictEqual = () => {{}};\n{WRONG}"
    ),
}


async def answered(folder: Path, command: str, check: str, code: str) -> Run:
    require_toolchain("node", path="/usr/bin")
    for path, text in {"lib.js": WRONG, "check.js": check, "package.json": PACKAGE}.items():
        folder.joinpath(path).write_text(text)
    task = Task(prompt="Mend it.", workspace=folder, test_command=tuple(command.split()))
    settings = Settings(plan=False, budget=Budget(samples=1, repairs=0))
    return await solve(
        task, model=Scripted([f"**lib.js**\n```\n{code}```"] * 3), settings=settings, log=MemoryLog()
    )


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("cheat", CHEATS)
async def test_code_that_hides_a_failure_from_a_node_programs_exit_code_solves_nothing(
    cheat: str, command: str, tmp_path: Path
) -> None:
    run = await answered(tmp_path, command, COMMANDS[command], CHEATS[cheat])

    assert run.status == "unsolved"


HONEST = {
    "right": (CHECK, RIGHT),
    "an exit of the test": (f"{CHECK}process.exit(0);\n", RIGHT),
    "an assertion of the test's own": (
        f"require('assert').strictEqual = (a, b) => {{ if (a !== b) throw Error(a); }};\n{CHECK}",
        RIGHT,
    ),
    "a handler that nothing needs": (
        CHECK,
        f"process.on('uncaughtException', e => process.exit(1));\n{RIGHT}",
    ),
    "a program that the test starts": (
        "const { execFileSync } = require('child_process');\n"
        f"{CHECK}execFileSync('node', ['-e', 'require(\"./lib\"); process.exit(0)']);\n",
        RIGHT,
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", HONEST)
async def test_what_right_code_and_given_tests_do_themselves_fails_nothing(name: str, tmp_path: Path) -> None:
    run = await answered(tmp_path, "node check.js", *HONEST[name])

    assert (run.status, run.verified, run.strength) == ("solved", "tests", "inside")
