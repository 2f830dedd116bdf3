"""The stream that passes a program's output on, where its user leaves early."""

import asyncio
import os
import sys
import threading

import pytest

from coder.people.cli.output_stream import OutputStream
from tests.processes import wait_until


def test_a_write_that_ends_after_the_run_failed_raises_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    reader, writer = os.pipe()
    raised: list[threading.ExceptHookArgs] = []
    monkeypatch.setattr(threading, "excepthook", raised.append)
    before = set(threading.enumerate())

    async def fail_while_the_reader_is_slow() -> None:
        async with OutputStream() as output:
            output.put("stdout", b"x" * (1 << 20))
            raise LookupError

    with os.fdopen(writer, "w") as stdout, monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", stdout)
        with pytest.raises(LookupError):
            asyncio.run(fail_while_the_reader_is_slow())
        threads = set(threading.enumerate()) - before
        assert threads  # it waits for the reader still
        read = 0
        while read < 1 << 20:
            read += len(os.read(reader, 1 << 16))
        assert wait_until(lambda: not any(thread.is_alive() for thread in threads))
    os.close(reader)

    assert not raised
