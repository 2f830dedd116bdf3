"""Notes on files for agents: each is shown once a day for a folder, and none is lost."""

import json
from pathlib import Path

import pytest

from coder.config.daily_notes import unseen_today
from coder.config.layers import load


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository that allows something, and a user with a skill that can't be used."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("CODER_HOME", str(tmp_path / "coder"))
    folder = tmp_path / "project"
    (folder / ".claude").mkdir(parents=True)
    (folder / ".claude/settings.json").write_text(json.dumps({"permissions": {"allow": ["Bash(npm *)"]}}))
    (tmp_path / ".agents/skills/odd").mkdir(parents=True)
    (tmp_path / ".agents/skills/odd/SKILL.md").write_text("---\nname: odd\n---\n")
    (tmp_path / ".claude").mkdir()
    (tmp_path / ".claude/settings.json").write_text(json.dumps({"permissions": {"deny": ["Foo"]}}))
    return folder


def test_what_has_no_effect_is_named_at_the_first_command_of_a_day(folder: Path) -> None:
    first, second = load(workspace=folder).notes, load(workspace=folder).notes
    everything = load(workspace=folder, all_notes=True).notes

    assert "a repository can't allow anything, so these rules are ignored: Bash(npm *)" in first[0]
    assert first[1].endswith("/.agents/skills/odd/SKILL.md: it has no description")
    assert first[2] == "Foo: this rule has no effect: there is no tool Foo here"
    assert (len(first), second, everything) == (3, (), first)


def test_a_note_is_shown_for_each_folder_and_anew_when_it_changes(folder: Path) -> None:
    load(workspace=folder)
    (folder / ".claude/settings.json").write_text(json.dumps({"permissions": {"allow": ["mcp__shop"]}}))

    changed = load(workspace=folder).notes
    other = load(workspace=folder.parent).notes

    assert [note.endswith("mcp__shop") for note in changed] == [True]
    assert len(other) == 2


@pytest.mark.parametrize("content", ["", "[]", '{"day": "1999-01-01", "shown": []}', '{"day": 3}'])
def test_notes_are_shown_whatever_the_cache_holds(folder: Path, content: str) -> None:
    cache = folder.parent / "coder/cache/notes-of-the-day.json"
    cache.parent.mkdir(parents=True)
    cache.write_text(content)

    assert unseen_today(folder, ["a", "b"]) == ["a", "b"]
    assert unseen_today(folder, ["b", "c"]) == ["c"]


def test_notes_are_shown_each_time_where_no_cache_can_be_written(folder: Path) -> None:
    (folder.parent / "coder").write_text("")

    assert [unseen_today(folder, ["a"]) for _ in range(2)] == [["a"], ["a"]]
