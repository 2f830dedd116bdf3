"""Plugins: what is one, what a repository's may do before and after it is allowed, and hostile ones."""

import json
from pathlib import Path

import pytest

from coder.base.errors import UsageError
from coder.config.approved_files import allow, program_files
from coder.config.hooks import hooks_of_repository
from coder.config.layers import load
from coder.config.plugins import own_plugins, plugins_of_repository
from coder.config.plugs import hooks_of_user, skills_of_user, subagents_of_user
from coder.config.skills import skills_of_repository
from coder.config.slash_calls import message_of
from coder.config.subagents import subagents_of_repository
from coder.run.settings import Settings
from coder.run.target import Target
from coder.run.task import Task
from coder.workspace.read import read_workspace, started

SERVER = {"command": "python", "args": ["${CLAUDE_PLUGIN_ROOT}/server.py"]}


def make_plugin(folder: Path, name: str = "shop", *, manifest: str = ".claude-plugin/plugin.json") -> Path:
    """Write a plugin with one of each kind of file, and return its folder."""
    texts = {
        manifest: json.dumps({"name": name, "description": "Sells.", "version": "1.0.0"}),
        "skills/price/SKILL.md": "---\nname: price\ndescription: Knows prices.\n---\nTea is 3.\n",
        "commands/sell.md": "Sell $ARGUMENTS.\n",
        "agents/clerk.md": "---\nname: clerk\ndescription: Serves.\n---\nBe kind.\n",
        "hooks/hooks.json": json.dumps(
            {"hooks": {"PreToolUse": [{"hooks": [{"command": "$CLAUDE_PLUGIN_ROOT/look.sh"}]}]}}
        ),
        ".mcp.json": json.dumps({"mcpServers": {"till": SERVER}}),
        "server.py": "print()\n",
    }
    for path, text in texts.items():
        place = folder / name / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
    return folder / name


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home/.config"))
    monkeypatch.setenv("CODER_HOME", str(tmp_path / "data"))
    (tmp_path / "home/.agents/plugins").mkdir(parents=True)
    return tmp_path / "home"


@pytest.fixture
def folder(tmp_path: Path, home: Path) -> Path:
    (tmp_path / "work/.agents/plugins").mkdir(parents=True)
    return tmp_path / "work"


@pytest.mark.parametrize("manifest", [".claude-plugin/plugin.json", "plugin.json"])
def test_all_parts_of_a_plugin_of_the_user_are_used(home: Path, manifest: str) -> None:
    root = make_plugin(home / ".agents/plugins", manifest=manifest)

    loaded = load()

    assert [(plugin.name, plugin.description) for plugin in own_plugins()[0]] == [("shop", "Sells.")]
    assert [skill.name for skill in skills_of_user()] == ["shop:price"]
    assert [agent.name for agent in subagents_of_user()] == ["shop:clerk"]
    assert [(hook.command, hook.plugin) for hook in hooks_of_user()] == [
        ("$CLAUDE_PLUGIN_ROOT/look.sh", str(root))
    ]
    (server,) = loaded.servers
    assert (server.name, server.command) == ("till", ("python", f"{root}/server.py"))
    assert server.variables() == {"CLAUDE_PLUGIN_ROOT": str(root)}
    message = message_of("/shop:sell tea", None)
    assert message is not None
    assert (message.text, message.is_own) == ("Sell tea.", True)


def test_no_hook_of_a_folder_whose_name_no_plugin_may_have_is_used(folder: Path) -> None:
    path = make_plugin(folder / ".agents/plugins") / "hooks/hooks.json"

    assert hooks_of_repository({".agents/plugins/Shop_1/hooks/hooks.json": path.read_text()}) == ()


def test_texts_of_a_repositorys_plugin_are_used_and_its_hooks_belong_to_the_sandbox(folder: Path) -> None:
    make_plugin(folder / ".agents/plugins")
    texts = {
        path.relative_to(folder).as_posix(): path.read_text() for path in folder.rglob("*") if path.is_file()
    }

    (skill,) = skills_of_repository(texts).skills
    (agent,) = subagents_of_repository(texts).subagents
    (hook,) = hooks_of_repository(texts)
    message = message_of("/shop:sell tea", folder)

    assert (skill.name, agent.name, skill.is_own, agent.is_own) == ("shop:price", "shop:clerk", False, False)
    assert hook.plugin == ".agents/plugins/shop"
    assert message is not None
    assert not message.is_own
    assert hooks_of_user() == ()


def test_a_plugin_needs_no_manifest(folder: Path) -> None:
    (make_plugin(folder / ".agents/plugins") / ".claude-plugin/plugin.json").unlink()
    (folder / ".agents/plugins/notes").mkdir()
    texts: dict[str, str | None] = {
        file.relative_to(folder).as_posix(): file.read_text() for file in folder.rglob("*") if file.is_file()
    }

    plugins, refusals = plugins_of_repository(folder)

    assert [plugin.name for plugin in plugins] == ["shop"]
    assert [skill.name for skill in skills_of_repository(texts).skills] == ["shop:price"]
    assert message_of("/shop:sell tea", folder) is not None
    assert [file.path for file in refusals] == [".agents/plugins/notes"]
    assert "nothing that a plugin holds" in refusals[0].reason


