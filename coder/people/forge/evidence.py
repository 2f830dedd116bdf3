"""Write what a run shows, as Markdown for a pull request or a comment.

Texts of others (the model, tests, the repository) stand in code spans and blocks, where a forge reads neither
mentions nor references nor images.
"""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass

from coder.base.text.redact import Redactor
from coder.base.text.sanitize import count_of, one_line, visible
from coder.run.run import Run
from coder.run.state import State
from coder.show.render import money

MAX_BODY = 60_000
"""Maximum characters of a body; GitHub takes 65,536."""
_MAX_NAMES = 30
_MAX_PATCH = 20_000
_MAX_TITLE = 200
_MAX_SUBJECT = 72
_MAX_REASON = 2_000


@dataclass(frozen=True, slots=True)
class ChangeEvidence:
    """What failed before a change and passes with it."""

    mended: tuple[str, ...] = ()
    """Given tests."""
    reproducing: tuple[str, ...] = ()
    """New tests, or the model's check."""
    failing: tuple[str, ...] = ()
    """Given tests that fail as before."""
    kept: int = 0
    """Number of tests that passed before and pass now."""
    by_command: bool = False
    """Whether the test command, which reports no test, failed before and succeeds now."""

    @property
    def shows_change(self) -> bool:
        """Whether anything failed before and passes now."""
        return bool(self.mended or self.reproducing or self.by_command)


def evidence_of(run: Run, state: State) -> ChangeEvidence:
    """Return the evidence of a run; none unless it is solved or its tests passed."""
    baseline = state.progress.baseline
    if run.status not in ("solved", "unverified") or run.strength == "none":
        return ChangeEvidence()
    before = baseline.before if baseline is not None else {}
    passed = [line.name for line in run.tests if line.passed]
    is_told = baseline is not None and baseline.told
    return ChangeEvidence(
        mended=tuple(name for name in passed if before.get(name) is False),
        reproducing=run.reproduced_by if run.verified == "reproduced" else (),
        failing=tuple(line.name for line in run.tests if not line.passed),
        kept=sum(before.get(name) is True for name in passed),
        by_command=baseline is not None and not is_told and not baseline.passed and run.verified == "tests",
    )


def proposal_of(run: Run, state: State, evidence: ChangeEvidence, number: int) -> str:
    """Return the description of a pull request."""
    intro = f"Closes #{number}.\n\nWritten by a model. Nobody has read it yet."
    return _bounded(intro, _evidence_list(run, state, evidence), _summary(run), _left_out(run))


def message_of(run: Run, number: int) -> str:
    """Return the message of a commit: the model's first sentence, which refers to nobody and closes nothing.

    A forge reads `@name`, `#1` and addresses in messages, and other people's words are in the summary.
    """
    sentence = re.split(r"\n|(?<=[.!?])\s", run.summary.strip(), maxsplit=1)[0].rstrip(". ")
    subject = one_line(re.sub(r"[@#!&]|\b(?:GH|GL)-(?=\d)|\w+://\S*", "", sentence), width=_MAX_SUBJECT)
    redacted = Redactor.from_environment(os.environ).redact(subject)
    about = f"For issue #{number}. Written by {one_line(run.model)}, run {run.run_id} of coder."
    return f"{redacted or 'Change code'}\n\n{about}\n"


def follow_up_of(run: Run, state: State, evidence: ChangeEvidence, commit: str) -> str:
    """Return the answer to a review after a further commit."""
    intro = f"Pushed {commit}."
    if not evidence.shows_change:
        intro += " **No test fails without this commit:** the tests only pass with it as they did before."
    return _bounded(intro, _evidence_list(run, state, evidence), _summary(run), _left_out(run))


