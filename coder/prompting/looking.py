"""Looking: which files a prompt quotes in full, and which it shows beside, as a model asks for them.

What was shown once in a run is shown again whenever its dialogue starts afresh.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from coder.context.quoting import Range, tokens, whole_file
from coder.run.state import State
from coder.run.target import find_target
from coder.source.named_sources import is_source
from coder.turn import Turn
from coder.workspace.overlay import end_of

if TYPE_CHECKING:
    from coder.context.survey import Survey

_SMALL = 8_192
"""Tokens of a context; a smaller one is shown less."""
FILE_BUDGET = 24_000
"""Characters of the user's files that are quoted to a small model; more drowns it."""
_UNKNOWN_TOKENS = 25_000
"""Of files that are quoted where nobody knows how much the model reads."""
_WHOLE = 8
"""Source files may take one in so many of the tokens that a model reads, to be shown in full."""
_CHARACTERS_A_TOKEN = 3
_BRIEF_TOKENS = 8_000
"""Of a survey for a model that can look for itself."""
_FENCE_TOKENS = 10
"""Of the lines around a file that is quoted."""
_LEAST_TOKENS, _MOST_TOKENS = 1_500, 32_000
"""Of a survey: for a small context, for a large one."""
_OF_CONTEXT = 0.25
"""Share of a model's context that a survey may take; answers and failures need the rest."""
Lines = Mapping[str, tuple[Range, ...]]
"""Ranges of lines by path."""
MOST_LINES = 1_000
"""Of one file; of a longer one, those around the line that is meant."""
MOST_TOKENS = 40_000
"""Of all files of one request, where it isn't known how much the model reads."""
_SHARE = 4
"""Else they take one in so many of the tokens that it reads."""
_AROUND = 30
"""Lines before and after a single one that is asked for."""


def texts_of(state: State) -> dict[str, str]:
    """The user's text files as the run read them, but for those that hold keys and weren't named."""
    if not state.files:
        return {}
    from coder.context.secrecy import withheld

    hidden = withheld(state.files, asked=state.task.prompt, read=state.task.read)
    return {
        path: stored.text
        for path, stored in state.files.items()
        if stored.text is not None and hidden.isdisjoint((path, end_of(path, state.files)))
    }


def is_small(context: int | None) -> bool:
    """Whether a model reads so little that a few thousand characters more would crowd out its task."""
    return context is not None and context < _SMALL


def failing_now(state: State, context: int | None) -> str:
    """How the test command fails before the work; empty where it doesn't, or hasn't been run."""
    if state.baseline is None:
        return ""
    short = is_small(context) or not state.baseline.failures
    return (state.baseline.feedback if short else state.baseline.failures).strip()


def files_budget(context: int | None) -> int:
    """Characters of files that are quoted to a model that can read so many tokens; None is unknown."""
    most = _UNKNOWN_TOKENS if context is None else context // _WHOLE
    return max(FILE_BUDGET, most * _CHARACTERS_A_TOKEN)


def survey_budget(context: int | None) -> int:
    """Tokens of a survey for a model that can read so many, prompt and answer together; None is unknown."""
    if context is None:
        return _UNKNOWN_TOKENS
    return max(_LEAST_TOKENS, min(int(context * _OF_CONTEXT), _MOST_TOKENS))


def fits(state: State, context: int | None) -> bool:
    """Whether all of the user's source files can be quoted; to a small model, all text files."""
    texts = texts_of(state)
    sources = {} if is_small(context) else {path: text for path, text in texts.items() if is_source(path)}
    return sum(map(len, (sources or texts).values())) <= files_budget(context)


def brief_budget(context: int | None) -> int:
    """Tokens of a survey for a model that can look for itself; None is unknown."""
    return min(_BRIEF_TOKENS, survey_budget(context))


