"""The events of a benchmark: parameters, each verdict, its end. Its report is a fold over them."""

from collections.abc import AsyncIterator
from typing import ClassVar

from benchmarks.report import SampleUsage
from benchmarks.verdict import Verdict
from coder.base.errors import UsageError, own_command
from coder.run.events import Draft, EventStore
from sandbox.result import Value

FLUSH_AT = 64
"""Most verdicts written together: after a crash they are judged again."""
_PAGE = 500


class _Body(Value):
    type: ClassVar[str]

    def draft(self) -> Draft:
        """This body as an event without a number yet."""
        return Draft(type=self.type, body=self.model_dump(mode="json", exclude_defaults=True))


class BenchStarted(_Body):
    """A benchmark began. A resume must have equal fields."""

    type = "bench.started"

    suite: str
    """As given: a path or a name."""
    digests: dict[str, str]
    """Digests of suite, judge, parameters, and given samples."""
    parameters: dict[str, str | int | float | bool | None]
    model: str | None = None


class BenchJudged(_Body):
    """One sample was judged."""

    type = "bench.judged"

    verdict: Verdict
    usage: SampleUsage | None = None
    run_id: str | None = None
    text: str | None = None
    """The solver's answer; None when grading, as the samples file has it."""


class BenchEnded(_Body):
    """The run ended: all was judged, or a limit was reached."""

    type = "bench.ended"

    reason: str


class RunLog:
    """One benchmark's events under a lease. Writes verdicts in groups; call `flush` at the end.

    Keeps only what a report needs of each sample in memory: there may be a hundred thousand.
    """

    def __init__(self, run: str, log: EventStore, *, token: int) -> None:
        self.run = run
        self._log, self._token = log, token
        self._seq = 0
        self._waiting: list[Draft] = []
        self.started: BenchStarted | None = None
        self.verdicts: list[Verdict] = []
        self.usage: list[SampleUsage] = []
        """Of the samples that a model was asked for."""

    async def load(self) -> None:
        """Read earlier events. Raises UsageError if the run isn't a benchmark."""
        first = await self._log.read(self.run, limit=1)
        if not first or first[0].type != BenchStarted.type:
            raise UsageError(
                f"{self.run} is no benchmark's run. See them with: {own_command()} bench list --runs"
            )
        self.started = BenchStarted.model_validate(first[0].body)
        async for _, judged in self.samples():
            self._keep(judged)

    async def samples(self) -> AsyncIterator[tuple[int, BenchJudged]]:
        """Every logged sample, with its event's number."""
        seq = 0
        while events := await self._log.read(self.run, after=seq, limit=_PAGE):
            seq = events[-1].seq
            self._seq = max(self._seq, seq)
            for event in events:
                if event.type == BenchJudged.type:
                    yield event.seq, BenchJudged.model_validate(event.body)

    async def sample(self, seq: int) -> BenchJudged:
        """The sample whose event has this number."""
        (event,) = await self._log.read(self.run, after=seq - 1, limit=1)
        return BenchJudged.model_validate(event.body)

    async def begin(self, started: BenchStarted) -> None:
        """Write the first event."""
        self.started = started
        await self._append([started.draft()])

    async def judge(self, judged: BenchJudged) -> None:
        """Log a judged sample; it is durable with the next group at the latest."""
        self._keep(judged)
        self._waiting.append(judged.draft())
        if judged.usage is not None or len(self._waiting) >= FLUSH_AT:  # paid calls are written at once
            await self.flush()

    async def end(self, reason: str) -> None:
        """Write that the run ended, and why."""
        self._waiting.append(BenchEnded(reason=reason).draft())
        await self.flush()

    async def flush(self) -> None:
        """Write pending events."""
        waiting, self._waiting = self._waiting, []
        if waiting:
            await self._append(waiting)

    def _keep(self, judged: BenchJudged) -> None:
        self.verdicts.append(judged.verdict)
        if judged.usage is not None:
            self.usage.append(judged.usage)

    async def _append(self, drafts: list[Draft]) -> None:
        events = await self._log.append(self.run, drafts, after=self._seq, token=self._token)
        self._seq = events[-1].seq
