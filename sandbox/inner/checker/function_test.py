"""Run a trial: tests of one function, and repeated calls.

The candidate's code is never here. Helpers defined by the prompt come from the prompt itself.
"""

from __future__ import annotations

import ast
import random
import resource
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import nullcontext, suppress
from functools import lru_cache, partial
from types import CodeType
from typing import Any

from sandbox.inner.bridge.candidate_line import AGAIN, CandidateLine
from sandbox.inner.bridge.codec import CodecError
from sandbox.inner.bridge.guard import ANY_CALL, Guard
from sandbox.inner.checker.answer_digests import ReferenceNames, is_same_answer
from sandbox.inner.checker.counter_trial import CounterTrial, Unusable, changed_sources
from sandbox.inner.checker.evaluated import Evaluated
from sandbox.inner.checker.exchanges import Exchanged, RecordedLine, read_exchanges, show_exchange
from sandbox.inner.checker.line_trace import LineTrace, find_deciding_lines
from sandbox.inner.checker.replay import RecordingLink, shuffle_calls
from sandbox.inner.checker.reporting import Reports, one_line, register_source
from sandbox.inner.checker.request_trials import parts_by_request
from sandbox.inner.process.wire import Channel

TEST, _PRELUDE = "<test>", "<prompt>"
_MAX_CACHED = 1 << 15
"""Maximum characters of a source whose compiled code is cached for other trials."""
_REPEATED_RUNS = 3
"""Runs of the tests with other calls made between their own."""
_MOST_OF_KIND = 20
"""Most answers of a kind that are reported as texts."""
_MOST_MORE = 256 << 20
"""Most bytes that changed answers may take."""
_MAX_PLACES = 1000
"""Most lines of a test that are reported."""