def whole_budget(context: int | None) -> int:
    """Tokens of source files that are all shown to a model that can look for itself; None is unknown."""
    return _UNKNOWN_TOKENS if context is None else max(context // _WHOLE, brief_budget(context))


def fits_whole(state: State, context: int | None) -> bool:
    """Whether all of the user's source files are shown to a model that can look for itself."""
    texts = texts_of(state)
    sources = [text for path, text in texts.items() if is_source(path)] or list(texts.values())
    return sum(tokens(text) + _FENCE_TOKENS for text in sources) <= whole_budget(context)


async def survey_of(turn: Turn, *, is_brief: bool = False) -> "Survey | None":
    """What is shown of a repository that doesn't fit, chosen once in a run; None for one that fits.

    Args:
        is_brief: for a model that can look for itself.

    Raises:
        SandboxError: the sandbox itself failed.
    """
    state, context = turn.state, turn.abilities.context
    if fits_whole(state, context) if is_brief else fits(state, context):
        return None
    budget = brief_budget(context) if is_brief else survey_budget(context)
    kept = turn.bench.survey
    # The user may change files while a run goes on, and a planner is shown more than who acts.
    if kept is None or kept[0] is not state.files or kept[1] != budget:
        from coder.context.survey import take_survey  # most folders fit, and load none of it
        from coder.fs.disk_cache import facts_folder

        survey = await take_survey(
            texts_of(state),
            prompt="\n".join(filter(None, (state.task.prompt, failing_now(state, context)))),
            target=find_target(state.task, state.files),
            budget=budget,
            cache=facts_folder(),
            is_brief=is_brief,
        )
        kept = turn.bench.survey = state.files, budget, survey
    return kept[2]


def with_lines(wanted: Lines, texts: Mapping[str, str]) -> dict[str, tuple[Range, ...]]:
    """What is shown of files: named lines, and without any the whole file, up to 1,000 lines.

    Args:
        wanted: lines of each file; of one line, those around it are shown too.
        texts: of the files that may be shown; others are left out.
    """
    return {
        path: tuple(map(_wide, lines)) or ((1, MOST_LINES),)
        for path, lines in wanted.items()
        if path in texts
    }


def around_misses(
    missed: Mapping[str, Sequence[int]], texts: Mapping[str, str]
) -> dict[str, tuple[Range, ...]]:
    """What is shown of files that edits don't fit: all, or of a longer one 1,000 lines around those places.

    Args:
        missed: lines near which the edits may belong, by path.
        texts: of the files that may be shown; others are left out.
    """
    found: dict[str, tuple[Range, ...]] = {}
    for path, lines in missed.items():
        if path in texts:
            half = MOST_LINES // (2 * max(1, len(lines)))
            is_short = len(texts[path].splitlines()) <= MOST_LINES or not lines
            whole = ((1, MOST_LINES),)
            found[path] = whole if is_short else tuple((max(1, n - half), max(n, half) + half) for n in lines)
    return found


def shown(lines: Lines, texts: Mapping[str, str], *, context: int | None) -> str:
    """Files as a request shows them; those that don't fit into their share of it are left out.

    Args:
        context: tokens that the model can read, where that is known.
    """
    from coder.context.excerpts import ranges  # most runs show nothing beside the first request

    parts: list[str] = []
    left = MOST_TOKENS if context is None else min(MOST_TOKENS, context // _SHARE)
    for path, wanted in lines.items():
        if path not in texts:
            continue
        count = len(texts[path].splitlines())
        is_whole = any(first <= 1 and last >= count for first, last in wanted)
        part = whole_file(path, texts[path]) if is_whole else ranges(path, texts[path], wanted, budget=left)
        if tokens(part) <= left:
            parts.append(part)
            left -= tokens(part)
    return "".join(parts)


def covers(seen: Lines, wanted: Lines) -> bool:
    """Whether all that is wanted has been shown."""
    return all(
        any(first <= start and end <= last for first, last in seen.get(path, ()))
        for path, ranges in wanted.items()
        for start, end in ranges
    )


def unseen(wanted: Lines, seen: Lines) -> dict[str, tuple[Range, ...]]:
    """Those of the ranges that have not been shown."""
    left = {
        path: tuple(each for each in ranges if not covers(seen, {path: (each,)}))
        for path, ranges in wanted.items()
    }
    return {path: ranges for path, ranges in left.items() if ranges}


def joined(one: Lines, other: Lines) -> dict[str, tuple[Range, ...]]:
    """Both, each range once."""
    paths = dict.fromkeys((*one, *other))
    return {path: tuple(dict.fromkeys((*one.get(path, ()), *other.get(path, ())))) for path in paths}


def seen_at_first(state: State, survey: "Survey | None") -> dict[str, tuple[Range, ...]]:
    """Files that the first request shows whole."""
    texts = texts_of(state)
    every = ((1, max(MOST_LINES, len(text.splitlines()))) for text in texts.values())
    return {
        path: (whole,)
        for path, whole in zip(texts, every, strict=True)
        if survey is None or path in survey.whole
    }


def shown_before(state: State, survey: "Survey | None", *, context: int | None) -> str:
    """The files that earlier turns of the run were shown and that the first request doesn't show whole."""
    known = seen_at_first(state, survey)
    lines: Lines = {}
    for message in state.messages:
        lines = joined(lines, message.shown)
    left = {path: wanted for path, wanted in lines.items() if path not in known}
    return shown(left, texts_of(state), context=context) if left else ""


def _wide(line: Range) -> Range:
    first, last = line
    if first == last:
        return max(1, first - _AROUND), last + _AROUND
    return first, min(last, first + MOST_LINES - 1)
