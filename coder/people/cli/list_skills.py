"""`coder skills`: list skills, subagents and commands that a run may use, and what was refused."""

import json as json_format
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from coder.base.text.sanitize import one_line
from coder.config import approved_files
from coder.config.hooks import (
    broken_files,
    hooks_of_repository,
    ignored_rows,
    own_hook_files,
    plugin_hook_files,
    runs_inside,
)
from coder.config.mcp_files import described_servers
from coder.config.permission_rules import unenforced
from coder.config.plug_places import REPOSITORY_FOLDERS, UnusableFile, manifests_in, reason_of
from coder.config.plugins import own_plugins, plugins_of_repository, without_refused
from coder.config.plugs import has_no_hooks, hooks_of_user, notes_of_user, rules_for, settings_files
from coder.config.skills import (
    FILE_NAME,
    FOLDERS,
    SkillList,
    own_skills,
    skills_of_repository,
)
from coder.config.slash_calls import sort_calls
from coder.config.subagents import SubagentList, own_subagents, subagents_of_repository
from coder.run.extensions import Ruling, hook_files, with_manifests
from coder.show.flags import Json, check_folder
from coder.show.tables import Column, TextTable, print_blocks
from coder.workspace.folder import Snapshot, take_snapshot

_COLUMNS = (Column("name", width=20, is_whole=True), Column("description", wraps=True), Column("from"))


def skills(
    path: Annotated[Path | None, typer.Argument(metavar="[PATH]", help="The folder to work in (.).")] = None,
    allow: Annotated[
        str | None,
        typer.Option("--allow", metavar="DIGEST", help="Allow a file to start programs, as it is now."),
    ] = None,
    json: Json = False,
) -> None:
    """List skills, subagents, commands, hooks and plugins, yours and a folder's, and what was refused."""
    folder = path or Path()
    check_folder(folder, "Name a folder, or none for this one.")
    if allow is not None:
        file = approved_files.allow(folder.resolve(), allow)
        typer.echo(f"  · {file.path} may start its servers in this folder, until it changes", err=True)
        for line in described_servers(file):
            typer.echo(f"  · {line}", err=True)
        return
    listing = list_for_agents(folder)
    if json:
        typer.echo(json_format.dumps(listing.document(), indent=2))
        return
    if table := listing.table():
        print_blocks([table])
    for line in listing.lines():
        typer.echo(line, err=True)


Rows = list[tuple[str, str, str]]
"""Name, description and path of each."""


@dataclass(frozen=True, slots=True)
class SkillListing:
    """What a run about a folder may use, and what was refused."""

    skills: SkillList
    subagents: SubagentList
    commands: Rows
    plugins: Rows
    hooks: list[tuple[str, str, str, str]]
    """Event, command, path and place of each."""
    notes: list[str]
    """Paths of the user's own notes."""
    rules: list[Ruling]
    allowed_paths: list[str]
    refusals: list[UnusableFile]

    def document(self) -> dict[str, object]:
        """Return the listing as JSON."""
        return {
            "skills": [skill.model_dump() for skill in self.skills.skills],
            "notes": self.notes,
            "subagents": [agent.model_dump(exclude={"prompt"}) for agent in self.subagents.subagents],
            "plugins": [dict(zip(("name", "description", "path"), row, strict=True)) for row in self.plugins],
            "commands": [
                dict(zip(("name", "description", "path"), row, strict=True)) for row in self.commands
            ],
            "hooks": [
                dict(zip(("event", "command", "path", "runs"), row, strict=True)) for row in self.hooks
            ],
            "rules": [ruling.model_dump() for ruling in self.rules],
            "allowed": self.allowed_paths,
            "refused": [{"path": refusal.path, "reason": refusal.reason} for refusal in self.refusals],
        }

    def table(self) -> TextTable | None:
        """Return skills, subagents and commands for people; None if there are none."""
        rows = [(skill.name, skill.description, skill.path) for skill in self.skills.skills]
        rows += [(f"@{agent.name}", agent.description, agent.path) for agent in self.subagents.subagents]
        rows += [(f"/{name}", description, place) for name, description, place in self.commands]
        return TextTable(_COLUMNS, [tuple(map(one_line, row)) for row in rows]) if rows else None

    def lines(self) -> list[str]:
        """Return the rest for people: notes, plugins, hooks, rules, and what was refused."""
        lines = [f"  · notes of {path}" for path in self.notes]
        if self.table() is None:
            where = f"{FOLDERS[0]}/NAME/{FILE_NAME} here or in your home folder"
            lines.insert(0, f"  · there are no skills: write {where}")
        lines += [
            f"  · plugin {name} of {place}{f': {description}' if description else ''}"
            for name, description, place in self.plugins
        ]
        lines += [
            f"  · {event} of {place} runs {where_it_runs}: {one_line(command, width=200)}"
            for event, command, place, where_it_runs in self.hooks
        ]
        lines += [f"  · rule {ruling}" for ruling in self.rules]
        lines += [f"  · {path} may start its servers" for path in self.allowed_paths]
        return lines + [
            f"  ! {one_line(refusal.path)}: {one_line(refusal.reason, width=300)}"
            for refusal in self.refusals
        ]


