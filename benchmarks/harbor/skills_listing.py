"""List the skills in a task's image for a model, from the folder that the task names (`skills_dir`)."""

import posixpath
import tarfile
from typing import IO

from benchmarks.harbor.container import HarborContainer
from coder.config.skills import FILE_NAME, read_skill
from coder.run.extensions import Skill

MAX_SKILLS = 50
_MAX_ENTRIES = 2_000
_MAX_BYTES = 256 << 10
_HEAD = "The task has skills. Read the file of one before you do such work:"


async def skills_text(container: HarborContainer, folder: str) -> str:
    """Return a list of the skills for a prompt; empty without any. Raises SandboxBroken.

    Skills that can't be read are left out.

    Args:
        folder: folder of `NAME/SKILL.md` files, absolute or relative to the work folder.
    """
    place = posixpath.normpath(posixpath.join(container.workdir, folder))

    def read(stream: IO[bytes]) -> list[Skill]:
        return _read(stream, place)

    skills = await container.with_archive(place, read) or []
    lines = [f"- {skill.name}: {skill.description} ({skill.path})" for skill in skills if skill.listed]
    return "\n".join([_HEAD, *lines]) if lines else ""


def _read(stream: IO[bytes], place: str) -> list[Skill]:
    skills = dict[str, Skill]()
    with tarfile.open(fileobj=stream, mode="r|") as archive:
        for number, entry in enumerate(archive):
            if number >= _MAX_ENTRIES or len(skills) >= MAX_SKILLS:
                break
            parts = entry.name.strip("/").split("/")
            if len(parts) != 3 or parts[-1] != FILE_NAME or not entry.isreg() or entry.size > _MAX_BYTES:
                continue
            file = archive.extractfile(entry)
            text = b"" if file is None else file.read()
            path = posixpath.join(place, *parts[1:])
            try:
                skill = read_skill(text.decode(), path)
            except ValueError:  # UnicodeDecodeError is one
                continue
            skills.setdefault(skill.name, skill)
    return [skills[name] for name in sorted(skills)]
