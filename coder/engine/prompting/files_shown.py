"""What a model is shown of the user's files: all sources, or a survey of them."""

import re
from collections.abc import Mapping
from itertools import accumulate
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from coder.base.prompts import prompt
from coder.base.text.sanitize import count_of
from coder.context.quoting import fenced, shown_path, tokens, whole_file
from coder.engine.turn.turn import Turn
from coder.run.message import PlanMessage
from coder.run.state import State
from coder.run.target import Target
from coder.source.named_sources import is_source, named_sources
from coder.workspace.overlay import end_of

if TYPE_CHECKING:
    from coder.context.survey import Survey


_SMALL = 8_192
"""Tokens of a context; a smaller one is told less of failing tests."""
_MOST_WHOLE_TOKENS = 10_000
"""Of source files that are all shown: above that, a survey and some looking take fewer characters."""
_WHOLE = 8
"""Source files may take one in so many of the tokens that a model reads, to be shown in full."""
_SURVEY = 4
"""A survey may take one in so many, within these limits."""
_LEAST_TOKENS, _MOST_TOKENS = 1_500, 3_300
_FENCE_TOKENS = 10
"""Of the lines around a file that is quoted."""


def texts_of(state: State) -> dict[str, str]:
    """The user's text files as the run read them, without those with keys that weren't named."""
    if not state.files:
        return {}
    from coder.context.secrecy import withheld

    hidden = withheld(state.files, prompt=state.task.prompt, read=state.task.read)
    return {
        path: stored.text
        for path, stored in state.files.items()
        if stored.text is not None and hidden.isdisjoint((path, end_of(path, state.files)))
    }


def failing_now(state: State, context: int | None) -> str:
    """How the test command fails before the work; empty where it passes or hasn't been run."""
    if state.progress.baseline is None:
        return ""
    is_small = context is not None and context < _SMALL
    short = is_small or not state.progress.baseline.failures
    return (state.progress.baseline.feedback if short else state.progress.baseline.failures).strip()


def latest_plan(state: State) -> PlanMessage | None:
    """The Planner's plan."""
    messages = reversed(state.progress.messages)
    return next((message for message in messages if isinstance(message, PlanMessage)), None)


