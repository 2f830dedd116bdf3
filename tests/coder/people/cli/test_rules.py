"""The user's rules (`permissions` of settings.json) in a run: tools of servers, and files that land."""

import json
import re
import sys
from pathlib import Path

import pytest

from tests.coder.people.cli.console import Console
from tests.coder.tools.test_mcp_client import ROUGH
from tests.faulty_endpoint import calls, faulty_endpoint, says

WORK = "mkdir -p docs .github && echo 1 > docs/a.md && echo 'def total(): return 3' > total.py"
CHECK = ("--check", "from total import total; assert total() == 3")


def rules(console: Console, **permissions: list[str]) -> None:
    path = Path(console.environ["HOME"]) / ".claude/settings.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"permissions": permissions}))


@pytest.mark.slow
def test_a_denied_file_does_not_land_even_if_a_flag_allows_it(console: Console, folder: Path) -> None:
    rules(console, deny=["Edit(docs/**)"], allow=["Edit(docs/a.md)"])
    with faulty_endpoint(calls("bash", command=WORK), calls("done", summary="Done.")) as endpoint:
        flags = ("--strategy", "act", "--base-url", endpoint.url, "-m", "toy", "-y", "--allow", "docs/a.md")
        done = console.run("solve", "Write total.py.", ".", *CHECK, *flags, cwd=folder)

    assert (folder / "total.py").exists(), done.err
    assert not (folder / "docs").exists()
    assert "docs/a.md: your rule denies it: deny Edit(docs/**) of ~/.claude/settings.json" in done.err
    assert "--allow docs/a.md" not in done.err  # no flag lifts a rule that denies


@pytest.mark.slow
def test_the_model_is_told_of_a_rule_that_denies_edits_before_its_work_and_at_such_an_edit(
    console: Console, folder: Path
) -> None:
    rules(console, deny=["Edit(docs/**)"])
    (folder / "docs").mkdir()
    (folder / "docs/b.md").write_text("2\n")
    answers = [
        calls("edit", path="docs/a.md", new="1\n"),
        calls("bash", command="rm docs/b.md; echo 'def total(): return 3' > total.py"),
        calls("bash", command="git checkout docs/b.md; ls"),
        calls("done", summary="Done."),
    ]
    with faulty_endpoint(*answers) as endpoint:
        model = ("--strategy", "act", "--base-url", endpoint.url, "-m", "toy", "-y")
        console.run("solve", "Write total.py.", ".", *CHECK, *model, cwd=folder)

    first = endpoint.requests[0].body["messages"][-1]["content"]
    results = [request.body["messages"][-1]["content"] for request in endpoint.requests[1:]]
    rule = "by the rule deny Edit(docs/**) of ~/.claude/settings.json"
    assert "none of them lands: `docs/**`" in first
    assert f"lands nowhere: docs/a.md: {rule}" in results[0]
    assert f"lands nowhere: docs/b.md: {rule}" in results[1]
    assert "lands nowhere" not in results[2]  # it is as it was


@pytest.mark.slow
def test_a_model_without_tools_is_told_of_a_rule_that_denies_edits(console: Console, folder: Path) -> None:
    rules(console, deny=["Edit(docs/**)"])
    with faulty_endpoint(says("total.py\n```python\ndef total(): return 3\n```\n")) as endpoint:
        model = ("--strategy", "repair", "--base-url", endpoint.url, "-m", "toy", "-y")
        console.run("solve", "Write total.py.", ".", *CHECK, *model, cwd=folder)

    assert "none of them lands: `docs/**`" in endpoint.requests[0].body["messages"][-1]["content"]


@pytest.mark.slow
def test_a_resume_that_allows_a_denied_file_ends_without_it(console: Console, folder: Path) -> None:
    rules(console, deny=["Edit(calc.py)"])
    (folder / "calc.py").write_text("def add(a, b):\n    return a - b\n")
    edit = says("calc.py\n```python\ndef add(a, b):\n    return a + b\n```\n")
    check = ("--check", "from calc import add; assert add(1, 2) == 3")
    with faulty_endpoint(edit) as endpoint:
        model = ("--base-url", endpoint.url, "-m", "toy", "--strategy", "repair")
        done = console.run("solve", "Mend add.", ".", *check, "-y", "--json", *model, cwd=folder)
    run = json.loads(done.out)["run_id"]

    resumed = console.run("resume", run, "--allow", "calc.py", "-y", cwd=folder)

    assert "This is a bug" not in resumed.err
    assert "calc.py" in resumed.err
    assert "a - b" in (folder / "calc.py").read_text()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("permissions", "names", "is_asked"),
    [
        ({}, {"shop_say", "shop_pay"}, True),
        ({"ask": ["mcp__shop__pay"]}, {"shop_say", "shop_pay"}, True),
        ({"deny": ["mcp__shop__pay"]}, {"shop_say"}, False),
        ({"deny": ["mcp__shop"], "allow": ["mcp__shop__say"]}, set(), False),
        ({"allow": ["mcp__shop__pay"]}, {"shop_say", "shop_pay"}, False),
    ],
)
def test_tools_of_a_server_are_denied_or_called_without_a_question(
    console: Console, folder: Path, permissions: dict[str, list[str]], names: set[str], is_asked: bool
) -> None:
    rules(console, **permissions)
    with faulty_endpoint(calls("shop_pay", text="tea"), says("Done.")) as endpoint:
        flags = ("--mcp", f"shop={sys.executable} {ROUGH}", "--base-url", endpoint.url, "-m", "toy")
        done = console.run("chat", ".", *flags, "--strategy", "act", stdin=b"Pay.\nn\n", cwd=folder)

    offered = {tool["function"]["name"] for tool in endpoint.requests[0].body["tools"]}
    assert {"shop_say", "shop_pay"} & offered == names
    assert ("your rule: ask mcp__shop__pay of ~/.claude/settings.json" in done.err) == ("ask" in permissions)
    if "shop_pay" in names:
        assert ("did not allow" in endpoint.requests[1].body["messages"][-1]["content"]) == is_asked, done.err


