"""A worker forgets cases of drivers before they fill its memory."""

from benchmarks.executors.wire import digest_of
from benchmarks.rewards.worker_routes import WorkerCases
from benchmarks.suite import ScriptCase, ScriptRun


def test_the_least_recently_used_cases_are_forgotten_beyond_a_number_of_bytes() -> None:
    cases = [ScriptCase(id=f"c{i}", prompt="x" * 1000, runs=(ScriptRun(stdout=""),)) for i in range(3)]
    kept = WorkerCases(most_bytes=3000)

    for case in cases:
        kept.add(case)

    assert [kept.get(digest_of(case)) is not None for case in cases] == [False, True, True]
