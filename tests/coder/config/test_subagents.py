"""Files of subagents: what is read of them, whose wins, and which hostile ones are refused."""

import os
from pathlib import Path

import pytest

from coder.config.subagents import own_subagents, read_subagent, subagents_of_repository

PATH = ".claude/agents/looker.md"
TEXT = "---\nname: looker\ndescription: Looks at {}.\n---\nLook closely.\n"


def reasons(texts: dict[str, str | None]) -> str:
    return "; ".join(
        f"{refusal.path}: {refusal.reason}" for refusal in subagents_of_repository(texts).refusals
    )


@pytest.fixture
def agents(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    folder = tmp_path / ".claude/agents"
    folder.mkdir(parents=True)
    return folder


@pytest.mark.parametrize(
    ("tools", "writes"),
    [
        ("", True),
        ("disallowedTools: Write, Edit", False),
        ("tools: []", False),
        ("tools: Read, Grep, Glob", False),
        ("tools: Read, Edit", True),
        ("tools: [Read, 'Bash(git *)']", True),
        ("tools: ['*']", True),
    ],
)
def test_a_subagent_writes_unless_its_file_names_other_tools_alone(tools: str, writes: bool) -> None:
    text = f"---\nname: looker\ndescription: Looks.\n{tools}\nmodel: sonnet\n---\nLook.\n"

    assert read_subagent(text, PATH).writes is writes


def test_a_file_without_a_name_is_called_as_its_file() -> None:
    assert read_subagent("---\ndescription: Looks.\n---\nLook.\n", ".agents/agents/a-b.md").name == "a-b"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("Just text.", "it has no description"),
        ("---\nname: looker\ndescription: Looks.\n---\n", "it has no instructions"),
        ("---\nname: ../../etc\ndescription: Looks.\n---\nLook.\n", "is a path"),
        ("---\nname: [looker]\ndescription: Looks.\n---\nLook.\n", "name isn't text"),
        (f"---\nname: looker\ndescription: Looks.\n---\n{'x' * 33_000}", "more than 32,000 characters"),
        (f"---\nname: looker\n{'a: b' * 5_000}\n---\nLook.\n", "more than 16,384 characters"),
        ("---\nname: looker\nname: other\ndescription: Looks.\n---\nLook.\n", "stands in line"),
        (f"---\na: {'[' * 3_000}\n---\nLook.\n", "frontmatter"),
        (None, "not UTF-8"),
    ],
)
def test_a_hostile_or_empty_file_is_refused_with_the_reason(text: str | None, reason: str) -> None:
    assert not subagents_of_repository({PATH: text}).subagents
    assert reason in reasons({PATH: text})


def test_a_bomb_of_yaml_aliases_takes_no_time_and_no_memory() -> None:
    levels = "\n".join(f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 9)}]" for n in range(1, 9))
    text = f"---\nl0: &l0 x\n{levels}\nname: looker\ndescription: *l8\n---\nLook.\n"

    assert "description isn't text" in reasons({PATH: text})


def test_control_characters_of_a_description_reach_no_list() -> None:
    text = '---\nname: "a\\e[31mb"\ndescription: "a\\e[31m\\nb"\n---\nLook.\n'

    subagent = read_subagent(text, PATH)

    assert subagent.name == "ab"
    assert subagent.description.isprintable()


def test_of_two_with_one_name_the_users_own_is_used(agents: Path) -> None:
    (agents / "looker.md").write_text(TEXT.format("mine"))
    joined = own_subagents() + subagents_of_repository({PATH: TEXT.format("theirs")})

    assert [subagent.description for subagent in joined.subagents] == ["Looks at mine."]
    assert "has the same name" in joined.refusals[0].reason


def test_no_link_is_followed_and_deeper_files_are_none(agents: Path, tmp_path: Path) -> None:
    (tmp_path / "private.md").write_text(TEXT.format("secrets"))
    os.symlink(tmp_path / "private.md", agents / "looker.md")
    (agents / "more").mkdir()
    (agents / "more/deep.md").write_text(TEXT.format("depths"))

    subagent_list = own_subagents()

    assert not subagent_list.subagents
    assert [refusal.reason for refusal in subagent_list.refusals] == [
        "not a regular file (links are not followed)"
    ]
    assert not subagents_of_repository({".claude/agents/a/b.md": TEXT, "agents/b.md": TEXT}).subagents


def test_a_subagent_is_used_and_its_keys_without_an_effect_are_named() -> None:
    head = "name: looker\ndescription: Looks.\nmodel: sonnet\ncolor: red\npermissionMode: plan\nhooks: {}\n"
    text = f"---\n{head}---\nLook.\n"

    assert [one.name for one in subagents_of_repository({PATH: text}).subagents] == ["looker"]
    assert reasons({PATH: text}) == f"{PATH}: keys without an effect here: permissionMode, hooks"
