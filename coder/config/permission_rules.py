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
from coder.run.extensions import Rules, Ruling

Verdict = Literal["deny", "ask", "allow"]
_RULE = re.compile(r"([A-Za-z][\w-]*|mcp__[\w.*-]+)(?:\((.*)\))?", re.DOTALL | re.ASCII)
_EDITS = ("Edit", "Write", "MultiEdit", "NotebookEdit")


@dataclass(frozen=True, slots=True)
class PermissionRule:
    """One rule: `TOOL` or `TOOL(SPECIFIER)`."""

    tool: str
    specifier: str = ""


def is_rule(text: str) -> bool:
    """Whether a text is a rule."""
    try:
        parse_rule(text)
    except ValueError:
        return False
    return True


@lru_cache(maxsize=1024)
def parse_rule(text: str) -> PermissionRule:
    """Return the parsed rule. Raises ValueError if it is invalid."""
    match = _RULE.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is no rule: write TOOL or TOOL(SPECIFIER)")
    return PermissionRule(match[1], "" if match[2] in (None, "*") else match[2].strip())


_HOST_PROGRAMS = ("git", "gh", "glab")
"""Programs that run on this machine; rules of Bash apply only to them."""


def unenforced(rules: Rules) -> dict[str, str]:
    """Return the restricting rules that nothing here enforces, with the reason for each."""
    rows = [(row, "ask") for row in rules.ask] + [(row, "deny") for row in rules.deny]
    reasons = {row: _reason_unenforced(parse_rule(row), verdict) for row, verdict in rows}
    return {row: reason for row, reason in reasons.items() if reason}


def _reason_unenforced(rule: PermissionRule, verdict: str) -> str:
    """Return why nothing enforces a rule that denies or asks; empty if it is enforced."""
    if rule.tool.startswith("mcp__") or rule.tool in (*_EDITS, "WebFetch"):
        return ""
    if rule.tool == "Bash":
        program = re.split(r"[\s:*]", rule.specifier, maxsplit=1)[0]
        if not rule.specifier or program == "" or any(name.startswith(program) for name in _HOST_PROGRAMS):
            return ""
        return "commands in the sandbox need no permission; a rule of Bash governs your own git, gh and glab"
    if rule.tool == "Read":
        return "" if verdict == "deny" else "reading is never asked about; deny hides a file"
    return f"there is no tool {rule.tool} here"


def of_tool(rules: Rules | None, server: str, tool: str) -> Ruling | None:
    """Return the ruling on a tool of an MCP server: `mcp__SERVER`, `mcp__SERVER__TOOL`."""
    name, whole = f"mcp__{server}__{tool}", (f"mcp__{server}", f"mcp__{server}__*")

    def covers(rule: PermissionRule, verdict: Verdict) -> bool:
        return rule.tool == name or rule.tool in whole or (rule.tool == "mcp__*" and verdict != "allow")

    return _ruling(rules, covers)


def of_host(rules: Rules | None, host: str, *, is_page: bool = False) -> Ruling | None:
    """Return the ruling on a host: `WebFetch(domain:HOST)`, and for pages `WebFetch`.

    A denied domain includes the hosts below it.

    Args:
        is_page: whether `web_fetch` gets a page of it; only then does `WebFetch` without a domain apply.
    """
    name = host.lower().rstrip(".")

    def covers(rule: PermissionRule, verdict: Verdict) -> bool:
        if rule.tool != "WebFetch":
            return False
        domain = rule.specifier.removeprefix("domain:").strip().lower().rstrip(".")
        if not rule.specifier:
            return is_page
        if domain == "*":
            return True
        is_below = name.endswith(f".{domain.removeprefix('*.')}")
        if domain.startswith("*."):
            return is_below
        return name == domain or (verdict == "deny" and is_below)

    return _ruling(rules, covers)


def of_edit(rules: Rules | None, path: str, root: Path) -> Ruling | None:
    """Return the ruling on a file to write: `Edit(GLOB)`, with globs as in .gitignore.

    Args:
        path: relative to `root`, the folder of the run.
    """

    def covers(rule: PermissionRule, verdict: Verdict) -> bool:
        if rule.tool not in _EDITS:
            return False
        folds = verdict == "deny"  # on some disks, both names are one file
        return covers_file(_edited_files(rule), path, root, folds=folds)

    return _ruling(rules, covers)


def denied_edits(rules: Rules) -> tuple[str, ...]:
    """Return the globs of files that the rules forbid to change: `Edit(GLOB)`; `**` for all files."""
    denied = map(parse_rule, rules.deny)
    return tuple(dict.fromkeys(_edited_files(rule) for rule in denied if rule.tool in _EDITS))


def _edited_files(rule: PermissionRule) -> str:
    """Return the glob of the files that a rule on edits is about; NotebookEdit changes notebooks alone."""
    return rule.specifier or ("**/*.ipynb" if rule.tool == "NotebookEdit" else "**")


def unread_globs(rules: Rules | None) -> tuple[str, ...]:
    """Return the globs of files that the rules forbid to read: `Read(GLOB)`; `**` for all files."""
    denied = map(parse_rule, rules.deny if rules is not None else ())
    return tuple(dict.fromkeys(rule.specifier or "**" for rule in denied if rule.tool == "Read"))


