"""A folder whose language isn't Python: what is asked for there, and what an answer without a name means."""

import shutil
from pathlib import Path

import pytest

from coder.edits.code_blocks import find_blocks, whole_files
from coder.models.scripted import Scripted
from coder.run.run import Run
from coder.run.settings import Budget, Settings
from coder.run.task import Task
from tests.kept_sandboxes import KEPT, solve
from tests.memory_log import MemoryLog
from tests.recorded_runs import RECORDED

pytestmark = [KEPT, RECORDED]

GO = {
    "go.mod": "module sum\n",
    "sum.go": "package sum\n\nfunc Sum(a, b int) int { return a - b }\n",
    "more.go": "package sum\n",
    "check": "grep -q 'a + b' sum.go\n",
}
COLOURED = r"""
R=$(printf '\033[31m') N=$(printf '\033[0m')
echo "<testsuite><testcase name='adds'><failure>${R}expected 2${N}, got 0</failure></testcase>" > out.xml
echo "<testcase name='subtracts'/></testsuite>" >> out.xml
echo "${R}1 failed${N}" >&2
exit 1
"""
JAVASCRIPT = {"sum.js": "module.exports = (a, b) => a - b\n", "check": "grep -q 'a + b' sum.js\n"}


async def fixed(
    folder: Path,
    files: dict[str, str],
    answer: str,
    *,
    prompt: str = "Make `sh check` pass.",
    mends: bool = True,
) -> tuple[Run, str]:
    """The run, and all that the model was asked."""
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    log = MemoryLog()
    task = Task(prompt=prompt, workspace=folder, test_command=("sh", "check"), mends=mends)
    settings = Settings(strategy="repair", budget=Budget(samples=1, max_calls=1))
    run = await solve(task, model=Scripted([answer]), settings=settings, log=log)
    messages = [
        event.body["messages"] for event in await log.read(run.run_id) if event.type == "model.requested"
    ]
    return run, str(messages)


@pytest.mark.slow
async def test_a_folder_of_several_sources_is_asked_for_changes_of_its_files(tmp_path: Path) -> None:
    answer = "sum.go\n```go\npackage sum\n\nfunc Sum(a, b int) int { return a + b }\n```\n"

    run, prompts = await fixed(tmp_path, GO, answer)

    assert (run.status, run.landed) == ("solved", ("sum.go",))
    assert "Change the files so that this is done." in prompts
    assert "solution.py" not in prompts
    assert "python" not in prompts


@pytest.mark.slow
async def test_a_folder_of_one_source_is_asked_for_this_file(tmp_path: Path) -> None:
    run, prompts = await fixed(tmp_path, JAVASCRIPT, "sum.js\n```js\nmodule.exports = (a, b) => a + b\n```\n")

    assert (run.status, run.landed) == ("solved", ("sum.js",))
    assert "Write the file `sum.js`." in prompts
    assert "python" not in prompts


@pytest.mark.slow
async def test_a_repository_in_python_is_not_asked_for_a_file_that_nothing_names(tmp_path: Path) -> None:
    files = {
        "one.py": "x = 1\n",
        "two.py": "y = 1\n",
        "check": "python3 -c 'from one import x; assert x == 2'\n",
    }

    _, prompts = await fixed(tmp_path, files, "one.py\n```python\nx = 2\n```\n")

    assert "solution.py" not in prompts


@pytest.mark.slow
async def test_a_task_about_a_tested_repository_is_not_asked_for_a_new_file(tmp_path: Path) -> None:
    files = {
        "src/shop/cart.py": "x = 1\n",
        "src/shop/tax.py": "y = 1\n",
        "check": "PYTHONPATH=src python3 -c 'from shop.cart import x; assert x == 2'\n",
    }
    answer = "src/shop/cart.py\n```python\nx = 2\n```\n"

    run, prompts = await fixed(tmp_path, files, answer, prompt="The cart's x is wrong.", mends=False)

    assert run.landed == ("src/shop/cart.py",)
    assert "Change the files so that this is done." in prompts
    assert "solution.py" not in prompts


@pytest.mark.parametrize(
    ("answer", "files"),
    [
        ("```\nlet a\n```\n", {"a.js": "let a\n"}),
        ("```js\nlet a\n```\n```js\nlet b\n```\n", {}),
        ("b.js\n```js\nlet b\n```\n```sh\nnode b.js\n```\n", {"b.js": "let b\n"}),
        ("just words", {}),
    ],
)
def test_one_block_without_a_name_is_the_file_and_several_are_none(
    answer: str, files: dict[str, str]
) -> None:
    answer_files, problem = whole_files(answer, find_blocks(answer), default="a.js")

    assert answer_files == files
    assert (problem is None) == bool(files)


NODE = {
    "package.json": '{"type": "module"}',
    "sums.js": "export const add = (a, b) => a - b\nexport const hasColours = () => !process.env.NO_COLOR\n",
    "sums.test.js": """
import assert from 'node:assert/strict'
import test from 'node:test'
import { add, hasColours } from './sums.js'

test('add', () => assert.equal(add(1, 1), 2, '\\x1b[31mred\\x1b[39m'))
test('colours', () => assert.equal(hasColours(), true))
""",
}


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("node") is None, reason="needs node")
async def test_a_program_that_is_tested_for_colours_has_them_as_outside(tmp_path: Path) -> None:
    for path, text in NODE.items():
        (tmp_path / path).write_text(text)
    task = Task(prompt="Fix it.", workspace=tmp_path, test_command=("node", "--test"), mends=True)
    answer = f"`sums.js`\n```js\n{NODE['sums.js'].replace('a - b', 'a + b')}```\n"

    log = MemoryLog()
    run = await solve(task, model=Scripted([answer]), settings=Settings(edit_format="whole"), log=log)

    assert (run.status, run.calls) == ("solved", 1), run.reason
    (baseline,) = [e.body for e in await log.read(run.run_id) if e.type == "baseline.taken"][-1:]
    assert [test["passed"] for test in baseline["tests"]] == [False, True]
    assert "red" in baseline["feedback"]
    assert "[31m" not in str(baseline)


@pytest.mark.slow
async def test_colours_of_a_report_and_of_the_output_are_taken_off(tmp_path: Path) -> None:
    (tmp_path / "check").write_text(COLOURED)
    task = Task(prompt="Fix it.", workspace=tmp_path, test_command=("sh", "check"), mends=True)
    log = MemoryLog()

    run = await solve(task, model=Scripted(["I can't."]), settings=Settings(), log=log)

    (baseline,) = [e.body for e in await log.read(run.run_id) if e.type == "baseline.taken"][-1:]
    assert [test["name"] for test in baseline["tests"]] == ["adds", "subtracts"]
    assert "expected 2" in baseline["feedback"]
    assert "\x1b" not in str(baseline)


@pytest.mark.slow
async def test_tests_of_a_program_that_prints_tap_are_known_by_name(tmp_path: Path) -> None:
    first = "grep -q 'a + b' sum.js || R=not\necho ${R:+$R }ok 1 - sums\n"
    check = f"{first}echo ok 2 - loads\necho 1..2\n[ -z $R ]\n"

    run, _ = await fixed(
        tmp_path, {**JAVASCRIPT, "check": check}, "sum.js\n```js\nmodule.exports = (a, b) => a + b\n```\n"
    )

    assert run.status == "solved", run.reason
    assert [line.name for line in run.tests] == ["sums", "loads"]
