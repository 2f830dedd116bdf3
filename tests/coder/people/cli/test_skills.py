"""Skills as a person meets them: in `coder skills`, and in what a model is told and may read."""

import json
import os
from pathlib import Path

import pytest

from tests.coder.config.test_plugins import make_plugin
from tests.coder.people.cli.console import Console
from tests.coder.tools.test_mcp_client import ROUGH
from tests.faulty_endpoint import calls, faulty_endpoint, says

RIGHT = "`total.py`\n```python\n<<<<<<< SEARCH\n=======\ndef total():\n    return 3\n>>>>>>> REPLACE\n```\n"
CHECK = ("--check", "from total import total; assert total() == 3")


def skill(folder: Path, name: str, body: str = "Body.", *, title: str = "") -> None:
    (folder / name).mkdir(parents=True)
    front = f"name: {title or name}\ndescription: Knows {name}."
    (folder / name / "SKILL.md").write_text(f"---\n{front}\n---\n{body}\n")


def home(console: Console) -> Path:
    return Path(console.environ["HOME"])


@pytest.mark.slow
def test_a_model_is_told_names_and_descriptions_and_reads_a_skill_by_a_call(
    console: Console, folder: Path
) -> None:
    skill(home(console) / ".claude/skills", "totals", "Totals are 3.")
    skill(folder / ".agents/skills", "house-style", "Write briefly.")
    (folder / ".agents/skills/house-style/long.py").write_text("SECRET_RECIPE = 1\n")
    script = (calls("skill", name="totals"), calls("skill", name="house-style"), says(RIGHT))
    with faulty_endpoint(*script) as endpoint:
        model = ("--base-url", endpoint.url, "-m", "toy", "--strategy", "act")
        done = console.run("solve", "Write total.py.", ".", *CHECK, *model, "-y", cwd=folder)

    first, own, of_repository = (request.body["messages"][-1]["content"] for request in endpoint.requests)
    assert done.code == 0, done.err
    assert "- totals (the user's own): Knows totals." in first
    assert "- house-style (`.agents/skills/house-style/SKILL.md`): Knows house-style." in first
    assert "Totals are 3." not in first
    assert "Write briefly." not in first
    assert "SECRET_RECIPE" not in first
    assert "Totals are 3." in own
    assert of_repository.startswith("[From the repository's .agents/skills/house-style/SKILL.md.")
    assert "[Beside it: long.py]" in of_repository


@pytest.mark.slow
def test_without_skills_a_model_is_offered_no_tool_for_them(console: Console, folder: Path) -> None:
    with faulty_endpoint(says(RIGHT)) as endpoint:
        model = ("--base-url", endpoint.url, "-m", "toy", "--strategy", "act")
        console.run("solve", "Write total.py.", ".", *CHECK, *model, "-y", cwd=folder)

    assert "skill" not in [tool["function"]["name"] for tool in endpoint.requests[0].body["tools"]]
    assert "Skills" not in endpoint.requests[0].body["messages"][-1]["content"]


def test_skills_are_listed_with_where_they_are_from_and_what_was_refused(
    console: Console, folder: Path
) -> None:
    skill(home(console) / ".agents/skills", "deploy")
    skill(folder / ".claude/skills", "deploy")
    skill(folder / ".claude/skills", "test-it")
    skill(folder / ".claude/skills", "odd", title='"a\\e[31mb"')
    os.symlink("/etc/hostname", folder / ".claude/skills/test-it/link")

    listing = console.run("skills", cwd=folder)
    document = json.loads(console.run("skills", "--json", cwd=folder).out)

    own = str(home(console) / ".agents/skills/deploy/SKILL.md")
    assert listing.code == 0
    assert [(row["name"], row["path"]) for row in document["skills"]] == [
        ("deploy", own),
        ("test-it", ".claude/skills/test-it/SKILL.md"),
    ]
    reasons = {row["path"]: row["reason"] for row in document["refused"]}
    assert reasons[".claude/skills/deploy/SKILL.md"] == f"{own} has the same name"
    assert "control characters" in reasons[".claude/skills/odd/SKILL.md"]
    assert "links are not followed" in reasons[".claude/skills/test-it/link"]
    assert "  ! .claude/skills/odd/SKILL.md: the name" in listing.err
    assert "\x1b" not in listing.out + listing.err


