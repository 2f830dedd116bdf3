"""Run a trial: tests of one function, and repeated calls.

The candidate's code is never here. Helpers defined by the prompt come from the prompt itself.
"""

from __future__ import annotations

import ast
import random
import sys
from collections.abc import Mapping
from contextlib import suppress
from functools import lru_cache
from types import CodeType
from typing import Any

from sandbox.inner.bridge.candidate_line import AGAIN, CandidateLine
from sandbox.inner.bridge.guard import Guard
from sandbox.inner.checker.counter_trial import MORE_FRAMES, CounterTrial, hand_over_comparisons
from sandbox.inner.checker.line_trace import LineTrace, find_deciding_lines
from sandbox.inner.checker.replay import RecordingLink, is_same_answer, shuffle_calls
from sandbox.inner.checker.reporting import Reports, one_line, register_source
from sandbox.inner.process.wire import Channel

TEST, _PRELUDE = "<test>", "<prompt>"
_MAX_CACHED = 1 << 15
"""Maximum characters of a source whose compiled code is cached for other trials."""
_MAX_PLACES = 1000
"""Most lines and comparisons of a test that are reported."""


def run_trial(channel: Channel, line: Channel | None, job: Mapping[str, Any], reports: Reports) -> None:
    """Run the tests of one function; if all pass, repeat calls.

    Args:
        line: Channel to the candidate; None if the host relays frames.
        job: `checks` (each defines check(candidate)), `prelude`, `module`, `entry_point`, `crossing`,
            `wall_s`, `replays`, `rerun`.
    """
    trial = _Trial(channel, line, job, reports)
    try:
        trial.run()
    finally:
        trial.close()


class _Trial:
    def __init__(
        self, channel: Channel, line: Channel | None, job: Mapping[str, Any], reports: Reports
    ) -> None:
        self._reports = reports
        self._channel, self._job = channel, job
        self._links: list[RecordingLink] = []
        self._link = self._connect(line)
        self._timed_out = False

    def run(self) -> None:
        """Run the tests; if all pass, repeat calls."""
        candidate = self._load()
        if candidate is not None:
            messages = [self._report(number, candidate) for number in range(len(self._job["checks"]))]
            if not any(messages) and self._job["replays"]:
                self._replay(self._job["replays"])
        self._reports.end(self._link, timed_out=self._timed_out)

    def close(self) -> None:
        """Close the connections to the candidates, which ends them."""
        for link in self._links:
            link.close()

    def _connect(self, line: Channel | None) -> RecordingLink:
        job = self._job
        link = RecordingLink(
            CandidateLine(self._channel, line), Guard(**job["crossing"]), wall_s=job["wall_s"]
        )
        self._links.append(link)
        return link

    def _connect_another(self) -> RecordingLink:
        self._reports.flush()
        self._channel.send(AGAIN)
        _, line = self._channel.receive_with_line()
        return self._connect(line)

    def _load(self) -> Any:
        """Have the candidate load its module; return its function, None if there is none."""
        try:
            return self._entry(self._link)
        except BaseException as error:  # noqa: BLE001 - any exception of its module is its result
            self._reports.say("unloaded", one_line(error))
            return None

    def _entry(self, link: RecordingLink) -> Any:
        return link.entry(self._job["module"], self._job["entry_point"])

    def _report(self, number: int, candidate: Any) -> str:
        """Run a test and report it; return why it failed, empty if it passed."""
        self._reports.flush()
        self._reports.number = number
        watch = WatchedTest(self._job["checks"][number]["source"], is_tried=self._link.guard.only_data)
        message = self._test(watch, self._link, candidate)
        self._reports.result("", not message, message)
        if not message:
            self._report_watched(number, watch)
        return message

    def _report_watched(self, number: int, watch: WatchedTest) -> None:
        """Report which lines ran, and what the comparisons showed, of a test that passed."""
        trace = watch.trace
        if trace.is_complete and 0 < len(trace.counts) <= _MAX_PLACES:
            items = {line: trace.items[line] for line in trace.counts}
            self._reports.say("lines", number, trace.counts, items)
        if 0 < len(seen := watch.comparisons.seen) <= _MAX_PLACES:
            self._reports.say("compared", number, seen)

    def _test(self, watch: WatchedTest, link: RecordingLink, candidate: Any) -> str:
        """Run a test; return why it failed, or ""."""
        message = ""
        space: dict[str, Any] = {"__name__": "check", "__builtins__": __builtins__}
        try:
            execute(self._job["prelude"], _PRELUDE, space)
            link.guard.exports.shared = {
                value: name
                for name, value in space.items()
                if isinstance(value, type) and value.__module__ == space["__name__"]
            }
            space[self._job["entry_point"]] = candidate
            watch.run(candidate, space)
        except BaseException as error:  # noqa: BLE001 - any exception of a test is its result
            message = one_line(error)
            if isinstance(error, AssertionError) and link.last_outcome:
                message = f"{message}; the last call {link.last_outcome}"
        else:
            if link.gone is not None:  # the test caught the exception by a bare except
                message = str(link.gone)
        space.clear()  # breaks the cycle between it and its functions
        return message

    def _replay(self, max_calls: int) -> None:
        """Repeat calls in another order on a fresh candidate, and report whether tests fail with the answers.

        Answers may differ, as random ones do, if the tests pass with them.
        """
        first_link = self._link
        calls = [call for _, *call in first_link.calls[:max_calls]]
        if first_link.count < 2:
            return
        link, differing, failure = self._connect_another(), 0, ""
        try:
            candidate = self._entry(link)
            answers = [(call, answer, link.repeat(call)) for _, call, answer in shuffle_calls(calls)]
            differences = [
                (call, second_answer)
                for call, answer, second_answer in answers
                if not is_same_answer(call, answer, second_answer)
            ]
            differing = len(differences)
            if differing or self._job["rerun"] or not first_link.is_compared:
                failure = self._run_again(link, candidate, differences)
        except BaseException as error:  # noqa: BLE001 - it worked before, so a failure now is a difference
            failure = one_line(error)
        self._timed_out = link.gone is not None and link.gone.timed_out
        self._reports.say("replayed", len(calls), differing, failure)

    def _run_again(self, link: RecordingLink, candidate: Any, differences: list[tuple[bytes, bytes]]) -> str:
        """Run the tests on a candidate that was called before; return why one failed, empty if none did."""
        tests = [WatchedTest(check["source"]) for check in self._job["checks"]]
        if not self._link.is_compared:  # values that aren't compared may depend on the number of calls
            link.stop_after = random.randrange(1, self._link.count)
            for test in tests:
                self._test(test, link, candidate)
            link.stop_after = None
        link.substitute(differences)
        return next(filter(None, (self._test(test, link, candidate) for test in tests)), "")


