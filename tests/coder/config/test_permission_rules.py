"""Rules in the form of Claude Code: what each covers, and that deny wins."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coder.base.errors import UsageError
from coder.config.layers import load
from coder.config.mcp_rules import ServerName
from coder.config.permission_rules import (
    denied_edits,
    of_command,
    of_edits,
    of_host,
    of_tool,
    parse_rule,
    unenforced,
)
from coder.config.plugs import rules_for, with_rules
from coder.config.repository_settings import rules_of_repository
from coder.config.rule_files import read_rules
from coder.config.unread import Unread, unread_globs
from coder.run.extensions import Rules, Ruling
from coder.run.settings import Settings

ROOT = Path("/work/shop")
WORDS = st.sampled_from(["a", "b", "docs", "api"])
ROWS = st.one_of(
    WORDS.map(lambda word: f"mcp__{word}"),
    st.tuples(WORDS, WORDS).map(lambda pair: f"mcp__{pair[0]}__{pair[1]}"),
    WORDS.map(lambda word: f"WebFetch(domain:{word}.example)"),
    WORDS.map(lambda word: f"Edit({word}/**)"),
    WORDS.map(lambda word: f"Bash({word} *)"),
    st.sampled_from(["Bash", "WebFetch", "Edit", "Read(./.env)"]),
)
RULES = st.builds(
    lambda allow, ask, deny: Rules(allow=tuple(allow), ask=tuple(ask), deny=tuple(deny)),
    *[st.lists(ROWS, max_size=4)] * 3,
)


def of_edit(rules: Rules, path: str, root: Path) -> Ruling | None:
    return of_edits(rules, [path], root).get(path)


def verdict(ruling: Ruling | None) -> str | None:
    return ruling.verdict if ruling is not None else None


@pytest.mark.slow
@given(RULES, WORDS, WORDS)
def test_a_rule_that_denies_wins_over_any_others(rules: Rules, one: str, two: str) -> None:
    rows = (f"mcp__{one}__{two}", f"WebFetch(domain:{one}.example)", f"Edit({one}/**)", f"Bash({one} *)")
    denied = rules.model_copy(update={"deny": (*rules.deny, *rows)})

    assert verdict(of_tool(denied, ServerName(one), two)) == "deny"
    assert verdict(of_host(denied, f"{one}.example")) == "deny"
    assert verdict(of_edit(denied, f"{one}/x.py", ROOT)) == "deny"
    assert verdict(of_command(denied, [one, "x"])) == "deny"


@given(RULES, WORDS, WORDS)
def test_without_its_rule_nothing_is_denied_and_ask_wins_over_allow(rules: Rules, one: str, two: str) -> None:
    only_allowed = Rules(allow=rules.allow)
    ask_rules = Rules(allow=rules.allow, ask=(f"mcp__{one}",))

    assert verdict(of_tool(only_allowed, ServerName(one), two)) in (None, "allow")
    assert verdict(of_tool(ask_rules, ServerName(one), two)) == "ask"


@given(st.text(max_size=60))
def test_any_text_is_a_rule_or_refused(text: str) -> None:
    try:
        parse_rule(text)
    except ValueError:
        return
    rules = Rules(deny=(text,))
    (
        of_tool(rules, ServerName("a"), "b"),
        of_host(rules, "a"),
        of_edit(rules, "a/b", ROOT),
        of_command(rules, ["a"]),
    )


@pytest.mark.parametrize(
    ("row", "covered", "not_covered"),
    [
        ("mcp__docs", ("docs", "get"), ("docs_more", "get")),
        ("mcp__docs__*", ("docs", "get"), ("other", "docs__get")),
        ("mcp__docs__get", ("docs", "get"), ("docs", "get_all")),
    ],
)
def test_tools_of_a_server(row: str, covered: tuple[str, str], not_covered: tuple[str, str]) -> None:
    rules = Rules(allow=(row,))

    assert verdict(of_tool(rules, ServerName(covered[0]), covered[1])) == "allow"
    assert of_tool(rules, ServerName(not_covered[0]), not_covered[1]) is None


def test_an_allowed_domain_is_one_host_and_a_denied_one_includes_those_below() -> None:
    row = "WebFetch(domain:Example.com)"

    assert verdict(of_host(Rules(allow=(row,)), "example.com")) == "allow"
    assert of_host(Rules(allow=(row,)), "evil.example.com") is None
    assert of_host(Rules(allow=(row,)), "notexample.com") is None
    assert verdict(of_host(Rules(deny=(row,)), "EVIL.example.com.")) == "deny"
    assert verdict(of_host(Rules(allow=("WebFetch(domain:*.example.com)",)), "a.example.com")) == "allow"


@pytest.mark.parametrize(
    ("glob", "covered", "not_covered"),
    [
        ("*.lock", ["a.lock", "x/a.lock"], ["a.lock.py"]),
        ("/src/*.py", ["src/a.py"], ["src/b/a.py", "x/src/a.py"]),
        ("./src/**/*.py", ["src/a.py", "src/b/c/a.py"], ["src/a.txt"]),
        ("migrations/", ["migrations/1.sql", "x/migrations/1.sql"], ["migrations_old/1.sql"]),
        ("docs/**", ["docs/a", "docs/b/c"], ["docs2/a"]),
        ("//work/shop/a.py", ["a.py"], ["b.py"]),
        (".github", [".github/workflows/x.yml", ".GitHub/x"], ["github/x"]),
        ("*", ["a/b"], []),
    ],
)
def test_paths_are_covered_as_in_gitignore(glob: str, covered: list[str], not_covered: list[str]) -> None:
    rules = Rules(deny=(f"Edit({glob})",))

    assert [verdict(of_edit(rules, path, ROOT)) for path in covered] == ["deny"] * len(covered)
    assert [verdict(of_edit(rules, path, ROOT)) for path in not_covered] == [None] * len(not_covered)


@pytest.mark.parametrize(
    ("row", "covered", "not_covered"),
    [
        ("git push *", ["git push", "git push -f x"], ["git pushx", "git pull"]),
        ("git push:*", ["git push", "git push -f x"], ["git pushx"]),
        ("git commit", ["git commit"], ["git commit -m x"]),
        ("git * main", ["git push main"], ["git push other"]),
    ],
)
def test_commands_of_this_machine(row: str, covered: list[str], not_covered: list[str]) -> None:
    rules = Rules(deny=(f"Bash({row})",))

    assert {verdict(of_command(rules, line.split())) for line in covered} == {"deny"}
    assert {verdict(of_command(rules, line.split())) for line in not_covered} == {None}


@pytest.mark.parametrize("verdict", ["deny", "ask"])
def test_hosts_of_network_lose_what_is_denied_or_asked_about(verdict: str) -> None:
    rules = Rules.model_validate({verdict: ("WebFetch(domain:a.example.com)",)})
    settings = Settings(network=("pypi.org", "a.example.com", "*.example.com", "*.other.com"))

    assert with_rules(settings, rules).network == ("pypi.org", "*.other.com")


def test_files_that_are_not_read_are_found_by_globs_in_the_folder_and_outside_of_it(tmp_path: Path) -> None:
    rules = Rules(deny=("Read(./.env)", "Read(*.pem)", "Read(~/keys/**)", "Edit(x)"), allow=("Read(.env)",))
    globs = unread_globs(rules)

    assert globs == ("./.env", "*.pem", "~/keys/**")
    denied = Unread(globs, ROOT)
    assert [denied.by(path) for path in (".env", ".ENV", "a/b.pem")] == ["./.env"] * 2 + ["*.pem"]
    assert [denied.by(path) for path in ("a/.env", "pem", "x")] == [None] * 3
    assert unread_globs(Rules(deny=("Read",))) == ("**",)
    assert denied.named_in(Path.home()) == "~/keys/**"
    assert denied.by(str(Path.home() / "keys" / "old")) == "~/keys/**"
    assert denied.named_in(tmp_path) is None


def test_rules_that_nothing_here_enforces_are_named() -> None:
    rules = Rules(allow=("Read(x)",), deny=("Read(./.env)", "Edit(x)"), ask=("Task(x)", "Read(y)"))

    assert list(unenforced(rules)) == ["Task(x)", "Read(y)"]


@pytest.mark.parametrize(
    ("row", "is_enforced"),
    [("Bash(curl:*)", False), ("Bash(git push:*)", True), ("Bash(gh *)", True), ("Bash(g*)", True)],
)
def test_a_rule_of_bash_that_governs_nothing_on_this_machine_is_named(row: str, is_enforced: bool) -> None:
    assert (row not in unenforced(Rules(deny=(row,)))) == is_enforced


@pytest.mark.parametrize("rules", [Rules(deny=("WebFetch",)), Rules(ask=("WebFetch",))], ids=["deny", "ask"])
def test_a_rule_of_web_fetch_alone_leaves_the_hosts_of_programs(rules: Rules) -> None:
    settings = Settings(network=("a.example.com", "*.b.example"), secret=("KEY@a.example.com",))

    kept = with_rules(settings, rules)

    assert (kept.network, kept.secret) == (settings.network, settings.secret)
    assert of_host(rules, "a.example.com") is None
    assert of_host(rules, "a.example.com", is_page=True) is not None


def test_a_host_of_the_flags_that_a_rule_denies_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".claude").mkdir()
    rules = {"permissions": {"deny": ["WebFetch(domain:a.example.com)"]}}
    (tmp_path / ".claude/settings.json").write_text(json.dumps(rules))

    notes = load({"network": ("a.example.com",)}, environ={}, user_file=tmp_path / "none.toml").notes

    assert notes == (
        "--network a.example.com has no effect: a rule of WebFetch denies its host, or asks about it",
    )


def test_a_rule_on_notebooks_is_about_notebooks_alone() -> None:
    rules = Rules(deny=("NotebookEdit",))

    assert of_edit(rules, "a/b.py", ROOT) is None
    assert str(of_edit(rules, "a/b.ipynb", ROOT)).startswith("deny NotebookEdit")
    assert denied_edits(rules) == ("**/*.ipynb",)


def test_a_repository_narrows_by_its_rules_and_what_it_allows_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / ".claude").mkdir()
    rows = {"allow": ["Bash(npm run *)", "mcp__shop"], "deny": ["Edit(secrets/**)"], "ask": ["WebFetch"]}
    (tmp_path / ".claude/settings.json").write_text(json.dumps({"permissions": rows}))
    (tmp_path / ".claude/settings.local.json").write_text("[1]")

    rules, notes = rules_of_repository(tmp_path)

    assert (rules.deny, rules.ask, rules.allow) == (("Edit(secrets/**)",), ("WebFetch",), ())
    assert str(of_edit(rules, "secrets/a", ROOT)) == "deny Edit(secrets/**) of .claude/settings.json"
    assert notes[0] == (
        ".claude/settings.json: a repository can't allow anything, so these rules are ignored: "
        "Bash(npm run *), mcp__shop"
    )
    assert notes[1].startswith(".claude/settings.local.json: its permissions are ignored: ")


@given(st.text(max_size=200))
def test_a_repositorys_settings_of_any_text_end_no_command(text: str) -> None:
    with TemporaryDirectory() as folder:
        (path := Path(folder) / ".claude/settings.json").parent.mkdir()
        path.write_text(text, "utf-8", "surrogatepass")

        assert rules_of_repository(Path(folder))[0] == Rules()


def test_both_files_of_the_user_are_read_and_a_broken_one_ends_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / ".config"))
    assert rules_for(None)[0] is None
    for place, row in ((".claude", "Bash(git push *)"), (".config/coder", "mcp__docs")):
        (tmp_path / place).mkdir(parents=True)
        document = {"permissions": {"deny": [row], "defaultMode": "plan"}, "model": "x"}
        (tmp_path / place / "settings.json").write_text(json.dumps(document))

    rules = rules_for(None)[0]
    assert rules is not None
    assert [str(each) for each in rules.rulings()] == [
        "deny mcp__docs of ~/.config/coder/settings.json",
        "deny Bash(git push *) of ~/.claude/settings.json",
    ]
    (tmp_path / ".claude/settings.json").write_text("{")
    with pytest.raises(UsageError, match="permissions can't be read"):
        rules_for(None)[0]


@pytest.mark.parametrize(("kind", "is_refused"), [("allow", False), ("ask", True), ("deny", True)])
def test_a_row_that_names_no_tool_allows_nothing_and_is_refused_where_it_restricts(
    tmp_path: Path, kind: str, is_refused: bool
) -> None:
    file = tmp_path / "settings.json"
    file.write_text(json.dumps({"permissions": {kind: ["(((", "mcp__docs"]}}))

    if is_refused:
        with pytest.raises(UsageError, match="write TOOL"):
            read_rules([file])
    else:
        rules = read_rules([file])
        assert rules is not None
        assert list(unenforced(rules)) == ["((("]
