"""Find skills (agentskills.io): folders with a SKILL.md, of the user and of a repository.

Only SKILL.md is opened; the run keeps its name and description. The user's own skill wins over a
repository's of the same name, because a repository must not replace what the user relies on.
"""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from coder.base.fs.private_folder import plug_folders
from coder.base.fs.safe_open import open_folder, read_regular
from coder.base.text.sanitize import one_line
from coder.config.frontmatter import Frontmatter, read_frontmatter
from coder.config.plug_names import plug_name, titled
from coder.config.plug_places import UnusableFile, is_of_plugin, plugin_prefix, reason_of
from coder.config.plugins import own_plugins, without_refused
from coder.run.extensions import Skill

FILE_NAME = "SKILL.md"
FOLDERS = (".agents/skills", ".claude/skills")
"""Folders of skills in a repository."""
_KEYS = ("name", "description", "disable-model-invocation", "allowed-tools")
"""Keys that are read, and the one of which the page says that it has no effect."""
MAX_SKILLS = 200
MAX_BYTES = 256 << 10
MAX_DESCRIPTION = 1_024


@dataclass(frozen=True, slots=True)
class SkillList:
    """Skills in order, and files that aren't valid skills."""

    skills: tuple[Skill, ...] = ()
    refusals: tuple[UnusableFile, ...] = ()

    def __add__(self, other: "SkillList") -> "SkillList":
        """Return the joined lists; of two skills with the same name, the first is used."""
        by_name = {skill.name: skill for skill in self.skills}
        refusals = [*self.refusals, *other.refusals]
        for skill in other.skills:
            if skill.name in by_name:
                refusals.append(UnusableFile(skill.path, f"{by_name[skill.name].path} has the same name"))
            elif len(by_name) == MAX_SKILLS:
                refusals.append(UnusableFile(skill.path, f"more than {MAX_SKILLS} skills"))
            else:
                by_name[skill.name] = skill
        return SkillList(tuple(by_name.values()), tuple(refusals))


def read_skill(text: str, path: str) -> Skill:
    """Return the skill that a SKILL.md describes. Raises ValueError if it can't be used."""
    return _skill(read_frontmatter(text), path)


def _skill(front: Frontmatter, path: str) -> Skill:
    front.text("name")
    given_name = str(front.fields.get("name") or path.split("/")[-2])
    name = plug_name(given_name)
    description = front.text("description")
    if not description:
        raise ValueError("it has no description")
    is_listed = front.text("disable-model-invocation").lower() != "true"
    short_description = one_line(titled(given_name, description), width=MAX_DESCRIPTION)
    return Skill(name=name, description=short_description, path=path, listed=is_listed)


def skills_of_repository(texts: Mapping[str, str | None]) -> SkillList:
    """Return the skills among the files of a repository; files that aren't UTF-8 have None as text."""
    texts = without_refused(texts)
    depth = FOLDERS[0].count("/") + 2
    paths = [
        path
        for path in texts
        if path.endswith(f"/{FILE_NAME}")
        and (
            (path.startswith(FOLDERS) and path.count("/") == depth)
            or (is_of_plugin(path, "skills") and path.count("/") == depth + 2)
        )
    ]
    return _joined((path, texts[path]) for path in sorted(paths))


def own_skills() -> SkillList:
    """Return the skills of the user's folders and plugins; a folder may be a link, its SKILL.md may not."""
    skills = SkillList()
    plugins = [(plugin.folder / "skills", f"{plugin.name}:") for plugin in own_plugins()[0]]
    for folder, prefix in (*((folder, "") for folder in plug_folders("skills")), *plugins):
        refusals, texts = [], []
        if not folder.is_dir():
            continue
        for name in sorted(entry.name for entry in os.scandir(folder) if entry.is_dir()):
            path = folder / name / FILE_NAME
            try:
                texts.append((str(path), _read(path)))
            except FileNotFoundError:
                continue
            except (OSError, ValueError) as error:
                refusals.append(UnusableFile(str(path), reason_of(error)))
        skills += SkillList((), tuple(refusals)) + _joined(texts, prefix)
    return skills


def _read(path: Path) -> str | None:
    with open_folder(path.parent) as folder:
        content, _ = read_regular(folder, path.name, limit=MAX_BYTES)
    if len(content) > MAX_BYTES:
        raise ValueError(f"more than {MAX_BYTES:,} bytes")
    try:
        return content.decode()
    except UnicodeDecodeError:
        return None


def _joined(files: Iterable[tuple[str, str | None]], prefix: str = "") -> SkillList:
    skills = SkillList()
    for path, text in files:
        try:
            if text is None or len(text) > MAX_BYTES:
                raise ValueError("not UTF-8" if text is None else f"more than {MAX_BYTES:,} characters")
            front = read_frontmatter(text)
            skill = _skill(front, path)
            name = f"{prefix or plugin_prefix(path)}{skill.name}"
            unused = front.unused(*_KEYS)
            notes = (UnusableFile(path, unused),) if unused else ()
            skills += SkillList((skill.model_copy(update={"name": name}),), notes)
        except ValueError as error:
            skills += SkillList((), (UnusableFile(path, str(error)),))
    return skills


def is_of_skills(path: str) -> bool:
    """Whether a repository's file belongs to a skill; a model reads it only with that skill."""
    return path.startswith(tuple(f"{folder}/" for folder in FOLDERS)) or is_of_plugin(path, "skills")
