"""The files in the first request to a model that acts. It can look at the rest by itself. Pure."""

from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from coder.context.guidance import is_guidance
from coder.context.quoting import fenced, shown_path, tokens, whole_file
from coder.prompting.files_shown import guidance_shown, hidden_names, in_order, planned_in
from coder.prompting.looking import brief_budget, texts_of, whole_budget
from coder.prompts import prompt
from coder.run.message import Message
from coder.run.state import State
from coder.run.target import Target
from coder.source.named_sources import is_source, named_sources
from coder.text.sanitize import count_of

if TYPE_CHECKING:
    from coder.context.survey import Survey

_README, _BEGINNING = 6_000, 1_500
"""Characters of one that is shown whole beside all source files, and of the beginning of another."""
_NAMED_TOKENS, _OTHER_TOKENS = 8_000, 3_000
"""Of files that are no source and that the task names, and of all others, which stand behind all sources."""
_HEAD, _MOST_HEAD = 6, 600
"""Lines of data, and characters, that show what it is like."""
_PROSE = frozenset({"", ".md", ".rst", ".txt"})
"""Suffixes of what is written for people."""
_MOST_NAMED = 20
"""Files that are named and not shown."""
_SHARE_OF_PLANNED = 2
"""Files that a plan names may take one in so many of a survey's tokens."""


def notes_shown(state: State, target: Target, survey: "Survey | None", context: int | None) -> str:
    """Notes for those who work in the repository, and how its README begins."""
    texts = texts_of(state)
    named = texts if survey is None else survey.named
    notes = guidance_shown(texts, [target.path, *named], context)
    path = _readme(state)
    if path is None:
        return notes
    text = texts[path].strip()
    if len(text) <= (_README if survey is None else _BEGINNING):
        return notes + whole_file(path, text)
    return f"{notes}\n{shown_path(path)} begins ({len(text)} characters):\n{fenced(text[:_BEGINNING])}\n"


def project_files(state: State, target: Target, plan: Message | None, context: int | None) -> str:
    """All source files, and the first lines of data, in a project whose sources fit."""
    texts = in_order(texts_of(state), target, plan)
    sources = [path for path in texts if is_source(path)] or list(texts)
    named = planned_in(plan, texts) | {target.path, *named_sources(state.task.prompt, texts)}
    readme = _readme(state)
    apart = {path for path in texts if is_guidance(path)} | {readme}
    parts = [whole_file(path, texts[path]) for path in sources if path not in apart]
    room = whole_budget(context) - sum(map(tokens, parts))
    left = [readme] if readme is not None and len(texts[readme]) > _README else []
    for path in sorted(texts.keys() - apart - set(sources), key=lambda path: (path not in named, path)):
        room = min(room, _NAMED_TOKENS if path in named else _OTHER_TOKENS)
        part = whole_file(path, texts[path])
        is_whole = len(texts[path]) <= _MOST_HEAD or (path in named and tokens(part) <= room)
        part = part if is_whole else _head(path, texts[path])
        is_shown = bool(part) and tokens(part) <= room
        if is_shown:
            room -= tokens(part)
            parts.append(part)
        if not (is_shown and is_whole):
            left.append(path)
    is_all = not left and texts.keys() == state.files.keys()
    which = "They are all shown." if is_all else "All source files are shown; look at the rest by `bash`."
    return _headed(state, which) + "".join(parts) + _named(left, texts) + hidden_names(state, texts)


def best_places(state: State, survey: "Survey", plan: Message | None, context: int | None) -> str:
    """What a survey shows of a project that doesn't fit."""
    texts = texts_of(state)
    if plan is not None:
        survey = survey.with_named(plan.text, texts, budget=brief_budget(context) // _SHARE_OF_PLANNED)
    shown = f"\n{prompt('map')}\n{fenced(survey.map)}\n" if survey.map else ""
    which = "Shown is what the task seems to be about; look at all else by `bash`."
    return _headed(state, which) + survey.files + shown + hidden_names(state, texts)


def _headed(state: State, which: str) -> str:
    return prompt("act-files").format(count=count_of(len(state.files), "file"), which=which) + "\n"


def _readme(state: State) -> str | None:
    found = (path for path in sorted(texts_of(state)) if "/" not in path)
    return next((path for path in found if PurePosixPath(path).stem.lower() == "readme"), None)


def _head(path: str, text: str) -> str:
    """How a file of data or settings begins; nothing of prose."""
    if PurePosixPath(path).suffix in _PROSE:
        return ""
    head = "".join(text.splitlines(keepends=True)[:_HEAD])[:_MOST_HEAD]
    lines = count_of(len(text.splitlines()), "line")
    return f"\n{shown_path(path)} begins ({lines}):\n{fenced(head.rstrip())}\n"


def _named(left: list[str], texts: dict[str, str]) -> str:
    """The files that aren't shown whole, each with its size."""
    if not left:
        return ""
    named = [f"{shown_path(path)} ({len(texts[path])} characters)" for path in left[:_MOST_NAMED]]
    more = f" and {len(left) - _MOST_NAMED} more" if len(left) > _MOST_NAMED else ""
    return f"\nNot shown, or only in part: {', '.join(named)}{more}.\n"
