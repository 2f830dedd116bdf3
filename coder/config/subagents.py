"""Find subagents: files `agents/NAME.md` of the user and of a repository, in Claude Code's format.

A user's subagent wins over a repository's of the same name. `tools` only decides whether changes are kept.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from coder.base.fs.private_folder import plug_folders
from coder.base.text.sanitize import one_line
from coder.config.frontmatter import Frontmatter, read_frontmatter
from coder.config.plug_names import plug_name, titled
from coder.config.plug_places import (
    MAX_BYTES,
    REPOSITORY_FOLDERS,
    PlugFolder,
    UnusableFile,
    is_of_plugin,
    plugin_prefix,
    reason_of,
)
from coder.config.plugins import own_plugins, without_refused
from coder.run.extensions import Subagent

MAX_SUBAGENTS = 50
MAX_DESCRIPTION = 500
MAX_PROMPT = 32_000
"""Maximum characters of instructions, which are part of each request of the subagent."""
_KEYS = ("name", "description", "tools", "disallowedTools", "model")
"""Keys that are read, and the one of which the page says that it is ignored."""
_WRITING_TOOLS = {"edit", "write", "multiedit", "notebookedit", "bash", "*"}


@dataclass(frozen=True, slots=True)
class SubagentList:
    """Subagents in order, and files that aren't valid subagents."""

    subagents: tuple[Subagent, ...] = ()
    refusals: tuple[UnusableFile, ...] = ()

    def __add__(self, other: "SubagentList") -> "SubagentList":
        """Return the joined lists; of two subagents with the same name, the first is used."""
        by_name = {subagent.name: subagent for subagent in self.subagents}
        refusals = [*self.refusals, *other.refusals]
        for subagent in other.subagents:
            if subagent.name in by_name:
                refusals.append(
                    UnusableFile(subagent.path, f"{by_name[subagent.name].path} has the same name")
                )
            elif len(by_name) == MAX_SUBAGENTS:
                refusals.append(UnusableFile(subagent.path, f"more than {MAX_SUBAGENTS} subagents"))
            else:
                by_name[subagent.name] = subagent
        return SubagentList(tuple(by_name.values()), tuple(refusals))


def read_subagent(text: str, path: str) -> Subagent:
    """Return the subagent that a file describes, with its instructions. Raises ValueError if it's invalid."""
    return _subagent(read_frontmatter(text), path)


def _subagent(front: Frontmatter, path: str) -> Subagent:
    given_name = front.text("name") or path.rpartition("/")[2].removesuffix(".md")
    name = plug_name(given_name)
    if not front.text("description"):
        raise ValueError("it has no description")
    description = one_line(titled(given_name, front.text("description")), width=MAX_DESCRIPTION)
    body = front.body.strip()
    if not body:
        raise ValueError("it has no instructions below the frontmatter")
    if len(body) > MAX_PROMPT:
        raise ValueError(f"its instructions have more than {MAX_PROMPT:,} characters")
    tools, denied = (_names(front.words(name)) for name in ("tools", "disallowedTools"))
    if front.fields.get("tools") in (None, ""):
        tools = _WRITING_TOOLS  # as Claude Code: it has all
    writes = not tools.isdisjoint(_WRITING_TOOLS) and denied.isdisjoint({"edit", "write", "*"})
    return Subagent(name=name, description=description, path=path, writes=writes, prompt=body)


def _names(tools: Iterable[str]) -> set[str]:
    return {tool.partition("(")[0].strip().lower() for tool in tools}


def is_subagent_file(path: str) -> bool:
    """Whether a repository's file is in a folder of subagents."""
    folder, _, name = path.rpartition("/")
    is_in_plugin = is_of_plugin(path, "agents") and path.count("/") == 4
    return name.endswith(".md") and (
        is_in_plugin or folder in {f"{parent}/agents" for parent in REPOSITORY_FOLDERS}
    )


def subagents_of_repository(texts: Mapping[str, str | None]) -> SubagentList:
    """Return the subagents among the files of a repository; files that aren't UTF-8 have None as text."""
    texts = without_refused(texts)
    return _joined((path, texts[path]) for path in sorted(filter(is_subagent_file, texts)))


def own_subagents() -> SubagentList:
    """Return the subagents of the user's folders and plugins; no link is followed."""
    subagents = SubagentList()
    plugins = [(plugin.folder / "agents", f"{plugin.name}:") for plugin in own_plugins()[0]]
    for folder, prefix in (*((folder, "") for folder in plug_folders("agents")), *plugins):
        place, refusals, texts = PlugFolder(folder), [], []
        for name in place.names(depth=0):
            try:
                texts.append((place.shown(name), place.read(name)))
            except (OSError, ValueError) as error:
                refusals.append(UnusableFile(place.shown(name), reason_of(error)))
        subagents += SubagentList((), tuple(refusals)) + _joined(texts, prefix)
    return subagents


def read_own(path: str) -> Subagent:
    """Read a user's file again. Raises ValueError or OSError if it can't be used any more."""
    file = Path(path)
    return read_subagent(PlugFolder(file.parent).read(file.name), path)


def _joined(files: Iterable[tuple[str, str | None]], prefix: str = "") -> SubagentList:
    subagents = SubagentList()
    for path, text in files:
        try:
            if text is None or len(text) > MAX_BYTES:
                raise ValueError("not UTF-8" if text is None else f"more than {MAX_BYTES:,} characters")
            front = read_frontmatter(text)
            listed = _subagent(front, path)
            name = f"{prefix or plugin_prefix(path)}{listed.name}"
            listed = listed.model_copy(update={"name": name, "prompt": ""})
            unused = front.unused(*_KEYS)
            subagents += SubagentList((listed,), (UnusableFile(path, unused),) if unused else ())
        except ValueError as error:
            subagents += SubagentList((), (UnusableFile(path, str(error)),))
    return subagents