def survey_budget(context: int | None) -> int:
    """Tokens of a survey for a model with this context; None is unknown."""
    return _MOST_TOKENS if context is None else max(_LEAST_TOKENS, min(context // _SURVEY, _MOST_TOKENS))


def whole_budget(context: int | None) -> int:
    """Tokens of source files that are all shown to a model with this context; None is unknown."""
    if context is None:
        return _MOST_WHOLE_TOKENS
    return max(min(context // _WHOLE, _MOST_WHOLE_TOKENS), survey_budget(context))


async def survey_of(turn: Turn) -> "Survey | None":
    """What is shown of a repository whose source files don't all fit; None for one that fits."""
    state, context = turn.state, turn.abilities.context
    texts = texts_of(state)
    sources = [text for path, text in texts.items() if is_source(path)] or list(texts.values())
    if sum(tokens(text) + _FENCE_TOKENS for text in sources) <= whole_budget(context):
        return None
    plan = latest_plan(state)
    parts = (state.task.prompt, plan.text if plan is not None else "", failing_now(state, context))
    prompt = "\n".join(filter(None, parts))
    kept = turn.bench.survey
    if kept is None or kept[0] is not state.files or kept[1] != prompt:
        from coder.base.fs.private_folder import facts_folder
        from coder.context.survey import take_survey  # most folders fit, and load none of it

        survey = await take_survey(
            texts,
            prompt=prompt,
            target=state.target,
            budget=survey_budget(context),
            cache=facts_folder(),
            command=" ".join(state.task.test_command or ()),
        )
        kept = turn.bench.survey = state.files, prompt, survey
    return kept[2]


_SHARE_OF_NOTES = 8
"""Notes may take one in so many of a model's tokens, of some three characters."""
_NAMED_TOKENS, _OTHER_TOKENS = 8_000, 3_000
"""Of other files than sources that the task names, and of the rest."""
_HEAD, _MOST_HEAD = 6, 600
"""Lines and characters of the beginning of data."""
_GENERATED = re.compile(r"\.(?:egg|dist)-info/")
"""Metadata of packages, written by their builds."""
_PROSE = frozenset({"", ".md", ".rst", ".txt"})
_MOST_NAMED, _MOST_HIDDEN = 20, 10
"""Files that are named and not shown."""


def files_shown(
    state: State, target: Target, survey: "Survey | None", context: int | None, *, acts: bool = False
) -> str:
    """The files' part of a request; a model that acts can look at the rest by itself."""
    if not state.files:
        return ""
    if survey is None:
        return _all_sources(state, target, context, acts=acts)
    map_text = f"\n{prompt('map')}\n{fenced(survey.map)}\n" if survey.map else ""
    which = f"Shown is what the task seems to be about{'; look at all else by `bash`' if acts else ''}."
    return _headed(state, which) + survey.files + map_text + _hidden(state, texts_of(state))


def notes_shown(state: State, target: Target, survey: "Survey | None", context: int | None) -> str:
    """The repository's notes for contributors about the files of the task."""
    from coder.context.guidance import MOST_CHARACTERS, guidance

    texts = texts_of(state)
    most = MOST_CHARACTERS if context is None else min(MOST_CHARACTERS, context * 3 // _SHARE_OF_NOTES)
    notes = ""
    near = [target.path, *(texts if survey is None else survey.paths)]
    for path, text in guidance(texts, near, most=most).items():
        folder = path.rpartition("/")[0]
        place = f"below {shown_path(folder)}" if folder else "in this repository"
        notes += f"\n{prompt('guidance').format(path=shown_path(path), place=place)}\n{fenced(text)}\n"
    return notes


def _all_sources(state: State, target: Target, context: int | None, *, acts: bool) -> str:
    """All source files, and the first lines of data."""
    from coder.context.guidance import is_guidance

    texts = texts_of(state)
    plan = latest_plan(state)
    request = f"{state.task.prompt}\n{plan.text if plan is not None else ''}"
    ranks = {path: n for n, path in enumerate(dict.fromkeys([target.path, *named_sources(request, texts)]))}
    ordered = sorted(
        texts, key=lambda p: (ranks.get(p, len(ranks)), p not in target.tests, not is_source(p), p)
    )
    empty = [path for path in ordered if not texts[path].strip()]
    texts = {path: texts[path] for path in ordered}
    sources = [path for path in texts if is_source(path)] or list(texts)
    apart = {path for path in texts if is_guidance(path)} | set(empty)
    parts = [whole_file(path, texts[path]) for path in sources if path not in apart]
    room = whole_budget(context) - sum(map(tokens, parts))
    omitted: list[str] = []
    for path in sorted(texts.keys() - apart - set(sources), key=lambda path: (path not in ranks, path)):
        room = min(room, _NAMED_TOKENS if path in ranks else _OTHER_TOKENS)
        part = whole_file(path, texts[path])
        is_whole = len(texts[path]) <= _MOST_HEAD or (path in ranks and tokens(part) <= room)
        if not is_whole:
            part = (_kinds if path in ranks else _head)(path, texts[path])
        is_shown = bool(part) and tokens(part) <= room and not _GENERATED.search(path)
        if is_shown:
            room -= tokens(part)
            parts.append(part)
        if not (is_shown and is_whole):
            omitted.append(path)
    which = f"All source files are shown{'; look at the rest by `bash`' if acts else ''}."
    if not omitted and texts.keys() == state.files.keys():
        which = "They are all shown."
    names = [f"{shown_path(path)} ({len(texts[path])} characters)" for path in omitted[:_MOST_NAMED]]
    more = f" and {len(omitted) - _MOST_NAMED} more" if len(omitted) > _MOST_NAMED else ""
    note = f"\nNot shown, or only in part: {', '.join(names)}{more}.\n" if omitted else ""
    note += f"\nEmpty: {', '.join(map(shown_path, empty[:_MOST_NAMED]))}.\n" if empty else ""
    return _headed(state, which) + "".join(parts) + note + _hidden(state, texts)


def _headed(state: State, which: str) -> str:
    return prompt("act-files").format(count=count_of(len(state.files), "file"), which=which) + "\n"


def _head(path: str, text: str) -> str:
    """The first lines of a file of data or settings; empty for prose."""
    if PurePosixPath(path).suffix in _PROSE:
        return ""
    rows = text.splitlines()[:_HEAD]
    ends = accumulate(len(row) + 1 for row in rows)
    head = (
        "\n".join(row for row, end in zip(rows, ends, strict=True) if end <= _MOST_HEAD) or text[:_MOST_HEAD]
    )
    lines = count_of(len(text.splitlines()), "line")
    return f"\n{shown_path(path)} begins ({lines}):\n{fenced(head.rstrip())}\n"


def _kinds(path: str, text: str) -> str:
    """The kinds of lines of a large file that the task names, such as a log; of prose, nothing."""
    if PurePosixPath(path).suffix in _PROSE - {".txt"}:
        return ""
    from coder.context.line_kinds import kinds_shown

    return kinds_shown(path, text)


def _hidden(state: State, texts: Mapping[str, str]) -> str:
    """Lines that name files with keys, which no model is shown, and count binary ones."""
    hidden = sorted(state.files.keys() - texts.keys(), key=lambda path: (path.count("/"), path))
    if not hidden:
        return ""
    from coder.context.secrecy import is_secret

    secret = [shown_path(path) for path in hidden if is_secret(path)][:_MOST_HIDDEN]
    secret_note = f"\n{', '.join(secret)}: there too, and kept from you.\n" if secret else ""
    other = count_of(sum(not is_secret(path) for path in hidden), "file")
    is_other = any(not is_secret(path) for path in hidden)
    return secret_note + (f"\nThere too, and no UTF-8 text or too large: {other}.\n" if is_other else "")
