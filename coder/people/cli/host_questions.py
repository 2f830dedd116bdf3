"""HostQuestions: ask once about each host that the model's programs want to reach."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from coder.base.errors import MachineError
from coder.base.text.sanitize import one_line
from coder.config.permissions import Permissions
from coder.environment.asked_hosts import format_host

MAX_REFUSED = 5
"""Number of refused hosts after which further hosts are refused without a question."""
THIS_TIME_ANSWERS = ("t", "y", "yes")


class HostQuestions:
    """Asks about hosts while a program runs, and remembers the answers."""

    def __init__(
        self,
        permissions: Permissions,
        ask: Callable[[str], Awaitable[str]],
        note: Callable[[str], None],
    ) -> None:
        """Initialize with functions that ask a person about an address, and that show a line.

        The answer `p` allows a host in the project, and one of `THIS_TIME_ANSWERS` in the conversation. Any
        other answer means no.
        """
        self.this_time: set[str] = set()
        """Hosts that are allowed until the conversation ends."""
        self.turn = asyncio.Lock()
        """Lock held by the question that is shown."""
        self._permissions = permissions
        self._ask_person = ask
        self._note = note
        self._refused: set[str] = set()
        self._open_questions: dict[str, asyncio.Task[bool]] = {}
        self._is_asking = False

    @asynccontextmanager
    async def asking(self) -> AsyncIterator[None]:
        """Return a context manager that enables questions, and withdraws open ones at its end."""
        self._is_asking = True
        try:
            yield
        finally:
            self._is_asking = False
            await self.withdraw()

    async def withdraw(self) -> None:
        """Withdraw the open questions: their hosts are refused this time."""
        tasks, self._open_questions = [*self._open_questions.values()], {}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def may_reach(self, host: str, port: int) -> bool:
        """Return whether programs may reach a host at a port.

        The question stays open if its program gives up, so a later attempt gets the answer.
        """
        address = format_host(host, port)
        if address in self.this_time or address in self._permissions.allowed.hosts:
            return True
        if not self._is_asking or address in self._refused or len(self._refused) >= MAX_REFUSED:
            return False
        if (task := self._open_questions.get(address)) is None:
            task = self._open_questions[address] = asyncio.create_task(self._ask(address))
        await asyncio.wait([task])
        return not task.cancelled() and task.result()

    async def _ask(self, address: str) -> bool:
        async with self.turn:
            answer = await self._ask_person(address) if len(self._refused) < MAX_REFUSED else ""
        if answer not in (*THIS_TIME_ANSWERS, "p"):
            self._refused.add(address)
            return False
        self.this_time.add(address)
        if answer == "p":
            try:
                current = self._permissions.reload()
                self._permissions.write(current.model_copy(update={"hosts": (*current.hosts, address)}))
            except MachineError as error:
                self._note(f"  ! allowed this time only: {one_line(str(error), width=300)}")
        return True
