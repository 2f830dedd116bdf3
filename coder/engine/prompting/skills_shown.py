"""The skills that a run may use, and their list in a first request: names and descriptions. Pure."""

from coder.base.prompts import prompt
from coder.base.text.sanitize import count_of
from coder.config.skills import SkillList, skills_of_repository
from coder.context.quoting import shown_path
from coder.run.extensions import Skill, with_manifests
from coder.run.state import State

MAX_CHARACTERS = 8_000
"""Longest list in characters, since each call pays for it; further skills are only counted."""


def skills_of(state: State) -> tuple[Skill, ...]:
    """Return the user's own skills, then those of the repository."""
    paths = [path for path in state.files if path.endswith("/SKILL.md")]
    if not paths:
        return state.settings.skills
    texts = {path: state.files[path].text for path in with_manifests(paths, state.files)}
    return (SkillList(state.settings.skills) + skills_of_repository(texts)).skills


def skills_shown(state: State) -> str:
    """Return the list of skills for a model that can read them; empty if there are none."""
    rows = [_row(skill) for skill in skills_of(state) if skill.listed]
    if not rows:
        return ""
    shown_rows, length = [], 0
    for row in rows:
        length += len(row) + 1
        if length <= MAX_CHARACTERS:
            shown_rows.append(row)
    if omitted := len(rows) - len(shown_rows):
        shown_rows.append(f"- and {count_of(omitted, 'skill')} that this list has no room for")
    return "\n".join([prompt("skills").strip(), *shown_rows])


def _row(skill: Skill) -> str:
    origin = "the user's own" if skill.is_own else shown_path(skill.path)
    return f"- {skill.name} ({origin}): {skill.description}"
