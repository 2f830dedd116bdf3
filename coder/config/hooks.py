"""Hooks in Claude Code's format: commands run at sessions, messages, tool calls and ends of turns.

A hook reads JSON on stdin; exit code 2 blocks the call, and its stderr is for the model.
Protocol: https://code.claude.com/docs/en/hooks
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import BaseModel, Field, ValidationError

from coder.base.errors import UsageError
from coder.base.fs.safe_open import read_named
from coder.base.text.sanitize import one_line
from coder.base.text.wildcards import Wild, matches
from coder.config.hook_conditions import condition_problem, is_rule
from coder.config.plug_places import reason_of
from coder.config.plugins import own_plugins, without_refused
from coder.config.strict_yaml import read_json
from coder.run.extensions import Hook, hook_files

EVENTS = ("SessionStart", "UserPromptSubmit", "PreToolUse", "PostToolUse", "Stop", "SessionEnd")
_WITHOUT_MATCHER = ("UserPromptSubmit", "Stop")
"""Events whose hooks always run, whatever their matcher says."""
_PLUGIN_FILE = "hooks/hooks.json"
MAX_BYTES = 1 << 20
MAX_HOOKS = 50
_SIMPLE_MATCHER = re.compile(r"[\w|.*^$ -]{0,500}", re.ASCII)
"""Pattern of matchers that consist of names and wildcards, which are compared in linear time."""


DEFAULT_TIMEOUT_S, MAX_TIMEOUT_S = 600.0, 86_400.0
"""Claude Code's default timeout of a hook, and the maximum, in seconds."""


_SHOWN_KEYS = ("statusMessage", "description")
"""Keys of a row that change nothing about when and how a hook runs."""


class _Command(BaseModel, frozen=True, extra="allow"):
    type: str = "command"
    command: str = ""
    condition: object = Field(None, alias="if")
    timeout: float = Field(DEFAULT_TIMEOUT_S, gt=0)


class _Matcher(BaseModel, frozen=True, extra="allow"):
    matcher: str = ""
    condition: object = Field(None, alias="if")
    hooks: tuple[_Command, ...] = ()


class _File(BaseModel, frozen=True, extra="allow"):
    hooks: dict[str, tuple[_Matcher, ...]] = {}
    disables_all: bool = Field(False, alias="disableAllHooks")
    schema_address: object = Field(None, alias="$schema")
    description: object = None
    permissions: object = None


@dataclass(frozen=True, slots=True)
class HookFile:
    """Hooks of a settings file."""

    hooks: tuple[Hook, ...]
    ignored: tuple[str, ...]
    """Descriptions of rows with an event or kind that isn't supported, and of keys without an effect."""
    disables_all: bool = False
    """Whether it turns off hooks: a user's file all hooks, a repository's file its own."""


def read_hooks(content: str, *, is_own: bool = False) -> tuple[Hook, ...]:
    """Return the hooks of a settings file as `read_hook_file` does; none if the file turns off hooks."""
    file = read_hook_file(content, is_own=is_own)
    return () if file.disables_all else file.hooks


def read_hook_file(content: str, *, is_own: bool = False) -> HookFile:
    """Return the hooks of a settings file whose event and kind are supported, and descriptions of the others.

    Args:
        is_own: whether the file is the user's own, whose matchers may be any regular expressions.

    Raises ValueError if the file or a matcher can't be read.
    """
    try:
        file = _File.model_validate(read_json(content))
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    except ValidationError as error:
        raise ValueError(error.errors()[0]["msg"]) from error
    rows = [
        (event, each, command)
        for event, matchers in file.hooks.items()
        for each in matchers
        for command in each.hooks
    ]
    hooks = [
        Hook(
            event=event,
            matcher=_checked(each.matcher, is_own=is_own),
            conditions=tuple(map(str, filter(is_rule, _conditions(each, command)))),
            command=command.command,
            timeout=min(command.timeout, MAX_TIMEOUT_S),
        )
        for event, each, command in rows
        if not _reason_to_ignore(event, each, command)
    ]
    if len(hooks) > MAX_HOOKS:
        raise ValueError(f"more than {MAX_HOOKS} hooks")
    reasons = (_reason_to_ignore(*row) or _no_rule(*row) or _unused_row_keys(*row) for row in rows)
    empty = (
        f"a row of {one_line(event, width=80)} names no hooks"
        for event, matchers in file.hooks.items()
        if not all(each.hooks for each in matchers)
    )
    ignored = [*dict.fromkeys(filter(None, [*reasons, *empty]))]
    if unused := _unused_keys(file):
        ignored.append(f"settings without an effect here: {one_line(', '.join(unused), width=200)}")
    return HookFile(tuple(hooks), tuple(ignored), file.disables_all)