class WatchedTest:
    """A run of one test, and what is seen of it if it is the first."""

    def __init__(self, source: str, *, is_tried: bool | None = None) -> None:
        """Take the test's source, which defines `check(candidate)`.

        Args:
            is_tried: whether comparisons are tried with other values; None: nor are lines counted.
        """
        self.comparisons = CounterTrial(is_tried=bool(is_tried))
        self._source = source
        lines = _lines_of(source) if is_tried is not None else frozenset[int]()
        self.trace = LineTrace((TEST,), lines)

    def run(self, candidate: object, space: dict[str, Any]) -> None:
        """Run the source in a namespace, and its check(candidate). Raises what these raise."""
        self.comparisons.install()
        limit = sys.getrecursionlimit()
        sys.setrecursionlimit(limit + MORE_FRAMES)
        try:
            with self.trace:
                execute(self._source, TEST, space)
                space["check"](candidate)
        finally:
            sys.setrecursionlimit(limit)


def _lines_of(source: str) -> frozenset[int]:
    try:
        return _deciding_lines_once(source) if len(source) <= _MAX_CACHED else _deciding_lines(source)
    except (SyntaxError, ValueError, RecursionError):  # running it says so
        return frozenset()


def _deciding_lines(source: str) -> frozenset[int]:
    return find_deciding_lines(ast.parse(source, TEST))


_deciding_lines_once = lru_cache(maxsize=512)(_deciding_lines)


def prepare(job: Mapping[str, Any]) -> None:
    """Compile a trial's sources for all clones of this process; the trial reports invalid ones."""
    tests = [(check["source"], TEST) for check in job["checks"]]
    for source, filename in ((job["prelude"], _PRELUDE), *tests):
        if len(source) <= _MAX_CACHED:
            with suppress(SyntaxError, ValueError, RecursionError, MemoryError):
                _compiled_once(source, filename)
                if filename == TEST:
                    _deciding_lines_once(source)


def execute(source: str, filename: str, space: dict[str, Any]) -> None:
    """Run a source in a namespace. Raises what it raises."""
    if filename != _PRELUDE:
        register_source(filename, source)
    exec((_compiled_once if len(source) <= _MAX_CACHED else _compile)(source, filename), space)


def _compile(source: str, filename: str) -> CodeType:
    if filename != TEST:
        return compile(source, filename, "exec", dont_inherit=True)
    try:
        tree = hand_over_comparisons(ast.parse(source, filename))
    except RecursionError:  # an expression of hundreds of terms, which the compiler takes
        return compile(source, filename, "exec", dont_inherit=True)
    return compile(tree, filename, "exec", dont_inherit=True)


_compiled_once = lru_cache(maxsize=512)(_compile)
