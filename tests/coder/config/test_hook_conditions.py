"""The `if` of a hook: calls that match a permission rule run it, and no others."""

import json

import pytest

from coder.config.hook_conditions import matches_call
from coder.config.hooks import read_hook_file, read_hooks


def file_of(event: str = "PreToolUse", *, row: object = None, **more: object) -> str:
    hook = {"type": "command", "command": "guard", **more}
    return json.dumps({"hooks": {event: [{"matcher": "Bash", "hooks": [hook], **(row or {})}]}})  # type: ignore[dict-item]


@pytest.mark.parametrize(
    ("condition", "matching", "others"),
    [
        (
            "Bash(git push:*)",
            [
                "git push",
                "git push --force origin main",
                "cd a && git push",
                "A=1 git push",
                "ls; (git  push)",
                "echo $(git push)",
                "if true; then git \\\n push; fi",
                'git "push"',
                "bash -c 'git push'",
                'sh -lc "cd a; git push"',
                "git -C a push",
                "git --no-pager -c x=y push",
                "/usr/bin/git push",
                "sudo -u me git push",
                "env X=1 git push",
                "ssh host -- 'cd a && git push'",
                "bash <<'END'\ngit push\nEND",
                "find . -name x -exec git push {} +",
                "echo git push | sh",
                "git $(true) push; 'git' $'push'",
                "git 2>log push",
            ],
            ["git status", "git pushy", "git stash push", "gitpush", "digit push", "git; push", "echo 'a"],
        ),
        (
            "Bash(git push)",
            [
                "git push>/dev/null 2>&1",
                "2>/dev/null git push",
                "> log git push &> log",
                "A=x#y git push # to the server",
                "gi\\\nt push",
                "echo a\\\\\ngit push",
                "echo $'\\'' ; git push; echo \\'",
                "f() { git push; }",
                "case a in a) git push;; esac",
                'echo "a $( (ls); git push )"',
                "echo `echo \\`git push\\``",
                "diff <(git push) x",
                "echo $((1<<2))\ngit push\n2",
                "cat <<A <<'B'; git push\nx\nA\nit's\nB",
                "timeout -k 5 10s env A=1 git push",
                "bash -c 'git push' name",
            ],
            ["git push origin", "git status"],
        ),
        ("Bash(npm run test:*)", ["npm --prefix a run -s test"], ["npm run build test", "npm test"]),
        ("Bash(*--force*)", ["git push --force"], ["git push"]),
        ("Bash(git push *)", ["git push origin"], ["git pull"]),
        ("Bash(rm -rf *)", ["true || rm -rf /"], ["rm a"]),
        ("Bash", ["ls"], []),
        ("Edit", [], ["ls"]),
    ],
)
def test_a_rule_of_bash_matches_lines_that_name_its_command(
    condition: str, matching: list[str], others: list[str]
) -> None:
    def matches(line: str) -> bool:
        return matches_call(condition, ("Bash",), {"command": line}, "/work")

    assert [line for line in (*matching, *others) if matches(line)] == matching


@pytest.mark.parametrize("line", ["git - " * 20_000, "git " * 30_000, "'\"\\$(" * 25_000, "<>&" * 40_000])
def test_a_long_line_takes_no_time_that_grows_with_powers(line: str) -> None:
    assert not matches_call("Bash(git * push *)", ("Bash",), {"command": line}, "/work")


@pytest.mark.parametrize(
    ("condition", "is_match"),
    [
        ("Edit(*.py)", True),
        ("Write(src/**)", True),
        ("Edit(*.js)", False),
        ("Edit(//work/src/*)", True),
        ("Bash(git *)", False),
    ],
)
def test_a_rule_of_edits_is_compared_with_the_path(condition: str, is_match: bool) -> None:
    fields = {"file_path": "/work/src/a.py"}

    assert matches_call(condition, ("Edit", "Write", "MultiEdit"), fields, "/work") == is_match


def test_rules_of_hosts_and_mcp_tools_are_compared_with_theirs() -> None:
    page = {"url": "https://docs.example.org/x"}

    assert matches_call("WebFetch(domain:docs.example.org)", ("WebFetch",), page, "/")
    assert not matches_call("WebFetch(domain:example.com)", ("WebFetch",), page, "/")
    for rule in ("mcp__shop", "mcp__shop__*", "mcp__shop__buy", "mcp__*"):
        assert matches_call(rule, ("mcp__shop__buy", "shop_buy"), {}, "/")
    for rule in ("mcp__my.shop", "mcp__my_shop__buy", "mcp__my-shop__b*"):
        assert matches_call(rule, ("mcp__my-shop__buy",), {}, "/")
    assert not matches_call("mcp__shop__sell", ("mcp__shop__buy",), {}, "/")


@pytest.mark.parametrize("row", [None, {"if": "Bash(git:*)"}])
def test_a_hook_keeps_the_conditions_of_its_row_and_its_own(row: object) -> None:
    (hook,) = read_hooks(file_of(row=row, **{"if": "Bash(git push:*)"}))

    assert hook.conditions == (("Bash(git:*)",) if row else ()) + ("Bash(git push:*)",)
    assert read_hook_file(file_of(**{"if": "Bash(git push:*)"})).ignored == ()


@pytest.mark.parametrize(
    ("event", "condition", "reason"),
    [
        ("PreToolUse", "Read(*.env)", "no such tool"),
        ("PreToolUse", "NotebookEdit(a.ipynb)", "specifier"),
        ("Stop", "Bash(git push)", "only hooks of tools have `if`"),
    ],
)
def test_a_condition_that_no_call_can_meet_is_reported_and_its_hook_never_runs(
    event: str, condition: object, reason: str
) -> None:
    file = read_hook_file(file_of(event, **{"if": condition}))

    assert file.hooks == ()
    assert len(file.ignored) == 1
    assert f"a hook of {event} doesn't run: " in file.ignored[0]
    assert reason in file.ignored[0]


@pytest.mark.parametrize(
    "condition",
    ["tool_input.command matches 'git push'", "Bash(git push)|Bash(git pull)", ["Bash(git push)"]],
)
def test_a_condition_that_is_no_rule_is_reported_and_its_hook_runs_at_each_call(condition: object) -> None:
    file = read_hook_file(file_of("PreToolUse", **{"if": condition}))

    assert [hook.conditions for hook in file.hooks] == [()]
    (reason,) = file.ignored
    assert reason.startswith("a hook of PreToolUse runs at each call: its `if` ")
    assert "is no rule: write one TOOL or TOOL(SPECIFIER)" in reason


def test_keys_of_a_row_that_nothing_reads_are_reported_and_the_hook_runs() -> None:
    file = read_hook_file(file_of(statusMessage="Checking", **{"async": True, "once": True}))

    assert len(file.hooks) == 1
    assert file.ignored == ("a hook of PreToolUse has keys without an effect here: async, once",)
