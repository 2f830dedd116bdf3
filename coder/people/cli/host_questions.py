"""HostQuestions: a host that programs of the model want to reach is asked about, once."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from coder.base.errors import MachineError
from coder.base.text.sanitize import one_line
from coder.environment.asked_hosts import format_host
from coder.people.chat.permissions import Permissions
from coder.show.line_reader import LineReader, Typed, answer_to
from coder.show.screen import Screen

MOST_REFUSED = 5
"""Hosts; with so many refused, further ones are without a question."""
THIS_TIME = ("t", "y", "yes")
QUESTION = "A program wants to reach {host}. Let it? this [t]ime, this [p]roject, [N]o: "


class HostQuestions:
    """Asks while something runs, and remembers the answers."""

    def __init__(self, permissions: Permissions, reader: LineReader, screen: Screen, lines: Typed) -> None:
        """Ask by this reader, and leave alone what is typed while the model works."""
        self.this_time: set[str] = set()
        """Hosts that are allowed as long as the conversation is open."""
        self.turn = asyncio.Lock()
        """Held by the question that the terminal is for."""
        self._permissions = permissions
        self._reader = reader
        self._screen = screen
        self._lines = lines
        self._refused: set[str] = set()
        self._open: dict[str, asyncio.Task[bool]] = {}
        self._is_on = False

    @asynccontextmanager
    async def asking(self) -> AsyncIterator[None]:
        """Ask while the block lasts; a question that is open at its end is withdrawn."""
        self._is_on = True
        try:
            yield
        finally:
            self._is_on = False
            await self.withdraw()

    async def withdraw(self) -> None:
        """Take back the questions that are open: their hosts are refused this time."""
        withdrawn, self._open = [*self._open.values()], {}
        for task in withdrawn:
            task.cancel()
        await asyncio.gather(*withdrawn, return_exceptions=True)

    async def may_reach(self, host: str, port: int) -> bool:
        """Whether programs may reach a host at a port.

        The question stays where its program gives up: one that tries again finds the answer.
        """
        address = format_host(host, port)
        if address in self.this_time or address in self._permissions.allowed.hosts:
            return True
        if not self._is_on or address in self._refused or len(self._refused) >= MOST_REFUSED:
            return False
        if (task := self._open.get(address)) is None:
            task = self._open[address] = asyncio.create_task(self._ask(address))
        await asyncio.wait([task])
        return not task.cancelled() and task.result()

    async def _ask(self, address: str) -> bool:
        async with self.turn:
            answer = await self._answer(address) if len(self._refused) < MOST_REFUSED else ""
        if answer not in (*THIS_TIME, "p"):
            self._refused.add(address)
            return False
        self.this_time.add(address)
        if answer == "p":
            try:
                now = self._permissions.now()
                self._permissions.write(now.model_copy(update={"hosts": (*now.hosts, address)}))
            except MachineError as error:
                self._screen.tell(f"  ! allowed this time only: {one_line(str(error), width=300)}")
        return True

    async def _answer(self, address: str) -> str:
        async with self._lines.paused():
            with self._screen.hold_output():
                return (
                    await answer_to(QUESTION.format(host=address), self._reader, self._screen.tell)
                ).lower()