def unread_by(path: str, globs: Sequence[str], root: Path) -> str | None:
    """Return the first of `unread_globs` that covers a path, relative to `root`; None if none does."""
    return next((glob for glob in globs if covers_file(glob, path, root, folds=True)), None)


def hides_part_of(folder: Path, globs: Sequence[str]) -> bool:
    """Whether an absolute glob of `unread_globs` covers a folder, or may cover a file in it."""
    for glob in globs:
        if not glob.startswith(("//", "~/")):
            continue
        place = glob[1:] if glob.startswith("//") else f"{Path.home()}/{glob[2:]}"
        literal = re.split(r"[*?]", place, maxsplit=1)[0]
        start = Path(literal if literal == place else literal.rpartition("/")[0] or "/")
        if start.is_relative_to(folder) or covers_file(glob, ".", folder, folds=True):
            return True
    return False


def of_command(rules: Rules | None, command: Sequence[str]) -> Ruling | None:
    """Return the ruling on a command on this machine: `Bash(git push *)`, `Bash(git push:*)`."""
    words = " ".join(command)

    def covers(rule: PermissionRule, verdict: Verdict) -> bool:
        return rule.tool == "Bash" and (not rule.specifier or runs_command(rule.specifier, words))

    return _ruling(rules, covers)


def without_restricted(rules: Rules | None, hosts: Iterable[str]) -> tuple[str, ...]:
    """Return the entries of `--network` that cover no host that the rules deny or ask about."""
    return tuple(entry for entry in hosts if not _is_restricted(rules, entry))


def _is_restricted(rules: Rules | None, entry: str) -> bool:
    """Whether an entry names a host that is denied or asked about, or is a pattern that covers one."""
    host = entry.rsplit(":", 1)[0] if entry.count(":") == 1 else entry
    if not host.startswith("*."):
        return restricts(of_host(rules, host))
    rows = (*rules.deny, *rules.ask) if rules is not None else ()
    domains = [
        rule.specifier.removeprefix("domain:")
        for rule in map(parse_rule, rows)
        if rule.tool == "WebFetch" and rule.specifier
    ]
    is_covered = any(f".{domain.removeprefix('*.')}".endswith(host[1:]) for domain in domains)
    return is_covered or restricts(of_host(rules, f"x{host[1:]}"))


def denies(ruling: Ruling | None) -> TypeGuard[Ruling]:
    """Whether a rule denies something."""
    return ruling is not None and ruling.verdict == "deny"


def restricts(ruling: Ruling | None) -> TypeGuard[Ruling]:
    """Whether a rule denies something, or asks about it."""
    return ruling is not None and ruling.verdict != "allow"


def _ruling(rules: Rules | None, covers: Callable[[PermissionRule, Verdict], bool]) -> Ruling | None:
    """Return the first ruling whose rule `covers` accepts, in the order deny, ask, allow."""
    rulings = rules.rulings() if rules is not None else ()
    return next((each for each in rulings if covers(parse_rule(each.rule), each.verdict)), None)


def runs_command(specifier: str, words: str) -> bool:
    """Whether a pattern covers a command line; `*` matches any text, and a final ` *` also none."""
    return any(matches(parts, words) for parts in command_patterns(specifier))


def command_patterns(specifier: str) -> list[list[Wild | str]]:
    """Return the parts of each text that a pattern of commands stands for."""
    pattern = specifier.removesuffix(":*") + " *" if specifier.endswith(":*") else specifier
    patterns = (pattern, pattern[:-2]) if pattern.endswith(" *") else (pattern,)
    return [[part for text in each.split("*") for part in (Wild.ANY, text)][1:] for each in patterns]


def covers_file(glob: str, path: str, root: Path, *, folds: bool) -> bool:
    """Whether a glob covers a file or a folder above it.

    `//PATH` is absolute, `~/PATH` in the home folder, `/PATH` and `./PATH` in the run's folder; a name
    without a slash is found in any folder.
    """
    above: tuple[Wild, ...] = ()
    if glob.startswith(("//", "~/")):
        path = str(root / path)
        glob = glob[1:] if glob.startswith("//") else f"{Path.home()}/{glob[2:]}"
    elif "/" in glob.rstrip("/"):
        glob = glob.removeprefix("./").strip("/")
    else:
        above, glob = (Wild.FOLDERS,), glob.rstrip("/")
    glob, path = (glob.casefold(), path.casefold()) if folds else (glob, path)
    return matches((*above, *_parts(glob), Wild.BELOW), path)


_WILD = {"**/": Wild.FOLDERS, "/**": Wild.BELOW, "**": Wild.ANY, "*": Wild.NAME, "?": Wild.ONE}


def _parts(glob: str) -> list[Wild | str]:
    """Return the parts of a glob: `**` crosses folders, `*` and `?` don't."""
    return [_WILD.get(part) or part for part in re.split(r"(\*\*/|/\*\*$|\*\*|\*|\?)", glob)]
