"""Agents of AutoGen run code in our sandbox; prints what came of it as JSON. Run by AutoGen's Python."""

import asyncio
import json

from autogen_agentchat.agents import ApprovalRequest, ApprovalResponse, CodeExecutorAgent
from autogen_agentchat.messages import TextMessage
from autogen_core import CancellationToken
from autogen_core.code_executor import CodeBlock, CodeExecutor

from sandbox.providers.autogen import SandboxCodeExecutor

MESSAGE = """Run this:
```python
# filename: lib/made.py
def product(a, b):
    return a * b
```
```python
import os, sys
sys.path.insert(0, "lib")
from made import product
open("answer.txt", "w").write(str(product(6, 7)))
print("HOME_OF_USER" in os.environ)
```
```sh
cat answer.txt; whoami; echo to stderr >&2
```
"""
FAILS = "```sh\necho begun; exit 3\n```\n```sh\necho never\n```\n"


def allow(request: ApprovalRequest) -> ApprovalResponse:
    return ApprovalResponse(approved=True, reason="")


async def main() -> None:
    executor = CodeExecutor.load_component(SandboxCodeExecutor(timeout=1.5).dump_component())
    agent = CodeExecutorAgent("runner", code_executor=executor, approval_func=allow)
    token = CancellationToken()
    answers = []
    async with executor:
        for text in (MESSAGE, FAILS):
            response = await agent.on_messages([TextMessage(content=text, source="user")], token)
            answers.append(response.chat_message.to_text())
        late = await executor.execute_code_blocks([CodeBlock("echo begun; sleep 31565", "sh")], token)
        unknown = await executor.execute_code_blocks([CodeBlock("1", "cobol")], token)
        outside = await executor.execute_code_blocks([CodeBlock("# filename: /etc/x\n", "sh")], token)

        async def cancel() -> None:
            await asyncio.sleep(0.3)
            token.cancel()

        cancelling = asyncio.create_task(cancel())
        try:
            await executor.execute_code_blocks([CodeBlock("sleep 31566", "sh")], token)
            cancelled = False
        except asyncio.CancelledError:
            cancelled = True
        await cancelling
        await executor.restart()
        after = await executor.execute_code_blocks([CodeBlock("ls", "sh")], CancellationToken())
    blocks = [(result.exit_code, result.output) for result in (late, unknown, outside, after)]
    print(json.dumps({"answers": answers, "blocks": blocks, "cancelled": cancelled}))


if __name__ == "__main__":
    asyncio.run(main())
