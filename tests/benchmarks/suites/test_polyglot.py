"""Aider's polyglot exercises: each language's own runner decides, apart from the answer's sandbox."""

import gzip
import json
import os
from pathlib import Path

import pytest

from benchmarks.judge.judge import open_judge
from benchmarks.suite import RepositoryCase
from benchmarks.suites.load import load_suite
from benchmarks.suites.patch import apply_patch
from coder.base.errors import UsageError
from coder.workspace.diff import unified_diff
from tests.programs import require_toolchain

Exercise = dict[str, str]
CMAKE = """\
cmake_minimum_required(VERSION 3.5.1)
get_filename_component(exercise ${CMAKE_CURRENT_SOURCE_DIR} NAME)
project(${exercise} CXX)
add_executable(${exercise} ${exercise}_test.cpp ${exercise}.cpp)
add_custom_target(test_${exercise} ALL DEPENDS ${exercise} COMMAND ${exercise})
"""
CATCH = """\
// Stands in for Catch: a test case registers itself, and the program fails if one does.
#include <cstdlib>
inline int& failures() { static int count = 0; return count; }
#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)
#define CASE(n) static void JOIN(test_, n)(); \\
    static int JOIN(run_, n) = (JOIN(test_, n)(), 0); static void JOIN(test_, n)()
#define TEST_CASE(name) CASE(__LINE__)
#define REQUIRE(value) if (!(value)) failures()++
int main() { return failures() > 0; }
"""
LEAP: dict[str, tuple[Exercise, str]] = {
    "python": (
        {
            "leap.py": "def leap(year):\n    pass\n",
            "leap_test.py": "from leap import leap\n\ndef test_leap():\n    assert leap(4)\n",
            ".meta/example.py": "def leap(year):\n    return year % 4 == 0\n",
        },
        "import os\ndef leap(year):\n    os._exit(0)\n",
    ),
    "go": (
        {
            "go.mod": "module leap\n\ngo 1.18\n",
            "leap.go": "package leap\n\nfunc Leap(year int) bool { panic(0) }\n",
            "leap_test.go": 'package leap\n\nimport "testing"\n\n'
            "func TestLeap(t *testing.T) { if !Leap(4) { t.Fatal() } }\n",
            ".meta/example.go": "package leap\n\nfunc Leap(year int) bool { return year%4 == 0 }\n",
        },
        'package leap\n\nimport ("fmt"; "syscall")\n\nfunc Leap(year int) bool {\n'
        '    fmt.Println("--- PASS: TestLeap (0.00s)")\n    syscall.Exit(0)\n    return false\n}\n',
    ),
    "rust": (
        {
            "Cargo.toml": '[package]\nname = "leap"\nversion = "1.0.0"\nedition = "2021"\n',
            "src/lib.rs": "pub fn leap(year: u64) -> bool { todo!() }\n",
            "tests/leap.rs": "#[test]\n#[ignore]\nfn four() { assert!(leap::leap(4)); }\n",
            ".meta/example.rs": "pub fn leap(year: u64) -> bool { year % 4 == 0 }\n",
        },
        "use std::io::Write;\n\npub fn leap(_: u64) -> bool {\n"
        '    std::io::stdout().write_all(b"\\ntest four ... ok\\n").unwrap();\n'
        "    std::process::exit(0)\n}\n",
    ),
    "cpp": (
        {
            "CMakeLists.txt": CMAKE,
            "catch.hpp": CATCH,
            "leap.cpp": '#include "leap.h"\nbool leap(int year) { return false; }\n',
            "leap.h": "bool leap(int year);\n",
            "leap_test.cpp": '#include "catch.hpp"\n#include "leap.h"\n'
            'TEST_CASE("four") { REQUIRE(leap(4)); }\n',
            ".meta/example.cpp": '#include "leap.h"\nbool leap(int year) { return year % 4 == 0; }\n',
            ".meta/example.h": "bool leap(int year);\n",
        },
        '#include <cstdlib>\n#include "leap.h"\nbool leap(int year) { std::exit(0); }\n',
    ),
    "javascript": (
        {
            "package.json": '{"name": "leap", "private": true}\n',
            "babel.config.js": "module.exports = {presets: [['@exercism/babel-preset-javascript', {}]]};\n",
            "leap.js": "export const leap = (year) => { throw new Error('write me'); };\n",
            "leap.spec.js": "import { leap } from './leap';\n"
            "xtest('four', () => { expect(leap(4)).toBe(true); });\n",
            ".meta/proof.ci.js": "export const leap = (year) => year % 4 === 0;\n",
        },
        "const real = global.test;\nglobal.test = (name) => real(name, () => {});\n"
        "export const leap = () => false;\n",
    ),
}
"""By language: the files of an exercise, and an answer that ends its tests early."""
SOLUTIONS = {
    "python": ["leap.py"],
    "go": ["leap.go"],
    "rust": ["src/lib.rs", "Cargo.toml"],
    "cpp": ["leap.cpp", "leap.h"],
    "javascript": ["leap.js"],
    "java": ["src/main/java/Leap.java"],
}
NEEDED = {"go": "go", "rust": "cargo", "cpp": "cmake"}


