"""A day in an editor: what its client receives, message by message.

`.ci/run` compares the whole text with the page that shows it.
"""

import re
from pathlib import Path

import pytest

from tests.coder.people.acp.recording_make import record

ANSWER = "It subtracts b from a, which its name doesn't say."
MESSAGES = (
    "What does add do?",
    "Mend add.",
    "Turn the sum around.",
    "Wait for the tests of the others.",
    "Use sum.",
)


@pytest.mark.slow
async def test_a_day_in_an_editor_is_received_message_by_message(tmp_path: Path) -> None:
    day, _, loaded = (await record(tmp_path)).partition("\nsession/close, session/load\n")
    _, *received = re.split(r"(?m)^> (.*)\n", day)
    asked, mended, refused, cancelled, unasked, undone = map(str.splitlines, received[1::2])

    assert received[::2] == [*MESSAGES, "/undo"]
    assert asked[:2] == [ANSWER, "(end_turn)"]
    was, becomes = (
        ["  -     return a - b", "  +     return a + b"],
        ["  -     return a + b", "  +     return b + a"],
    )
    assert marks(mended) == [
        "execute",
        "completed",
        *was,
        "?",
        *was,
        "yes",
        "completed",
        "✓ solved",
        "end_turn",
    ]
    assert marks(refused) == [
        *("execute", "completed", *becomes, "?", *becomes, "no", "failed"),
        *("✗ refused", "end_turn"),
    ]
    assert marks(cancelled) == ["execute", "failed", "cancelled"]
    assert marks(unasked)[-2:] == ["? unverified", "end_turn"]
    assert "?" not in marks(unasked)
    assert "  changed  calc.py +1 -1" in mended
    assert "  summary  Done." in mended
    assert "  you said no to the changes" in refused
    assert "put back" in undone[0]
    _, *repeated = re.split(r"(?m)^\(earlier\) > (.*)\n", loaded)
    assert repeated[::2] == [*MESSAGES]
    answer, *again = map(str.splitlines, repeated[1::2])
    assert answer == [ANSWER]
    assert [marks(lines) for lines in again[:2]] == [
        ["execute", "completed", *was, "edit", "completed", "✓ solved"],
        ["execute", "completed", *becomes, "edit", "failed", "✗ refused"],
    ]
    assert [lines[-1 if len(lines) < 3 else -3].split("  ")[0] for lines in again[2:]] == [
        "! interrupted",
        "? unverified",
    ]


def marks(lines: list[str]) -> list[str]:
    """What lines of a recording say: calls, diffs, questions with their answers, verdicts, reasons."""
    kinds = (
        r"\[(\w+)\]",
        r"(  [-+].*)",
        r"(\?) Change calc\.py\?",
        r"  yes \| no: (\w+)",
        r"([✓✗?] \w+)  ",
        r"\((\w+)\)",
    )
    found = (re.match("|".join(kinds), line) for line in lines)
    return [one[one.lastindex] for one in found if one is not None and one.lastindex is not None]