def missing_of(run: Run, state: State, evidence: ChangeEvidence) -> str:
    """Return a comment on a run that isn't proposed: what is missing, and what was tried."""
    why = run.reason[:_MAX_REASON]
    if run.status == "solved" and run.commit is None:
        why = run.uncommitted or "the solution changes no file"
    elif run.status == "solved" and not evidence.shows_change:
        why = f"{run.reason}, but no test failed before and passes now"
    intro = f"Nothing is proposed: the run ended as `{run.status}`.\n\n{block(why)}"
    failed = [line.name for line in run.tests if not line.passed]
    tests = _names("Tests that fail with the change", failed) if failed else ""
    contradicts = _names("Given tests that only pass as the run edits them", run.contradicts)
    patch = _folded("What was tried", run.patch + run.test_patch) if run.patch or run.test_patch else ""
    return _bounded(intro, tests, contradicts, _facts(run), _summary(run), _left_out(run), patch)


def failure_of(message: str) -> str:
    """Return a comment on an error that ended the work."""
    return _bounded(f"The work ended with an error.\n\n{block(message)}")


def title_of(text: str) -> str:
    """Return the title of a pull request from that of its issue."""
    return Redactor.from_environment(os.environ).redact(one_line(text, width=_MAX_TITLE)) or "Change"


def code(text: str) -> str:
    """Return a text on one line as a code span."""
    line = one_line(text, width=300) or "?"
    ticks = "`" * (_longest_ticks(line) + 1)
    space = " " if "`" in line else ""
    return f"{ticks}{space}{line}{space}{ticks}"


def block(text: str, language: str = "text") -> str:
    """Return a text as a code block that no line of the text can end."""
    printable_text = visible(text.strip("\n"))
    fence = "`" * max(3, _longest_ticks(printable_text) + 1)
    return f"{fence}{language}\n{printable_text}\n{fence}"


def _longest_ticks(text: str) -> int:
    return max((len(run) for run in re.findall("`+", text)), default=0)


def _evidence_list(run: Run, state: State, evidence: ChangeEvidence) -> str:
    command = " ".join(state.task.test_command or ())
    lines = [
        _names("Failed before, pass now", evidence.mended),
        _names("New, fail without the change and pass with it", evidence.reproducing),
        f"- {code(command)} failed before and succeeds now" if evidence.by_command else "",
        f"- Passed before and now: {count_of(evidence.kept, 'test')}" if evidence.kept else "",
        _names("Failed before, and still fail", evidence.failing),
        f"- Decided by: {run.verified}, {_STRENGTHS.get(run.strength, run.strength)}",
        f"- Command: {code(command)}" if command else "",
        _facts(run),
    ]
    return "### Evidence\n\n" + "\n".join(filter(None, lines))


_STRENGTHS = {
    "outside": "`outside`: judged in another process than the code's",
    "inside": "`inside`: the tests share a process with the code, which could deceive them",
}


def _facts(run: Run) -> str:
    cost = "unknown" if run.cost is None else money(run.cost)
    return f"- Cost: {cost}, {count_of(run.calls, 'call')} of {code(run.model)}\n- Run: `{run.run_id}`"


def _names(heading: str, names: Sequence[str]) -> str:
    if not names:
        return ""
    rows = [f"  - {code(name)}" for name in names[:_MAX_NAMES]]
    remaining = len(names) - len(rows)
    return "\n".join([f"- {heading}:", *rows, *([f"  - and {remaining} more"] if remaining > 0 else [])])


def _summary(run: Run) -> str:
    words = run.summary or run.words
    return f"The model says:\n\n{block(words)}" if words else ""


def _left_out(run: Run) -> str:
    return _names("Not part of it", [f"{path}: {reason}" for path, reason in run.left_out.items()])


def _folded(heading: str, patch: str) -> str:
    cut = patch[:_MAX_PATCH] + ("\n…" if len(patch) > _MAX_PATCH else "")
    return f"<details><summary>{heading}</summary>\n\n{block(cut, 'diff')}\n\n</details>"


def _bounded(*parts: str) -> str:
    """Return the parts that fit, without secrets."""
    redact, body = Redactor.from_environment(os.environ).redact, ""
    for part in filter(None, parts):
        text = f"{body}\n\n{redact(part)}".strip()
        body = text if len(text) <= MAX_BODY else body
    return body
