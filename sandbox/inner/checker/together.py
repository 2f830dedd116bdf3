"""Run a function and its tests in one process, for functions whose values can't cross.

The candidate can reach everything here, the channel too: such a verdict is labelled weaker.
"""

from __future__ import annotations

import linecache
import os
import sys
import threading
from collections.abc import Mapping
from functools import partial
from typing import Any

from sandbox.inner.bridge.candidate_line import REPORT
from sandbox.inner.bridge.codec import encode
from sandbox.inner.checker.alarm import watch
from sandbox.inner.process.execute import forget_server
from sandbox.inner.process.wire import Channel

_TEST = "<test>"


def main(channel: Channel, arguments: Mapping[str, Any]) -> None:
    """Run the `source` of a module, and each of the `tests` on its `entry_point`."""
    forget_server()
    sys.path.insert(0, os.getcwd())
    sys.stdout = open(os.devnull, "w")  # noqa: SIM115 - as long as the process; prints are discarded
    space: dict[str, Any] = {"__name__": "solution", "__builtins__": __builtins__}

    turns = threading.RLock()  # an alarm may be set off by any thread

    def say(*report: object) -> None:
        with turns:
            channel.send(REPORT + encode(report))

    watch(partial(say, "tripped"), frozenset({_TEST, main.__code__.co_filename}), frozenset())
    try:
        _run(arguments["source"], "solution.py", space)
        candidate = space[arguments["entry_point"]]
    except BaseException as error:  # noqa: BLE001 - any exception of the module is its result
        say("unloaded", f"{type(error).__name__}: {error}"[:2000])
    else:
        for number, test in enumerate(arguments["tests"]):
            message = ""
            try:
                _run(test, _TEST, space)
                space["check"](candidate)
            except BaseException as error:  # noqa: BLE001 - any exception of a test is its result
                message = f"{type(error).__name__}: {error}"[:2000]
            say("result", number, "", not message, message, None, None, False)
    say("end", [], [], [], [], [], 0, False, False)
    channel.receive()  # the host closes it; if we exited first, the candidate's threads might still write
    os._exit(0)


def _run(source: str, filename: str, space: dict[str, Any]) -> None:
    linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
    exec(compile(source, filename, "exec", dont_inherit=True), space)