@pytest.mark.slow
@pytest.mark.parametrize(("server", "is_asked"), [("shop__pay", True), ("shop", False)])
def test_a_rule_that_allows_a_tool_allows_no_tool_of_a_repositorys_server_with_a_longer_name(
    console: Console, folder: Path, server: str, is_asked: bool
) -> None:
    rules(console, allow=["mcp__shop__pay"])
    (folder / "serve.py").write_text(ROUGH.read_text())
    entry = {"command": "python3", "args": ["serve.py"]}
    (folder / ".mcp.json").write_text(json.dumps({"mcpServers": {server: entry}}))
    listed = console.run("skills", cwd=folder)
    console.run("skills", "--allow", re.findall(r"--allow (\w+)", listed.out + listed.err)[0], cwd=folder)
    with faulty_endpoint(calls(f"{server}_pay", text="tea"), says("Done.")) as endpoint:
        flags = ("--base-url", endpoint.url, "-m", "toy", "--strategy", "act")
        done = console.run("chat", ".", *flags, stdin=b"Pay.\nn\n", cwd=folder)

    assert ("did not allow" in endpoint.requests[1].body["messages"][-1]["content"]) == is_asked, done.err


@pytest.mark.slow
def test_a_file_that_the_rules_ask_about_lands_only_if_a_flag_or_an_answer_names_it(
    console: Console, folder: Path
) -> None:
    rules(console, ask=["Edit(docs/**)"], allow=["Edit"])
    with faulty_endpoint(calls("bash", command=WORK), calls("done", summary="Done.")) as endpoint:
        flags = ("--strategy", "act", "--base-url", endpoint.url, "-m", "toy", "-y")
        completed = console.run("solve", "Write total.py.", ".", *CHECK, *flags, cwd=folder)
        was_there = (folder / "docs").exists()
        run = json.loads(console.run("ls", "--json").out)[0]["run_id"]
        console.run("resume", run, "--allow", "docs/a.md", "-y", cwd=folder)

    assert completed.code != 0
    assert "tried with more than is written; left out until you allow it: docs/a.md" in completed.err
    assert "docs/a.md: your rule asks about it: --allow PATH writes it" in completed.err
    assert ": ask Edit(docs/**) of ~/.claude/settings.json" in completed.err
    assert (folder / "total.py").exists()
    assert not was_there
    assert (folder / "docs/a.md").read_text() == "1\n"


@pytest.mark.slow
def test_a_file_that_the_rules_deny_to_be_read_is_in_no_request_and_not_in_the_sandbox(
    console: Console, folder: Path
) -> None:
    rules(console, deny=["Read(./.env)", "Read(*.pem)"])
    (folder / ".env").write_text("PASSWORD=tangerine\n")
    (folder / "keys").mkdir()
    (folder / "keys/a.pem").write_text("tangerine\n")
    look = "cat .env keys/a.pem; grep -r tang[e]rine . | head; echo 'def total(): return 3' > total.py"
    with faulty_endpoint(calls("bash", command=look), calls("done", summary="Done.")) as endpoint:
        flags = ("--strategy", "act", "--base-url", endpoint.url, "-m", "toy", "-y", "--read", ".env")
        done = console.run("solve", "Write total.py.", ".", *CHECK, *flags, cwd=folder)
        refusal = console.run("solve", "Write total.py.", ".", *CHECK, *flags, "--show", "keys", cwd=folder)

    assert done.code == 0, done.err
    assert "No such file" in endpoint.requests[1].body["messages"][-1]["content"]
    assert not any("tangerine" in json.dumps(request.body) for request in endpoint.requests)
    assert (
        ".env, keys/a.pem: left out, your rules deny reading: deny Read(./.env), deny Read(*.pem)" in done.err
    )
    assert (refusal.code, "your rules deny reading keys/a.pem" in refusal.err) == (2, True)
    assert (folder / ".env").read_text() == "PASSWORD=tangerine\n"


