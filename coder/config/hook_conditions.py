"""The `if` of a hook: a permission rule, such as `Bash(git push:*)`, that a call must match.

A rule of Bash matches a line that names its command anywhere: behind `sudo` or a path, in `bash -c '…'`, with
options between its words. It also matches a line that only mentions the command, since the hook decides.
Protocol: https://code.claude.com/docs/en/hooks
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from coder.base.text.wildcards import Wild, matches
from coder.config.file_rules import Ends, place_pattern
from coder.config.mcp_rules import parse_mcp_pattern
from coder.config.permission_rules import (
    PermissionRule,
    command_patterns,
    of_host,
    parse_rule,
    runs_command,
)
from coder.run.extensions import Rules

EVENTS_WITH_CONDITIONS = ("PreToolUse", "PostToolUse")
_FILE_TOOLS = ("Edit", "Write", "MultiEdit")
_TOOLS = ("Bash", *_FILE_TOOLS, "NotebookEdit", "WebFetch", "Skill")
_WITH_SPECIFIER = ("Bash", *_FILE_TOOLS, "WebFetch", "Skill")
_ESCAPED = re.compile(r"\\(.?)", re.DOTALL)
_QUOTES = re.compile(r"""\$?['"]""")
_REDIRECTION = re.compile(r"(?:\d+|&)?[<>]+[&|]?[^\S\n]*[^\s;&|()<>`]+")
_SEPARATOR = re.compile(r"[;&|()\n`]|(?<!\S)#")
_PROGRAM = re.compile(r"(?<![\w.-])\S")
"""Where the name of a program may begin, such as behind the folders of its path."""


def is_rule(condition: object) -> bool:
    """Whether an `if` is a permission rule; another one restricts nothing, so that no deny is lost."""
    return _rule_of(condition) is not None


def _rule_of(condition: object) -> PermissionRule | None:
    try:
        rule = parse_rule(condition) if isinstance(condition, str) else None
    except ValueError:
        return None
    return rule if rule is not None and _is_balanced(rule.specifier) else None


def condition_problem(event: str, condition: object) -> str:
    """Return why a hook with this `if` never runs; empty if it may."""
    if event not in EVENTS_WITH_CONDITIONS:
        return "only hooks of tools have `if`"
    rule = _rule_of(condition)
    if rule is None:
        return ""  # it restricts nothing
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
        return any(parse_mcp_pattern(rule.tool).may_mean(name) for name in names)
    if rule.tool not in names:
        return False
    return not rule.specifier or _matches_input(rule, fields, root)


def _matches_input(rule: PermissionRule, fields: Mapping[str, object], root: str) -> bool:
    def text(name: str) -> str:
        return str(fields.get(name) or "")

    if rule.tool == "Bash":
        return _names_command(rule.specifier, text("command"))
    if rule.tool in _FILE_TOOLS:
        ends = Ends(Path(root), folds=True).of(text("file_path"))
        return place_pattern(rule.specifier, Path(root), folds=True).covers(ends)
    if rule.tool == "Skill":
        return runs_command(rule.specifier, text("skill"))
    host = urlsplit(text("url")).hostname or ""
    return of_host(Rules(deny=(f"WebFetch({rule.specifier})",)), host, is_page=True) is not None


def _names_command(specifier: str, line: str) -> bool:
    """Whether a command that a pattern covers stands anywhere in a line."""
    patterns = [[*_with_options(parts)] for parts in command_patterns(specifier)]
    for text in dict.fromkeys(_commands(line)):
        starts = [match.start() for match in _PROGRAM.finditer(text)]
        if any(matches(parts, text, starts) for parts in patterns):
            return True
    return False


def _with_options(parts: Sequence[Wild | str]) -> Iterator[Wild | str]:
    """Yield the parts of a pattern with a place for options before each blank."""
    for part in parts:
        first, *others = part.split(" ") if isinstance(part, str) else (part,)
        yield first
        for word in others:
            yield Wild.OPTIONS
            yield f" {word}"


def _commands(line: str) -> Iterator[str]:
    """Yield the texts between operators, words joined by a blank, with quotes removed and as operators."""
    line = _ESCAPED.sub(lambda match: match[1].strip("\n"), line)
    for mark in ("", ";"):
        unquoted = _QUOTES.sub(mark, line)
        for text in (unquoted, _REDIRECTION.sub(" ", unquoted)):
            yield from (" ".join(command.split()) for command in _SEPARATOR.split(text))


def _is_balanced(specifier: str) -> bool:
    """Whether each closing parenthesis has an opening one, unlike in `A)|Bash(B`."""
    depth = 0
    for char in specifier:
        depth += {"(": 1, ")": -1}.get(char, 0)
        if depth < 0:
            return False
    return depth == 0
