"""Two sandboxes, one for a candidate and one for its checker, as the tests of checks use them."""

import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from sandbox import Limits, Policy, Sandbox
from sandbox.open import open_sandbox
from sandbox.verdicts.check import Assertion, Check, CheckReport, CheckResult, check
from sandbox.verdicts.run_report import ANY_CROSSING, Crossing
from tests.only_pytest import only_pytest


@dataclass(frozen=True)
class Pair:
    """The candidate's workspace holds only what the check at hand gives it."""

    candidate: Sandbox
    checker: Sandbox

    async def check(
        self,
        files: str | Mapping[str, str],
        *checks: str | Check,
        wall_s: float = 20,
        crossing: Crossing = ANY_CROSSING,
        module: str = "solution",
        decides: Callable[[CheckResult], bool] | None = None,
        others_s: float = 0.0,
        max_failures: int | None = None,
    ) -> CheckReport:
        """Check a candidate: the source of solution.py, or several files."""
        for sandbox in (self.candidate, self.checker):
            for path in await sandbox.manifest():
                await sandbox.remove(path)
        for path, source in ({"solution.py": files} if isinstance(files, str) else files).items():
            await self.candidate.write(path, source.encode())
        return await check(
            self.candidate,
            self.checker,
            [Assertion(source=one) if isinstance(one, str) else one for one in checks],
            module=module,
            limits=Limits(wall_s=wall_s),
            crossing=crossing,
            decides=decides,
            others_s=others_s,
            max_failures=max_failures,
        )


@contextlib.asynccontextmanager
async def open_pair() -> AsyncIterator[Pair]:
    """Both have the interpreter of these tests, which has pytest."""
    policy = Policy(python=only_pytest())
    async with open_sandbox(policy) as candidate, open_sandbox(policy) as checker:
        yield Pair(candidate, checker)


def sections(name: str) -> dict[str, str]:
    """The parts of a text file beside this one, by their headings (`=== heading`)."""
    text = (Path(__file__).parent / name).read_text()
    parts = (part.partition("\n") for part in text.split("=== ")[1:])
    return {heading: body for heading, _, body in parts}
