"""The state is made of records, and an event changes only the records that have a handler for it."""

from dataclasses import fields

import pytest

from coder.run.event_types import BudgetReached, CodeCalled, QuestionAsked, RunStopped, ToolCalled
from coder.run.events import Body
from coder.run.records.dialogue import Dialogue
from coder.run.records.inputs import Inputs
from coder.run.records.landing import Landing
from coder.run.records.progress import Progress
from coder.run.records.questions import Questions
from coder.run.records.record import replace
from coder.run.records.session import SessionRecord
from coder.run.records.spend import Spend
from coder.run.state import State
from tests.coder.states import started, state_of

RECORDS = (Inputs, Progress, Spend, Dialogue, SessionRecord, Landing, Questions)


@pytest.mark.parametrize("record", [State, *RECORDS])
def test_a_record_has_at_most_twelve_fields(record: type) -> None:
    assert len(fields(record)) <= 12


@pytest.mark.parametrize(
    ("body", "changed"),
    [
        (BudgetReached(limit="calls", text="no more"), {"spend"}),
        (RunStopped(status="solved", reason="tests pass", exit_code=0), {"progress"}),
        (ToolCalled(call=1, id="a", name="bash", arguments="{}"), {"spend", "dialogue"}),
        (CodeCalled(id="a", name="send", arguments="{}"), {"dialogue"}),
        (QuestionAsked(id="q", kind="approve", about="tools", text="May it?"), {"questions"}),
    ],
)
def test_an_event_changes_the_records_that_handle_it_and_no_other(body: Body, changed: set[str]) -> None:
    before, after = state_of([started()]), state_of([started(), body])

    for name in ("dialogue", "landing", "questions"):
        assert (getattr(before, name) != getattr(after, name)) == (name in changed), name
    clock = {"seq": after.progress.seq, "time": after.progress.time}
    assert (replace(before.progress, **clock) != after.progress) == ("progress" in changed)
    assert (replace(before.spend, seconds=after.spend.seconds) != after.spend) == ("spend" in changed)


def test_a_record_is_replaced_whole_and_the_earlier_one_stays() -> None:
    before = SessionRecord(has_background=True)
    after = replace(before, tree={"a.py": None})

    assert (before.tree, after.tree, after.has_background) == ({}, {"a.py": None}, True)