def test_what_of_a_repository_can_not_be_used_is_named_as_a_run_begins(folder: Path) -> None:
    plugin = make_plugin(folder / ".agents/plugins")
    (plugin / ".claude-plugin/plugin.json").write_text('{"name": "other"}')
    skill = folder / ".claude/skills/odd/SKILL.md"
    skill.parent.mkdir(parents=True)
    skill.write_text("---\nname: odd\n---\n")
    (folder / ".claude/settings.json").write_text(
        '{"hooks": {"Stop": [{"hooks": [{"type": "command", "command": "true", "async": true}]}]}}'
    )

    task = Task(prompt="Do it.", workspace=folder)
    body = started(read_workspace(task), task, Settings(), model="m", target=Target(path="a.py"))

    assert [note.split(": ")[0] for note in body.notes] == [
        ".agents/plugins/shop",
        ".claude/skills/odd/SKILL.md",
        ".claude/settings.json",
    ]
    assert "keys without an effect here: async" in body.notes[-1]


@pytest.mark.parametrize("manifest", ["{}", '{"name": "other"}'], ids=["empty", "renamed"])
def test_nothing_of_a_folder_that_is_no_plugin_is_used(folder: Path, manifest: str) -> None:
    path = make_plugin(folder / ".agents/plugins") / ".claude-plugin/plugin.json"
    path.write_text(manifest)
    texts = {
        file.relative_to(folder).as_posix(): file.read_text() for file in folder.rglob("*") if file.is_file()
    }

    assert skills_of_repository(texts).skills == ()
    assert subagents_of_repository(texts).subagents == ()
    assert hooks_of_repository(texts) == ()
    assert message_of("/shop:sell tea", folder) is None
    assert program_files(folder) == ([], [])


def test_servers_of_a_repositorys_plugin_start_once_the_file_that_names_them_is_allowed(folder: Path) -> None:
    plugin = make_plugin(folder / ".agents/plugins")
    before = load(workspace=folder)
    ((file,), _) = program_files(folder)

    allow(folder, file.digest[:32])
    (plugin / "server.py").write_text("import os\n")
    allowed = load(workspace=folder)
    (plugin / ".mcp.json").write_text(json.dumps({"mcpServers": {"till": {"command": "x"}}}))
    changed = load(workspace=folder)

    assert [len(loaded.servers) for loaded in (before, allowed, changed)] == [0, 1, 0]
    assert f"skills --allow {file.digest[:32]}" in before.notes[-1]
    server = allowed.servers[0]
    assert server.command == ("python", "./.agents/plugins/shop/server.py")
    assert (server.sandboxed, server.variables()) == (True, {"CLAUDE_PLUGIN_ROOT": "./.agents/plugins/shop"})


def test_a_plugins_servers_that_cannot_be_read_are_told_by_its_name_and_the_others_are_used(
    home: Path, folder: Path
) -> None:
    plugins = home / ".agents/plugins"
    for name, content in (("a", b"{"), ("b", b"\xff"), ("c", b" " * (1 << 20)), ("e", b"[]")):
        (make_plugin(plugins, name) / ".mcp.json").write_bytes(content)
    make_plugin(plugins, "d")
    bad, _ = make_plugin(folder / ".agents/plugins", "f"), make_plugin(folder / ".agents/plugins")
    (bad / ".mcp.json").write_bytes(b"{")
    for file in program_files(folder)[0]:
        allow(folder, file.digest)

    loaded = load(workspace=folder)

    assert [server.name for server in loaded.servers] == ["till", "till-2"]
    for name in ("a", "b", "c", "e"):
        assert any(f"plugins/{name}/.mcp.json is ignored: " in note for note in loaded.notes), name
    assert any(".agents/plugins/f is ignored: " in note for note in loaded.notes)


@pytest.mark.parametrize(
    ("name", "manifest", "reason"),
    [
        ("shop", '{"name": "other"}', "plugin.json names it 'other', unlike its folder"),
        ("shop", '{"name": 3}', "should be a valid string"),
        ("shop", '{"name": "shop", "name": "x"}', "name"),
        ("shop", "[" * 100_000, "nested too deeply"),
        ("shop", "no", "Expecting value"),
        ("Shop", '{"name": "Shop"}', "isn't a-z"),
    ],
    ids=["renamed", "number", "twice", "deep", "text", "upper"],
)
def test_a_folder_that_is_no_plugin_is_refused_with_the_reason(
    folder: Path, name: str, manifest: str, reason: str
) -> None:
    (make_plugin(folder / ".agents/plugins", name) / ".claude-plugin/plugin.json").write_text(manifest)

    plugins, refusals = plugins_of_repository(folder)

    assert plugins == []
    assert refusals[0].path == f".agents/plugins/{name}"
    assert reason in refusals[0].reason


def test_a_repositorys_plugin_that_is_a_link_is_none_and_one_of_the_user_may_be(
    folder: Path, home: Path, tmp_path: Path
) -> None:
    plugin = make_plugin(tmp_path / "elsewhere")
    for place in (folder, home):
        (place / ".agents/plugins/shop").symlink_to(plugin)

    assert plugins_of_repository(folder) == ([], [])
    assert [each.name for each in own_plugins()[0]] == ["shop"]


def test_hooks_of_a_plugin_of_the_user_that_can_not_be_read_end_the_command(home: Path) -> None:
    (make_plugin(home / ".agents/plugins") / "hooks/hooks.json").write_text("{")

    with pytest.raises(UsageError, match="hooks can't be read"):
        hooks_of_user()
