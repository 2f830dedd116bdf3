"""A made task of Inspect: a scripted model calls bash, which only the sandbox runs."""

from inspect_ai import Task, task
from inspect_ai.dataset import Sample
from inspect_ai.model import ModelOutput, ModelUsage, get_model
from inspect_ai.scorer import Score, Scorer, Target, accuracy, scorer
from inspect_ai.solver import TaskState, generate, use_tools
from inspect_ai.tool import bash
from inspect_ai.util import sandbox

WORKS = "whoami; cat data/in.txt made-by-setup; python3 -c 'print(6 * 7)' > out.txt"


@scorer(metrics=[accuracy()])
def written() -> Scorer:
    async def score(state: TaskState, target: Target) -> Score:
        answer = await sandbox().read_file("out.txt")
        return Score(value=answer.strip() == target.text, answer=answer)

    return score


@task
def made() -> Task:
    turns = [
        ModelOutput.for_tool_call("mockllm", "bash", {"command": WORKS}),
        ModelOutput.from_content("mockllm", "It is done."),
    ]
    for turn in turns:
        turn.usage = ModelUsage(input_tokens=1, output_tokens=1, total_tokens=2)  # counting needs a download
    sample = Sample(
        input="Write the product to out.txt.",
        target="42",
        files={"data/in.txt": "6 and 7\n"},
        setup="#!/bin/sh\necho set up > made-by-setup\n",
    )
    return Task(
        dataset=[sample],
        solver=[use_tools(bash(timeout=20)), generate()],
        scorer=written(),
        model=get_model("mockllm/model", custom_outputs=turns),
    )
