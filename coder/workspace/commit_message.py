"""Messages of commits: what was changed, and behind it the task that asked for it."""

import re
from collections.abc import Mapping, Sequence
from textwrap import shorten

from coder.base.text.sanitize import one_line, printable
from coder.run.attempts import best_code
from coder.run.state import State
from coder.run.target import is_test
from coder.workspace.git.commit import CommittedFile

_SUBJECT = 72
"""Most characters of a commit's subject."""
_LEAST_WORDS = 3
"""Words of a sentence that says what was changed: `Done.` doesn't."""
_NAMED = 2
"""Files that a subject names."""
_LONGEST_TASK = 2_000
"""Characters of a task in a commit's body."""
_SENTENCE_END = re.compile(r"\n|(?<=[.!?:])\s+(?=[A-Z`\"'(])")


def commit_message(state: State, changed: Mapping[str, CommittedFile]) -> str:
    """Return the message: subject, rest of the model's summary, task and run."""
    summary, subject = _summary(state), subject_of(state, [*changed], verb=_verb(changed))
    more = summary.removeprefix(subject).lstrip(". \n")  # the whole of it where the subject was cut
    prompt = printable(state.task.prompt).strip()
    task = f"Task: {prompt if len(prompt) <= _LONGEST_TASK else f'{prompt[:_LONGEST_TASK]}…'}"
    by = f"Written by {state.model}, run {state.run} of coder.\n"
    return "\n\n".join(filter(None, [subject, more, task, by]))


def subject_of(state: State, paths: Sequence[str], *, verb: str = "Change") -> str:
    """The first sentence of the model's summary, cut at a word; where it has none, the changed files."""
    sentence = _SENTENCE_END.split(_summary(state), maxsplit=1)[0].lstrip("#*- ").rstrip(". ")
    subject = shorten(sentence, _SUBJECT, placeholder="…")
    is_sentence = len(subject.split()) >= _LEAST_WORDS and not subject.endswith(":")
    return subject if is_sentence else _files_changed(verb, paths)


def _summary(state: State) -> str:
    """The words with which the model called the task done; empty where its answer holds code instead."""
    code = best_code(state) or next(reversed(state.codes), None)
    return "" if code is None or "```" in code.text else printable(code.text).strip()


def _verb(changed: Mapping[str, CommittedFile]) -> str:
    if all(change.before is None for change in changed.values()):
        return "Add"
    return "Remove" if all(change.after is None for change in changed.values()) else "Change"


def _files_changed(verb: str, paths: Sequence[str]) -> str:
    """Return a subject like `Change humanize/filesize.py and its tests`."""
    code = [one_line(path) for path in paths if not is_test(path)]
    tests = "" if len(code) in (0, len(paths)) else f" and {'its' if len(code) == 1 else 'their'} tests"
    files = code or [one_line(path) for path in paths]
    more = f" and {len(files) - _NAMED} more" if len(files) > _NAMED else ""
    words = f"{verb} {(', ' if more else ' and ').join(files[:_NAMED])}{more}{tests}"
    return words if len(words) <= _SUBJECT else f"{verb} {len(paths)} files"
