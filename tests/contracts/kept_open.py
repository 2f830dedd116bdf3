"""Sandboxes that stay open from rule to rule, since opening one takes longer than most rules."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack

from sandbox import Sandbox
from tests.contracts.rules import Rule
from tests.contracts.rules.endings import closing_twice_is_closing_once


class KeptOpen:
    """One sandbox for all rules, with an empty workspace for each; another one after a rule that failed."""

    def __init__(self, opening: Callable[[], AbstractAsyncContextManager[Sandbox]]) -> None:
        self._opening = opening
        self._stack = AsyncExitStack()
        self._box: Sandbox | None = None

    async def check(self, rule: Rule) -> None:
        """See that the sandbox keeps a rule; the one about its end has one of its own."""
        if rule is closing_twice_is_closing_once:
            async with self._opening() as box:
                await rule(box)
            return
        if self._box is None:
            self._box = await self._stack.enter_async_context(self._opening())
        try:
            await rule(self._box)
            await self._box.remove(".")
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Close what is open."""
        self._box = None
        await self._stack.aclose()
