"""Plugins in Claude Code's format: folders with plugin.json, skills, commands, agents, hooks, .mcp.json.

The user's own are in their folders of plugins, such as `~/.agents/plugins/NAME`, and may do what the user's
files may. A repository's are in `.agents/plugins/NAME` and `.claude/plugins/NAME`: their texts are used as
those of the repository, their hooks and MCP servers run in sandboxes, and the servers start once the user has
allowed the file that names them.

Protocol: https://code.claude.com/docs/en/plugins-reference
"""

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ValidationError

from coder.base.fs.private_folder import plug_folders
from coder.base.fs.safe_open import open_folder
from coder.base.text.sanitize import one_line
from coder.config.plug_places import (
    MANIFESTS,
    REPOSITORY_FOLDERS,
    PlugFolder,
    UnusableFile,
    manifests_in,
    plugin_folder,
    reason_of,
)
from coder.config.strict_yaml import read_json

SERVER_FILES = (".mcp.json", "mcp.json")
_MAX_PLUGINS = 100
_COMPONENTS = ("skills/", "commands/", "agents/", "hooks/hooks.json", ".mcp.json", "mcp.json")
"""What makes a folder of plugins a plugin without a manifest, as in Claude Code."""
_NAME = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_MAX_NAME = 64


class _Manifest(BaseModel, frozen=True, extra="ignore"):
    name: str
    description: str = ""


@dataclass(frozen=True, slots=True)
class Plugin:
    """A plugin that can be used."""

    name: str
    description: str
    place: PlugFolder
    """Its folder."""

    @property
    def folder(self) -> Path:
        """Path of its folder on this machine."""
        return self.place.root.joinpath(*self.place.parts)

    def read(self, *paths: str) -> str | None:
        """Return the text of the first of these files that exists; None if none does.

        Raises ValueError or OSError if it can't be used.
        """
        for path in paths:
            try:
                return self.place.read(path)
            except FileNotFoundError:
                continue
        return None


def own_plugins() -> tuple[list[Plugin], list[UnusableFile]]:
    """Return the user's plugins, whose folders may be links, and those that can't be used."""
    places = [
        PlugFolder(folder / name)
        for folder in plug_folders("plugins")
        for name in sorted(entry.name for entry in os.scandir(folder) if entry.is_dir())
    ]
    return _usable(places)


def plugins_of_repository(folder: Path) -> tuple[list[Plugin], list[UnusableFile]]:
    """Return the plugins of a repository, where no link is followed, and those that can't be used."""
    places = []
    for parent in REPOSITORY_FOLDERS:
        try:
            with open_folder(folder, (parent, "plugins")) as plugins, os.scandir(plugins) as entries:
                names = sorted(entry.name for entry in entries if entry.is_dir(follow_symlinks=False))
        except OSError:
            continue
        places += [PlugFolder(folder, (parent, "plugins", name)) for name in names]
    return _usable(places)


def without_refused(texts: Mapping[str, str | None]) -> dict[str, str | None]:
    """Return a repository's texts without files of plugin folders that are invalid or duplicates."""
    usable = {None, *_sorted_folders(texts)[0]}
    return {path: text for path, text in texts.items() if plugin_folder(path) in usable}


def refused_plugins(texts: Mapping[str, str | None]) -> list[UnusableFile]:
    """Return the plugin folders among a repository's texts that can't be used."""
    return _sorted_folders(texts)[1]


def _sorted_folders(texts: Mapping[str, str | None]) -> tuple[list[str], list[UnusableFile]]:
    """Return a repository's usable folders of plugins, and the others."""
    manifests: dict[str, str | None] = {}
    for path in manifests_in(texts):
        manifests.setdefault(plugin_folder(path) or "", texts[path])
    for path in texts:
        if (folder := plugin_folder(path)) is not None and path[len(folder) :].startswith(_COMPONENTS):
            manifests.setdefault(folder, f'{{"name": "{folder.split("/")[2]}"}}')
    by_name: dict[str, str] = {}
    refusals: list[UnusableFile] = []
    for folder, text in sorted(manifests.items()):
        name = folder.split("/")[2]
        try:
            _check_manifest(text or "", name)
            if name in by_name:
                raise ValueError(f"{by_name[name].rstrip('/')} has the same name")
            by_name[name] = folder
        except ValueError as error:
            refusals.append(UnusableFile(folder.rstrip("/"), reason_of(error)))
    return list(by_name.values()), refusals


def _usable(places: Iterable[PlugFolder]) -> tuple[list[Plugin], list[UnusableFile]]:
    by_name: dict[str, Plugin] = {}
    refusals: list[UnusableFile] = []
    for place in places:
        path = place.shown("").rstrip("/")
        try:
            plugin = _plugin(place, path.rpartition("/")[2])
            if plugin.name in by_name:
                raise ValueError(f"{by_name[plugin.name].place.shown('').rstrip('/')} has the same name")
            if len(by_name) == _MAX_PLUGINS:
                raise ValueError(f"more than {_MAX_PLUGINS} plugins")
            by_name[plugin.name] = plugin
        except (OSError, ValueError) as error:
            refusals.append(UnusableFile(path, reason_of(error)))
    return list(by_name.values()), refusals


def _plugin(place: PlugFolder, name: str) -> Plugin:
    """Return the plugin in a folder. Raises ValueError or OSError if it is none."""
    if not _NAME.fullmatch(name) or len(name) > _MAX_NAME:
        raise ValueError(f"the name {one_line(name)!r} isn't a-z, 0-9 and single -, at most {_MAX_NAME}")
    text = Plugin(name, "", place).read(*MANIFESTS)
    if text is None:
        if not any(map(place.has, _COMPONENTS)):
            raise ValueError(f"it has no {MANIFESTS[0]}, and nothing that a plugin holds")
        return Plugin(name, "", place)
    return Plugin(name, one_line(_check_manifest(text, name).description, width=300), place)


def _check_manifest(text: str, name: str) -> _Manifest:
    """Return the parsed manifest of a plugin of this name. Raises ValueError if it is invalid."""
    try:
        manifest = _Manifest.model_validate(read_json(text))
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    except ValidationError as error:
        raise ValueError(error.errors()[0]["msg"]) from error
    if manifest.name != name or not _NAME.fullmatch(name):
        raise ValueError(f"plugin.json names it {one_line(manifest.name)!r}, unlike its folder")
    return manifest
