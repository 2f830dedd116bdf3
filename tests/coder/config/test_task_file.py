"""A task from words, standard input or a file, checked before anything is called."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from coder.base.errors import UsageError
from coder.config.task_file import mending_task, read_task, split_command
from coder.run.prompt import MAX_PROMPT
from coder.run.task import Task
from tests.coder.config.test_image_files import PNG

REPOSITORY = Path(__file__).parents[3]


def task(
    words: str | None = "Write add(a, b).",
    *,
    file: Path | None = None,
    workspace: Path | None = None,
    test: str | None = None,
    test_files: tuple[Path, ...] = (),
    checks: tuple[str, ...] = (),
) -> Task:
    return read_task(words, file=file, workspace=workspace, test=test, test_files=test_files, checks=checks)


FROM_STDIN = """
import sys
from coder.base.errors import UsageError
from coder.config.task_file import read_task
try:
    task = read_task("-", file=None, workspace=None, test=None, test_files=(), checks=())
    sys.stdout.buffer.write(task.prompt.encode())
except UsageError as error:
    print("refused:", error)
"""
PLAIN = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
"""Of a process whose own way to read text isn't UTF-8."""


def given_on_stdin(content: bytes) -> str:
    """The task that a process reads from its standard input, or what is wrong with it."""
    command = [sys.executable, "-c", FROM_STDIN]
    done = subprocess.run(
        command, input=content, cwd=REPOSITORY, env={**os.environ, **PLAIN}, stdout=subprocess.PIPE
    )
    return done.stdout.decode()


def test_words_flags_and_paths_make_a_task(tmp_path: Path) -> None:
    tests = tmp_path / "test_add.py"
    tests.write_text("def test_add(): assert add(2, 3) == 5\n")

    new_task = task(
        workspace=tmp_path,
        test="pytest -q 'my tests'",
        test_files=(tests,),
        checks=("assert add(1, 1) == 2",),
    )

    assert new_task.prompt == "Write add(a, b)."
    assert new_task.test_command == ("pytest", "-q", "my tests")
    assert new_task.test_files[0].path == "test_add.py"
    assert new_task.checks == ("assert add(1, 1) == 2",)


def test_a_test_file_inside_the_folder_keeps_its_place(tmp_path: Path) -> None:
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_add.py").write_text("x = 1\n")

    new_task = task(workspace=tmp_path, test_files=(tmp_path / "tests" / "test_add.py",))

    assert new_task.test_files[0].path == "tests/test_add.py"


@pytest.mark.slow
def test_a_dash_reads_standard_input_as_utf8_whatever_the_locale() -> None:
    assert given_on_stdin("Schreibe grüße(name).".encode()) == "Schreibe grüße(name)."


@given(st.text(min_size=1, max_size=200).filter(lambda text: text.strip() not in ("", "-")))
def test_any_text_arrives_as_it_was_given(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        with pytest.raises(UsageError, match="isn't UTF-8"):
            task(text)
    else:
        assert task(text).prompt == text


def test_markdown_is_the_task_itself(tmp_path: Path) -> None:
    file = tmp_path / "task.md"
    file.write_bytes(b"\xef\xbb\xbf# Add\nWrite add(a, b).\n")

    assert task(None, file=file).prompt == "# Add\nWrite add(a, b).\n"


def test_a_check_that_cannot_be_encoded_is_refused_in_a_sentence() -> None:
    with pytest.raises(UsageError, match=r"The check has .* at character 16\. Nothing was stored\."):
        task("Add.", checks=("assert f() == '\udcff'",))


@pytest.mark.parametrize("suffix", [".yaml", ".json"])
def test_yaml_and_json_may_hold_tests_and_checks(tmp_path: Path, suffix: str) -> None:
    (tmp_path / "test_add.py").write_text("x = 1\n")
    file = tmp_path / f"task{suffix}"
    content = {
        "prompt": "Add.",
        "test": "pytest -q",
        "test_files": ["test_add.py"],
        "checks": ["assert add(1, 1) == 2"],
    }
    file.write_text(json.dumps(content))  # JSON is YAML, too

    new_task = task(None, file=file, checks=("assert add(0, 0) == 0",))

    assert new_task.prompt == "Add."
    assert new_task.test_command == ("pytest", "-q")
    assert new_task.test_files[0].text == "x = 1\n"
    assert new_task.checks == ("assert add(1, 1) == 2", "assert add(0, 0) == 0")


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("task.yaml", "prompt: [", "can't be used"),
        ("task.yaml", "promt: Add.", "promt|prompt"),
        ("task.yaml", "- Add.", "can't be used"),
        ("task.yaml", "prompt: Add.\ntests: pytest", "tests"),
        ("task.json", "{", "can't be used"),
        ("task.json", "[" * 100_000, "can't be used"),
        ("task.yaml", "prompt: !!python/object/apply:os.system [id]", "can't be used"),
        (
            "task.yaml",
            "prompt: Add.\ntest: 'true'\n'prompt': Subtract.",
            "line 3: the key 'prompt' .* line 1",
        ),
        ("task.json", '{"prompt": "Add.", "prompt": "Subtract."}', "the key 'prompt' stands there twice"),
        ("task.md", " \n ", "The task is empty"),
    ],
)
def test_a_task_file_that_is_wrong_is_named_with_what_is_wrong(
    tmp_path: Path, name: str, content: str, said: str
) -> None:
    file = tmp_path / name
    file.write_text(content)

    with pytest.raises(UsageError, match=said):
        task(None, file=file)


