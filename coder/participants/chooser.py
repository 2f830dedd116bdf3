"""Chooser: looks at what all candidates do, and says the best one again, so that it is what counts."""

from hashlib import sha256
from time import monotonic

from coder.behaviour import SECONDS, behaviours
from coder.bodies import ProgramFinished, ProgramStarted
from coder.choosing import Candidate, Choice, choose
from coder.examples import find_examples
from coder.inputs import inputs_of
from coder.message import Message
from coder.outline import missing_function
from coder.participants.tester import generated_tests
from coder.rounds import CHOOSER, tried
from coder.sanity import is_sane
from coder.state import State
from coder.target import find_target
from coder.turn import Turn
from sandbox import Limits
from sandbox.check import Assertion, check


class Chooser:
    """Asks no model: candidates that do the same on the same inputs speak for one another."""

    name = CHOOSER

    async def speak(self, turn: Turn) -> Message:
        """Choose among all that was answered and tried."""
        pairs = tried(turn.state)
        codes = [code for code, _ in pairs]
        known = await self._behaviours(turn, codes)
        weak = await self._weak_votes(turn, codes)
        candidates = [
            Candidate(
                passed=outcome.passed,
                checks=sum(line.passed for line in outcome.checks),
                sane=_is_sane(turn.state, code),
                votes=1 + _repeats(turn.state, code),
                weak_votes=votes,
                behaviour=behaviour,
            )
            for (code, outcome), behaviour, votes in zip(pairs, known, weak, strict=True)
        ]
        choice = choose(candidates)
        code = pairs[choice.index][0]
        return Message(
            author=self.name,
            kind="code",
            sample=code.sample,
            attempt=code.attempt,
            text=_said(choice, candidates),
            files=code.files,
        )

    async def _behaviours(self, turn: Turn, codes: list[Message]) -> list[tuple[str, ...]]:
        """What each does on the same inputs; nothing where there is no single function to call."""
        state = turn.state
        target = find_target(state.task, state.files)
        sources = [code.files.get(target.path) for code in codes if set(code.files) == {target.path}]
        name = missing_function(state.task.prompt, target.names)
        examples = [*state.task.checks, *(example.source for example in find_examples(state.task.prompt))]
        inputs = inputs_of(examples, name, prompt=state.task.prompt) if name else []
        if name is None or not inputs or len(codes) < 2 or len(sources) < len(codes) or state.files:
            return [()] * len(codes)
        texts = [source for source in sources if source is not None]
        hashes = {
            f"{code.sample}.py": sha256(text.encode()).hexdigest()
            for code, text in zip(codes, texts, strict=True)
        }
        began = monotonic()
        await turn.journal.append(ProgramStarted(what="compare", before=hashes))
        found = await behaviours(await turn.bench.candidate(), texts, name, inputs=inputs)
        seconds = monotonic() - began
        await turn.journal.append(
            ProgramFinished(what="compare", status="ok", exit_code=None, seconds=seconds, after={})
        )
        return found

    async def _weak_votes(self, turn: Turn, codes: list[Message]) -> list[int]:
        """How many of the generated tests each passes."""
        target = find_target(turn.state.task, turn.state.files)
        tests = [Assertion(source=source) for source in generated_tests(turn.state, target.names)]
        votes: list[int] = []
        for code in codes if tests else ():
            candidate = await turn.bench.candidate()
            await candidate.lay({path: (text or "").encode() for path, text in code.files.items()})
            limits = Limits(wall_s=SECONDS * len(tests), cpu_s=SECONDS * len(tests))
            report = await check(
                candidate, await turn.bench.checker(), tests, module=target.module, limits=limits
            )
            votes.append(sum(result.passed for result in report.results))
        return votes or [0] * len(codes)


def _is_sane(state: State, code: Message) -> bool:
    """Only code of one function can be told by reading."""
    target = find_target(state.task, state.files)
    name = missing_function(state.task.prompt, target.names)
    source = code.files.get(target.path)
    single = set(code.files) == {target.path} and not state.files
    return name is None or source is None or not single or is_sane(source, name)


def _repeats(state: State, code: Message) -> int:
    """How often the same answer came again."""
    return sum(other.repeats and other.files == code.files for other in state.codes)


def _said(choice: Choice, candidates: list[Candidate]) -> str:
    sizes = [sum(candidates[i].votes for i in members) for members in choice.clusters]
    passed = sum(one.votes for one in candidates if one.passed)
    return (
        f"{passed} of {sum(one.votes for one in candidates)} candidates pass. By what the best do: {sizes}."
    )
