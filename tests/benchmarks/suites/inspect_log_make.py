"""Record a log for `test_inspect_logs.py` by inspect-ai: `inspect_log_make.py FOLDER eval` (or json)."""

import sys
from collections.abc import Iterator

from inspect_ai import Task, eval
from inspect_ai.dataset import Sample
from inspect_ai.model import ModelOutput, ModelUsage, get_model
from inspect_ai.scorer import includes
from inspect_ai.solver import generate

PROMPTS = {"add": "def add(a, b):\n", "twice": "def twice(a):\n"}
ANSWERS = (
    "```python\ndef add(a, b):\n    return a + b\n```",
    "    return 2 * a\n",
    "    return a - b\n",
    "def twice(a):\n    return a + a\n",
)
"""Answers to both cases, in the order of two epochs."""


def _outputs() -> Iterator[ModelOutput]:
    for text in ANSWERS:
        output = ModelOutput.from_content("mockllm/model", text)
        output.usage = ModelUsage(input_tokens=9, output_tokens=9, total_tokens=18)
        yield output


if __name__ == "__main__":
    dataset = [Sample(id=case, input=prompt, target="return") for case, prompt in PROMPTS.items()]
    task = Task(name="two", dataset=dataset, solver=generate(), scorer=includes())
    model = get_model("mockllm/model", custom_outputs=_outputs())
    eval(task, model=model, epochs=2, log_dir=sys.argv[1], log_format=sys.argv[2], max_samples=1)
