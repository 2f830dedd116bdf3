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