def run_trial(channel: Channel, line: Channel | None, job: Mapping[str, Any], reports: Reports) -> None:
    """Run the tests of one function; if all pass, repeat calls.

    Args:
        line: Channel to the candidate; None if the host relays frames.
        job: `checks` (each defines check(candidate)), `prelude`, `module`, `entry_point`, `crossing`,
            `wall_s`, `seed`, `together`, `replays`, `rerun`, `repeated`, and `weighed`: None, or an object
            with `seed`, `enough`, `own` (how often each exchange took place with the case's own answer) and
            `targets` (requests whose answers are changed); the last two are None for that answer's first
            trial.
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
        if job["seed"]:
            random.seed(job["seed"])
        self._chance = random.getstate()
        self._evaluated = Evaluated() if job["weighed"] is not None else None
        self._link = self._connect(line)
        self._timed_out = False

    def run(self) -> None:
        """Run the tests; if all pass, repeat calls."""
        if self._job["together"]:
            self._reports.say("together", self._run_together())
            self._reports.end(self._link)
            return
        candidate = self._load()
        if candidate is not None:
            messages = [self._report(number, candidate) for number in range(len(self._job["checks"]))]
            if not any(messages):
                self._reports.say("exchanged", self._link.frame_log.digest(), self._link.is_compared)
                random.seed()
                if self._job["replays"]:
                    self._replay(self._job["replays"])
        self._reports.end(self._link, timed_out=self._timed_out)
        if candidate is not None and self._job["weighed"] is not None and not any(messages):
            self._reports.flush()
            self._weigh(self._job["weighed"])

    def close(self) -> None:
        """Close the connections to the candidates, which ends them."""
        for link in self._links:
            link.close()

    def _connect(self, line: Channel | None, **crossing: object) -> RecordingLink:
        job = self._job
        link = RecordingLink(
            CandidateLine(self._channel, line, keeps=job["weighed"] is not None),
            Guard(**job["crossing"] | crossing),
            wall_s=job["wall_s"],
        )
        self._links.append(link)
        return link

    def _connect_another(self) -> RecordingLink:
        self._reports.flush()
        self._channel.send(AGAIN)
        _, line = self._channel.receive_with_line()
        # Calls have other digests there, as the test's objects get other numbers.
        return self._connect(line, raising=(ANY_CALL,), returning=())

    def _load(self) -> Any:
        """Have the candidate load its module; return its function, None if there is none."""
        try:
            return self._entry(self._link)
        except BaseException as error:  # noqa: BLE001 - any exception of its module is its result
            self._reports.say("unloaded", one_line(error))
            return None

    def _run_together(self) -> str:
        """Have the candidate run the tests in its own process; return why one failed, or ""."""
        job, link = self._job, self._link
        tests = tuple(check["source"] for check in job["checks"])
        try:
            with link.guard.suspended():
                module = link.request("import", job["module"])
                return str(
                    link.request("test", module, job["entry_point"], job["prelude"], tests, job["seed"])
                )
        except BaseException as error:  # noqa: BLE001 - whatever ended the candidate is its result
            return one_line(error)

    def _entry(self, link: RecordingLink) -> Any:
        return link.entry(self._job["module"], self._job["entry_point"])

    def _report(self, number: int, candidate: Any) -> str:
        """Run a test and report it; return why it failed, empty if it passed."""
        self._reports.flush()
        self._reports.number = number
        watch = WatchedTest(self._job["checks"][number]["source"], is_traced=self._job["weighed"] is not None)
        with self._evaluated or nullcontext():
            message = self._test(watch, self._link, candidate)
        self._reports.result("", not message, message)
        trace = watch.trace
        if not message and trace.is_complete and 0 < len(trace.counts) <= _MAX_PLACES:
            items = {line: trace.items[line] for line in trace.counts}
            self._reports.say("lines", number, trace.counts, items)
        return message

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
        if first_link.count + first_link.other_count < (1 if first_link.is_compared else 2):
            return
        link, differing, failure = self._connect_another(), 0, ""
        try:
            candidate = self._entry(link)
            order = [
                *shuffle_calls(calls),
                *shuffle_calls(calls),
            ]  # the same call again may get another answer
            answers = [(call, answer, link.repeat(call)) for _, call, answer in order]
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
        self._reports.say("replayed", 2 * len(calls), differing, failure)

    def _run_again(self, link: RecordingLink, candidate: Any, differences: list[tuple[bytes, bytes]]) -> str:
        """Run the tests on a candidate that was called before; return why one failed, empty if none did."""
        tests = [WatchedTest(check["source"]) for check in self._job["checks"]]
        if not self._link.is_compared:  # values that aren't compared may depend on the number of calls
            if self._link.count > 1:
                link.stop_after = random.randrange(1, self._link.count)
                for test in tests:
                    self._test(test, link, candidate)
                link.stop_after = None
            link.repeats = self._job["repeated"]
        link.substitute(differences)
        for _ in range(_REPEATED_RUNS if link.repeats else 1):
            link.begin_run()
            failures = (self._test(test, link, candidate) for test in tests)
            if failure := next(filter(None, failures), ""):
                return failure
        return ""

    def _weigh(self, weighed: Mapping[str, Any]) -> None:
        """Report exchanges that the case's own answer didn't have, and what others would bring about."""
        frame_log, own = self._link.frame_log, weighed["own"]
        if not frame_log.is_whole:
            return
        _limit_memory(_MOST_MORE)  # a changed pickle may ask for all there is
        try:
            trial = CounterTrial(
                frame_log.frames,
                read_exchanges(frame_log.frames, ReferenceNames(self._link.entry_number)),
                self._passes_recorded,
                seed=weighed["seed"],
                enough=weighed["enough"],
            )
            counts = trial.counts()
        except (CodecError, RecursionError, TypeError, ValueError, LookupError):  # frames of an odd candidate
            return
        sizes: dict[str, int] = {}
        for one in trial.exchanges:
            sizes[one.request] = min(one.size, sizes.get(one.request, one.size))
        names = () if own is not None else parts_by_request(frame_log.frames, trial.exchanges)
        self._reports.say("given", counts if own is None else {}, sizes, sorted(names))
        differing = trial.differing(own or {})
        if own is not None:
            fewer = {key: count for key, count in own.items() if counts.get(key, 0) < count}
            self._reports.say("differing", self._show(differing), fewer)
        targets = weighed["targets"]
        is_same = own is not None and targets is None and not (differing or fewer)
        chosen = differing if targets is None else [one for one in trial.exchanges if one.request in targets]
        sources = [check["source"] for check in self._job["checks"]]
        if weighed["enough"] and not is_same:
            codes = [compile(source, TEST, "exec", dont_inherit=True) for source in sources]
            changed = partial(changed_sources, sources, "candidate", codes)
            for kind, tried, failed in trial.try_others(codes, changed, chosen or trial.exchanges):
                self._reports.say("changed", kind, tried, failed)
            if own is None and (fails := trial.fails_idle(codes)) is not None:
                self._reports.say("changed", "idle", 1, int(fails))
            parts = frozenset(weighed["parts"])
            shares = () if own is None else trial.try_requests(codes, chosen, own, parts=parts)
            for name, tried, failed in shares:
                self._reports.say("changed", name, tried, failed)
        self._reports.say("weighed", sorted(self._evaluated.digests if self._evaluated else ()))

    def _show(self, differing: Sequence[Exchanged]) -> dict[str, str]:
        """Return the text of the first exchanges of each kind by their keys, and "" for the others."""
        shown, kinds = dict.fromkeys((one.key for one in differing), ""), Counter[str]()
        for one in differing:
            kinds[one.letters] += 1
            if kinds[one.letters] <= _MOST_OF_KIND:
                shown[one.key] = show_exchange(self._link.frame_log.frames, one, self._job["entry_point"])
        return shown

    def _passes_recorded(self, line: RecordedLine, codes: Sequence[CodeType]) -> bool:
        """Run compiled tests on recorded answers; return whether they pass. Raises Unusable."""
        random.setstate(self._chance)
        link = RecordingLink(line, Guard(**self._job["crossing"]), wall_s=self._job["wall_s"])
        candidate = self._entry(link)
        passes = not any(self._test(WatchedTest(code), link, candidate) for code in codes)
        if link.gone is not None:
            raise Unusable
        return passes


class WatchedTest:
    """A run of one test, and the lines that ran in it."""

    def __init__(self, source: str | CodeType, *, is_traced: bool = False) -> None:
        """Take the test, which defines `check(candidate)`; `is_traced`: whether its lines are counted."""
        self._source = source
        is_counted = is_traced and isinstance(source, str)
        self.trace = LineTrace((TEST,), _lines_of(source) if is_counted else frozenset[int]())  # type: ignore[arg-type]

    def run(self, candidate: object, space: dict[str, Any]) -> None:
        """Run the source in a namespace, and its check(candidate). Raises what these raise."""
        with self.trace:
            if isinstance(self._source, str):
                execute(self._source, TEST, space)
            else:
                exec(self._source, space)
            space["check"](candidate)


def _limit_memory(more: int) -> None:
    """Limit this process to the most memory that it had, and so many bytes more."""
    with open("/proc/self/status") as file:
        peak_kib = next(int(line.split()[1]) for line in file if line.startswith("VmPeak:"))
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    limit = (peak_kib << 10) + more
    resource.setrlimit(
        resource.RLIMIT_AS, (limit if hard == resource.RLIM_INFINITY else min(limit, hard), hard)
    )


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


def execute(source: str, filename: str, space: dict[str, Any]) -> None:
    """Run a source in a namespace. Raises what it raises."""
    if filename != _PRELUDE:
        register_source(filename, source)
    exec((_compiled_once if len(source) <= _MAX_CACHED else _compile)(source, filename), space)


def _compile(source: str, filename: str) -> CodeType:
    return compile(source, filename, "exec", dont_inherit=True)


_compiled_once = lru_cache(maxsize=512)(_compile)
