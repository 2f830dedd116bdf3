"""Rules of `permissions: {allow, ask, deny}` in Claude Code's format, from the user's settings files.

Commands in the sandbox need no permission, so the rules govern what goes beyond it: tools of MCP servers,
hosts, files written to the user's folder, and the user's own git, gh and glab. Deny wins over ask, and ask
over allow.

Protocol: https://code.claude.com/docs/en/permissions
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal, TypeGuard

from coder.base.text.wildcards import Wild, matches
from coder.config.file_rules import ALL_FILES, Ends, FileMatcher, parse_file_pattern, place_pattern
from coder.config.host_rules import HostPattern, ascii_host, parse_host_pattern
from coder.config.mcp_rules import PREFIX, ServerName, allow_problem, parse_mcp_pattern
from coder.run.extensions import Rules, Ruling
from sandbox.network.allowed_hosts import REGISTRIES, parse_hosts, split_authority

Verdict = Literal["deny", "ask", "allow"]
_TOOL = re.compile(r"mcp__[^()]+|[A-Za-z][\w-]*", re.ASCII)
_EDITS = ("Edit", "Write", "MultiEdit", "NotebookEdit")
_OF_FILES = (*_EDITS, "Read")


@dataclass(frozen=True, slots=True)
class PermissionRule:
    """One rule: `TOOL` or `TOOL(SPECIFIER)`."""

    tool: str
    specifier: str = ""

    @property
    def host(self) -> HostPattern | None:
        """The hosts of a rule of WebFetch; None for pages of any host."""
        return parse_host_pattern(self.specifier) if self.specifier else None


def is_rule(text: str) -> bool:
    """Whether a text is a rule."""
    try:
        parse_rule(text)
    except ValueError:
        return False
    return True


def names_tool(text: str) -> bool:
    """Whether a text names a tool, so that it can restrict it even if the rest can't be read."""
    return _TOOL.match(text.strip()) is not None


def parse_rule(text: str) -> PermissionRule:
    """Return the parsed rule. Raises ValueError if it is invalid, with the reason."""
    try:
        return _parse(text)
    except ValueError as error:
        raise ValueError(f"{text!r} is no rule: {error}") from error


def restricting(text: str) -> PermissionRule:
    """Return a rule that denies or asks; of one that can't be read, the whole tool is meant.

    Raises ValueError if it names no tool.
    """
    try:
        return _parse(text)
    except ValueError:
        if (match := _TOOL.match(text.strip())) is None:
            raise
    tool = match[0].strip()
    return PermissionRule(tool if tool.removeprefix(PREFIX).strip("_") else f"{PREFIX}*")


@lru_cache(maxsize=1024)
def _parse(text: str) -> PermissionRule:
    """Return the parsed rule. Raises ValueError with the reason if it is invalid."""
    text = text.strip()
    match = _TOOL.match(text)
    tool, rest = (match[0].strip(), text[match.end() :]) if match is not None else ("", "")
    if not tool or (rest and not (rest.startswith("(") and rest.endswith(")"))):
        raise ValueError("write TOOL or TOOL(SPECIFIER)")
    specifier = re.sub(r"(?<!\\)\s+\Z", "", rest[1:-1]).lstrip()
    if rest and not specifier:
        raise ValueError(f"there is nothing in its parentheses; write {tool} for all of it")
    specifier = "" if specifier == "*" else specifier
    if tool.startswith(PREFIX):
        parse_mcp_pattern(tool)
        if specifier:
            raise ValueError("a tool of an MCP server has no specifier")
    elif specifier and tool in _OF_FILES:
        parse_file_pattern(specifier)
    elif specifier and tool == "WebFetch":
        parse_host_pattern(specifier)
    return PermissionRule(tool, specifier)


_HOST_PROGRAMS = ("git", "gh", "glab")
"""Programs that run on this machine; rules of Bash apply only to them."""


def unenforced(rules: Rules) -> dict[str, str]:
    """Return the rules that don't do here what they say, with what they do instead and why."""
    notes = {row: _allow_problem(row) for row in rules.allow}
    notes |= {row: _restriction_problem(row, "ask") for row in rules.ask}
    notes |= {row: _restriction_problem(row, "deny") for row in rules.deny}
    return {row: note for row, note in notes.items() if note}


_NO_EFFECT = "this rule has no effect"


