"""The checker's side of a trial: pristine tests of one function that lives in another sandbox.

None of the candidate's code is ever here. Helpers that the prompt defines come from the prompt itself.
"""

from __future__ import annotations

import copy
import linecache
import random
from contextlib import suppress
from functools import lru_cache
from types import CodeType
from typing import TYPE_CHECKING, Any

from sandbox.inner.bridge.codec import CodecError, encode
from sandbox.inner.bridge.frames import AGAIN, REFERENCE, REPORT
from sandbox.inner.bridge.guard import GuardedLink
from sandbox.inner.bridge.link_errors import CandidateGone
from sandbox.inner.bridge.peer import Peer
from sandbox.inner.bridge.show_values import show, show_call, show_error
from sandbox.inner.bridge.standard import to_parts
from sandbox.inner.checker.nearby import nearby
from sandbox.inner.checker.replay import answers_alike, same_answer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sandbox.inner.process.channel import Channel

_TEST, _PRELUDE = "<test>", "<prompt>"
_MAX_MESSAGE = 2000
_KEPT = 1 << 15
"""Characters of a source whose code is kept for other trials, at most."""


def hold(channel: Channel, arguments: Mapping[str, Any], line: Channel | None = None) -> list[bytes]:
    """Hold a trial; gives the last frames for the host, which are still to be sent.

    Args:
        line: to the candidate; None where the host passes frames on.
        arguments: `tests` (each defines check(candidate)), `prelude`, `module`, `entry_point`, `kinds`,
            `errors`, `steps`, `changed`, `uses`, `write_back`, `wall_s`, `replays`, `explored`, `seed`.
    """
    trial = _Trial(channel, line, arguments)
    try:
        return trial.hold()
    finally:
        trial.close()