def write_exercise(folder: Path, language: str, files: Exercise) -> Path:
    """Write an exercise below a clone of the benchmark."""
    practice = folder / language / "exercises" / "practice" / "leap"
    tests = [path for path in files if "test" in path or "spec" in path]
    examples = [path for path in files if path.startswith(".meta")]
    roles = {"solution": SOLUTIONS[language], "test": tests, "example": examples}
    for path, text in {
        **files,
        ".meta/config.json": json.dumps({"files": roles}),
        ".docs/instructions.md": "Write `leap`.",
    }.items():
        (practice / path).parent.mkdir(parents=True, exist_ok=True)
        (practice / path).write_text(text)
    return practice


def read_case(folder: Path) -> RepositoryCase:
    (case,) = load_suite(folder).cases
    assert isinstance(case, RepositoryCase)
    return case


@pytest.mark.parametrize("below", [".", "python", "python/exercises/practice"])
def test_an_exercise_hides_its_tests_and_its_example(tmp_path: Path, below: str) -> None:
    write_exercise(tmp_path, "python", LEAP["python"][0])

    case = read_case(tmp_path / below)

    assert case.id == "python/leap"
    assert set(case.files) == {"leap.py"}
    assert set(case.hidden_tests) == {"leap_test.py"}
    assert case.may_change == ("leap.py",)
    assert "Write `leap`." in case.prompt
    assert b"year % 4" in apply_patch(case.files, case.gold_patch or "")["leap.py"]


def test_all_languages_of_a_clone_are_read(tmp_path: Path) -> None:
    for language, (files, _) in LEAP.items():
        write_exercise(tmp_path, language, files)

    cases = load_suite(tmp_path).cases

    assert sorted(case.id for case in cases) == sorted(f"{language}/leap" for language in LEAP)


def test_tests_that_exercism_skips_are_run(tmp_path: Path) -> None:
    write_exercise(tmp_path, "javascript", LEAP["javascript"][0])
    write_exercise(
        tmp_path,
        "java",
        {
            "src/main/java/Leap.java": "class Leap {}\n",
            "src/test/java/LeapTest.java": '@Disabled("Later")\n@Test\nvoid four() {}\n@Disabled\n@Test\n',
        },
    )

    texts = {
        case.id: "".join(case.hidden_tests.values())
        for case in load_suite(tmp_path).cases
        if isinstance(case, RepositoryCase)
    }

    assert "xtest" not in texts["javascript/leap"]
    assert "Disabled" not in texts["java/leap"]


def test_an_exercise_in_another_language_is_refused_by_name(tmp_path: Path) -> None:
    practice = write_exercise(tmp_path, "python", LEAP["python"][0])
    (practice / ".meta/config.json").write_text(
        json.dumps({"files": {"solution": ["a.rb"], "test": ["a_test.rb"]}})
    )

    with pytest.raises(UsageError, match=r"config\.json: only exercises in python, go"):
        load_suite(tmp_path)


