"""Define the events of a benchmark (start, verdicts, end), from which its report is computed."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import ClassVar

from benchmarks.executors.executor import NodeTally
from benchmarks.harbor.kept_steps import KeptSteps
from benchmarks.report import LookPlan, SampleUsage
from benchmarks.runner.case_attempt import CaseAttempt
from benchmarks.verdict import Evidence, Strength, Verdict, is_pass
from coder.base.errors import UsageError, own_command
from coder.run.events import Draft, Event, EventStore
from sandbox.result import Value

FLUSH_AT = 64
"""Write verdicts at the latest in groups of this size; after a crash, unwritten samples are judged again."""
_PAGE = 500


class _Body(Value):
    type: ClassVar[str]

    def draft(self) -> Draft:
        """Return this event's body as a draft without a number."""
        return Draft(type=self.type, body=self.model_dump(mode="json", exclude_defaults=True))


class BenchStarted(_Body):
    """First event of a benchmark. A resume must have equal digests."""

    type = "bench.started"

    suite: str
    """Path or name of the suite."""
    digests: dict[str, str]
    """Digests of suite, judge and parameters, and of the samples file, if any."""
    parameters: dict[str, str | int | float | bool | None]
    model: str | None = None


class BenchJudged(_Body):
    """Event: a sample was judged."""

    type = "bench.judged"

    verdict: Verdict
    usage: SampleUsage | None = None
    run_id: str | None = None
    text: str | None = None
    """Answer of the solver; None when grading, since the samples file has the answer."""
    evidence: Evidence = Evidence()

    @property
    def key(self) -> tuple[str, int]:
        """Case and number of the sample."""
        return self.verdict.id, self.verdict.sample


class BenchBegun(_Body):
    """Event: a model begins to answer a sample, in a run of its own."""

    type = "bench.begun"

    id: str
    sample: int
    run_id: str


class BenchCut(_Body):
    """Event: a budget, an interrupt or a kill cut a sample. It has no verdict, and its calls count."""

    type = "bench.cut"

    id: str
    sample: int
    usage: SampleUsage | None = None


class BenchStep(_Body):
    """Event: a model has completed a step of a task, and its changes are saved."""

    type = "bench.step"

    id: str
    sample: int
    kept: KeptSteps
    usage: SampleUsage | None = None
    """Usage of all steps until then."""


class BenchEnded(_Body):
    """Event: the run ended, because all samples were judged or a limit was reached."""

    type = "bench.ended"

    reason: str
    samples: int | None = None
    """Number of samples with a verdict; None in older logs, which hold no events beside them."""


class BenchLooks(_Body):
    """Event: the looks at a run are planned, or one was taken."""

    type = "bench.looks"

    plan: LookPlan


class BenchNodes(_Body):
    """Event: what the nodes of this start have done so far; written every few seconds."""

    type = "bench.nodes"

    nodes: tuple[NodeTally, ...]


def _cost(usage: SampleUsage | None) -> float:
    return 0.0 if usage is None else usage.cost_usd or 0.0


def _usage(judged: BenchJudged | None) -> SampleUsage | None:
    return None if judged is None else judged.usage


def _sum(first: SampleUsage | None, second: SampleUsage | None) -> SampleUsage | None:
    return first.added_to(second) if first is not None and second is not None else first or second


