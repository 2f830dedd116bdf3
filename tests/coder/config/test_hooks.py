"""Hooks as Claude Code's settings files hold them: what is read, and for which tools."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coder.config.hooks import (
    MAX_HOOKS,
    broken_files,
    covers,
    hooks_of_repository,
    ignored_rows,
    read_hook_file,
    read_hooks,
)
from coder.run.extensions import Hook


def content(event: str = "PreToolUse", matcher: str = "Bash", command: str = "x", **more: object) -> str:
    row = {"matcher": matcher, "hooks": [{"type": "command", "command": command, **more}]}
    return json.dumps({"hooks": {event: [row]}, "permissions": {}})


def test_commands_of_known_events_are_read_with_their_time_limit() -> None:
    assert read_hooks(content(timeout=5)) == (
        Hook(event="PreToolUse", matcher="Bash", command="x", timeout=5),
    )
    assert read_hooks(content("PreCompact")) == ()
    assert read_hooks(content(type="prompt")) == ()


@pytest.mark.parametrize(
    ("matcher", "covered", "not_covered"),
    [
        ("", ["Bash", "Edit"], []),
        ("*", ["Bash"], []),
        ("Edit|Write", ["Edit", "Write"], ["NotebookEdit", "Bash"]),
        ("mcp__docs__.*", ["mcp__docs__get"], ["mcp__other__get"]),
        ("^Bash$", ["Bash"], ["Bash2"]),
    ],
)
def test_a_matcher_covers_names(matcher: str, covered: list[str], not_covered: list[str]) -> None:
    (hook,) = read_hooks(content(matcher=matcher))

    assert [covers(hook, name) for name in covered] == [True] * len(covered)
    assert [covers(hook, name) for name in not_covered] == [False] * len(not_covered)


@pytest.mark.parametrize("matcher", ["(a+)+$", "a{9}", "x" * 501])
def test_a_matcher_that_could_take_forever_is_refused(matcher: str) -> None:
    with pytest.raises(ValueError, match="may hold names"):
        read_hooks(content(matcher=matcher))


def test_the_users_own_matcher_may_be_any_expression() -> None:
    (hook,) = read_hooks(content(matcher="(Edit|Write)"), is_own=True)

    assert [covers(hook, name) for name in ("Edit", "Write", "NotebookEdit")] == [True, True, False]
    with pytest.raises(ValueError, match="is no regular expression"):
        read_hooks(content(matcher="(Edit"), is_own=True)


def test_too_many_hooks_and_a_limit_out_of_range_are_refused() -> None:
    rows = [{"hooks": [{"command": "x"}]}] * (MAX_HOOKS + 1)
    with pytest.raises(ValueError, match="more than 50 hooks"):
        read_hooks(json.dumps({"hooks": {"Stop": rows}}))
    with pytest.raises(ValueError, match="greater than 0"):
        read_hooks(content(timeout=0))


def test_a_hook_has_claudes_ten_minutes_and_may_have_more() -> None:
    assert [read_hooks(content())[0].timeout, read_hooks(content(timeout=10_000))[0].timeout] == [600, 10_000]


def test_events_and_kinds_that_do_not_exist_here_are_named() -> None:
    assert read_hook_file(content("PreCompact")).ignored == (
        "hooks of PreCompact don't run: there is no such event here",
    )
    assert "only the type command" in read_hook_file(content(type="prompt")).ignored[0]
    assert ignored_rows({".agents/hooks.json": content("PreCompact")})[0][0] == ".agents/hooks.json"


def test_a_row_without_hooks_and_settings_without_an_effect_are_named() -> None:
    rows = {"PreToolUse": [{"matcher": "Bash", "command": "guard"}]}
    rules = {"deny": ["Edit(x)"], "defaultMode": "plan"}
    text = json.dumps({"$schema": "x", "model": "opus", "env": {}, "permissions": rules, "hooks": rows})

    assert read_hook_file(text).ignored == (
        "a row of PreToolUse names no hooks",
        "settings without an effect here: model, env, permissions.defaultMode",
    )


def test_a_file_can_turn_its_hooks_off() -> None:
    off = json.dumps({**json.loads(content()), "disableAllHooks": True})

    assert read_hooks(off) == ()
    assert hooks_of_repository({".claude/settings.json": off, ".agents/hooks.json": content()}) != ()


def test_a_repository_has_at_most_50_hooks_in_all_its_files() -> None:
    row = {"hooks": [{"command": "x"}] * 40}
    many = json.dumps({"hooks": {"Stop": [row]}})

    assert len(hooks_of_repository({".claude/settings.json": many, ".agents/hooks.json": many})) == MAX_HOOKS


@given(st.text(max_size=200))
def test_a_broken_file_of_a_repository_has_no_hooks(text: str) -> None:
    assert hooks_of_repository({".claude/settings.json": text, ".agents/hooks.json": None}) == ()


def test_a_broken_file_of_a_repository_is_named_with_the_reason() -> None:
    texts = {".claude/settings.json": '{"hooks": 1}', ".agents/hooks.json": content()}

    assert list(broken_files(texts)) == [".claude/settings.json"]
    assert broken_files(texts)[".claude/settings.json"].startswith("its hooks can't be read: ")
    assert "not UTF-8" in broken_files({".agents/hooks.json": None})[".agents/hooks.json"]
    assert not broken_files({".agents/hooks.json": '{"permissions": {}}'})


def test_a_plugins_hook_is_shown_with_its_plugin() -> None:
    hook = Hook(event="Stop", command="${CLAUDE_PLUGIN_ROOT}/end.sh", timeout=1, plugin="/home/ana/notes")

    assert hook.shown == "${CLAUDE_PLUGIN_ROOT}/end.sh (plugin /home/ana/notes)"