def _allow_problem(row: str) -> str:
    """Return what a rule that allows doesn't do, and why; empty if it does what it says."""
    try:
        rule = _parse(row)
    except ValueError as error:
        return f"{_NO_EFFECT}: {error}"
    reason = ""
    if rule.tool.startswith(PREFIX):
        reason = allow_problem(parse_mcp_pattern(rule.tool))
    elif rule.tool == "WebFetch" and rule.host is not None:
        reason = rule.host.flaw
    return reason and f"{_NO_EFFECT}: {reason}"


def _restriction_problem(row: str, verdict: str) -> str:
    """Return what a rule that denies or asks doesn't do, and why; empty if it does what it says."""
    rule = restricting(row)
    if reason := _reason_unenforced(rule, verdict):
        return f"{_NO_EFFECT}: {reason}"
    try:
        _parse(row)
    except ValueError as error:
        return f"this rule {_DOES[verdict]} {rule.tool} as a whole, as it can't be read: {error}"
    return ""


_DOES = {"deny": "denies", "ask": "asks about"}


def _reason_unenforced(rule: PermissionRule, verdict: str) -> str:
    """Return why nothing enforces a rule that denies or asks; empty if it is enforced."""
    if rule.tool.startswith(PREFIX) or rule.tool in (*_EDITS, "WebFetch"):
        return ""
    if rule.tool == "Bash":
        program = re.split(r"[\s:*]", rule.specifier, maxsplit=1)[0]
        if not rule.specifier or program == "" or any(name.startswith(program) for name in _HOST_PROGRAMS):
            return ""
        return "commands in the sandbox need no permission; a rule of Bash governs your own git, gh and glab"
    if rule.tool == "Read":
        return "" if verdict == "deny" else "reading is never asked about; deny hides a file"
    return f"there is no tool {rule.tool} here"


def of_tool(rules: Rules | None, server: ServerName, tool: str) -> Ruling | None:
    """Return the ruling on a tool of an MCP server: `mcp__SERVER`, `mcp__SERVER__TOOL`."""

    def covers(rule: PermissionRule, verdict: Verdict) -> bool:
        if not rule.tool.startswith(PREFIX):
            return False
        pattern = parse_mcp_pattern(rule.tool)
        return pattern.allows(server, tool) if verdict == "allow" else pattern.restricts(server, tool)

    return _ruling(rules, covers)


def of_host(rules: Rules | None, host: str, *, is_page: bool = False) -> Ruling | None:
    """Return the ruling on a host: `WebFetch(domain:HOST)`, and for pages `WebFetch`.

    A denied domain includes the hosts below it.

    Args:
        is_page: whether `web_fetch` gets a page of it; only then does `WebFetch` without a domain apply.
    """
    name = ascii_host(host)

    def covers(rule: PermissionRule, verdict: Verdict) -> bool:
        if rule.tool != "WebFetch":
            return False
        if (pattern := rule.host) is None:
            return is_page
        return {"deny": pattern.denies, "ask": pattern.restricts, "allow": pattern.allows}[verdict](name)

    return _ruling(rules, covers)


def of_edits(rules: Rules | None, paths: Iterable[str], root: Path) -> dict[str, Ruling]:
    """Return the rulings on files to write, by path: `Edit(GLOB)`, with globs as in .gitignore.

    Args:
        paths: relative to `root`, the folder of the run.
    """
    matchers: list[tuple[Ruling, FileMatcher]] = []
    for ruling in rules.rulings() if rules is not None else ():
        rule = _rule_of(ruling)
        if rule is not None and rule.tool in _EDITS:
            folds = ruling.verdict != "allow"
            matchers.append((ruling, place_pattern(_edited_files(rule), root, folds=folds)))
    ends = {folds: Ends(root, folds=folds) for folds in (True, False)}
    rulings = (
        (path, next((each for each, files in matchers if files.covers(ends[files.folds].of(path))), None))
        for path in paths
    )
    return {path: ruling for path, ruling in rulings if ruling is not None}


def denied_edits(rules: Rules) -> tuple[str, ...]:
    """Return the globs of files that the rules forbid to change: `Edit(GLOB)`; `**` for all files."""
    denied = map(restricting, rules.deny)
    return tuple(dict.fromkeys(_edited_files(rule) for rule in denied if rule.tool in _EDITS))


