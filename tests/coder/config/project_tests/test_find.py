"""The tests of a project are found in its own files, in the shapes that projects have."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coder.base.errors import UsageError
from coder.config.project_tests.command_lines import CommandLines, is_plain
from coder.config.project_tests.find import find_test_commands, inner_command, with_found_tests
from coder.config.task_file import mending_task
from coder.run.find_target import find_target
from coder.run.settings import Settings
from coder.run.stored_file import StoredFile
from coder.run.task import Task
from coder.source.shell import format_command

PYTEST = "def test_a():\n    assert True\n"
UNITTEST = "import unittest\n\n\nclass A(unittest.TestCase):\n    def test_a(self):\n        pass\n"
WORKFLOW = "jobs:\n  test:\n    steps:\n      - run: |\n          pip install -e .\n          {0}\n"


def package(**scripts: str) -> str:
    return json.dumps({"scripts": scripts})


def found(texts: dict[str, str], *named: str) -> list[tuple[str, str]]:
    return [(format_command(tests.argv), tests.place) for tests in find_test_commands(texts, named=named)]


SHAPES = {
    "settings of pytest": (
        {"pyproject.toml": "[tool.pytest.ini_options]\n", "tests/test_a.py": PYTEST},
        ("python -m pytest -q", "pyproject.toml"),
    ),
    "setup.cfg": ({"setup.cfg": "[tool:pytest]\n", "t/a.py": ""}, ("python -m pytest -q", "setup.cfg")),
    "test files alone": ({"a.py": "", "test_a.py": PYTEST}, ("python -m pytest -q", "test_a.py")),
    "unittest": ({"a.py": "", "test_a.py": UNITTEST}, ("python -m unittest", "test_a.py")),
    "unittest in a plain folder": (
        {"tests/test_a.py": UNITTEST},
        ("python -m unittest discover -s tests", "tests/test_a.py"),
    ),
    "a note for agents": (
        {"AGENTS.md": "Run:\n```sh\n$ uv run pytest tests/ -v --cov=a\n```\n", "tests/test_a.py": PYTEST},
        ("python -m pytest -q tests", "AGENTS.md"),
    ),
    "inline code of a note": (
        {"CONTRIBUTING.md": "To test, type `python -m unittest`.\n", "test_a.py": UNITTEST},
        ("python -m unittest", "CONTRIBUTING.md"),
    ),
    "a workflow with tox": (
        {
            ".github/workflows/ci.yml": WORKFLOW.format("tox -e py${{ matrix.python }}"),
            "tox.ini": "[testenv]\ncommands = pytest {posargs:tests}\n",
            "tests/test_a.py": PYTEST,
        },
        ("python -m pytest -q tests", "tox.ini"),
    ),
    "a job of GitLab": (
        {".gitlab-ci.yml": "unit:\n  script:\n    - coverage run -m pytest -n auto\n", "test_a.py": PYTEST},
        ("python -m pytest -q", ".gitlab-ci.yml"),
    ),
    "nox": (
        {"noxfile.py": "def tests(s):\n    s.run('pytest', '-m', 'not slow', *s.posargs)\n"},
        ("python -m pytest -q -m not slow", "noxfile.py"),
    ),
    "a script of npm": ({"package.json": package(test="jest --ci")}, ("npx jest", "package.json")),
    "a plain script of npm": ({"package.json": package(test="jest")}, ("npm test", "package.json")),
    "a script behind its options": (
        {"AGENTS.md": "```\nnpm -s test\n```\n", "package.json": package(test="jest")},
        ("npm test", "AGENTS.md"),
    ),
    "a script with another before it": (
        {"package.json": package(test="jest --ci", pretest="tsc")}, ("npm test", "package.json"),
    ),
    "a watching script": ({"package.json": package(test="vitest")}, ("npx vitest run", "package.json")),
    "a script behind scripts": (
        {"package.json": package(test="npm run lint && npm run unit", lint="eslint .", unit="mocha -w")},
        ("npx mocha", "package.json"),
    ),
    "a script of another package manager": (
        {"package.json": package(test="pnpm run /^test:/", unit="uvu . '\\.test\\.js$'")},
        ("npm run unit", "package.json"),
    ),
    "a script with options": (
        {
            "package.json": package(
                test="tsc && npm run test-api", **{"test-api": "node -C development test/index.js"}
            )
        },
        ("npm run test-api", "package.json"),
    ),
    "a workspace of uv": (
        {"pyproject.toml": "[tool.uv.workspace]\n", "a/pyproject.toml": "", "a/test_a.py": PYTEST},
        ("python -m pytest -q", "a/test_a.py"),
    ),
    "node's own runner": (
        {"package.json": "{}", "a.test.mjs": "import test from 'node:test'\n"},
        ("node --test", "a.test.mjs"),
    ),
    "vitest that no script names": (
        {
            "package.json": '{"scripts": {"test": "ts-scripts test"}}',
            "src/a.spec.ts": 'import { it } from "vitest";\n',
        },
        ("npx vitest run", "src/a.spec.ts"),
    ),
    "go": ({"go.mod": "module a\n", "a_test.go": "package a\n"}, ("go test ./...", "go.mod")),
    "a workspace of cargo": ({"Cargo.toml": "[workspace]\n"}, ("cargo test --workspace", "Cargo.toml")),
    "maven": ({"pom.xml": "<project/>", "mvnw": ""}, ("./mvnw test", "pom.xml")),
    "make": (
        {"Makefile": "PY = python3\n\ntest: ## run them\n\t@$(PY) -m unittest -v\n"},
        ("python -m unittest", "Makefile"),
    ),
    "make with variables": (
        {"Makefile": "export A = 1\n\ntest:\n\tpytest\n"}, ("make test", "Makefile"),
    ),
    "make with variables of a target": (
        {"Makefile": "test: A = 1\ntest:\n\tpytest\n"}, ("make test", "Makefile"),
    ),
    "make with what isn't there": (
        {"Makefile": "test: a.json\n\tpytest\n"}, ("make test", "Makefile"),
    ),
    "just with another recipe before": (
        {"justfile": "test: build\n    pytest\n\nbuild:\n    ./build\n"}, ("just test", "justfile"),
    ),
    "a sentence of a note": (
        {"CONTRIBUTING.rst": "Tests\n\n  pytest is used here\n", "test_a.py": PYTEST},
        ("python -m pytest -q", "test_a.py"),
    ),
    "a command that a note forbids": (
        {"AGENTS.md": "**Never** test with `python -m unittest`.\n", "test_a.py": PYTEST},
        ("python -m pytest -q", "test_a.py"),
    ),
    "make with steps": ({"Makefile": "test:\n\t./build\n\tpytest\n"}, ("make test", "Makefile")),
    "just": ({"justfile": "test *args:\n    uv run pytest {{args}}\n"}, ("python -m pytest -q", "justfile")),
    "django": (
        {"manage.py": "", "shop/tests.py": "from django.test import TestCase\n"},
        ("python -m unittest discover -s shop", "shop/tests.py"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES)
def test_a_project_of_this_shape_has_these_tests(shape: str) -> None:
    texts, expected = SHAPES[shape]

    assert found(texts)[:1] == [expected]


@pytest.mark.parametrize(
    "texts",
    [
        {"package.json": package(test='echo "Error: no test specified" && exit 1')},
        {"package.json": "{", "Makefile": "build:\n\tgcc a.c\n", "noxfile.py": "def (", "tox.ini": "[["},
        {"noxfile.py": f"x = {'-' * 8_000}1"},
        {".github/workflows/ci.yml": "jobs: [", "pyproject.toml": "[tool"},
        {"AGENTS.md": "```\npip install pytest\nruff check\n```\n"},
        {"a.py": "print(1)\n"},
    ],
)
def test_what_runs_no_tests_is_no_test_command(texts: dict[str, str]) -> None:
    assert found(texts) == []


def test_the_whole_suite_comes_before_a_part_of_it() -> None:
    note = "```\npytest tests/test_a.py\npytest -m slow\npytest tests/test_a.py::test_x\npytest\n```\n"

    commands = [command for command, _ in found({"CONTRIBUTING.md": note, "tests/test_a.py": PYTEST})]

    assert commands == [
        "python -m pytest -q", "python -m pytest -q tests/test_a.py", "python -m pytest -q -m slow",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "part",
    [
        "python -m unittest tests.test_a.A.test_a",
        "python manage.py test shop",
        "go test -run TestA ./...",
        "cargo test name",
        "npx jest -t name",
        "mocha --grep name",
    ],
)
def test_a_command_of_some_tests_comes_after_that_of_all(part: str) -> None:
    note = f"```\n{part}\nmake all\n```\n"

    assert found({"AGENTS.md": note, "Makefile": "all:\n\tnpx tape\n", "manage.py": ""})[0] == (
        "npx tape", "Makefile",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("script", "files", "expected"),
    [
        ("tox", {"setup.cfg": "[testenv]\ncommands = pytest\n"}, ("python -m pytest -q", "setup.cfg")),
        (
            "nox",
            {"noxfile.py": "def tests(s):\n    s.run('pytest')\n"},
            ("python -m pytest -q", "noxfile.py"),
        ),
        ("ci/test.sh", {"ci/test.sh": "#!/bin/sh\nnpx jest\n"}, ("npx jest", "ci/test.sh")),
        ("just test", {"justfile": "test:\n    go test ./...\n"}, ("go test ./...", "justfile")),
        ("npm test", {"package.json": '{"scripts": {"test": "npx jest"}}'}, ("npm test", "ci.yml")),
    ],
)
def test_the_place_of_a_command_is_the_file_that_holds_its_words(
    script: str, files: dict[str, str], expected: tuple[str, str]
) -> None:
    workflow = ".github/workflows/ci.yml"

    first = found({workflow: WORKFLOW.format(script), "test_a.py": PYTEST, **files})[0]

    assert first == (expected[0], expected[1].replace("ci.yml", workflow))


def test_in_a_repository_of_several_projects_the_nearest_to_the_named_files_comes_first() -> None:
    texts = {
        "packages/a/pyproject.toml": "[tool.pytest.ini_options]\n", "packages/a/test_a.py": PYTEST,
        "packages/b/package.json": package(test="node --test"), "Makefile": "test:\n\tpytest\n",
    }  # fmt: skip

    assert found(texts, "packages/b/index.js")[:2] == [
        ("cd packages/b && npm test", "packages/b/package.json"), ("python -m pytest -q", "Makefile"),
    ]  # fmt: skip
    assert found(texts)[0] == ("python -m pytest -q", "Makefile")


def test_a_command_in_a_folder_that_is_not_there_is_none() -> None:
    workflow = (
        WORKFLOW.format("cd ../other && pytest") + "      - run: pytest\n        working-directory: gone\n"
    )

    assert found({".github/workflows/ci.yml": workflow}) == []


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("poetry run pytest -vv --cov-report term -n 4 -k 'not slow' tests", None),
        ("pytest --cov-fail-under 80 --durations 10 tests", "python -m pytest -q tests"),
        ("PYTHONPATH=src python -Im pytest -x", "PYTHONPATH=src python -m pytest -q"),
        ("xvfb-run coverage run --source a -m pytest --junitxml out.xml", "python -m pytest -q"),
        ("npx c8 --reporter lcov node --test", "node --test"),
        ("nyc tape 'test/**/*.js'", "npx tape test/**/*.js"),
        ("go test -race -v -coverprofile=c.out ./...", "go test ./..."),
        ("pip install pytest", None),
        ("pytest $FLAGS", None),
        ("uvx", None),
        ("pipx run", None),
        ("pytest --snapshot-update", None),
        ("pytest --collect-only", None),
        ("go test ./... -update", None),
        ("UPDATE_EXPECT=1 cargo test", None),
        ("echo pytest", None),
    ],
)
def test_a_line_comes_down_to_the_command_of_a_runner(line: str, expected: str | None) -> None:
    command = CommandLines(lambda tool, words: iter(())).test_command(line)

    assert (" ".join(command[1]) if command is not None else None) == expected


def test_targets_that_call_one_another_many_times_end() -> None:
    names = [f"t{number}" for number in range(12)]
    calls = "".join(f"\tmake {name}\n" for name in names)
    rules = "".join(f"{name}: {' '.join(names)}\n{calls}" for name in ("test", *names))

    assert found({"Makefile": rules}) == []


def test_of_a_task_to_mend_tests_the_hint_alone_names_a_project(tmp_path: Path) -> None:
    files = {
        "code/package.json": StoredFile.of(package(test="jest").encode()),
        "test_a.py": StoredFile.of(PYTEST.encode()),
    }
    task = mending_task(None, tmp_path)
    hinted = mending_task(None, tmp_path, hint="It is about `code`.")

    assert with_found_tests(task, Settings(), files).found[0].place == "test_a.py"
    assert with_found_tests(hinted, Settings(), files).found[0].place == "code/package.json"


def test_the_text_of_an_issue_chooses_no_project(tmp_path: Path) -> None:
    files = {
        "code/package.json": StoredFile.of(package(test="jest").encode()),
        "test_a.py": StoredFile.of(PYTEST.encode()),
    }
    own = Task(prompt="Mend code/package.json.", workspace=tmp_path)
    quoted = own.model_copy(update={"is_quoted": True})

    assert with_found_tests(own, Settings(), files).found[0].place == "code/package.json"
    assert with_found_tests(quoted, Settings(), files).found[0].place == "test_a.py"


def test_a_script_that_calls_itself_ends() -> None:
    texts = {"package.json": package(test="npm run test", unit="npm run unit && npm test")}

    assert found(texts) == []


NAMES = ["package.json", "Makefile", "tox.ini", "noxfile.py", "pyproject.toml", "AGENTS.md", "justfile",
         ".github/workflows/ci.yml", ".gitlab-ci.yml", "a/setup.cfg", "tests/test_a.py",
         "CONTRIBUTING.rst"]  # fmt: skip
PIECES = st.sampled_from(
    [
        *("test:", "\n\t", "pytest", " && ", "tox", "{posargs", "}", "'", '"', "[testenv]\n", "commands = "),
        *("```\n", "$(", "npm test", "cd ..", "\\\n", "jobs:\n", "- run: "),
    ]
)


@given(
    st.dictionaries(st.sampled_from(NAMES), st.lists(PIECES | st.text(max_size=8), max_size=12).map("".join))
)
def test_whatever_the_files_hold_each_found_command_is_whole(texts: dict[str, str]) -> None:
    for tests in find_test_commands(texts):
        assert tests.argv
        assert "\0" not in "".join(tests.argv)
        assert tests.argv[0] == "bash" or is_plain(tests.argv)


def stored(**texts: str) -> dict[str, StoredFile]:
    return {path.replace("__", "."): StoredFile.of(text.encode()) for path, text in texts.items()}


FILES = stored(a__py="", test_a__py=PYTEST)


def test_a_task_in_a_folder_gets_the_commands_that_were_found(tmp_path: Path) -> None:
    task = with_found_tests(Task(prompt="Mend it.", workspace=tmp_path), Settings(), FILES)

    assert task.test_command == ("python", "-m", "pytest", "-q")
    assert task.found[0].place == "test_a.py"
    assert not task.is_tested


@pytest.mark.parametrize(
    ("given_parts", "settings"),
    [
        ({"checks": ("assert f()",)}, {}),
        ({"workspace": None}, {}),
        ({}, {"no_test": True}),
        ({}, {"judged_elsewhere": True}),
    ],
)
def test_what_decides_otherwise_lets_no_tests_be_found(
    given_parts: dict[str, object], settings: dict[str, bool], tmp_path: Path
) -> None:
    task = Task(prompt="Mend it.", workspace=tmp_path).model_copy(update=given_parts)

    assert with_found_tests(task, Settings(**settings), FILES) == task


def test_the_commands_that_are_tried_set_the_same_variables(tmp_path: Path) -> None:
    note = "```\nA=1 pytest\npytest -p no:a\npytest\n```\n"

    task = with_found_tests(
        Task(prompt="Mend it.", workspace=tmp_path), Settings(), FILES | stored(AGENTS__md=note)
    )

    assert [" ".join(tests.argv) for tests in task.found] == [
        "python -m pytest -q -p no:a", "python -m pytest -q",
    ]  # fmt: skip


def test_a_task_to_mend_tests_without_any_is_refused(tmp_path: Path) -> None:
    task = Task(prompt="Mend them.", workspace=tmp_path, mends=True)

    with pytest.raises(UsageError, match="--no-test looks for no tests"):
        with_found_tests(task, Settings(no_test=True), FILES)


def test_a_folder_with_settings_of_tests_alone_is_no_reason_to_write_tests(tmp_path: Path) -> None:
    files = stored(pyproject__toml="[tool.pytest.ini_options]\n")
    task = with_found_tests(Task(prompt="Write it.", workspace=tmp_path), Settings(), files)

    assert task.found
    assert not find_target(task, files).writes_tests


@pytest.mark.parametrize(("file", "advice"), [("a__py", "pytest -q"), ("package__json", "npm test")])
def test_a_task_to_mend_tests_is_refused_where_there_are_none(tmp_path: Path, file: str, advice: str) -> None:
    task = Task(prompt="Mend them.", workspace=tmp_path, mends=True)

    with pytest.raises(UsageError, match=rf"no tests were found in .* Give the command .* fix -- {advice}"):
        with_found_tests(task, Settings(), stored(**{file: ""}))


@pytest.mark.parametrize(
    ("command", "texts", "seen"),
    [
        ("make test", {"Makefile": "test:\n\tpytest -v\n"}, "python -m pytest -q"),
        ("make test", {"Makefile": "test:\n\tpytest > out\n"}, "make test"),
        ("make test", {"Makefile": "test:\n\t./a\n\tpytest\n"}, "make test"),
        ("npm test", {"package.json": package(test="node --test")}, "node --test"),
        ("npm test", {"package.json": package(test="node --test", pretest="tsc")}, "npm test"),
        ("npm test -- -t a", {"package.json": package(test="jest")}, "npm test -- -t a"),
        ("npm test -w a", {"package.json": package(test="jest")}, "npm test -w a"),
        ("make test A=1", {"Makefile": "test:\n\tpytest\n"}, "make test A=1"),
        ("make -C a test", {"Makefile": "test:\n\tpytest\n"}, "make -C a test"),
        ("make test", {"Makefile": "export A = 1\ntest:\n\tpytest\n"}, "make test"),
    ],
)
def test_a_given_target_of_one_command_is_run_as_that_command(
    command: str, texts: dict[str, str], seen: str, tmp_path: Path
) -> None:
    files = {path: StoredFile.of(text.encode()) for path, text in texts.items()}
    task = Task(prompt="Mend it.", workspace=tmp_path, test_command=tuple(command.split()))

    assert " ".join(with_found_tests(task, Settings(), files).test_command or ()) == seen


def test_the_command_inside_of_tox_is_known_where_tox_is_not() -> None:
    texts = {"tox.ini": "[testenv:py]\ncommands =\n    python -m pytest tests\n", "tests/test_a.py": PYTEST}

    assert inner_command(("tox", "-e", "py"), texts) == ("python", "-m", "pytest", "-q", "tests")
    assert inner_command(("pytest", "-q"), {}) == ("python", "-m", "pytest", "-q")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("package.json", package(test="pytest -" + "q" * 10_000)),
        ("Makefile", f"test:\n\tpytest -{'q' * 10_000}\n"),
        ("tox.ini", f"[testenv]\ncommands = pytest -{'q' * 10_000}\n"),
        ("tox.ini", "[testenv]\ncommands = pytest\n" + "# a\n" * 20_000),
        ("tox.ini", "[testenv]\ncommands = pytest\n\ne\ne\n"),
    ],
    ids=["a script", "a target", "a long line", "a large file", "what can't be parsed"],
)
def test_what_would_take_quadratic_time_holds_no_command(name: str, text: str) -> None:
    assert find_test_commands({name: text}) == ()
    assert find_test_commands(
        {name: text.replace("q" * 10_000, "q").partition("# a")[0].partition("\n\ne")[0]}
    )
