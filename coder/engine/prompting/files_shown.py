"""Quote the user's files in a request: all sources, or a survey of them."""

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


_SMALL_CONTEXT = 8_192
"""Tokens; a smaller context gets a shorter report of failing tests."""
_MAX_WHOLE_TOKENS = 10_000
"""Tokens of source files that are all quoted; beyond that, a survey and some reading are cheaper."""
_WHOLE_DIVISOR = 8
"""Divides the context: source files are quoted in full up to that share."""
_SURVEY_DIVISOR = 4
"""Divides the context: a survey may take that share, within the limits below."""
_MIN_SURVEY_TOKENS, _MAX_SURVEY_TOKENS = 1_500, 3_300
_FENCE_TOKENS = 10
"""Tokens of the lines around a quoted file."""


def texts_of(state: State) -> dict[str, str]:
    """Return the user's text files as the run read them. Files that hold keys are left out, unless the task
    names them.
    """
    if not state.files:
        return {}
    from coder.context.secrecy import withheld

    withheld_files = withheld(state.files, prompt=state.task.prompt, read=state.task.read)
    return {
        path: stored.text
        for path, stored in state.files.items()
        if stored.text is not None and withheld_files.isdisjoint((path, end_of(path, state.files)))
    }


FOR_AGENTS = (".agents/", ".claude/")
"""Folders of skills and commands, of which a model reads one when it needs it."""


def quotable_texts(state: State) -> dict[str, str]:
    """Return the text files that a request may quote unasked: those of skills only if the task names one."""
    texts = texts_of(state)
    return {
        path: text
        for path, text in texts.items()
        if not path.startswith(FOR_AGENTS) or path in state.task.prompt
    }


def failing_now(state: State, context: int | None) -> str:
    """Return how the test command fails before the work; empty if it passes or hasn't been run."""
    if state.progress.baseline is None:
        return ""
    is_small = context is not None and context < _SMALL_CONTEXT
    is_short = is_small or not state.progress.baseline.failures
    return (state.progress.baseline.feedback if is_short else state.progress.baseline.failures).strip()


def latest_plan(state: State) -> PlanMessage | None:
    """Return the Planner's latest plan."""
    messages = reversed(state.progress.messages)
    return next((message for message in messages if isinstance(message, PlanMessage)), None)