class RunLog:
    """Reads and writes the events of one benchmark under a lease, in groups; call `flush` at the end.

    Keeps counts in memory, and a bit for each sample that an earlier start has judged; other data of samples
    is read again for the report.
    """

    def __init__(
        self, run: str, log: EventStore, *, token: int, min_strength: Strength | None = None
    ) -> None:
        self.run, self._min_strength = run, min_strength
        self._log, self._token = log, token
        self._seq = 0
        self._pending: list[Draft] = []
        self.started: BenchStarted | None = None
        self.judged = self.passed = 0
        """Number of samples with a verdict, and of those that passed. Of earlier starts, without those that
        ended `infrastructure`, which are judged again."""
        self.cost_usd = 0.0
        """Known cost of all samples."""
        self.steps: dict[tuple[str, int], BenchStep] = {}
        """Saved steps of samples that aren't judged, by case and sample."""
        self._writing = asyncio.Lock()
        self._done: dict[str, bytearray] = {}
        """Samples of earlier starts, by case: bit n of byte m stands for sample 8 m + n."""
        self._undecided: dict[tuple[str, int], BenchJudged] = {}
        """Samples of earlier starts that ended `infrastructure`."""
        self.looks: LookPlan | None = None
        self.begun: dict[tuple[str, int], list[str]] = {}
        """Runs of each sample that an earlier start began to answer, and of which it logged no end."""
        self._cut: dict[tuple[str, int], SampleUsage] = {}
        """Usage of samples that were cut and aren't judged."""

    async def load(self) -> None:
        """Read earlier events. Raises UsageError if the run isn't a benchmark."""
        first = await self._log.read(self.run, limit=1)
        if not first or first[0].type != BenchStarted.type:
            raise UsageError(
                f"{self.run} is no benchmark's run. See them with: {own_command()} bench list --runs"
            )
        self.started = BenchStarted.model_validate(first[0].body)
        async for event in self._events():
            if event.type == BenchStep.type:
                step = BenchStep.model_validate(event.body)
                self._keep(step)
            if event.type == BenchBegun.type:
                begun = BenchBegun.model_validate(event.body)
                self.begun.setdefault((begun.id, begun.sample), []).append(begun.run_id)
            if event.type == BenchLooks.type:
                self.looks = BenchLooks.model_validate(event.body).plan
            if event.type == BenchCut.type:
                self._count_cut(BenchCut.model_validate(event.body))
            if event.type != BenchJudged.type:
                continue
            judged = BenchJudged.model_validate(event.body)
            if judged.usage is not None or judged.verdict.verdict != "infrastructure":
                self.begun.pop(judged.key, None)
            # The later event has the usage of the earlier ones, too.
            earlier = self._undecided.pop(judged.key, None)
            self.cost_usd -= _cost(self._cut.pop(judged.key, None)) + _cost(_usage(earlier))
            if judged.verdict.verdict == "infrastructure":
                self.steps.pop(judged.key, None)
                self._undecided[judged.key] = judged.model_copy(update={"evidence": Evidence()})
                self.cost_usd += _cost(judged.usage)
                continue
            self._count(judged)
            byte, bit = divmod(judged.verdict.sample, 8)
            bits = self._done.setdefault(judged.verdict.id, bytearray())
            bits.extend(bytes(max(0, byte + 1 - len(bits))))
            bits[byte] |= 1 << bit

    @property
    def kept_cost_usd(self) -> float:
        """Known cost of the saved steps of samples that aren't judged."""
        return sum(step.usage.cost_usd or 0.0 for step in self.steps.values() if step.usage is not None)

    def is_done(self, case: str, sample: int) -> bool:
        """Whether an earlier start has judged a sample."""
        bits, (byte, bit) = self._done.get(case, b""), divmod(sample, 8)
        return byte < len(bits) and bool(bits[byte] & 1 << bit)

    def undecided_answer(self, case: str, sample: int) -> CaseAttempt | None:
        """Return the answer of an earlier start that has no verdict, if the log has it."""
        judged = self._undecided.get((case, sample))
        return CaseAttempt(text=judged.text, run_id=judged.run_id) if judged and judged.text else None

    async def results(self) -> tuple[list[Verdict], list[SampleUsage]]:
        """Return the logged verdicts, and the usage of the samples for which a model was called."""
        await self.flush()
        latest = {judged.key: (judged.verdict, judged.usage) async for _, judged in self.samples()}.values()
        of_steps = {key: step.usage for key, step in self.steps.items()}
        unjudged = [_sum(self._cut.get(key), of_steps.get(key)) for key in {**self._cut, **of_steps}]
        used = [*(usage for _, usage in latest), *unjudged]
        return [verdict for verdict, _ in latest], [usage for usage in used if usage is not None]

    def drop_step(self, case: str, sample: int) -> None:
        """Count the saved steps of a sample whose files are gone as cut: it begins anew."""
        step = self.steps.pop((case, sample), None)
        if step is not None:
            self._count_cut(BenchCut(id=case, sample=sample, usage=step.usage))

    async def samples(self) -> AsyncIterator[tuple[int, BenchJudged]]:
        """Yield every logged sample with its event's number; the last one of a sample counts."""
        async for event in self._events():
            if event.type == BenchJudged.type:
                yield event.seq, BenchJudged.model_validate(event.body)

    async def _events(self) -> AsyncIterator[Event]:
        seq = 0
        while events := await self._log.read(self.run, after=seq, limit=_PAGE):
            seq = events[-1].seq
            self._seq = max(self._seq, seq)
            for event in events:
                yield event

    async def sample(self, seq: int) -> BenchJudged:
        """Return the sample whose event has this number."""
        (event,) = await self._log.read(self.run, after=seq - 1, limit=1)
        return BenchJudged.model_validate(event.body)

    async def begin(self, started: BenchStarted) -> None:
        """Write the first event."""
        self.started = started
        await self._append([started.draft()])

    async def judge(self, judged: BenchJudged) -> None:
        """Log a judged sample; it is written with the next group at the latest."""
        self._count(judged)
        earlier = self._undecided.pop(judged.key, None)
        before = _sum(self._cut.pop(judged.key, None), _usage(earlier))
        if before is not None:
            judged = judged.model_copy(update={"usage": _sum(judged.usage, before)})
        self._pending.append(judged.draft())
        if judged.usage is not None or len(self._pending) >= FLUSH_AT:  # paid calls are written at once
            await self.flush()

    async def begin_attempt(self, case: str, sample: int, run_id: str) -> None:
        """Log that a run begins to answer a sample, so that a killed one's calls are found again."""
        self._pending.append(BenchBegun(id=case, sample=sample, run_id=run_id).draft())
        await self.flush()

    async def cut(self, cut: BenchCut, *, has_steps: bool = False) -> None:
        """Log a sample that was cut; its saved steps count by themselves.

        Args:
            has_steps: whether the usage includes that of the saved steps.
        """
        kept = self.steps.get((cut.id, cut.sample))
        if has_steps and kept is not None and kept.usage is not None and cut.usage is not None:
            cut = cut.model_copy(update={"usage": cut.usage.without(kept.usage)})
        self._count_cut(cut)
        self._pending.append(cut.draft())
        await self.flush()

    def _keep(self, step: BenchStep) -> None:
        self.steps[step.id, step.sample] = step
        self.begun.pop((step.id, step.sample), None)  # the step has the usage of its run

    def _count_cut(self, cut: BenchCut) -> None:
        key = (cut.id, cut.sample)
        self.begun.pop(key, None)
        usage = _sum(cut.usage, self._cut.get(key))
        if usage is not None:
            self._cut[key] = usage
        self.cost_usd += _cost(cut.usage)

    async def keep(self, step: BenchStep) -> None:
        """Log a saved step at once, as its calls are paid. Concurrent samples may log steps in any order."""
        self._keep(step)
        self._pending.append(step.draft())
        await self.flush()

    async def keep_looks(self, plan: LookPlan) -> None:
        """Log the plan of the looks with those taken."""
        self.looks = plan
        self._pending.append(BenchLooks(plan=plan).draft())
        await self.flush()

    async def tally(self, nodes: Sequence[NodeTally]) -> None:
        """Log the tallies of the nodes, with all pending verdicts."""
        self._pending.append(BenchNodes(nodes=tuple(nodes)).draft())
        await self.flush()

    async def end(self, reason: str) -> None:
        """Write the event that the run ended, with the reason."""
        self._pending.append(BenchEnded(reason=reason, samples=self.judged).draft())
        await self.flush()

    async def flush(self) -> None:
        """Write pending events."""
        async with self._writing:
            pending, self._pending = self._pending, []
            if pending:
                await self._append(pending)

    def _count(self, judged: BenchJudged) -> None:
        self.steps.pop(judged.key, None)
        self.judged += 1
        self.passed += is_pass(judged.verdict.verdict, judged.verdict.strength, self._min_strength)
        self.cost_usd += _cost(judged.usage)

    async def _append(self, drafts: list[Draft]) -> None:
        events = await self._log.append(self.run, drafts, after=self._seq, token=self._token)
        self._seq = events[-1].seq