@pytest.mark.slow
def test_a_rule_that_cannot_be_read_denies_its_whole_tool_and_is_named_once_a_day(
    console: Console, folder: Path
) -> None:
    rules(console, deny=["Edit([docs)", "Frobnicate(x)"], allow=["WebFetch(https://a.example)"])
    (folder / "total.py").write_text("1\n")
    with faulty_endpoint(calls("bash", command=WORK), calls("done", summary="Done.")) as endpoint:
        flags = ("--strategy", "act", "--base-url", endpoint.url, "-m", "toy", "-y")
        done = console.run("solve", "Write total.py.", ".", *CHECK, *flags, cwd=folder)
        again = console.run("solve", "Write total.py.", ".", *CHECK, *flags, cwd=folder)

    assert (folder / "total.py").read_text() == "1\n", done.err
    note = "Edit([docs): this rule denies Edit as a whole, as it can't be read: `[` isn't closed by `]`"
    assert note in done.err
    assert "Frobnicate(x): this rule has no effect: there is no tool Frobnicate here" in done.err
    assert "WebFetch(https://a.example): this rule has no effect: " in done.err
    assert note not in again.err


@pytest.mark.slow
def test_programs_see_no_modules_with_a_file_that_the_rules_deny_to_be_read(
    console: Console, folder: Path
) -> None:
    rules(console, deny=["Read(secret.txt)"])
    (folder / "package.json").write_text("{}\n")
    (folder / "node_modules/x").mkdir(parents=True)
    (folder / "node_modules/x/secret.txt").write_text("tangerine\n")
    look = "cat node_modules/x/secret.txt; echo 'def total(): return 3' > total.py"
    with faulty_endpoint(calls("bash", command=look), calls("done", summary="Done.")) as endpoint:
        flags = ("--strategy", "act", "--base-url", endpoint.url, "-m", "toy", "-y")
        done = console.run("solve", "Write total.py.", ".", *CHECK, *flags, cwd=folder)

    assert "No such file" in endpoint.requests[1].body["messages"][-1]["content"]
    assert not any("tangerine" in json.dumps(request.body) for request in endpoint.requests)
    assert "programs don't see node_modules: your rules deny reading " in done.err


@pytest.mark.slow
def test_a_commit_that_the_rules_deny_is_refused_before_a_model_is_called(
    console: Console, folder: Path
) -> None:
    rules(console, deny=["Bash(git commit *)"])
    with faulty_endpoint(says("Done.")) as endpoint:
        flags = ("--base-url", endpoint.url, "-m", "toy", "--commit")
        done = console.run("solve", "Write total.py.", ".", *CHECK, *flags, cwd=folder)

    assert done.code == 2
    assert "your rule: deny Bash(git commit *) of ~/.claude/settings.json" in done.err
    assert not endpoint.requests


@pytest.mark.slow
def test_permissions_of_a_chat_and_the_list_of_skills_name_each_rule_and_its_file(
    console: Console, folder: Path
) -> None:
    rules(console, deny=["Edit(docs/**)"], allow=["mcp__shop"])
    (folder / ".claude").mkdir()
    (folder / ".claude/settings.json").write_text(json.dumps({"permissions": {"ask": ["WebFetch"]}}))
    with faulty_endpoint(says("Done.")) as endpoint:
        flags = ("--base-url", endpoint.url, "-m", "toy")
        permissions = console.run("chat", ".", *flags, stdin=b"/permissions\n", cwd=folder)
    listed = console.run("skills", cwd=folder)

    for text in (permissions.out + permissions.err, listed.err):
        assert "rule deny Edit(docs/**) of ~/.claude/settings.json" in text
        assert "rule ask WebFetch of .claude/settings.json" in text
        assert "rule allow mcp__shop of ~/.claude/settings.json" in text


@pytest.mark.slow
def test_a_chat_asks_about_a_file_by_the_words_of_the_rule_that_holds_it(
    console: Console, folder: Path
) -> None:
    rules(console, ask=["Edit(docs/**)"])
    with faulty_endpoint(calls("bash", command=WORK), calls("done", summary="Done.")) as endpoint:
        flags = ("--strategy", "act", "--base-url", endpoint.url, "-m", "toy")
        done = console.run("chat", ".", *flags, stdin=b"Write it.\ny\ny\n", cwd=folder)

    assert "! docs/a.md: your rule: ask Edit(docs/**) of ~/.claude/settings.json" in done.err
    assert "Write what your rule asks about, too: docs/a.md?" in done.err
    assert (folder / "docs/a.md").read_text() == "1\n"
