"""What the words of `coder fix` mean: a folder, a test, a hint or a command."""

from pathlib import Path

import pytest

from coder.show.first_words import has_command
from coder.show.typed_words import TypedWords, project_of, read_words
from tests.git_repository import make_repository

TEST = "def test_a():\n    pass\n"


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a test file, a source file and a folder."""
    (tmp_path / "shop").mkdir()
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_a.py").write_text(TEST)
    (tmp_path / "cart.py").write_text("")
    (tmp_path / "pyproject.toml").write_text("")
    (tmp_path / "test.sh").write_text("")
    (tmp_path / "test.sh").chmod(0o755)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("words", "meaning"),
    [
        ([], TypedWords()),
        (["shop"], TypedWords(Path("shop"))),
        (["test_total fails"], TypedWords(hint="test_total fails")),
        (["test_total", "fails"], TypedWords(hint="test_total fails")),
        (["make total right"], TypedWords(hint="make total right")),
        (["it doesn't add"], TypedWords(hint="it doesn't add")),
        (["make total() handle 0"], TypedWords(hint="make total() handle 0")),
        (["test test_total fails"], TypedWords(hint="test test_total fails")),
        (["pytest fails on 3.12"], TypedWords(hint="pytest fails on 3.12")),
        (["go", "test", "fails"], TypedWords(hint="go test fails")),
        (["make", "test"], TypedWords(command=("make", "test"))),
        (["pytest -k in tests"], TypedWords(command=("pytest -k in tests",))),
        (["./test.sh"], TypedWords(command=("./test.sh",))),
        (["pytest -q tests"], TypedWords(command=("pytest -q tests",))),
        (["shop", "pytest", "-q"], TypedWords(Path("shop"), command=("pytest", "-q"))),
        (["shop", "it is off by one"], TypedWords(Path("shop"), hint="it is off by one")),
        (["tests/test_a.py"], TypedWords(command=("python", "-m", "pytest", "-q", "tests/test_a.py"))),
        (
            ["tests/test_a.py::test_a"],
            TypedWords(command=("python", "-m", "pytest", "-q", "tests/test_a.py::test_a")),
        ),
    ],
)
def test_words_of_fix_mean_a_folder_a_test_a_hint_or_a_command(words: list[str], meaning: TypedWords) -> None:
    assert read_words(words) == meaning


def test_a_source_file_means_its_folder_and_is_what_the_hint_names(place: Path) -> None:
    assert read_words(["cart.py"]) == TypedWords(place, "It is about `cart.py`.")


def test_a_test_is_run_at_the_top_of_its_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    repository = make_repository(tmp_path / "repository", calc__py="")
    (inner := repository.top / "tests").mkdir()
    (inner / "test_a.py").write_text(TEST)
    monkeypatch.chdir(inner)

    command = ("python", "-m", "pytest", "-q", "tests/test_a.py::test_a")
    assert read_words(["test_a.py::test_a"]) == TypedWords(repository.top, command=command)


def test_the_words_after_the_separator_are_the_command() -> None:
    assert read_words(["shop"], ("npm", "test")) == TypedWords(Path("shop"), command=("npm", "test"))
    assert read_words(["make"], ("npm", "test")) == TypedWords(hint="make", command=("npm", "test"))


@pytest.mark.parametrize(
    ("words", "is_command"),
    [(["pytest", "-m", "slow"], True), (["shop", "--model", "x"], False), (["a b c"], False), ([], False)],
)
def test_options_behind_a_command_are_its_own(words: list[str], is_command: bool) -> None:
    assert has_command(words) == is_command


def test_the_project_of_a_folder_is_the_top_of_its_repository(tmp_path: Path) -> None:
    repository = make_repository(tmp_path / "repository", shop__cart__py="")
    (inner := repository.top / "shop").mkdir(exist_ok=True)

    assert project_of(inner) == (repository.top, "shop")


def test_a_folder_with_a_manifest_is_a_project_and_a_plain_one_or_home_is_none(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert project_of(place) == (place, "")
    assert project_of(place / "shop") is None

    monkeypatch.setenv("HOME", str(place))
    assert project_of(place) is None