def _unused_keys(file: _File) -> list[str]:
    """Return the keys of a settings file that nothing here reads."""
    rules = file.permissions if isinstance(file.permissions, dict) else {}
    of_rules = (f"permissions.{key}" for key in rules if key not in ("allow", "ask", "deny"))
    return [*(file.model_extra or {}), *of_rules]


def _conditions(matcher: _Matcher, command: _Command) -> list[object]:
    """Return the `if` of a hook, and of the row that lists it."""
    return [condition for condition in (matcher.condition, command.condition) if condition is not None]


def _no_rule(event: str, matcher: _Matcher, command: _Command) -> str:
    """Return a description of an `if` that is no rule; empty if all are."""
    condition = next((one for one in _conditions(matcher, command) if not is_rule(one)), None)
    if condition is None:
        return ""
    shown = one_line(repr(condition), width=200)
    return (
        f"a hook of {event} runs at each call: its `if` {shown} is no rule: write one TOOL or TOOL(SPECIFIER)"
    )


def _unused_row_keys(event: str, matcher: _Matcher, command: _Command) -> str:
    """Return a description of the keys of a row that nothing here reads; empty if there are none."""
    keys = [
        key for key in (*(matcher.model_extra or ()), *(command.model_extra or ())) if key not in _SHOWN_KEYS
    ]
    return (
        f"a hook of {event} has keys without an effect here: {one_line(', '.join(keys), width=200)}"
        if keys
        else ""
    )


def _reason_to_ignore(event: str, matcher: _Matcher, command: _Command) -> str:
    """Return why a row of a settings file isn't supported; empty if it is."""
    if event not in EVENTS:
        return f"hooks of {one_line(event, width=80)} don't run: there is no such event here"
    if command.type != "command":
        kind = one_line(command.type, width=80)
        return f"a hook of {event} doesn't run: only the type command does, not {kind}"
    if not command.command.strip():
        return f"a hook of {event} has no command"
    problems = (condition_problem(event, condition) for condition in _conditions(matcher, command))
    problem = next(filter(None, problems), "")
    return f"a hook of {event} doesn't run: {one_line(problem, width=300)}" if problem else ""


def hooks_of_files(files: Iterable[Path]) -> tuple[Hook, ...]:
    """Return the hooks of the user's settings files. Raises UsageError if a file can't be read."""
    return tuple(hook for _, file in own_hook_files(files) for hook in file.hooks)


def are_turned_off(files: Iterable[Path]) -> bool:
    """Whether one of the user's settings files turns off all hooks, by `disableAllHooks`."""
    return any(file.disables_all for _, file in own_hook_files(files))


def own_hook_files(files: Iterable[Path]) -> list[tuple[Path, HookFile]]:
    """Return the hooks in each of the user's settings files. Raises UsageError if one can't be read."""
    rows = []
    for path in files:
        try:
            rows.append((path, read_hook_file(read_named(path, limit=MAX_BYTES).decode(), is_own=True)))
        except ValueError as error:
            raise UsageError(f"{path}: hooks can't be read: {error}") from error
    return rows


def hooks_of_plugins() -> tuple[Hook, ...]:
    """Return the hooks of the user's plugins. Raises UsageError if a plugin's can't be read."""
    return tuple(hook for _, file in plugin_hook_files() if not file.disables_all for hook in file.hooks)


