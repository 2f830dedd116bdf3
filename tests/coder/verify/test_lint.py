"""Lint findings of code that passes: a repair is asked for, and what has passed stays solved."""

from collections.abc import Sequence

from coder.run.attempts import best_code
from coder.run.event_types import Body, Spoken
from coder.run.message import CheckLine, Message, Outcome
from coder.run.run import summarize
from coder.run.settings import Budget
from coder.run.termination import default_stop
from tests.coder.states import call, code, outcome, started, state_of

FINDING = CheckLine(name="a.py:1: F401", passed=False, message="F401", path="a.py", line=1)


def passed(attempt: int, *, findings: int = 0) -> Spoken:
    seen = Outcome(
        passed=True, verified="checks", lint=(FINDING,) * findings, feedback="F401" if findings else ""
    )
    message = Message(author="executor", kind="outcome", sample=1, attempt=attempt, outcome=seen)
    return Spoken(message=message)


def reason(*bodies: Body | Sequence[Body], budget: Budget | None = None) -> str | None:
    flat: list[Body] = [started(budget=budget)]
    for body in bodies:
        flat += [body] if isinstance(body, Body) else body
    stopped = default_stop()(state_of(flat))
    return stopped.status if stopped is not None else None


def test_new_findings_are_asked_to_be_mended_before_it_is_solved() -> None:
    assert reason(call(1), code("a"), passed(1, findings=1)) is None
    assert (
        reason(call(1), code("a"), passed(1, findings=1), call(2), code("b", attempt=2), passed(2))
        == "solved"
    )


def test_after_two_repairs_what_is_left_is_only_said() -> None:
    tried = [call(1), code("a"), passed(1, findings=2), call(2), code("b", attempt=2), passed(2, findings=2)]

    assert reason(*tried) is None
    assert reason(*tried, call(3), code("c", attempt=3), passed(3, findings=2)) == "solved"


def test_without_calls_left_it_is_solved_with_its_findings() -> None:
    assert reason(call(1), code("a"), passed(1, findings=1), budget=Budget(calls=1)) == "solved"


def test_a_repair_that_breaks_the_code_leaves_what_has_passed() -> None:
    bodies: list[Body] = [
        started(),
        *call(1),
        code("a"),
        passed(1, findings=1),
        *call(2),
        code("b", attempt=2),
    ]
    state = state_of([*bodies, outcome(False, attempt=2)])
    stopped = default_stop()(state)

    assert stopped is not None
    assert stopped.status == "solved"
    assert (best_code(state) or code("").message).text == "a"
    assert summarize(state).lint == (FINDING,)


def test_an_answer_that_only_repeats_itself_ends_the_repairs() -> None:
    assert (
        reason(call(1), code("a"), passed(1, findings=1), call(2), code("a", attempt=2, repeats=True))
        == "solved"
    )


def test_of_what_passes_the_code_with_the_fewest_findings_is_the_best() -> None:
    bodies: list[Body] = [
        started(),
        *call(1),
        code("a"),
        passed(1, findings=1),
        *call(2),
        code("b", attempt=2),
    ]
    state = state_of([*bodies, passed(2, findings=3)])

    assert (best_code(state) or code("").message).text == "a"