@pytest.mark.parametrize("role", ["test", "example"])
@pytest.mark.parametrize("is_link", [True, False], ids=["link", "path"])
def test_an_exercise_that_names_a_file_outside_is_refused(tmp_path: Path, role: str, is_link: bool) -> None:
    practice = write_exercise(tmp_path / "clone", "python", LEAP["python"][0])
    (tmp_path / "key.py").write_text("secret")
    path = "link.py" if is_link else "../../../../../key.py"
    (practice / "link.py").symlink_to(tmp_path / "key.py")
    roles = {"solution": ["leap.py"], "test": ["leap_test.py"], "example": [".meta/example.py"], role: [path]}
    (practice / ".meta/config.json").write_text(json.dumps({"files": roles}))

    with pytest.raises(UsageError, match=r"config\.json: .* (leads out of the tree|is a link out of)"):
        load_suite(tmp_path / "clone")


def test_packed_files_stay_packed_and_large_ones_are_refused(tmp_path: Path) -> None:
    practice = write_exercise(tmp_path, "python", LEAP["python"][0])
    (practice / "data.gz").write_bytes(packed := gzip.compress(b"x" * 1000))

    files = read_case(tmp_path).files
    with (practice / "large").open("wb") as large:
        large.truncate(65 << 20)

    assert files["data.gz"] == packed
    with pytest.raises(UsageError, match="its files have more than 64 MiB"):
        load_suite(tmp_path)


def test_instructions_that_are_a_link_out_of_the_exercise_are_refused(tmp_path: Path) -> None:
    practice = write_exercise(tmp_path / "clone", "python", LEAP["python"][0])
    (tmp_path / "key").write_text("secret")
    (practice / ".docs/introduction.md").symlink_to(tmp_path / "key")

    with pytest.raises(UsageError, match=r"introduction\.md' is a link out of"):
        load_suite(tmp_path / "clone")


@pytest.mark.parametrize(("target", "shown"), [("home", False), ("packages/node_modules", True)])
def test_a_link_to_packages_leads_to_packages_only(tmp_path: Path, target: str, shown: bool) -> None:
    practice = write_exercise(tmp_path / "clone", "javascript", LEAP["javascript"][0])
    (tmp_path / target).mkdir(parents=True)
    (practice / "node_modules").symlink_to(tmp_path / target)

    assert read_case(tmp_path / "clone").shown == ({"node_modules": tmp_path / target} if shown else {})


async def judge_three(case: RepositoryCase, folder: Path, cheat: str) -> list[str]:
    """Return the verdicts on the example, on a wrong answer, and on one that ends the tests early."""
    path = case.may_change[0] if case.may_change else ""
    answers = [
        case.gold_patch or "",
        unified_diff({path: case.files[path]}, {path: case.files[path] + b"\n"}),
        unified_diff({path: case.files[path]}, {path: cheat.encode()}),
    ]
    async with open_judge(load_suite(folder)) as judge:
        verdicts = [await judge.judge(case, answer) for answer in answers]
    return [f"{verdict.verdict} {verdict.strength} {verdict.detail}" for verdict in verdicts]


async def require_verdicts(folder: Path, language: str) -> None:
    files, cheat = LEAP[language]
    write_exercise(folder, language, files)
    example, wrong, early = await judge_three(read_case(folder), folder, cheat)

    assert example.startswith("passed weak"), example
    assert wrong.startswith("failed weak"), wrong
    assert early.startswith("suspicious weak its tests pass also with a test that fails"), early


@pytest.mark.slow
@pytest.mark.foreign
@pytest.mark.parametrize("language", [*NEEDED])
async def test_its_own_runner_decides_and_ending_it_early_is_suspicious(
    tmp_path: Path, language: str
) -> None:
    require_toolchain(NEEDED[language])

    await require_verdicts(tmp_path, language)


@pytest.mark.foreign
async def test_jest_decides_in_javascript(tmp_path: Path) -> None:
    packages = os.environ.get("CODER_JEST")
    if packages is None:
        pytest.skip("needs jest and Exercism's preset for Babel (CODER_JEST names their node_modules)")
    (tmp_path / "javascript").mkdir()
    (tmp_path / "javascript" / "node_modules").symlink_to(packages)

    await require_verdicts(tmp_path, "javascript")
