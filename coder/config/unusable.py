"""Files for agents that can't be used, or have parts without an effect: nothing is ignored silently."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from coder.config.hooks import broken_files, ignored_rows, own_hook_files, plugin_hook_files
from coder.config.plug_places import UnusableFile
from coder.config.plugins import own_plugins, refused_plugins
from coder.config.skills import own_skills, skills_of_repository
from coder.config.subagents import own_subagents, subagents_of_repository


def unusable_in(texts: Mapping[str, str | None]) -> list[UnusableFile]:
    """Return what can't be used among a repository's files for agents."""
    return [
        *refused_plugins(texts),
        *skills_of_repository(texts).refusals,
        *subagents_of_repository(texts).refusals,
        *(UnusableFile(*row) for row in (*broken_files(texts).items(), *ignored_rows(texts))),
    ]


def unusable_of_user(settings_files: Iterable[Path]) -> list[UnusableFile]:
    """Return what can't be used among the user's files for agents. Raises UsageError as `own_hook_files`."""
    hook_files = (*own_hook_files(settings_files), *plugin_hook_files())
    return [
        *own_plugins()[1],
        *own_skills().refusals,
        *own_subagents().refusals,
        *(UnusableFile(str(path), reason) for path, file in hook_files for reason in file.ignored),
    ]
