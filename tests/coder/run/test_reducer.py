"""The state is a fold of events; rounds and stops are pure functions of it."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coder.engine.teams.repair import repair_stop
from coder.run.attempts import best_code, code_to_repair, is_repeat, most_repeated
from coder.run.event_types import BaselineTaken, BudgetReached, RunResumed, RunStopped
from coder.run.events import Event
from coder.run.reducer import fold, fold_all
from coder.run.settings import Budget
from coder.run.state import State
from coder.run.termination import Reason, Stop, stuck
from tests.coder.states import call, code, events, outcome, started, state_of


def test_a_call_without_answer_stays_reserved() -> None:
    state = state_of([started(), *call(1), call(2)[0]])

    assert state.spend.calls == 2
    assert state.spend.tokens == 20 + 100
    assert state.spend.usd == Decimal("0.11")


def test_a_cost_that_is_unknown_once_is_unknown() -> None:
    state = state_of([started(), *call(1, cost=None)])

    assert not state.spend.cost_known


def test_answers_wait_until_their_turn_is_spoken() -> None:
    waiting = state_of([started(), *call(1)])
    spoken = state_of([started(), *call(1), code("a")])

    assert [answer.call for answer in waiting.progress.pending] == [1]
    assert spoken.progress.pending == ()


def test_the_pause_before_a_resume_is_not_the_runs_time() -> None:
    log = events([started(), *call(1)])
    stop = Event(
        run="run_test", seq=4, time=1004, type="run.stopped", body=_stopped().model_dump(mode="json")
    )
    body = RunResumed(budget=Budget(), model="test/model").model_dump(mode="json")
    later = Event(run="run_test", seq=5, time=90_000, type="run.resumed", body=body)

    state = fold_all([*log, stop, later])

    assert state.spend.seconds == pytest.approx(3)
    assert state.progress.stopped is None


def test_a_resume_with_more_budget_lifts_the_limit() -> None:
    reached = [started(budget=Budget(max_calls=1)), *call(1), BudgetReached(limit="calls", text="no more")]
    resumed = [*reached, RunResumed(budget=Budget(max_calls=2), model="test/model")]

    assert repair_stop()(state_of(reached)) == Reason("limit", "no more")
    assert repair_stop()(state_of(resumed)) is None


def test_an_unknown_event_only_moves_the_clock() -> None:
    log = events([started()])
    unknown = Event(run="run_test", seq=2, time=1011, type="bench.scored", version=7, body={"any": "thing"})

    state = fold(fold_all(log), unknown)

    assert (state.progress.seq, state.spend.seconds, state.progress.messages) == (2, 10, ())


def test_code_that_failed_is_repaired() -> None:
    state = state_of([started(), code("a"), outcome(False)])

    assert code_to_repair(state) == state.codes[0]
    assert repair_stop()(state) is None


def test_after_the_last_repair_a_run_is_unsolved() -> None:
    bodies = [started(budget=Budget(repairs=1)), code("a"), outcome(False), code("b"), outcome(False)]

    assert repair_stop()(state_of(bodies)) == Reason("unsolved", "none of 2 answers passed")
    assert repair_stop()(state_of(bodies[:-1])) is None


def test_a_repeated_answer_is_not_repaired_and_ends_the_run() -> None:
    state = state_of([started(), code("a"), outcome(False), code("a", repeats=True)])

    assert code_to_repair(state) is None
    assert repair_stop()(state) == Reason("unsolved", "the one answer did not pass")
    assert most_repeated(state) == 2


def test_an_answer_without_code_is_not_repaired() -> None:
    assert code_to_repair(state_of([started(), code(""), outcome(False)])) is None


def test_four_identical_answers_are_stuck_within_the_default_budget() -> None:
    bodies = [started(), *call(1), code("a"), outcome(False)]
    for sample in (1, 2, 3):
        bodies += [*call(sample + 1), code("a", repeats=True)]

    reason = repair_stop()(state_of(bodies))

    assert reason is not None
    assert reason.status == "stuck"


def test_the_same_code_in_other_words_is_a_repeat() -> None:
    state = state_of([started(), code("x = 1\n"), outcome(False)])

    assert is_repeat(state, {"solution.py": "x = 1"}, "entirely other prose")
    assert not is_repeat(state, {"solution.py": "x = 2"}, "x = 1")


def test_the_best_code_is_the_one_with_most_checks_passed() -> None:
    state = state_of(
        [
            started(), code("a"), outcome(False, checks=[True, True, False]),
            code("b"), outcome(False, checks=[True, False, False]),
        ]
    )  # fmt: skip

    best = best_code(state)

    assert best is not None
    assert best.text == "a"


def test_a_last_call_that_passes_is_solved_not_limit() -> None:
    state = state_of([started(budget=Budget(max_calls=1)), *call(1), code("a"), outcome(True)])

    reason = repair_stop()(state)

    assert reason is not None
    assert reason.status == "solved"


def test_code_that_waits_for_its_run_is_tried_before_the_limit_ends_the_run() -> None:
    state = state_of([started(budget=Budget(max_calls=1)), *call(1), code("a")])

    assert repair_stop()(state) is None


def test_nothing_to_check_it_by_is_unverified() -> None:
    state = state_of([started(), *call(1), code("a"), outcome(True, verified="none")])

    reason = repair_stop()(state)

    assert reason is not None
    assert reason.status == "unverified"


def test_all_samples_tried_is_unsolved() -> None:
    state = state_of([started(budget=Budget(samples=1, repairs=0)), *call(1), code("a"), outcome(False)])

    reason = repair_stop()(state)

    assert reason is not None
    assert reason.status == "unsolved"


def _fixed(speaks: bool, name: str) -> Stop:
    return Stop(lambda state: Reason("limit", name) if speaks else None)


@given(a=st.booleans(), b=st.booleans(), c=st.booleans())
def test_stops_join_like_booleans_and_keep_order(a: bool, b: bool, c: bool) -> None:
    state = state_of([started()])
    x, y, z = _fixed(a, "x"), _fixed(b, "y"), _fixed(c, "z")

    assert (((x | y) | z)(state)) == ((x | (y | z))(state))
    assert ((x | y)(state) is not None) == (a or b)
    if a:
        assert (x | y)(state) == x(state)


@given(st.integers(min_value=1, max_value=9))
def test_a_stop_has_nothing_to_reset(times: int) -> None:
    stop, state = stuck, _stuck_state()

    answers = {stop(state) for _ in range(times)}

    assert len(answers) == 1


def _stuck_state() -> State:
    return state_of([started(), *(code("a", repeats=i > 1) for i in range(1, 5))])


def _stopped() -> RunStopped:
    return RunStopped(status="limit", reason="no more", exit_code=3)


def test_time_before_a_call_that_the_user_asks_for_between_two_messages_is_not_the_runs() -> None:
    stopped = RunStopped(status="solved", reason="it passes", exit_code=0)

    before = state_of([started(), *call(1), stopped])
    after = state_of([started(), *call(1), stopped, *call(2)])

    assert after.spend.calls == 2
    assert after.spend.seconds == before.spend.seconds + 1  # of the call itself


def test_long_tests_are_counted_apart_so_that_both_times_are_the_wall_time() -> None:
    baseline = BaselineTaken(passed=True, seconds=300.0, alone_s=40.0, is_cut=True)

    state = fold_all(events([started(), baseline, *call(1)], step_s=400.0))

    assert (state.spend.seconds, state.spend.test_seconds) == (860.0, 340.0)