def _edited_files(rule: PermissionRule) -> str:
    """Return the glob of the files that a rule on edits is about; NotebookEdit changes notebooks alone."""
    return rule.specifier or ("**/*.ipynb" if rule.tool == "NotebookEdit" else ALL_FILES)


def of_command(rules: Rules | None, command: Sequence[str]) -> Ruling | None:
    """Return the ruling on a command on this machine: `Bash(git push *)`, `Bash(git push:*)`."""
    words = " ".join(command)

    def covers(rule: PermissionRule, verdict: Verdict) -> bool:
        return rule.tool == "Bash" and (not rule.specifier or runs_command(rule.specifier, words))

    return _ruling(rules, covers)


def without_restricted(rules: Rules | None, hosts: Iterable[str]) -> tuple[str, ...]:
    """Return the entries of `--network` without hosts that the rules deny or ask about.

    Of `registries`, the other hosts are left.
    """
    return tuple(kept for entry in hosts for kept in _unrestricted(rules, entry))


def _unrestricted(rules: Rules | None, entry: str) -> Sequence[str]:
    """Return an entry, without the hosts of a group that are restricted; empty if nothing is left."""
    names = _names_of(entry)
    kept = [name for name in names if not _is_restricted(rules, name)]
    return (entry,) if len(kept) == len(names) else kept


def _names_of(entry: str) -> list[str]:
    """Return the hosts of an entry; `.NAME` for those below one."""
    if entry == REGISTRIES:
        return [host.name for host in parse_hosts((entry,))]
    try:
        name, _ = split_authority(entry.removeprefix("*."))
    except ValueError:
        return [entry]  # refused where it is used
    return [f".{name}" if entry.startswith("*.") else name]


def _is_restricted(rules: Rules | None, name: str) -> bool:
    """Whether a host is denied or asked about; of `.NAME`, whether one below it may be."""
    if not name.startswith("."):
        return restricts(of_host(rules, name))
    rows = (*rules.deny, *rules.ask) if rules is not None else ()
    patterns = [rule.host for rule in map(restricting, rows) if rule.tool == "WebFetch"]
    is_covered = any(pattern is not None and pattern.may_be_below(name) for pattern in patterns)
    return is_covered or restricts(of_host(rules, f"x{name}"))


def denies_pages(rules: Rules) -> bool:
    """Whether a rule denies the tool `web_fetch`."""
    return any(restricting(row) == PermissionRule("WebFetch") for row in rules.deny)


def allows_pages(rules: Rules) -> bool:
    """Whether a rule allows pages of some host."""
    return any(is_rule(row) and parse_rule(row).tool == "WebFetch" for row in rules.allow)


def denies(ruling: Ruling | None) -> TypeGuard[Ruling]:
    """Whether a rule denies something."""
    return ruling is not None and ruling.verdict == "deny"


def restricts(ruling: Ruling | None) -> TypeGuard[Ruling]:
    """Whether a rule denies something, or asks about it."""
    return ruling is not None and ruling.verdict != "allow"


def _ruling(rules: Rules | None, covers: Callable[[PermissionRule, Verdict], bool]) -> Ruling | None:
    """Return the first ruling whose rule `covers` accepts, in the order deny, ask, allow."""
    for ruling in rules.rulings() if rules is not None else ():
        if (rule := _rule_of(ruling)) is not None and covers(rule, ruling.verdict):
            return ruling
    return None


def _rule_of(ruling: Ruling) -> PermissionRule | None:
    """Return the rule; of one that can't be read, the whole tool, or None if it would allow."""
    if ruling.verdict != "allow":
        return restricting(ruling.rule)
    return parse_rule(ruling.rule) if is_rule(ruling.rule) else None


def runs_command(specifier: str, words: str) -> bool:
    """Whether a pattern covers a command line; `*` matches any text, and a final ` *` also none."""
    return any(matches(parts, words) for parts in command_patterns(specifier))


def command_patterns(specifier: str) -> list[list[Wild | str]]:
    """Return the parts of each text that a pattern of commands stands for."""
    pattern = specifier.removesuffix(":*") + " *" if specifier.endswith(":*") else specifier
    patterns = (pattern, pattern[:-2]) if pattern.endswith(" *") else (pattern,)
    return [[part for text in each.split("*") for part in (Wild.ANY, text)][1:] for each in patterns]
