"""Run by a Python that has verifiers: answers scored in a Rubric (up to 0.3), or in a task."""

import asyncio
import json
import sys
from importlib.metadata import version

from benchmarks.rewards.rewarder import Rewarder
from tests.benchmarks.rewards.conftest import DOUBLE, SUITE

ANSWERS = ["    return n + n\n", "    return n\n", "```python\ndef double(n):\n    return 2 * n\n```"]


async def in_a_rubric(rewarder: Rewarder) -> list[float]:
    import verifiers as vf
    from verifiers.types import State

    rubric = vf.Rubric(funcs=[rewarder.score])
    states = []
    for text in ANSWERS:
        state = State(
            prompt=[{"role": "user", "content": DOUBLE.prompt}], answer="", info={"task_id": "double"},
            completion=[{"role": "assistant", "content": text}], task="code", trajectory=[], timing={},
        )  # fmt: skip
        await rubric.score_rollout(state)
        states.append(state)
    return [state["reward"] for state in states]


async def in_a_task(rewarder: Rewarder) -> list[float]:
    import verifiers.v1 as vf

    class Case(vf.TaskData):  # type: ignore[misc]
        case: str

    class CodeTask(vf.Task[Case]):  # type: ignore[misc]
        @vf.reward  # type: ignore[misc, untyped-decorator]
        async def passed(self, trace: vf.Trace) -> float:
            return await rewarder.score(trace.last_reply, self.data.case)

    scores = []
    for text in ANSWERS:
        task = CodeTask(Case(case="double", prompt=DOUBLE.prompt))
        reply = vf.MessageNode(message={"role": "assistant", "content": text}, sampled=True)
        about = {"type": "CodeTask", "data": task.data.model_dump()}
        trace = vf.Trace(task=about, agent={"config": {}}, nodes=[reply])
        await task.score(trace)
        scores.append(trace.reward)
    return scores


async def main() -> None:
    score = in_a_rubric if version("verifiers").startswith(("0.1", "0.2", "0.3")) else in_a_task
    with Rewarder(SUITE) as rewarder:
        json.dump(await score(rewarder), sys.stdout)


if __name__ == "__main__":
    asyncio.run(main())
