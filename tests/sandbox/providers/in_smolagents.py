"""An agent of smolagents takes the steps of a script in our sandbox; prints what came of it as JSON."""

import json
from typing import Any

from smolagents import ChatMessage, CodeAgent, MessageRole, Model, tool

from sandbox.providers.smolagents import SandboxPythonExecutor

STEPS = (
    "numbers = [6, 7]\nprint('stated')\ndef product():\n    return numbers[0] * numbers[1]",
    "import os, getpass\nos.environ.get('HOME_OF_USER'), product(), bonus",
    "print('before')\nnumbers[9]",
    "import time\ntime.sleep(31567)",
    "import os\nos._exit(3)",
    "numbers = [6, 7]\nfinal_answer({'doubled': double(numbers[0] * numbers[1]), 'user': os_user()})",
)


class Script(Model):
    """Says the steps, one after the other."""

    def generate(self, messages: list[ChatMessage], **options: Any) -> ChatMessage:
        self.said = getattr(self, "said", 0) + 1
        content = f"Thought: go on.\n<code>\n{STEPS[self.said - 1]}\n</code>"
        return ChatMessage(role=MessageRole.ASSISTANT, content=content)


@tool
def double(number: int) -> int:
    """Double a number.

    Args:
        number: the number.
    """
    return 2 * number


@tool
def os_user() -> str:
    """Name the user of this process."""
    import subprocess

    return subprocess.run(["whoami"], capture_output=True, text=True).stdout.strip()


def main() -> None:
    executor = SandboxPythonExecutor(["json"], timeout=3)
    agent = CodeAgent([double, os_user], Script(), executor=executor, max_steps=len(STEPS), verbosity_level=0)
    answer = agent.run("Go on.", additional_args={"bonus": 5})
    steps = [step for step in agent.memory.steps if hasattr(step, "observations")]
    agent.cleanup()
    outcomes = [(step.observations, step.error.message if step.error is not None else None) for step in steps]
    print(json.dumps({"answer": answer, "steps": outcomes}))


if __name__ == "__main__":
    main()
