"""The files in a first request: all that fit, or what a survey shows of a repository that doesn't. Pure."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from coder.context.quoting import fenced, shown_path, whole_file
from coder.prompting.looking import FILE_BUDGET, files_budget, survey_budget, texts_of
from coder.prompts import prompt
from coder.run.message import Message
from coder.run.state import State
from coder.run.target import Target
from coder.source.named_sources import is_source, named_sources

if TYPE_CHECKING:
    from coder.context.survey import Survey

_SHARE_OF_NOTES = 8
"""Notes of the repository's own may take one in so many of a model's tokens, of some three characters."""
SHARE_OF_PLANNED = 2
"""Files that a plan names, or that an answer has changed, may take one in so many of a survey's tokens."""
_MOST_HIDDEN = 10
"""Names of files that aren't shown."""


def files_shown(state: State, target: Target, plan: Message | None, context: int | None) -> str:
    """The user's text files, those that the task depends on first, as far as the budget goes."""
    if not state.files:
        return ""
    from coder.context.guidance import is_guidance

    texts = in_order(texts_of(state), target, plan)
    planned = planned_in(plan, texts)
    parts = [guidance_shown(texts, [target.path, *texts], context)]
    left = files_budget(context)
    for path, text in texts.items():
        if is_guidance(path):
            continue
        # What is no source stands behind all sources; of data and prose a large model too is shown no more.
        if not is_source(path) and path not in planned:
            left = min(left, FILE_BUDGET)
        if len(text) <= left:
            parts.append(whole_file(path, text))
            left -= len(text)
        else:
            parts.append(f"\n{shown_path(path)} is there too ({len(text)} characters, not shown).\n")
            left -= 100
        if left <= 0:
            break
    return "".join(parts) + hidden_names(state, texts)


def in_order(texts: Mapping[str, str], target: Target, plan: Message | None) -> dict[str, str]:
    """Files with those first that the task depends on."""
    planned = planned_in(plan, texts)
    order = sorted(
        texts,
        key=lambda path: (
            path != target.path,
            path not in target.tests,
            path not in planned,
            not is_source(path),
            path,
        ),
    )
    return {path: texts[path] for path in order}


def planned_in(plan: Message | None, texts: Mapping[str, str]) -> set[str]:
    """The files that a plan names."""
    return set(named_sources(plan.text, texts)) if plan is not None else set()


def hidden_names(state: State, texts: Mapping[str, str]) -> str:
    """Lines that name the files with keys, which no model is shown, and those that are no text."""
    hidden = sorted(state.files.keys() - texts.keys(), key=lambda path: (path.count("/"), path))
    if not hidden:
        return ""
    from coder.context.secrecy import is_secret

    secret = [shown_path(path) for path in hidden if is_secret(path)]
    other = [shown_path(path) for path in hidden if not is_secret(path)]
    lines = ((secret, "there too, and kept from you"), (other, "there too; no UTF-8 text, or too large"))
    return "".join(f"\n{', '.join(names[:_MOST_HIDDEN])}: {why}.\n" for names, why in lines if names)


def repository_shown(state: State, target: Target, survey: "Survey", *, context: int | None) -> str:
    """What is shown of files that can't all be quoted."""
    shown = f"\n\n{prompt('map')}\n{fenced(survey.map)}\n" if survey.map else ""
    notes = guidance_shown(texts_of(state), [target.path, *survey.named], context)
    return "\n" + prompt("repository").format(
        count=len(state.files), guidance=f"\n{notes}" if notes else "", files=f"\n{survey.files}", map=shown
    )


def with_planned(survey: "Survey", state: State, plan: Message | None, context: int | None) -> "Survey":
    """The survey with the files that the plan names."""
    if plan is None:
        return survey
    return survey.with_named(plan.text, texts_of(state), budget=survey_budget(context) // SHARE_OF_PLANNED)


def guidance_shown(texts: Mapping[str, str], near: Iterable[str], context: int | None) -> str:
    """What the repository says to whoever works on these files."""
    from coder.context.guidance import MOST_CHARACTERS, guidance

    most = MOST_CHARACTERS if context is None else min(MOST_CHARACTERS, context * 3 // _SHARE_OF_NOTES)
    return "".join(
        f"\n{prompt('guidance').format(path=shown_path(path), place=_place(path))}\n{fenced(text)}\n"
        for path, text in guidance(texts, near, most=most).items()
    )


def _place(notes: str) -> str:
    folder = notes.rpartition("/")[0]
    return f"below {shown_path(folder)}" if folder else "in this repository"