def survey_budget(context: int | None) -> int:
    """Return the token limit of a survey for a model with this context; None: unknown."""
    return (
        _MAX_SURVEY_TOKENS
        if context is None
        else max(_MIN_SURVEY_TOKENS, min(context // _SURVEY_DIVISOR, _MAX_SURVEY_TOKENS))
    )


def whole_budget(context: int | None) -> int:
    """Return the token limit of fully quoted source files for a model with this context; None: unknown."""
    if context is None:
        return _MAX_WHOLE_TOKENS
    return max(min(context // _WHOLE_DIVISOR, _MAX_WHOLE_TOKENS), survey_budget(context))


async def survey_of(turn: Turn) -> "Survey | None":
    """Return the survey of a repository whose source files don't all fit; None if they fit."""
    state, context = turn.state, turn.abilities.context
    texts = quotable_texts(state)
    sources = [text for path, text in texts.items() if is_source(path)] or list(texts.values())
    if sum(tokens(text) + _FENCE_TOKENS for text in sources) <= whole_budget(context):
        return None
    plan = latest_plan(state)
    parts = (state.task.prompt, plan.text if plan is not None else "", failing_now(state, context))
    prompt = "\n".join(filter(None, parts))
    cached = turn.bench.survey
    if cached is None or cached[0] is not state.files or cached[1] != prompt:
        from coder.base.fs.private_folder import facts_folder
        from coder.context.survey import take_survey  # imported late: most folders fit and need no survey

        survey = await take_survey(
            texts,
            prompt=prompt,
            target=state.target,
            budget=survey_budget(context),
            cache=facts_folder(),
            command=" ".join(state.task.test_command or ()),
        )
        cached = turn.bench.survey = state.files, prompt, survey
    return cached[2]


_NAMED_TOKENS, _OTHER_TOKENS = 8_000, 3_000
"""Tokens of non-source files that the task names, and of all other files."""
_HEAD_LINES, _HEAD_CHARACTERS = 6, 600
"""Lines and characters quoted from the beginning of a data file."""
_GENERATED = re.compile(r"\.(?:egg|dist)-info/")
"""Package metadata, written by builds."""
_PROSE = frozenset({"", ".md", ".rst", ".txt"})
_LISTED_FILES, _LISTED_SECRETS = 20, 10
"""Number of files listed without their text."""


def files_shown(
    state: State, target: Target, survey: "Survey | None", context: int | None, *, acts: bool = False
) -> str:
    """Return the files' part of a request; a model that works in a session can read the rest itself."""
    if not state.files:
        return ""
    if survey is None:
        return _all_sources(state, target, context, acts=acts)
    map_text = f"\n{prompt('map')}\n{fenced(survey.map)}\n" if survey.map else ""
    description = f"Shown is what the task seems to be about{'; look at all else by `bash`' if acts else ''}."
    return _heading(state, description) + survey.files + map_text + _hidden_note(state, texts_of(state))


def _all_sources(state: State, target: Target, context: int | None, *, acts: bool) -> str:
    """Return all source files, and the first lines of data files."""
    from coder.context.guidance import is_guidance

    texts = quotable_texts(state)
    plan = latest_plan(state)
    request = f"{state.task.prompt}\n{plan.text if plan is not None else ''}"
    ranks = {
        path: rank for rank, path in enumerate(dict.fromkeys([target.path, *named_sources(request, texts)]))
    }
    ordered = sorted(
        texts, key=lambda p: (ranks.get(p, len(ranks)), p not in target.tests, not is_source(p), p)
    )
    empty = [path for path in ordered if not texts[path].strip()]
    texts = {path: texts[path] for path in ordered}
    sources = [path for path in texts if is_source(path)] or list(texts)
    excluded_paths = {path for path in texts if is_guidance(path)} | set(empty)
    parts = [whole_file(path, texts[path]) for path in sources if path not in excluded_paths]
    tokens_left = whole_budget(context) - sum(map(tokens, parts))
    omitted: list[str] = []
    for path in sorted(
        texts.keys() - excluded_paths - set(sources), key=lambda path: (path not in ranks, path)
    ):
        tokens_left = min(tokens_left, _NAMED_TOKENS if path in ranks else _OTHER_TOKENS)
        part = whole_file(path, texts[path])
        is_whole = len(texts[path]) <= _HEAD_CHARACTERS or (path in ranks and tokens(part) <= tokens_left)
        if not is_whole:
            part = (_quote_kinds if path in ranks else _quote_head)(path, texts[path])
        is_shown = bool(part) and tokens(part) <= tokens_left and not _GENERATED.search(path)
        if is_shown:
            tokens_left -= tokens(part)
            parts.append(part)
        if not (is_shown and is_whole):
            omitted.append(path)
    description = f"All source files are shown{'; look at the rest by `bash`' if acts else ''}."
    if not omitted and texts.keys() == state.files.keys():
        description = "They are all shown."
    names = [f"{shown_path(path)} ({len(texts[path])} characters)" for path in omitted[:_LISTED_FILES]]
    remainder = f" and {len(omitted) - _LISTED_FILES} more" if len(omitted) > _LISTED_FILES else ""
    note = f"\nNot shown, or only in part: {', '.join(names)}{remainder}.\n" if omitted else ""
    note += f"\nEmpty: {', '.join(map(shown_path, empty[:_LISTED_FILES]))}.\n" if empty else ""
    return _heading(state, description) + "".join(parts) + note + _hidden_note(state, texts_of(state))


def _heading(state: State, description: str) -> str:
    return prompt("act-files").format(count=count_of(len(state.files), "file"), which=description) + "\n"


def _quote_head(path: str, text: str) -> str:
    """Return the first lines of a data or settings file; empty for prose."""
    if PurePosixPath(path).suffix in _PROSE:
        return ""
    rows = text.splitlines()[:_HEAD_LINES]
    lengths = accumulate(len(row) + 1 for row in rows)
    head = (
        "\n".join(row for row, length in zip(rows, lengths, strict=True) if length <= _HEAD_CHARACTERS)
        or text[:_HEAD_CHARACTERS]
    )
    lines = count_of(len(text.splitlines()), "line")
    return f"\n{shown_path(path)} begins ({lines}):\n{fenced(head.rstrip())}\n"


def _quote_kinds(path: str, text: str) -> str:
    """Quote each kind of line of a large file named by the task, such as a log; return "" for prose."""
    if PurePosixPath(path).suffix in _PROSE - {".txt"}:
        return ""
    from coder.context.line_kinds import kinds_shown

    return kinds_shown(path, text)


def _hidden_note(state: State, texts: Mapping[str, str]) -> str:
    """Return a note that names files with keys, which no model sees, and counts binary files."""
    hidden_paths = sorted(state.files.keys() - texts.keys(), key=lambda path: (path.count("/"), path))
    if not hidden_paths:
        return ""
    from coder.context.secrecy import is_secret

    secret_paths = [shown_path(path) for path in hidden_paths if is_secret(path)][:_LISTED_SECRETS]
    secret_note = f"\n{', '.join(secret_paths)}: there too, and kept from you.\n" if secret_paths else ""
    other_count = count_of(sum(not is_secret(path) for path in hidden_paths), "file")
    has_other = any(not is_secret(path) for path in hidden_paths)
    return secret_note + (
        f"\nThere too, and no UTF-8 text or too large: {other_count}.\n" if has_other else ""
    )