def plugin_hook_files() -> list[tuple[str, HookFile]]:
    """Return the hooks in each file of the user's plugins. Raises UsageError if one can't be read."""
    files = []
    for plugin in own_plugins()[0]:
        path = plugin.place.shown(_PLUGIN_FILE)
        try:
            if (text := plugin.read(_PLUGIN_FILE)) is None:
                continue
            file = read_hook_file(text, is_own=True)
        except (OSError, ValueError) as error:
            raise UsageError(f"{path}: hooks can't be read: {reason_of(error)}") from error
        hooks = tuple(hook.model_copy(update={"plugin": str(plugin.folder)}) for hook in file.hooks)
        files.append((path, replace(file, hooks=hooks)))
    return files


def hooks_of_repository(texts: Mapping[str, str | None]) -> tuple[Hook, ...]:
    """Return the hooks in a repository's files, which run in the sandbox; broken files are skipped."""
    hooks: list[Hook] = []
    texts = without_refused(texts)
    for path in hook_files(texts):
        plugin = path.removesuffix("/hooks/hooks.json") if path.count("/") == 4 else ""
        hooks += [hook.model_copy(update={"plugin": plugin}) for hook in _hooks_or_reason(texts[path])[0]]
    return tuple(hooks[:MAX_HOOKS])


def broken_files(texts: Mapping[str, str | None]) -> dict[str, str]:
    """Return why hooks of a repository's files can't be read, by path."""
    texts = without_refused(texts)
    reasons = {path: _hooks_or_reason(texts[path])[1] for path in hook_files(texts)}
    return {path: f"its hooks can't be read: {reason}" for path, reason in reasons.items() if reason}


def ignored_rows(texts: Mapping[str, str | None]) -> list[tuple[str, str]]:
    """Return path and reason of each entry that is ignored in a repository's readable hook files."""
    rows = []
    for path in hook_files(texts := without_refused(texts)):
        try:
            file = read_hook_file(texts[path] or "{}")
        except ValueError:
            continue
        rows += [(path, reason) for reason in file.ignored]
        if file.disables_all:
            rows.append((path, "disableAllHooks turns off the hooks of this file, not yours"))
    return rows


def _hooks_or_reason(content: str | None) -> tuple[tuple[Hook, ...], str]:
    """Return the hooks of a repository's file, and why it can't be read (empty if it can)."""
    if content is None:
        return (), "not UTF-8"
    try:
        return read_hooks(content), ""
    except ValueError as error:
        return (), one_line(str(error), width=300)


def runs_inside(hook: Hook) -> bool:
    """Whether a repository's hook runs; SessionEnd hooks don't, as the sandbox is closed by then."""
    return hook.event != "SessionEnd"


def covers(hook: Hook, subject: str) -> bool:
    """Whether a hook's matcher covers the name of a tool, or of a kind of start or end."""
    if hook.matcher in ("", "*"):
        return True
    if hook.event in _WITHOUT_MATCHER:
        return True
    if not _SIMPLE_MATCHER.fullmatch(hook.matcher):
        return re.fullmatch(hook.matcher, subject) is not None
    return any(matches(_parts(part), subject) for part in hook.matcher.split("|"))


def _checked(matcher: str, *, is_own: bool) -> str:
    """Return a valid matcher unchanged.

    Raises ValueError unless it consists of names, `|`, `*` and `.*`, or, in a user's file, is a regular
    expression.
    """
    if _SIMPLE_MATCHER.fullmatch(matcher):
        return matcher
    if not is_own:  # an expression of others could take any time
        raise ValueError(f"the matcher {matcher!r} may hold names, | and .* only")
    try:
        re.compile(matcher)
    except (re.error, RecursionError, OverflowError) as error:
        raise ValueError(f"the matcher {matcher!r} is no regular expression: {error}") from error
    return matcher


def _parts(part: str) -> Iterator[Wild | str]:
    """Yield the parts of one name; `.*` and `*` stand for any text."""
    first, *others = re.split(r"\.?\*+", part.strip().removeprefix("^").removesuffix("$"))
    yield first
    for text in others:
        yield Wild.ANY
        yield text
