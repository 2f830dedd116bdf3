"""Files in an encoding that they declare are shown and edited as text, and written back in it."""

from pathlib import Path

import pytest

from tests.coder.people.cli.console import Console
from tests.faulty_endpoint import calls, faulty_endpoint, says

TEXT = "# coding: latin-1\nname = 'René'\nage = 1\n"
TEST = "import people\n\ndef test_age():\n    assert people.age == 2 and people.name == 'Ren\\xe9'\n"
CHANGED = TEXT.replace("age = 1", "age = 2")
LINES = "name = 'René'\nage = {}\n"
EDIT = f"people.py\n```python\n<<<<<<< SEARCH\n{LINES.format(1)}=======\n{LINES}>>>>>>> REPLACE\n```\n"


@pytest.fixture
def people(folder: Path) -> Path:
    """A module in latin-1, and its test."""
    (folder / "people.py").write_bytes(TEXT.encode("latin-1"))
    (folder / "test_people.py").write_text(TEST)
    return folder / "people.py"


@pytest.mark.slow
def test_an_answer_in_text_edits_a_file_in_latin_1(console: Console, people: Path) -> None:
    with faulty_endpoint(says(EDIT.format("2"))) as endpoint:
        flags = ("--strategy", "repair", "--base-url", endpoint.url, "-m", "toy", "-y")
        done = console.run(
            "solve", "Make age two.", ".", "--test", "python -m pytest -q", *flags, cwd=people.parent
        )

    assert done.code == 0, done.err
    assert people.read_bytes() == CHANGED.encode("latin-1")
    assert "name = 'René'" in str(endpoint.requests[0].body["messages"])
    assert "# +age = 2" in done.out


@pytest.mark.slow
def test_a_call_of_edit_changes_a_file_in_latin_1(console: Console, people: Path) -> None:
    edit = calls("edit", path="people.py", old=LINES.format(1), new=LINES.format(2))
    with faulty_endpoint(edit, calls("done", summary="Done.")) as endpoint:
        flags = ("--strategy", "act", "--base-url", endpoint.url, "-m", "toy", "-y")
        done = console.run(
            "solve", "Make age two.", ".", "--test", "python -m pytest -q", *flags, cwd=people.parent
        )

    assert done.code == 0, done.err
    assert people.read_bytes() == CHANGED.encode("latin-1")


@pytest.mark.slow
@pytest.mark.parametrize("strategy", ["act", "repair"])
def test_a_character_that_the_encoding_lacks_is_refused_by_name(
    console: Console, people: Path, strategy: str
) -> None:
    with faulty_endpoint(says(EDIT.format("2  # →")), says(EDIT.format("2"))) as endpoint:
        flags = ("--strategy", strategy, "--base-url", endpoint.url, "-m", "toy", "-y")
        done = console.run(
            "solve", "Make age two.", ".", "--test", "python -m pytest -q", *flags, cwd=people.parent
        )

    assert done.code == 0, done.err
    assert "latin-1 has no '→' (U+2192)" in str(endpoint.requests[1].body["messages"][-1]["content"])
    assert people.read_bytes() == CHANGED.encode("latin-1")


CONFIG = "root = true\n[*.{txt,csv}]\ncharset = latin1\n[wide.*]\ncharset = utf-16le\n"
PLAIN = "name;René\nage;1\n"
READS = "import people\n\ndef test_age():\n    assert people.AGE == 2\n"
NEW = {"wide.md": "é\n", "new.csv": "é;1\n"}


@pytest.fixture
def table(folder: Path) -> Path:
    """A table in the charset of `.editorconfig`, and a test that reads it so."""
    (folder / ".editorconfig").write_text(CONFIG)
    (folder / "people.txt").write_bytes(PLAIN.encode("latin-1"))
    (folder / "people.py").write_text("AGE = 1\n")
    (folder / "test_people.py").write_text(READS)
    return folder / "people.txt"


