"""Read the user's files for agents (notes, skills, subagents, hooks, permission rules) as settings of a run.

Each kind is read by a module of its own, imported only if there are such files.
"""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from coder.base.errors import UsageError
from coder.base.fs.private_folder import config_folder, plug_folders
from coder.base.fs.safe_open import read_named
from coder.base.text.sanitize import one_line
from coder.config.hook_programs import notes_on_missing, runnable
from coder.config.permission_rules import unenforced
from coder.config.unusable import unusable_of_user
from coder.run.settings import Settings

if TYPE_CHECKING:
    from coder.run.extensions import Hook, Rules, Skill, Subagent


_MAX_NOTES = 256 << 10
"""Maximum bytes of a file of notes; a request quotes its first and last characters."""


def notes_of_user() -> dict[str, str]:
    """Return the user's notes for agents by path. Raises UsageError if one can't be read."""
    home = Path.home()
    files = config_folder() / "AGENTS.md", home / ".agents" / "AGENTS.md", home / ".claude" / "CLAUDE.md"
    notes: dict[str, str] = {}
    for path in files:
        if not os.path.lexists(path):
            continue
        try:
            text = read_named(path, limit=_MAX_NOTES).decode().strip()
        except UnicodeDecodeError as error:
            raise UsageError(f"{path} isn't UTF-8.") from error
        if text and text not in notes.values():  # one may be a link to another
            short_path = f"~/{path.relative_to(home)}" if path.is_relative_to(home) else str(path)
            notes[short_path] = text
    return notes


def skills_of_user() -> tuple["Skill", ...]:
    """Return the skills in the user's folders (`coder.config.skills`)."""
    if not (plug_folders("skills") or plug_folders("plugins")):
        return ()
    from coder.config.skills import own_skills  # imported late: few users have any

    return own_skills().skills


def subagents_of_user() -> tuple["Subagent", ...]:
    """Return the subagents in the user's folders (`coder.config.subagents`)."""
    if not (plug_folders("agents") or plug_folders("plugins")):
        return ()
    from coder.config.subagents import own_subagents  # imported late: few users have any

    return own_subagents().subagents


def plugs_of_user() -> dict[str, object]:
    """Return the settings that the user's files for agents give: notes, skills, subagents and hooks."""
    no_hooks = has_no_hooks()
    hooks = () if no_hooks else hooks_of_user()
    if hooks:
        hooks = runnable(hooks)
    return {
        "notes": notes_of_user(),
        "skills": skills_of_user(),
        "subagents": subagents_of_user(),
        "hooks": hooks,
        "no_hooks": no_hooks,
    }


def has_no_hooks() -> bool:
    """Whether the user's settings files turn off all hooks (`coder.config.hooks`)."""
    if not (files := settings_files()):
        return False
    from coder.config.hooks import are_turned_off  # imported late: few users have such files

    return are_turned_off(files)


def settings_files() -> list[Path]:
    """Return the user's existing settings files in Claude Code's format."""
    files = config_folder() / "settings.json", Path.home() / ".claude" / "settings.json"
    return [path for path in files if os.path.lexists(path)]


def hooks_of_user() -> tuple["Hook", ...]:
    """Return the hooks of the user's settings files (`coder.config.hooks`)."""
    hooks: tuple[Hook, ...] = ()
    if files := settings_files():
        from coder.config.hooks import hooks_of_files  # imported late: few users have any

        hooks = hooks_of_files(files)
    if plug_folders("plugins"):
        from coder.config.hooks import hooks_of_plugins

        hooks += hooks_of_plugins()
    return hooks


def rules_for(workspace: Path | None) -> tuple["Rules | None", list[str]]:
    """Return the rules of the user's settings files and of a repository, and notes on refused ones.

    Raises UsageError if a user's file can't be read (`coder.config.permission_rules`).
    """
    rules: Rules | None = None
    if files := settings_files():
        from coder.config.rule_files import read_rules  # imported late: few users have any

        rules = read_rules(files)
    folder = workspace if workspace is None or workspace.is_dir() else workspace.parent
    names = ("settings.json", "settings.local.json")
    if folder is None or not any(os.path.lexists(folder / ".claude" / name) for name in names):
        return rules, []
    from coder.config.repository_settings import rules_of_repository  # imported late: few have such files

    of_repository, notes = rules_of_repository(folder)
    if not (of_repository.ask or of_repository.deny):
        return rules, notes
    return rules + of_repository if rules is not None else of_repository, notes


def notes_on_plugs(rules: "Rules | None") -> list[str]:
    """Return notes on the user's files that can't be used, and on rules that don't do what they say."""
    notes: list[str] = []
    files = settings_files()
    if files or any(map(plug_folders, ("skills", "agents", "plugins"))):
        notes = [f"{file.path}: {file.reason}" for file in unusable_of_user(files)]
    if rules is not None:
        notes += [f"{one_line(row, width=200)}: {note}" for row, note in unenforced(rules).items()]
    return notes


def notes_on_hooks() -> list[str]:
    """Return notes on the user's hooks that can't run on this machine."""
    if has_no_hooks() or not (hooks := hooks_of_user()):
        return []

    return notes_on_missing(hooks)


def with_rules(settings: Settings, rules: "Rules | None") -> Settings:
    """Return settings with these rules and without the hosts that they deny or ask about."""
    if rules is None:
        return settings if settings.rules is None else settings.model_copy(update={"rules": None})
    from coder.config.permission_rules import without_restricted

    network = without_restricted(rules, settings.network)
    secret = tuple(each for each in settings.secret if without_restricted(rules, (each.partition("@")[2],)))
    return settings.model_copy(update={"rules": rules, "network": network, "secret": secret})