def test_a_yaml_task_may_replace_a_key_that_it_merges(tmp_path: Path) -> None:
    file = tmp_path / "task.yaml"
    file.write_text("<<: {prompt: Add., test: pytest -q}\nprompt: Subtract.\n")

    new_task = task(None, file=file)

    assert (new_task.prompt, new_task.test_command) == ("Subtract.", ("pytest", "-q"))


def test_a_task_given_twice_or_never_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="Give one task"):
        task("Add.", file=tmp_path / "task.md")
    with pytest.raises(UsageError, match="Give one task"):
        task(None)


@pytest.mark.parametrize("words", ["", "   \n\t"])
def test_an_empty_task_is_refused(words: str) -> None:
    with pytest.raises(UsageError, match="The task is empty"):
        task(words)


def test_a_task_that_is_too_long_is_refused_with_the_numbers() -> None:
    with pytest.raises(UsageError, match=r"262,145 characters: at most 262,144"):
        task("x" * (MAX_PROMPT + 1))


@pytest.mark.slow
def test_five_megabytes_are_refused_from_every_source(tmp_path: Path) -> None:
    file = tmp_path / "task.md"
    file.write_bytes(b"x" * 5_000_000)

    with pytest.raises(UsageError, match="larger than"):
        task(None, file=file)
    assert given_on_stdin(b"x" * 5_000_000).startswith("refused: The task is too long: at most")


@pytest.mark.slow
def test_a_picture_alone_is_a_task(tmp_path: Path) -> None:
    (tmp_path / "shot.png").write_bytes(PNG)

    alone = read_task(
        None,
        file=None,
        workspace=None,
        test=None,
        test_files=(),
        checks=(),
        pictures=(tmp_path / "shot.png",),
    )
    (picture,) = alone.pictures

    assert alone.prompt == "See the attachment."
    assert Task(prompt="", pictures=(picture,) * 2).prompt == "See the 2 attachments."
    with pytest.raises(ValidationError):
        Task(prompt="")


def test_a_task_that_is_not_utf8_is_refused_and_the_byte_named(tmp_path: Path) -> None:
    file = tmp_path / "task.md"
    file.write_bytes(b"ab\xff")

    with pytest.raises(UsageError, match=r"task\.md isn't UTF-8: byte 2"):
        task(None, file=file)
    assert "standard input isn't UTF-8: byte 0" in given_on_stdin(b"\xfe\xfe")
    with pytest.raises(UsageError, match="a byte that isn't UTF-8 at character 3"):
        task("ab\udcff")
    with pytest.raises(UsageError, match="a byte that isn't UTF-8"):
        mending_task("echo \udcff", tmp_path)
    with pytest.raises(UsageError, match="half of a surrogate pair at character 3"):
        task("ab\ud800")


@pytest.mark.parametrize("word", ["a\ud800", "a\0b"])
def test_a_test_command_that_no_program_can_get_is_refused_before_anything_is_stored(word: str) -> None:
    with pytest.raises(UsageError, match=r"The test command can't be run: .* Nothing was stored"):
        split_command(("echo", word))


@pytest.mark.parametrize(
    ("check", "said"), [("assert add(", "line 1"), ("", "empty"), ("x = '\0'", "null byte")]
)
def test_a_check_that_is_not_python_is_refused_before_anything_is_called(check: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        task(checks=(check,))


def test_test_files_that_cannot_be_used_are_refused(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("x = 1\ndef f(:\n")
    (tmp_path / "latin.py").write_bytes(b"# \xe9\n")
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "t.py").write_text("")
    (tmp_path / "t.py").write_text("")

    with pytest.raises(UsageError, match=r"gone\.py can't be read: No such file"):
        task(test_files=(tmp_path / "gone.py",))
    with pytest.raises(UsageError, match=r"broken\.py, line 2"):
        task(test_files=(tmp_path / "broken.py",))
    with pytest.raises(UsageError, match=r"latin\.py isn't UTF-8: byte 2"):
        task(test_files=(tmp_path / "latin.py",))
    with pytest.raises(UsageError, match="isn't a regular file"):
        task(test_files=(tmp_path / "a",))
    with pytest.raises(UsageError, match=r"Two test files are named t\.py"):
        task(test_files=(tmp_path / "t.py", tmp_path / "a" / "t.py"))


@pytest.mark.parametrize(("command", "said"), [("", "empty"), ("pytest 'x", "can't be split")])
def test_a_test_command_that_is_no_command_is_refused(command: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        task(test=command)
