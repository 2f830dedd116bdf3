"""A run on a subfolder of a repository is shown the notes for agents of the folders above it."""

import subprocess
from pathlib import Path

import pytest

from coder.workspace.notes_above import read_notes_above

INSIDE = "packages/web"


@pytest.fixture
def top(tmp_path: Path) -> Path:
    """The top of a repository with a package."""
    (tmp_path / INSIDE).mkdir(parents=True)
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    return tmp_path


def notes(top: Path, **files: str) -> dict[str, str]:
    """The notes above the package, where the repository has these files, by path with `__` for `/`."""
    for name, text in files.items():
        place = top / name.replace("__", "/")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
    return read_notes_above(top / INSIDE, prompt="Mend it.", unread=("denied/**",))


def test_notes_of_all_folders_above_are_read_the_tops_first(top: Path) -> None:
    found = notes(
        top, **{"AGENTS.md": "Use tabs.", "packages/CLAUDE.md": "Be brief.", f"{INSIDE}/AGENTS.md": "Own."}
    )

    assert list(found.items()) == [("../../AGENTS.md", "Use tabs."), ("../CLAUDE.md", "Be brief.")]


def test_the_notes_of_claude_code_for_the_whole_repository_are_read(top: Path) -> None:
    assert notes(top, **{".claude/CLAUDE.md": "Use tabs."}) == {"../../.claude/CLAUDE.md": "Use tabs."}


def test_files_that_notes_name_are_added_to_them(top: Path) -> None:
    found = notes(top, **{"AGENTS.md": "See @docs/style.md.", "docs/style.md": "Use tabs."})

    assert found == {"../../AGENTS.md": "See @docs/style.md.\n\n[docs/style.md:]\nUse tabs."}


@pytest.mark.parametrize(
    "name", [".env", "ignored.md", ".git/config", "denied/style.md", "../outside.md", "link.md"]
)
def test_what_is_not_read_below_the_folder_is_not_read_above_it(top: Path, name: str) -> None:
    (top.parent / "outside.md").write_text("secret")
    (top / "link.md").symlink_to(top.parent / "outside.md")
    files = {"AGENTS.md": f"See @{name}", ".gitignore": "ignored.md\n"}
    if name not in (".git/config", "../outside.md", "link.md"):
        files[name] = "secret"

    assert notes(top, **files) == {"../../AGENTS.md": f"See @{name}"}


def test_ignored_and_denied_notes_are_not_read(top: Path) -> None:
    assert notes(top, **{"AGENTS.md": "Use tabs.", ".gitignore": "AGENTS.md\n"}) == {}
    assert read_notes_above(top / INSIDE, prompt="", unread=("AGENTS.md",)) == {}


def test_nothing_above_the_repository_is_read(top: Path) -> None:
    (top.parent / "AGENTS.md").write_text("Not of this repository.")

    assert notes(top) == {}
    assert read_notes_above(top, prompt="") == {}


def test_without_a_repository_no_notes_above_are_read(tmp_path: Path) -> None:
    (tmp_path / "AGENTS.md").write_text("Use tabs.")
    (tmp_path / "web").mkdir()

    assert read_notes_above(tmp_path / "web", prompt="") == {}
