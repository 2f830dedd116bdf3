"""Skills: what is found in the user's folders and a repository, and what is refused."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from coder.config.plug_names import called_name
from coder.config.skills import MAX_SKILLS, own_skills, skills_of_repository

_open_names: list[str] | None = None


def text(name: str, description: str = "Does it.") -> str:
    return f"---\nname: {name}\ndescription: {description}\n---\nBody\n"


def skill(folder: Path, name: str, content: str | None = None) -> Path:
    (folder / name).mkdir(parents=True)
    (folder / name / "SKILL.md").write_text(content or text(name))
    return folder / name


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / ".config"))
    return tmp_path


@contextmanager
def opened_names() -> Iterator[list[str]]:
    """Names that this process opens or lists meanwhile."""
    global _open_names
    if not _hooked:
        sys.addaudithook(_note)
        _hooked.append(True)
    _open_names = []
    try:
        yield _open_names
    finally:
        _open_names = None


_hooked: list[bool] = []


def _note(event: str, arguments: tuple[object, ...]) -> None:
    if _open_names is not None and event in ("open", "os.scandir", "os.listdir"):
        _open_names.append(str(arguments[0]))


def test_skills_of_all_three_folders_of_the_user_are_found(home: Path) -> None:
    for folder in (".agents", ".claude", ".config/coder"):
        skill(home / folder / "skills", f"of-{folder.strip('.').partition('/')[0]}")

    names = [each.name for each in own_skills().skills]

    assert names == ["of-agents", "of-claude", "of-config"]
    assert all(each.is_own for each in own_skills().skills)


def test_a_skill_of_5000_files_costs_two_opened_files(home: Path) -> None:
    folder = skill(home / ".agents/skills", "large")
    (folder / "references").mkdir()
    for number in range(5_000):
        (folder / "references" / f"{number}.md").touch()

    with opened_names() as names:
        assert [each.name for each in own_skills().skills] == ["large"]

    in_skill = [name for name in names if "large" in name or name == "SKILL.md"]
    assert in_skill == [str(folder), "SKILL.md"]


def test_a_folder_that_is_a_link_is_read_and_a_file_that_is_one_is_refused(home: Path) -> None:
    folder = home / ".claude/skills"
    elsewhere = skill(home / "dotfiles", "linked")
    folder.mkdir(parents=True)
    (folder / "linked").symlink_to(elsewhere)
    (folder / "sly").mkdir()
    (folder / "sly/SKILL.md").symlink_to(elsewhere / "SKILL.md")

    skill_list = own_skills()

    assert [each.name for each in skill_list.skills] == ["linked"]
    assert [refusal.reason for refusal in skill_list.refusals] == [
        "not a regular file (links are not followed)"
    ]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("no frontmatter", "no description"),
        ("---\nname: a\n---\n", "no description"),
        (text('"a\\u0007b c"'), "control characters"),
        (text("../x"), "is a path"),
        (text("a\\\\b"), "is a path"),
        (text("?!"), "has no letters"),
        (text("a" * 65), "more than 64"),
        (text("[a]"), "name isn't text"),
        ("---\nname: [\n---\n", "isn't valid YAML"),
        (text("a") + "x" * (256 << 10), "more than 262,144"),
        (None, "not UTF-8"),
    ],
)
def test_a_hostile_skill_is_refused_with_the_reason(content: str | None, reason: str) -> None:
    skill_list = skills_of_repository({".claude/skills/a/SKILL.md": content})

    assert not skill_list.skills
    assert reason in skill_list.refusals[0].reason


@pytest.mark.parametrize(
    ("name", "called", "description"),
    [
        ("навык", "навык", "Does it."),
        ("cafe\u0301", "café", "Does it."),
        ("हिन्दी", "हिन्दी", "Does it."),
        ("Agent Development", "agent-development", "Agent Development: Does it."),
        ("my_skill--2", "my-skill-2", "my_skill--2: Does it."),
    ],
)
def test_a_skill_has_a_name_of_any_alphabet_or_a_slug_of_another_name(
    name: str, called: str, description: str
) -> None:
    (skill,) = skills_of_repository({".claude/skills/a/SKILL.md": text(name)}).skills

    assert (skill.name, skill.description) == (called, description)
    assert called_name(name, [called]) == called


def test_a_description_is_cut_and_loses_control_characters() -> None:
    content = text("a", '"x\\e]0;y\\a\\n' + "d" * 2_000 + '"')

    (long_skill,) = skills_of_repository({".agents/skills/a/SKILL.md": content}).skills

    assert long_skill.description.startswith("x ddd")
    assert len(long_skill.description) == 1_024


def test_only_folders_of_skills_count() -> None:
    paths = ("SKILL.md", "docs/a/SKILL.md", ".claude/skills/SKILL.md", ".claude/skills/a/b/SKILL.md")

    assert not skills_of_repository(dict.fromkeys(paths, text("a"))).skills


def test_the_users_own_skill_wins_over_the_repositorys(home: Path) -> None:
    own = skill(home / ".agents/skills", "deploy")

    skill_list = own_skills() + skills_of_repository({".agents/skills/deploy/SKILL.md": text("deploy")})

    assert [each.path for each in skill_list.skills] == [str(own / "SKILL.md")]
    assert skill_list.refusals[0].reason == f"{own}/SKILL.md has the same name"


def test_a_repository_with_thousands_of_skills_offers_a_bounded_number() -> None:
    texts = {f".agents/skills/s{number}/SKILL.md": text(f"s{number}") for number in range(MAX_SKILLS + 5)}

    skill_list = skills_of_repository(texts)

    assert (len(skill_list.skills), len(skill_list.refusals)) == (MAX_SKILLS, 5)


def test_a_skill_is_used_and_its_keys_without_an_effect_are_named() -> None:
    head = "name: a\ndescription: Does it.\nlicense: MIT\nallowed-tools: Read\ncontext: fork\nhooks: {}\n"

    found = skills_of_repository({".claude/skills/a/SKILL.md": f"---\n{head}---\nBody\n"})

    assert [one.name for one in found.skills] == ["a"]
    assert [note.reason for note in found.refusals] == ["keys without an effect here: context, hooks"]
