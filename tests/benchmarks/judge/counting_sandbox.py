"""Count the programs that run in a sandbox."""

from typing import Any

from sandbox import Result, Sandbox


class CountingSandbox:
    """An open sandbox that counts its runs."""

    def __init__(self, box: Sandbox) -> None:
        self.box, self.runs = box, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.box, name)

    async def run(self, *arguments: Any, **options: Any) -> Result:
        self.runs += 1
        return await self.box.run(*arguments, **options)