def test_a_folder_without_skills_says_where_one_is_written(console: Console, folder: Path) -> None:
    listing = console.run("skills", cwd=folder)

    assert (listing.code, listing.out) == (0, "")
    assert ".agents/skills/NAME/SKILL.md" in listing.err


@pytest.mark.slow
def test_a_command_of_the_repository_is_called_in_solve_and_in_a_chat(console: Console, folder: Path) -> None:
    (folder / ".claude/commands").mkdir(parents=True)
    (folder / ".claude/commands/total.md").write_text("Write total.py that returns $ARGUMENTS.\n")
    for name in ("plan", "undo", "exit"):
        (folder / f".claude/commands/{name}.md").write_text("Write evil.py.\n")
    with faulty_endpoint(says(RIGHT), says("It returns 3.")) as endpoint:
        model = ("--base-url", endpoint.url, "-m", "toy", "--strategy", "act", "-y")
        solved = console.run("solve", "/total 3", ".", *CHECK, *model, cwd=folder)
        chatted = console.run(
            "chat", ".", *model, stdin=b"/total 3\n/totl\n/help\n/undo\n/exit\n", cwd=folder
        )
        listed = console.run("skills", cwd=folder)

    assert solved.code == 0, solved.err
    prompts = [request.body["messages"][1]["content"] for request in endpoint.requests[:2]]
    assert all(text.startswith("Write total.py that returns 3.") for text in prompts), prompts
    assert "There is no command /totl; did you mean total" in chatted.err
    assert "/total" in chatted.out
    assert "/total" in listed.out
    assert len(endpoint.requests) == 2
    for name in ("plan", "undo", "exit"):
        assert f"  ! .claude/commands/{name}.md: /{name} is a command of coder chat" in listed.err


@pytest.mark.slow
def test_a_server_of_the_repository_starts_once_its_file_is_allowed(console: Console, folder: Path) -> None:
    server = {"command": "python3", "args": ["tools/server.py"]}
    (folder / "tools").mkdir()
    (folder / "tools/server.py").write_text(ROUGH.read_text())
    (folder / ".mcp.json").write_text(json.dumps({"mcpServers": {"shop": server}}))
    with faulty_endpoint(calls("shop_say", text="three"), says("It is three.")) as endpoint:
        flags = ("--base-url", endpoint.url, "-m", "toy", "--strategy", "act")
        before = console.run("chat", ".", *flags, stdin=b"How many?\n", cwd=folder)
        listed = console.run("skills", cwd=folder)
        command = listed.err.partition("coder skills --allow ")[2].split()[0]
        allowed = console.run("skills", "--allow", command, cwd=folder)
        offered = [tool["function"]["name"] for tool in endpoint.requests[0].body["tools"]]
        endpoint.requests.clear()
        after = console.run("chat", ".", *flags, stdin=b"How many?\n/permissions\n", cwd=folder)

    assert "shop_say" not in offered
    assert ".mcp.json is ignored: its MCP servers are not allowed" in before.err
    assert allowed.code == 0, allowed.err
    assert endpoint.requests[1].body["messages"][-1]["content"] == "three", after.err
    assert f".mcp.json: may start servers while its digest is {command}" in after.out


def test_subagents_are_listed_and_a_link_among_them_is_refused(console: Console, folder: Path) -> None:
    own = home(console) / ".claude/agents"
    for place in (own, folder / ".agents/agents"):
        place.mkdir(parents=True)
        (place / "looker.md").write_text("---\nname: looker\ndescription: Looks.\ntools: Edit\n---\nLook.\n")
    os.symlink("/etc/hostname", folder / ".agents/agents/host.md")

    done = console.run("skills", "--json", cwd=folder)

    document = json.loads(done.out)
    assert [(one["name"], one["path"], one["writes"]) for one in document["subagents"]] == [
        ("looker", str(own / "looker.md"), True)
    ]
    refused = {row["path"]: row["reason"] for row in document["refused"]}
    assert "has the same name" in refused[".agents/agents/looker.md"]
    assert ".agents/agents/host.md" in refused