def blocks(*edits: tuple[str, str, str]) -> str:
    return "\n".join(
        f"{path}\n```\n<<<<<<< SEARCH\n{old}=======\n{new}>>>>>>> REPLACE\n```\n" for path, old, new in edits
    )


@pytest.mark.slow
def test_an_answer_in_text_edits_and_makes_files_in_the_charset_of_their_paths(
    console: Console, table: Path
) -> None:
    edits = [("people.txt", PLAIN, PLAIN.replace("1", "2")), ("people.py", "AGE = 1\n", "AGE = 2\n")]
    edits += [(path, "", text) for path, text in NEW.items()]
    refused = [("people.txt", PLAIN, PLAIN.replace("1", "2→")), edits[1]]
    with faulty_endpoint(says(blocks(*refused)), says(blocks(*edits))) as endpoint:
        flags = ("--strategy", "repair", "--base-url", endpoint.url, "-m", "toy", "-y")
        command = (
            "solve",
            "Make René's age two in people.txt.",
            ".",
            "--test",
            "python -m pytest -q",
            *flags,
        )
        done = console.run(*command, cwd=table.parent)

    assert done.code == 0, done.err
    assert PLAIN in str(endpoint.requests[0].body["messages"][-1]["content"])
    assert "`people.txt`: latin-1 has no '→' (U+2192)" in str(endpoint.requests[1].body["messages"])
    assert table.read_bytes() == PLAIN.replace("1", "2").encode("latin-1")
    assert (table.parent / "wide.md").read_bytes() == "\ufeffé\n".encode("utf-16-le")
    assert (table.parent / "new.csv").read_bytes() == "é;1\n".encode("latin-1")
    assert "# +age;2" in done.out


@pytest.mark.slow
def test_calls_of_edit_change_and_make_files_in_the_charset_of_their_paths(
    console: Console, table: Path
) -> None:
    replies = [
        calls("edit", path="people.txt", old="René\nage;1", new="→\nage;2"),
        calls("edit", path="people.txt", old="age;1", new="age;2"),
        calls("edit", path="people.py", old="1", new="2"),
        *(calls("edit", path=path, new=text) for path, text in NEW.items()),
        calls("done", summary="Done."),
    ]
    with faulty_endpoint(*replies) as endpoint:
        flags = ("--strategy", "act", "--base-url", endpoint.url, "-m", "toy", "-y")
        command = ("solve", "Make René's age two.", ".", "--test", "python -m pytest -q", *flags)
        done = console.run(*command, cwd=table.parent)

    assert done.code == 0, done.err
    assert "latin-1 has no '→' (U+2192)" in endpoint.requests[1].body["messages"][-1]["content"]
    assert table.read_bytes() == PLAIN.replace("1", "2").encode("latin-1")
    assert (table.parent / "wide.md").read_bytes() == "\ufeffé\n".encode("utf-16-le")
    assert (table.parent / "new.csv").read_bytes() == "é;1\n".encode("latin-1")
    assert "# +age;2" in done.out


@pytest.mark.slow
@pytest.mark.parametrize(
    ("form", "quote"), [("whole", "name = 'René'\nage = 3"), ("search-replace", "+age = 3")]
)
def test_a_repair_of_a_file_in_latin_1_is_asked_for_with_its_changes(
    console: Console, people: Path, form: str, quote: str
) -> None:
    second = EDIT.replace("age = 1", "age = 3").format("2")
    with faulty_endpoint(says(EDIT.format("3")), says(second)) as endpoint:
        flags = ("--strategy", "repair", "--base-url", endpoint.url, "-m", "toy", "-y", "--edit-format", form)
        command = ("solve", "Make age two.", ".", "--test", "python -m pytest -q", *flags)
        done = console.run(*command, cwd=people.parent)

    assert done.code == 0, done.err
    assert people.read_bytes() == CHANGED.encode("latin-1")
    assert quote in "".join(message["content"] for message in endpoint.requests[1].body["messages"][-2:])