class _Trial:
    def __init__(self, channel: Channel, line: Channel | None, arguments: Mapping[str, Any]) -> None:
        self._channel, self._arguments = channel, arguments
        self._lines: list[Channel] = []
        self._unsent: list[bytes] = []
        self._link = self._connect(line)
        self._candidate: Any = None
        self._timed_out = False
        self._passed = True

    def hold(self) -> list[bytes]:
        """All of it, but for the last frames, which it gives."""
        given = self._arguments
        if self._load():
            for number, source in enumerate(given["tests"]):
                self._flush()
                self._test(number, source)
            if self._passed and given["replays"]:
                self._replay(given["replays"], random.Random(given["seed"]))
            if self._passed and given["explored"]:
                self._explore(given["explored"], random.Random(given["seed"]))
        self._end()
        return self._unsent

    def close(self) -> None:
        """Close the lines to the candidates, which end by that, and let go of what was recorded."""
        for line in self._lines:
            line.close()
        self._link.calls.clear()
        self._link.inputs.clear()

    def _connect(self, line: Channel | None) -> GuardedLink:
        given = self._arguments
        self._lines += [] if line is None else [line]
        return GuardedLink(
            self._channel if line is None else Peer(self._channel, line),
            writes_back=given["write_back"],
            kinds=given["kinds"],
            errors=given["errors"],
            wall_s=given["wall_s"],
            keeps_inputs=bool(given["explored"]),
            steps=given["steps"],
            changed=given["changed"],
            uses=given["uses"],
        )

    def _load(self) -> bool:
        """Have the candidate load its module; whether it has what was asked for."""
        try:
            self._candidate = self._link.entry(self._arguments["module"], self._arguments["entry_point"])
        except BaseException as error:  # noqa: BLE001 - whatever its module raises is its result
            self._say("unloaded", _told(error))
            return False
        return True

    def _test(self, number: int, source: str) -> None:
        """Run one test and say how it ended."""
        message = ""
        space: dict[str, Any] = {}
        try:
            self._fill(space)
            _run(source, _TEST, space)
            space["check"](self._candidate)
        except BaseException as error:  # noqa: BLE001 - whatever a test raises is its result
            message = _told(error) or type(error).__name__
            if isinstance(error, AssertionError) and self._link.last:
                message = f"{message}; the last call {self._link.last}"
        else:
            if self._link.gone is not None:  # the test caught it, as it catches everything
                message = str(self._link.gone)
        space.clear()  # its functions hold it, and it holds them
        self._passed = self._passed and not message
        self._say("test", number, not message, message[:_MAX_MESSAGE])

    def _replay(self, most: int, chance: random.Random) -> None:
        """Ask a fresh candidate some of the calls in another order, and say whether an answer differs."""
        calls = self._link.calls
        chosen = chance.sample(range(len(calls)), min(most, len(calls)))
        if chosen == sorted(chosen):
            chosen.reverse()
        if not chosen:
            return
        self._flush()
        self._channel.send(AGAIN)
        ready, line = self._channel.receive_with_line()
        if ready is None:
            return
        link = self._connect(line)
        differing = 0
        try:
            link.entry(self._arguments["module"], self._arguments["entry_point"])
            for i in chosen:
                differing += not answers_alike(*calls[i], link.replay(calls[i][0]))
        except BaseException as error:  # noqa: BLE001 - it worked before: that it doesn't now is a difference
            self._timed_out = link.gone is not None and link.gone.timed_out
            self._say("replayed", len(chosen), max(differing, 1), _told(error)[:_MAX_MESSAGE])
        else:
            self._say("replayed", len(chosen), differing, "")

    def _explore(self, most: int, chance: random.Random) -> None:
        """Ask what is right, then the candidate, on inputs near the tests', and say what differs."""
        inputs = self._link.inputs
        if not inputs:
            return
        asked = [nearby(chance.choice(inputs), chance) for _ in range(most)]
        right, answers = self._answers(REFERENCE, asked), self._answers(b"", asked)
        pairs = [(one, right.get(i), answers.get(i)) for i, one in enumerate(asked) if i in right]
        astray = [pair for pair in pairs if not same_answer(pair[1], pair[2])]
        example = ""
        if astray:
            (args, kwargs), expected, actual = astray[0]
            call = show_call(self._arguments["entry_point"], args, kwargs)
            said = "nothing" if actual is None else show(actual[0])
            example = f"{call} gives {said}, and {show(expected[0]) if expected else ''} is right"
        self._say("explored", len(pairs), len(astray), example)

    def _answers(self, which: bytes, asked: list[Any]) -> dict[int, tuple[Any]]:
        """Plain answers by the number of the input; none where it raised, or gave something else."""
        found: dict[int, tuple[Any]] = {}
        self._flush()
        self._channel.send(AGAIN + which)
        ready, line = self._channel.receive_with_line()
        if ready is None:
            return found
        link = self._connect(line)
        with suppress(BaseException):  # gone: what it didn't answer counts as no answer
            function = link.entry(self._arguments["module"], self._arguments["entry_point"])
            for i, (args, kwargs) in enumerate(copy.deepcopy(asked)):
                with suppress(Exception):
                    value = function(*args, **kwargs)
                    encode(value, refer=_plain)
                    found[i] = (value,)
        return found

    def _end(self) -> None:
        """Say that there is no more, and what crossed."""
        link = self._link
        timed_out = self._timed_out or (link.gone is not None and link.gone.timed_out)
        changed = link.changed if link.writes_back else ["*"] * link.mutated
        self._say("end", *map(sorted, (link.kinds, link.errors, changed, link.uses)), timed_out, link.steps)

    def _fill(self, space: dict[str, Any]) -> None:
        """Give a test the names that it may use: those of the prompt, and the function under its own."""
        space.update({"__name__": "check", "__builtins__": __builtins__})
        _run(self._arguments["prelude"], _PRELUDE, space)
        space[self._arguments["entry_point"]] = self._candidate

    def _say(self, *report: object) -> None:
        """Keep a report for the next frames that are sent."""
        self._unsent.append(REPORT + encode(report))

    def _flush(self) -> None:
        if self._unsent:
            self._channel.send_all(self._unsent)
            self._unsent.clear()


def _plain(value: object) -> tuple[object, ...]:
    parts = to_parts(value)
    if parts is None:
        raise CodecError("not plain")
    return parts


def prepare(arguments: Mapping[str, Any]) -> None:
    """Compile what a trial runs, so that clones of this process needn't; a trial tells what can't be."""
    for source in (arguments["prelude"], *arguments["tests"]):
        if len(source) > _KEPT:
            continue
        with suppress(SyntaxError, ValueError, RecursionError, MemoryError):
            _compiled_once(source, _PRELUDE if source is arguments["prelude"] else _TEST)


def _compile(source: str, filename: str) -> CodeType:
    return compile(source, filename, "exec", dont_inherit=True)


_compiled_once = lru_cache(maxsize=512)(_compile)


def _run(source: str, filename: str, space: dict[str, Any]) -> None:
    linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
    exec((_compiled_once if len(source) <= _KEPT else _compile)(source, filename), space)


def _told(error: BaseException) -> str:
    """An error in a line: the test's own line, and what was raised there."""
    if isinstance(error, CandidateGone):
        return str(error)
    line = ""
    trace = error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        if code.co_filename == _TEST:
            line = linecache.getline(_TEST, trace.tb_lineno).strip()
        trace = trace.tb_next
    said = show_error(error)
    text = "" if isinstance(error, AssertionError) and not said else f"{type(error).__name__}: {said}"
    return "; ".join(part for part in (line, text) if part)