def test_hooks_are_listed_with_where_they_run_and_a_broken_file_is_named(
    console: Console, folder: Path
) -> None:
    row = {"PostToolUse": [{"matcher": "Edit", "hooks": [{"type": "command", "command": "ruff format ."}]}]}
    for path in (folder / ".agents/hooks.json", home(console) / ".claude/settings.json"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"hooks": row}))
    (folder / ".claude").mkdir()
    (folder / ".claude/settings.json").write_text('{"hooks": [')

    document = json.loads(console.run("skills", "--json", cwd=folder).out)

    assert [(one["path"], one["runs"]) for one in document["hooks"]] == [
        ("your settings", "on this machine"),
        (".agents/hooks.json", "in the sandbox"),
    ]
    refused = {one["path"]: one["reason"] for one in document["refused"]}
    assert refused[".claude/settings.json"].startswith("its hooks can't be read: ")


@pytest.mark.slow
def test_a_resumed_conversation_has_the_servers_of_a_file_that_is_allowed_until_it_changes(
    console: Console, folder: Path
) -> None:
    server = {"command": "python3", "args": ["tools/server.py"]}
    (folder / "tools").mkdir()
    (folder / "tools/server.py").write_text(ROUGH.read_text())
    (folder / ".mcp.json").write_text(json.dumps({"mcpServers": {"shop": server}}))
    listed = console.run("skills", cwd=folder)
    console.run("skills", "--allow", listed.err.partition("--allow ")[2].split()[0], cwd=folder)
    with faulty_endpoint(says("Hello.")) as endpoint:
        flags = ("--base-url", endpoint.url, "-m", "toy", "--strategy", "act")
        console.run("chat", ".", *flags, stdin=b"Hello?\n", cwd=folder)
        run = json.loads(console.run("ls", "--json").out)[0]["run_id"]
        console.run("chat", "--resume", run, stdin=b"How many?\n")
        (folder / ".mcp.json").write_text(json.dumps({"mcpServers": {"shop": {**server, "env": {"A": "1"}}}}))
        changed = console.run("chat", "--resume", run, stdin=b"And now?\n")

    offered = [
        "shop_say" in [tool["function"]["name"] for tool in request.body["tools"]]
        for request in endpoint.requests
    ]
    assert offered == [True, True, False], changed.err
    assert ".mcp.json is ignored: its MCP servers are not allowed" in changed.err


def test_plugins_are_listed_with_their_parts_and_a_repositorys_server_waits_for_a_word(
    console: Console, folder: Path
) -> None:
    make_plugin(home(console) / ".agents/plugins", "store")
    make_plugin(folder / ".agents/plugins")
    (make_plugin(folder / ".claude/plugins", "fake") / ".claude-plugin/plugin.json").write_text("{}")

    document = json.loads(console.run("skills", "--json", cwd=folder).out)
    listing = console.run("skills", cwd=folder)

    refused = {row["path"]: row["reason"] for row in document["refused"]}
    own = str(home(console) / ".agents/plugins/store")
    assert [(row["name"], row["path"]) for row in document["plugins"]] == [
        ("store", own),
        ("shop", ".agents/plugins/shop"),
    ]
    assert {"store:price", "shop:price"} <= {row["name"] for row in document["skills"]}
    assert {"store:clerk", "shop:clerk"} <= {row["name"] for row in document["subagents"]}
    assert {"store:sell", "shop:sell"} <= {row["name"] for row in document["commands"]}
    assert {(row["path"], row["runs"]) for row in document["hooks"]} == {
        (own, "on this machine"),
        (".agents/plugins/shop/hooks/hooks.json", "in the sandbox"),
    }
    assert "skills --allow " in refused[".agents/plugins/shop"]
    assert "Field required" in refused[".claude/plugins/fake"]
    assert "  · plugin shop of .agents/plugins/shop: Sells." in listing.err
