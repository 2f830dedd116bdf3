"""The `if` of a hook: a permission rule, such as `Bash(git push:*)`, that a call must match.

A rule of Bash is compared with each command of a line. A line that can't be understood runs the hook.
Protocol: https://code.claude.com/docs/en/hooks
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from coder.config.permission_rules import PermissionRule, covers_file, of_host, parse_rule, runs_command
from coder.run.extensions import Rules
from coder.source.simple_commands import simple_commands

EVENTS_WITH_CONDITIONS = ("PreToolUse", "PostToolUse")
_FILE_TOOLS = ("Edit", "Write", "MultiEdit")
_TOOLS = ("Bash", *_FILE_TOOLS, "NotebookEdit", "WebFetch", "Skill")
_WITH_SPECIFIER = ("Bash", *_FILE_TOOLS, "WebFetch", "Skill")


def condition_problem(event: str, condition: object) -> str:
    """Return why an `if` can't be used; empty if it can."""
    if event not in EVENTS_WITH_CONDITIONS:
        return "only hooks of tools have `if`"
    try:
        rule = parse_rule(condition) if isinstance(condition, str) else None
    except ValueError:
        rule = None
    if rule is None or not _is_balanced(rule.specifier):
        return f"its `if` {condition!r} is no rule: write one TOOL or TOOL(SPECIFIER)"
    if rule.tool.startswith("mcp__"):
        return (
            "" if not rule.specifier else f"its `if` {condition!r} has a specifier, and MCP tools have none"
        )
    if rule.tool not in _TOOLS:
        return f"its `if` names {rule.tool}, and there is no such tool here"
    if rule.specifier and rule.tool not in _WITH_SPECIFIER:
        return f"its `if` {condition!r} has a specifier, and {rule.tool} has none here"
    return ""


def matches_call(condition: str, names: Sequence[str], fields: Mapping[str, object], root: str) -> bool:
    """Whether a call matches the `if` of a hook.

    Args:
        names: names of the called tool.
        fields: the call's `tool_input`; for an edit, `file_path` is enough.
        root: the folder of the run, absolute.
    """
    rule = parse_rule(condition)
    if rule.tool.startswith("mcp__"):
        return any(_covers_mcp(rule.tool, name) for name in names)
    if rule.tool not in names:
        return False
    return not rule.specifier or _matches_input(rule, fields, root)


def _matches_input(rule: PermissionRule, fields: Mapping[str, object], root: str) -> bool:
    def text(name: str) -> str:
        return str(fields.get(name) or "")

    if rule.tool == "Bash":
        commands = simple_commands(text("command"))
        return commands is None or any(runs_command(rule.specifier, command) for command in commands)
    if rule.tool in _FILE_TOOLS:
        path = text("file_path").removeprefix(f"{root}/")
        return covers_file(rule.specifier, path, Path(root), folds=False)
    if rule.tool == "Skill":
        return runs_command(rule.specifier, text("skill"))
    host = urlsplit(text("url")).hostname or ""
    return of_host(Rules(deny=(f"WebFetch({rule.specifier})",)), host, is_page=True) is not None


def _covers_mcp(pattern: str, name: str) -> bool:
    """Whether `mcp__SERVER`, `mcp__SERVER__TOOL` or a pattern with `*` covers a tool of a server."""
    return runs_command(pattern, name) or name.startswith(f"{pattern}__")


def _is_balanced(specifier: str) -> bool:
    """Whether each closing parenthesis has an opening one, unlike in `A)|Bash(B`."""
    depth = 0
    for char in specifier:
        depth += {"(": 1, ")": -1}.get(char, 0)
        if depth < 0:
            return False
    return depth == 0
