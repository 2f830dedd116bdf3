"""The files in a first request: all that fit, or what a survey shows of a repository that doesn't. Pure."""

from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from coder.context.guidance import MOST_CHARACTERS, guidance, is_guidance
from coder.context.quoting import fenced, shown_path, whole_file
from coder.context.secrecy import is_secret
from coder.prompting.looking import FILE_BUDGET, files_budget, survey_budget, texts_of
from coder.prompts import prompt
from coder.run.message import Message
from coder.run.state import State
from coder.run.target import Target
from coder.source.named_sources import is_source, named_sources
from coder.text.plural import count_of

if TYPE_CHECKING:
    from coder.context.survey import Survey

_SHARE_OF_NOTES = 8
"""Notes of the repository's own may take one in so many of a model's tokens, of some three characters."""
SHARE_OF_PLANNED = 2
"""Files that a plan names, or that an answer has changed, may take one in so many of a survey's tokens."""
_HEAD, _MOST_HEAD = 6, 600
"""Lines of data, and characters, that show what it is like."""
_PROSE = frozenset({"", ".md", ".rst", ".txt", ".toml", ".cfg", ".ini"})
"""Suffixes of what is written for people, or sets things up."""
_MOST_HIDDEN = 10
"""Names of files that aren't shown."""


def files_shown(
    state: State, target: Target, plan: Message | None, context: int | None, *, heads: bool = False
) -> str:
    """The user's text files, those that the task depends on first, as far as the budget goes.

    Args:
        heads: show only the first lines of data, to a model that can read the rest by itself.
    """
    found = texts_of(state)
    planned = set(named_sources(plan.text, found)) if plan is not None else set()
    order = sorted(
        found,
        key=lambda path: (
            path != target.path,
            path not in target.tests,
            path not in planned,
            not is_source(path),
            path,
        ),
    )
    texts = {path: found[path] for path in order}
    parts = [_guidance(texts, [target.path, *texts], context)]
    left = files_budget(context)
    for path, text in texts.items():
        if is_guidance(path):
            continue
        # What is no source stands behind all sources; of data and prose a large model too is shown no more.
        if not is_source(path) and path not in planned:
            left = min(left, FILE_BUDGET)
        if heads and _is_long_data(path, text) and path not in planned and path != target.path:
            head = "".join(text.splitlines(keepends=True)[:_HEAD])[:_MOST_HEAD]
            count = count_of(len(text.splitlines()), "line")
            parts.append(f"\n{shown_path(path)} begins ({count}):\n{fenced(head.rstrip())}\n")
            left -= len(head)
        elif len(text) <= left:
            parts.append(whole_file(path, text))
            left -= len(text)
        else:
            parts.append(f"\n{shown_path(path)} is there too ({len(text)} characters, not shown).\n")
            left -= 100
        if left <= 0:
            break
    hidden = sorted(state.files.keys() - texts.keys(), key=lambda path: (path.count("/"), path))
    names = [shown_path(path) for path in hidden if is_secret(path)]
    if names:
        parts.append(f"\n{', '.join(names[:_MOST_HIDDEN])}: there too, and kept from you.\n")
    return "".join(parts)


def _is_long_data(path: str, text: str) -> bool:
    return not is_source(path) and PurePosixPath(path).suffix not in _PROSE and len(text) > _MOST_HEAD


def repository_shown(state: State, target: Target, survey: "Survey", *, context: int | None) -> str:
    """What is shown of files that can't all be quoted."""
    shown = f"\n\n{prompt('map')}\n{fenced(survey.map)}\n" if survey.map else ""
    notes = _guidance(texts_of(state), [target.path, *survey.named], context)
    return "\n" + prompt("repository").format(
        count=len(state.files), guidance=f"\n{notes}" if notes else "", files=f"\n{survey.files}", map=shown
    )


def with_planned(survey: "Survey", state: State, plan: Message | None, context: int | None) -> "Survey":
    """The survey with the files that the plan names."""
    if plan is None:
        return survey
    return survey.with_named(plan.text, texts_of(state), budget=survey_budget(context) // SHARE_OF_PLANNED)


def _guidance(texts: Mapping[str, str], near: Iterable[str], context: int | None) -> str:
    """What the repository says to whoever works on these files."""
    most = MOST_CHARACTERS if context is None else min(MOST_CHARACTERS, context * 3 // _SHARE_OF_NOTES)
    return "".join(
        f"\n{prompt('guidance').format(path=shown_path(path), place=_place(path))}\n{fenced(text)}\n"
        for path, text in guidance(texts, near, most=most).items()
    )


def _place(notes: str) -> str:
    folder = notes.rpartition("/")[0]
    return f"below {shown_path(folder)}" if folder else "in this repository"
