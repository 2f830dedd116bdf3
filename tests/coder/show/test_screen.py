"""What a terminal shows of the changes that a run makes: each once."""

import io
import sys

import pytest

from coder.run.event_types import Body, ConfirmationStarted, FilesChanged, PatchProposed, Spoken
from coder.run.events import Event
from coder.run.message import AnswerChanges, CheckLine, CodeMessage, Outcome, OutcomeMessage
from coder.run.stored_file import StoredFile
from coder.show.screen import Screen
from coder.store.run_list import attempt_id

CODE = Spoken(message=CodeMessage(author="coder", changes=AnswerChanges(files={"a.py": "x = 2\n"})))


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def on_terminal(monkeypatch: pytest.MonkeyPatch) -> tuple[Screen, Terminal]:
    """A screen on a terminal; in the test itself, as pytest sets stderr anew behind a fixture."""
    out = Terminal()
    monkeypatch.setattr(sys, "stderr", out)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("NO_COLOR", "1")  # colours part a line
    return Screen(), out


def patch(line: str) -> str:
    return f"diff --git a/a.py b/a.py\n--- a/a.py\n+++ b/a.py\n@@ -1 +1 @@\n-x = 1\n+{line}\n"


def event(body: Body, *, run: str = "run_a") -> Event:
    draft = body.draft()
    return Event(run=run, seq=1, time=0.0, type=draft.type, version=draft.version, body=draft.body)


def test_a_further_change_is_shown_and_the_same_one_is_not_shown_twice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    screen, terminal = on_terminal(monkeypatch)
    for line in ("x = 2", "x = 3"):
        screen.event(event(CODE))
        screen.show_diff(patch(line))
        screen.event(event(PatchProposed(patch=patch(line))))

    output = terminal.getvalue()
    assert (output.count("x = 2"), output.count("x = 3")) == (1, 1)


def test_the_change_of_the_chosen_attempt_is_shown_and_not_that_of_each(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    screen, terminal = on_terminal(monkeypatch)
    screen.event(event(PatchProposed(patch=patch("x = 2")), run=attempt_id("run_a", 1)))
    screen.event(event(PatchProposed(patch=patch("x = 3"))))

    output = terminal.getvalue()
    assert (output.count("x = 2"), output.count("x = 3")) == (0, 1)


@pytest.mark.parametrize(
    ("between", "run", "count"),
    [
        (FilesChanged(files={"b.py": StoredFile.of(b"y = 1\n")}), "run_a", 2),
        (None, "run_a", 2),
        (None, attempt_id("run_a", 1), 1),
        (FilesChanged(gone=("b.py",)), attempt_id("run_a", 1), 2),
    ],
    ids=["the folder changed", "further code", "an attempt is chosen", "an attempt is tried on other files"],
)
def test_every_verdict_is_shown_but_that_of_an_attempt_once(
    monkeypatch: pytest.MonkeyPatch, between: Body | None, run: str, count: int
) -> None:
    screen, terminal = on_terminal(monkeypatch)
    passed = Outcome(passed=True, verified="tests", checks=(CheckLine(name="test_a", passed=True),))
    verdict = Spoken(message=OutcomeMessage(author="executor", outcome=passed))

    screen.event(event(verdict, run=run))
    if between is not None:
        screen.event(event(between))
    screen.event(event(verdict))

    assert terminal.getvalue().count("✓ 1 of 1 passed") == count


def test_the_status_line_names_a_confirmation_and_its_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    screen, _ = on_terminal(monkeypatch)

    screen.event(event(ConfirmationStarted(tests=40)))

    assert screen._terminal.doing == "confirming 40 tests apart from the code"