def list_for_agents(folder: Path) -> SkillListing:
    """Return what a run about a folder may use. Raises UsageError if a user's file can't be read."""
    snapshot = take_snapshot(folder)
    all_skills = own_skills() + _of_folder(snapshot)
    subagents = own_subagents() + _subagents_of_folder(snapshot)
    commands, refusals = _commands(folder)
    files, notes = approved_files.program_files(folder.resolve())
    plugins, plugin_refusals = _plugins(folder)
    refusals = [
        *plugin_refusals,
        *all_skills.refusals,
        *subagents.refusals,
        *refusals,
        *(UnusableFile(*note.split(" is ignored: ", 1)) for note in notes),
    ]
    for file in files:
        reasons = [] if file.allowed else [*described_servers(file), file.reason]
        refusals += [UnusableFile(file.path, reason) for reason in reasons]
    rules, rule_notes = rules_for(folder)
    refusals += [UnusableFile(*note.split(": ", 1)) for note in rule_notes]
    if rules is not None:
        refusals += [UnusableFile(row, note) for row, note in unenforced(rules).items()]
    hooks, broken = _hooks(snapshot)
    return SkillListing(
        skills=all_skills,
        subagents=subagents,
        commands=commands,
        plugins=plugins,
        hooks=hooks,
        notes=[*notes_of_user()],
        rules=rules.rulings() if rules is not None else [],
        allowed_paths=[file.path for file in files if file.allowed],
        refusals=[*refusals, *broken],
    )


def _of_folder(snapshot: Snapshot) -> SkillList:
    texts = {path: file.text for path, file in snapshot.files.items()}
    return SkillList((), _left_out(snapshot, FOLDERS)) + skills_of_repository(texts)


def _subagents_of_folder(snapshot: Snapshot) -> SubagentList:
    texts = {path: file.text for path, file in snapshot.files.items()}
    folders = tuple(f"{folder}/agents/" for folder in REPOSITORY_FOLDERS)
    return SubagentList((), _left_out(snapshot, folders)) + subagents_of_repository(texts)


def _left_out(snapshot: Snapshot, folders: tuple[str, ...]) -> tuple[UnusableFile, ...]:
    """Return the files below these folders that weren't read, such as links."""
    notes = [note.partition(": ") for note in snapshot.notes]
    return tuple(UnusableFile(path, reason) for path, _, reason in notes if path.startswith(folders))


def _hooks(snapshot: Snapshot) -> tuple[list[tuple[str, str, str, str]], list[UnusableFile]]:
    """Return event, command, file and place of each hook, and what is no hook here, with the reason."""
    paths = with_manifests(hook_files(snapshot.files), snapshot.files)
    texts = without_refused({path: snapshot.files[path].text for path in paths})
    own_files = own_hook_files(settings_files())
    files_with_rows = [*own_files, *plugin_hook_files()]
    ignored = [UnusableFile(str(path), reason) for path, file in files_with_rows for reason in file.ignored]
    if has_no_hooks():
        paths_of_reason = [str(path) for path, file in own_files if file.disables_all]
        return [], [UnusableFile(path, "disableAllHooks turns off all hooks") for path in paths_of_reason]
    rows = [
        (hook.event, hook.command, hook.plugin or "your settings", "on this machine")
        for hook in hooks_of_user()
    ]
    manifests = {path: texts[path] for path in manifests_in(texts)}
    for path in hook_files(texts):
        hooks = hooks_of_repository({**manifests, path: texts[path]})
        rows += [(hook.event, hook.command, path, "in the sandbox") for hook in hooks if runs_inside(hook)]
    of_files = (*broken_files(texts).items(), *ignored_rows(texts))
    return rows, [*ignored, *(UnusableFile(path, reason) for path, reason in of_files)]


def _plugins(folder: Path) -> tuple[list[tuple[str, str, str]], list[UnusableFile]]:
    """Return name, description and folder of each plugin, and those that can't be used."""
    own, own_refusals = own_plugins()
    others, other_refusals = plugins_of_repository(folder)
    plugins = [(each.name, each.description, each.place.shown("").rstrip("/")) for each in (*own, *others)]
    return plugins, [*own_refusals, *other_refusals]


def _commands(folder: Path) -> tuple[list[tuple[str, str, str]], Iterable[UnusableFile]]:
    """Return name, description and path of each command, and the refused ones."""
    rows = []
    usable, refused = sort_calls(folder)
    refusals = [
        UnusableFile(call.shown_path, f"/{call.name} is a command of coder chat, so it can't be called")
        for call in refused
    ]
    for name, call in usable.items():
        if call.is_skill:
            continue
        try:
            rows.append((name, call.description(), call.shown_path))
            refusals += [UnusableFile(call.shown_path, unused)] if (unused := call.unused()) else []
        except (OSError, ValueError) as error:
            refusals.append(UnusableFile(call.shown_path, reason_of(error)))
    return rows, refusals
