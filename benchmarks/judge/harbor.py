"""Judge an answer to a Harbor task by the engine of the judging sandboxes."""

from benchmarks.harbor.container import ContainerEnded
from benchmarks.harbor.judging import judge_harbor
from benchmarks.harbor.mode import HarborMode
from benchmarks.harbor.verifier import Judged
from benchmarks.judge.judging_sandboxes import JudgingSandboxes
from benchmarks.judge.verdicts import MAX_OUTPUT, DraftVerdict
from benchmarks.suite import HarborCase
from benchmarks.verdict import Evidence


async def judge_in_containers(
    sandboxes: JudgingSandboxes, case: HarborCase, answer: str, mode: HarborMode
) -> DraftVerdict:
    """Judge one answer. Raises SandboxBroken if the engine fails."""
    try:
        return draft_of(await judge_harbor(await sandboxes.engine(), case.folder, answer, mode))
    except ContainerEnded as error:  # the task's own fault, such as an entrypoint that ends by itself
        return DraftVerdict("infrastructure", str(error))


def draft_of(judged: Judged) -> DraftVerdict:
    """Return the draft verdict of a result from containers."""
    return DraftVerdict(
        judged.outcome,
        judged.detail,
        wall_s=judged.wall_s,
        output=judged.output[-MAX_OUTPUT:],
        strength=judged.strength,
        rewards=dict(judged.reward.numbers) if judged.reward else {},
        outside=tuple(map(str, judged.outside)),
        evidence=Evidence(patch=judged.patch, log=judged.output),
    )
