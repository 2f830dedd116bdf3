"""Write messages of commits: the change, then the task."""

import re
from collections.abc import Mapping, Sequence
from textwrap import shorten

from coder.base.text.sanitize import one_line, printable
from coder.run.attempts import best_code
from coder.run.state import State
from coder.run.target import is_test
from coder.workspace.git.commit import CommittedFile

_MAX_SUBJECT = 72
"""Maximum characters of a commit's subject."""
_MIN_WORDS = 3
"""Minimum words of a subject, which `Done.` doesn't reach."""
_MAX_NAMED = 2
"""Maximum files in a subject."""
_MAX_TASK = 2_000
"""Maximum characters of the task in a commit's body."""
_SENTENCE_END = re.compile(r"\n|(?<=[.!?:])\s+(?=[A-Z`\"'(])")


def commit_message(state: State, changed: Mapping[str, CommittedFile]) -> str:
    """Return the message: subject, rest of the model's summary, task and run."""
    summary, subject = _summary(state), subject_of(state, [*changed], verb=_verb(changed))
    body = summary.removeprefix(subject).lstrip(". \n")  # the whole summary if the subject was shortened
    prompt = printable(state.task.prompt).strip()
    task = f"Task: {prompt if len(prompt) <= _MAX_TASK else f'{prompt[:_MAX_TASK]}…'}"
    author = f"Written by {state.model}, run {state.run} of coder.\n"
    return "\n\n".join(filter(None, [subject, body, task, author]))


def subject_of(state: State, paths: Sequence[str], *, verb: str = "Change") -> str:
    """Return the first sentence of the model's summary, shortened, or else the changed files."""
    sentence = _SENTENCE_END.split(_summary(state), maxsplit=1)[0].lstrip("#*- ").rstrip(". ")
    subject = shorten(sentence, _MAX_SUBJECT, placeholder="…")
    is_sentence = len(subject.split()) >= _MIN_WORDS and not subject.endswith(":")
    return subject if is_sentence else _files_changed(verb, paths)


def _summary(state: State) -> str:
    """Return the text with which the model finished the task; empty if its answer is code."""
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
    ending = f" and {len(files) - _MAX_NAMED} more" if len(files) > _MAX_NAMED else ""
    words = f"{verb} {(', ' if ending else ' and ').join(files[:_MAX_NAMED])}{ending}{tests}"
    return words if len(words) <= _MAX_SUBJECT else f"{verb} {len(paths)} files"
