"""Run a trial: pristine tests of one function, and repeated calls.

The candidate's code is never here. Helpers defined by the prompt come from the prompt itself.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from contextlib import suppress
from functools import lru_cache
from types import CodeType
from typing import Any

from sandbox.inner.bridge.candidate_line import AGAIN, CandidateLine
from sandbox.inner.bridge.guard import Guard
from sandbox.inner.checker.replay import RecordingLink, same_answer
from sandbox.inner.checker.reporting import Reports, one_line, remember
from sandbox.inner.process.wire import Channel

TEST, _PRELUDE = "<test>", "<prompt>"
_KEPT = 1 << 15
"""Maximum characters of a source whose compiled code is cached for other trials."""


def run_trial(channel: Channel, line: Channel | None, job: Mapping[str, Any], reports: Reports) -> None:
    """Run the tests of one function; if all pass, repeat calls.

    Args:
        line: To the candidate; None if the host relays frames.
        job: `checks` (each defines check(candidate)), `prelude`, `module`, `entry_point`, `crossing`,
            `wall_s`, `replays`, `seed`.
    """
    trial = _Trial(channel, line, job, reports)
    try:
        trial.hold()
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
        self._candidate: Any = None
        self._timed_out = False
        self._passed = True

    def hold(self) -> None:
        """Run the tests; if all pass, repeat calls."""
        job = self._job
        if self._load():
            for number, check in enumerate(job["checks"]):
                self._reports.flush()
                self._reports.number = number
                self._test(check["source"])
            if self._passed and job["replays"]:
                self._replay(job["replays"], random.Random(job["seed"]))
        self._reports.end(self._link, timed_out=self._timed_out)

    def close(self) -> None:
        """Close the lines to the candidates, which ends them."""
        for link in self._links:
            link.close()

    def _connect(self, line: Channel | None) -> RecordingLink:
        job = self._job
        link = RecordingLink(
            CandidateLine(self._channel, line), Guard(**job["crossing"]), wall_s=job["wall_s"]
        )
        self._links.append(link)
        return link

    def _another(self) -> RecordingLink:
        self._reports.flush()
        self._channel.send(AGAIN)
        _, line = self._channel.receive_with_line()
        return self._connect(line)

    def _load(self) -> bool:
        """Have the candidate load its module; return whether it has the function."""
        try:
            self._candidate = self._link.entry(self._job["module"], self._job["entry_point"])
        except BaseException as error:  # noqa: BLE001 - any exception of its module is its result
            self._reports.say("unloaded", one_line(error))
            return False
        return True

    def _test(self, source: str) -> None:
        message = ""
        space: dict[str, Any] = {"__name__": "check", "__builtins__": __builtins__}
        try:
            execute(self._job["prelude"], _PRELUDE, space)
            space[self._job["entry_point"]] = self._candidate
            run_test(source, self._candidate, space)
        except BaseException as error:  # noqa: BLE001 - any exception of a test is its result
            message = one_line(error)
            if isinstance(error, AssertionError) and self._link.last:
                message = f"{message}; the last call {self._link.last}"
        else:
            if self._link.gone is not None:  # the test caught it, with a bare except
                message = str(self._link.gone)
        space.clear()  # breaks the cycle between it and its functions
        self._passed = self._passed and not message
        self._reports.result("", not message, message)

    def _replay(self, most: int, chance: random.Random) -> None:
        """Repeat calls in another order on a fresh candidate, and report whether an answer differs."""
        calls = self._link.calls
        chosen = chance.sample(range(len(calls)), min(most, len(calls)))
        if chosen == sorted(chosen):
            chosen.reverse()
        if not chosen:
            return
        link, differing, why = self._another(), 0, ""
        try:
            link.entry(self._job["module"], self._job["entry_point"])
            for i in chosen:
                differing += not same_answer(*calls[i], link.repeat(calls[i][0]))
        except BaseException as error:  # noqa: BLE001 - it worked before, so a failure now is a difference
            self._timed_out = link.gone is not None and link.gone.timed_out
            differing, why = max(differing, 1), one_line(error)
        self._reports.say("replayed", len(chosen), differing, why)


def run_test(source: str, candidate: object, space: dict[str, Any]) -> None:
    """Run a test's source in a namespace, and its check(candidate). Raises what these raise."""
    execute(source, TEST, space)
    space["check"](candidate)


def prepare(job: Mapping[str, Any]) -> None:
    """Compile a trial's sources for all clones of this process; the trial reports invalid ones."""
    tests = [(check["source"], TEST) for check in job["checks"]]
    for source, filename in ((job["prelude"], _PRELUDE), *tests):
        if len(source) <= _KEPT:
            with suppress(SyntaxError, ValueError, RecursionError, MemoryError):
                _compiled_once(source, filename)


def execute(source: str, filename: str, space: dict[str, Any]) -> None:
    """Run a source in a namespace. Raises what it raises."""
    if filename != _PRELUDE:
        remember(filename, source)
    exec((_compiled_once if len(source) <= _KEPT else _compile)(source, filename), space)


def _compile(source: str, filename: str) -> CodeType:
    return compile(source, filename, "exec", dont_inherit=True)


_compiled_once = lru_cache(maxsize=512)(_compile)
