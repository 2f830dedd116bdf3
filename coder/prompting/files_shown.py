"""The files in a first request: all sources where they fit, else what a survey shows. Pure."""

from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from coder.context.quoting import fenced, shown_path, tokens, whole_file
from coder.prompting.looking import latest_plan, texts_of, whole_budget
from coder.prompts import prompt
from coder.run.state import State
from coder.run.target import Target
from coder.source.named_sources import is_source, named_sources
from coder.text.sanitize import count_of

if TYPE_CHECKING:
    from coder.context.survey import Survey

_SHARE_OF_NOTES = 8
"""Notes, and a README, may take one in so many of a model's tokens, of some three characters."""
_README, _BEGINNING = 6_000, 1_500
"""Characters of one that is shown whole beside all source files, and of the beginning of another."""
_NAMED_TOKENS, _OTHER_TOKENS = 8_000, 3_000
"""Of files that are no source and that the task names, and of all others, which stand behind all sources."""
_HEAD, _MOST_HEAD = 6, 600
"""Lines of data, and characters, that show what it is like."""
_PROSE = frozenset({"", ".md", ".rst", ".txt"})
"""Suffixes of what is written for people."""
_MOST_NAMED, _MOST_HIDDEN = 20, 10
"""Files that are named and not shown."""


def files_shown(
    state: State, target: Target, survey: "Survey | None", context: int | None, *, acts: bool = False
) -> str:
    """The files' part of a request.

    Args:
        survey: what is shown of a project whose source files don't all fit.
        context: tokens that the model can read, where that is known.
        acts: the model can look at the rest by itself.
    """
    if not state.files:
        return ""
    if survey is None:
        return _all_sources(state, target, context, acts=acts)
    shown = f"\n{prompt('map')}\n{fenced(survey.map)}\n" if survey.map else ""
    which = f"Shown is what the task seems to be about{'; look at all else by `bash`' if acts else ''}."
    return _headed(state, which) + survey.files + shown + _hidden(state, texts_of(state))


def notes_shown(state: State, target: Target, survey: "Survey | None", context: int | None) -> str:
    """Notes for those who work in the repository, and how its README begins."""
    texts = texts_of(state)
    notes = _guidance(texts, [target.path, *(texts if survey is None else survey.named)], context)
    path = _readme(texts)
    if path is None:
        return notes
    text = texts[path].strip()
    if len(text) <= _most_notes(_README if survey is None else _BEGINNING, context):
        return notes + whole_file(path, text)
    return f"{notes}\n{shown_path(path)} begins ({len(text)} characters):\n{fenced(text[:_BEGINNING])}\n"


def _all_sources(state: State, target: Target, context: int | None, *, acts: bool) -> str:
    """All source files, and the first lines of data."""
    from coder.context.guidance import is_guidance

    texts = _in_order(texts_of(state), target)
    sources = [path for path in texts if is_source(path)] or list(texts)
    plan = latest_plan(state)
    asked = f"{state.task.prompt}\n{plan.text if plan is not None else ''}"
    named = {target.path, *named_sources(asked, texts)}
    readme = _readme(texts)
    apart = {path for path in texts if is_guidance(path)} | {readme}
    parts = [whole_file(path, texts[path]) for path in sources if path not in apart]
    room = whole_budget(context) - sum(map(tokens, parts))
    left = [readme] if readme is not None and len(texts[readme]) > _most_notes(_README, context) else []
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
    which = f"All source files are shown{'; look at the rest by `bash`' if acts else ''}."
    if not left and texts.keys() == state.files.keys():
        which = "They are all shown."
    return _headed(state, which) + "".join(parts) + _not_shown(left, texts) + _hidden(state, texts)


def _headed(state: State, which: str) -> str:
    return prompt("act-files").format(count=count_of(len(state.files), "file"), which=which) + "\n"


def _in_order(texts: Mapping[str, str], target: Target) -> dict[str, str]:
    """Files with those first that the task depends on."""
    paths = sorted(texts, key=lambda p: (p != target.path, p not in target.tests, not is_source(p), p))
    return {path: texts[path] for path in paths}


def _readme(texts: Iterable[str]) -> str | None:
    found = (path for path in sorted(texts) if "/" not in path)
    return next((path for path in found if PurePosixPath(path).stem.lower() == "readme"), None)


def _head(path: str, text: str) -> str:
    """How a file of data or settings begins; nothing of prose."""
    if PurePosixPath(path).suffix in _PROSE:
        return ""
    head = "".join(text.splitlines(keepends=True)[:_HEAD])[:_MOST_HEAD]
    lines = count_of(len(text.splitlines()), "line")
    return f"\n{shown_path(path)} begins ({lines}):\n{fenced(head.rstrip())}\n"


def _not_shown(left: list[str], texts: Mapping[str, str]) -> str:
    """The files that aren't shown whole, each with its size."""
    if not left:
        return ""
    named = [f"{shown_path(path)} ({len(texts[path])} characters)" for path in left[:_MOST_NAMED]]
    more = f" and {len(left) - _MOST_NAMED} more" if len(left) > _MOST_NAMED else ""
    return f"\nNot shown, or only in part: {', '.join(named)}{more}.\n"


def _hidden(state: State, texts: Mapping[str, str]) -> str:
    """Lines that name the files with keys, which no model is shown, and those that are no text."""
    hidden = sorted(state.files.keys() - texts.keys(), key=lambda path: (path.count("/"), path))
    if not hidden:
        return ""
    from coder.context.secrecy import is_secret

    secret = [shown_path(path) for path in hidden if is_secret(path)]
    other = [shown_path(path) for path in hidden if not is_secret(path)]
    lines = ((secret, "there too, and kept from you"), (other, "there too; no UTF-8 text, or too large"))
    return "".join(f"\n{', '.join(names[:_MOST_HIDDEN])}: {why}.\n" for names, why in lines if names)


def _guidance(texts: Mapping[str, str], near: Iterable[str], context: int | None) -> str:
    """The repository's own notes about these files."""
    from coder.context.guidance import MOST_CHARACTERS, guidance

    found = guidance(texts, near, most=_most_notes(MOST_CHARACTERS, context))
    return "".join(
        f"\n{prompt('guidance').format(path=shown_path(path), place=_place(path))}\n{fenced(text)}\n"
        for path, text in found.items()
    )


def _most_notes(most: int, context: int | None) -> int:
    return most if context is None else min(most, context * 3 // _SHARE_OF_NOTES)


def _place(notes: str) -> str:
    folder = notes.rpartition("/")[0]
    return f"below {shown_path(folder)}" if folder else "in this repository"
