"""What holds tests beside what pytest's own convention names."""

import pytest

from coder.run.find_target import find_target
from coder.run.stored_file import StoredFile
from coder.run.task import Task

CODE = {"pkg/core.py": "x = 1\n", "pkg/testing/client.py": "x = 1\n"}


def found_by(command: str, **more: str) -> set[str]:
    files = {**CODE, **{path.replace("__", "."): text for path, text in more.items()}}
    task = Task(prompt="Mend it.", test_command=tuple(command.split()))
    return set(find_target(task, {path: StoredFile(text=text) for path, text in files.items()}).tests)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("pytest__ini", "[pytest]\npython_files = check_*.py\n  tests.py\n"),
        ("pyproject__toml", '[tool.pytest.ini_options]\npython_files = ["check_*.py", "tests.py"]\n'),
        ("setup__cfg", "[tool:pytest]\npython_files=check_*.py tests.py\n"),
    ],
)
def test_files_that_pytests_settings_name_are_tests(path: str, text: str) -> None:
    more = {path: text, "pkg/check_core.py": "", "pkg/tests.py": ""}

    assert found_by("pytest -q", **more) >= {"pkg/check_core.py", "pkg/tests.py"}
    assert not found_by("pytest -q", **more) & CODE.keys()


def test_a_pattern_of_unittests_names_tests() -> None:
    paths = found_by("python -m unittest discover -p check*.py", **{"pkg/check_core.py": ""})

    assert paths == {"pkg/check_core.py"}


def test_a_pattern_that_names_everything_says_nothing() -> None:
    assert found_by("pytest", pytest__ini="[pytest]\npython_files = *.py\n") == set()


def test_what_lies_beside_tests_in_their_folder_is_theirs_and_a_folder_of_code_is_not() -> None:
    paths = found_by("pytest", **{"test/test_core.py": "", "test/common.py": "", "test/data/want.txt": ""})

    assert paths == {"test/test_core.py", "test/common.py", "test/data/want.txt"}


@pytest.mark.parametrize(
    ("command", "path"),
    [
        ("npm test", "test/sum.js"),
        ("npx mocha", "web/spec/helpers/a.mjs"),
        ("mvn test", "src/test/java/SumTest.java"),
        ("mvn test", "pom.xml"),
        ("./gradlew test", "app/SumTest.kt"),
        ("rspec", "spec/sum_spec.rb"),
        ("mix test", "test/sum_test.exs"),
    ],
)
def test_tests_of_other_languages_are_no_part_of_the_code(command: str, path: str) -> None:
    files = {"package.json": "{}", "src/sum.js": "", "src/main/java/Sum.java": "", path: ""}

    paths = found_by(command, **files)

    assert path in paths
    assert not paths & {"src/sum.js", "src/main/java/Sum.java"}


def test_a_folder_of_programs_of_nodes_is_code_where_there_is_no_package() -> None:
    assert found_by("pytest", **{"test/sum.js": ""}) == set()
