"""MultiPL-E: prompt, completion and tests are one program, whose exit status decides."""

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.cli.grade_command import answer_case
from benchmarks.judge.judge import open_judge
from benchmarks.suite import RepositoryCase
from benchmarks.suites.load import load_suite
from benchmarks.suites.samples import read_samples
from coder.base.errors import UsageError
from tests.programs import require_toolchain

JS = {
    "name": "HumanEval_53_add",
    "language": "js",
    "prompt": "//Add two numbers x and y\nfunction add(x, y){\n",
    "doctests": "transform",
    "tests": "const assert = require('node:assert');\n\n\nfunction test() {\n  let candidate = add;\n"
    "  assert.deepEqual(candidate(0, 1),1);\n}\n\ntest();",
    "stop_tokens": ["\nfunction "],
}
GO = {
    **JS,
    "language": "go_test.go",
    "prompt": 'package add_test\n\nimport (\n    "testing"\n    "fmt"\n)\n\n// Add two numbers x and y\n'
    "func add(x int, y int) int {\n",
    "tests": 'func TestAdd(t *testing.T) {\n  if fmt.Sprintf("%v", add(0, 1)) != "1" {\n    t.Errorf("no")\n'
    "  }\n}\n",
    "stop_tokens": ["\nfunc"],
}
CPP = {
    **JS,
    "language": "cpp",
    "prompt": "#include<assert.h>\n// Add two numbers x and y\nlong add(long x, long y) {\n",
    "tests": "}\nint main() {\n    auto candidate = add;\n    assert(candidate((0), (1)) == (1));\n}\n",
}
CPP_EARLY = """  return 2;
}
#include <unistd.h>
__attribute__((constructor)) void end() { _exit(0);
"""
RS = {
    **JS,
    "language": "rs",
    "prompt": "/// Add two numbers x and y\nfn add(x: isize, y: isize) -> isize {\n",
    "tests": "}\n\nfn main() {\n    let candidate = add;\n    assert_eq!(candidate(0, 1), 1);\n}\n",
}
SH = {
    **JS,
    "language": "sh",
    "prompt": "#!/bin/bash\n# Add two numbers x and y\nadd() {\n",
    "tests": '}\n\ncandidate() {\n    add "$@"\n}\n\nset -e\n[[ $(candidate "0" "1") = "1" ]]\n',
}


def write(folder: Path, *rows: dict[str, Any]) -> Path:
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder / "rows.jsonl"


def test_a_solver_completes_a_file_and_sees_no_tests(tmp_path: Path) -> None:
    (case,) = load_suite(write(tmp_path, JS)).cases

    assert isinstance(case, RepositoryCase)
    assert case.id == "js/HumanEval_53_add"
    assert case.files["solution.js"].endswith(b"function add(x, y){\n")
    assert case.may_change == ("solution.js",)
    assert "deepEqual" not in case.prompt + str(case.files)


def test_a_language_without_a_runner_here_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"line 1: programs in 'adb' can't be judged, only js, "):
        load_suite(write(tmp_path, {**JS, "language": "adb"}))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("row", "program", "right", "wrong", "early"),
    [
        pytest.param(
            JS,
            "node",
            "  return x + y\n}\n",
            "  return 2\n}\n",
            "  process.exit(0)\n}\n",
            id="js",
            marks=pytest.mark.foreign,
        ),
        pytest.param(
            SH, "bash", "  echo $(($1 + $2))\n", "  echo 2\n", "  exit 0\n}\nadd\nadd() {\n", id="sh"
        ),
        pytest.param(
            CPP, "g++", "  return x + y;\n", "  return 2;\n", CPP_EARLY, id="cpp", marks=pytest.mark.foreign
        ),
        pytest.param(
            GO,
            "go",
            "  return x + y\n}\n",
            "  return 2\n}\n",
            None,
            id="go",
            marks=[pytest.mark.slow, pytest.mark.foreign],
        ),
        pytest.param(
            *(RS, "rustc", "  x + y\n", "  2\n", "  std::process::exit(x as i32)\n"),
            id="rs",
            marks=[pytest.mark.slow, pytest.mark.foreign],
        ),
    ],
)
async def test_completions_are_judged_by_the_exit_status_of_the_program(
    tmp_path: Path, row: dict[str, Any], program: str, right: str, wrong: str, early: str | None
) -> None:
    require_toolchain(program)
    suite = load_suite(write(tmp_path, row))
    (case,) = suite.cases
    texts = [right, wrong, *([early] if early else [])]
    answers = {"name": row["name"], "language": row["language"], "completions": texts}
    (tmp_path / "answers.jsonl").write_text(json.dumps(answers) + "\n")

    samples = [*read_samples(tmp_path / "answers.jsonl", [case.id])]
    async with open_judge(suite) as judge:
        verdicts = [
            await judge.judge(case, answer_case(case, sample, exact=False).text) for sample in samples
        ]

    outcomes = ["passed", "failed", *(["suspicious"] if early else [])]
    assert [verdict.verdict for verdict in verdicts] == outcomes, verdicts
    assert {verdict.strength for verdict in verdicts} == {"weak"}


@pytest.mark.slow
async def test_a_program_that_is_not_installed_is_no_fault_of_theanswer_case(tmp_path: Path) -> None:
    suite = load_suite(write(tmp_path, JS))
    case = suite.cases[0].model_copy(update={"test_commands": ("no-such-interpreter solution.js",)})

    async with open_judge(suite) as judge:
        verdict = await judge.judge(case, "")

    assert verdict.verdict == "infrastructure"
    assert "no-such-interpreter" in verdict.detail
