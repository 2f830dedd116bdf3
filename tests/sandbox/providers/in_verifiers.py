"""Tasks of verifiers prepare, run and score answers in our sandbox; prints what came of it as JSON."""

import asyncio
import json

import verifiers.v1 as vf
from verifiers.v1.errors import SandboxError

from sandbox.providers.verifiers import SandboxRuntime

ANSWERS = ["print(6 * 7)", "print(6 + 7)", "open('/etc/x', 'w')"]


class CodeTask(vf.Task[vf.TaskData]):  # type: ignore[misc]
    async def setup(self, trace: vf.Trace, runtime: vf.Runtime) -> None:
        await runtime.write("tests/expected.txt", b"42\n")

    @vf.reward  # type: ignore[misc, untyped-decorator]
    async def passed(self, trace: vf.Trace, runtime: vf.Runtime) -> float:
        ended = await runtime.run(["python3", "-c", trace.last_reply], {})
        return float(ended.stdout.encode() == await runtime.read("tests/expected.txt"))


async def main() -> None:
    rewards = []
    for text in ANSWERS:
        runtime = SandboxRuntime()
        await runtime.start()
        task = CodeTask(vf.TaskData(prompt="Print the product of 6 and 7."))
        reply = vf.MessageNode(message={"role": "assistant", "content": text}, sampled=True)
        about = {"type": "CodeTask", "data": task.data.model_dump()}
        trace = vf.Trace(task=about, agent={"config": {}}, nodes=[reply])
        await task.setup(trace, runtime)
        await task.score(trace, runtime)
        rewards.append(trace.reward)
        view = runtime.with_env({"SHOWN": "1"})
        ended = await view.run(["sh", "-c", "echo $SHOWN; whoami; echo bad >&2; exit 3"], {})
        short = await runtime.read("tests/expected.txt", max_bytes=3)
        refused = []
        for call in (
            runtime.read("tests/expected.txt", max_bytes=2),
            runtime.read("no"),
            runtime.write("/usr/x", b""),
        ):
            try:
                await call
            except SandboxError as error:
                refused.append(str(error))
        was_alive = await runtime.alive()
        await runtime.stop()
        alive = [was_alive, await runtime.alive()]
    printed = [ended.exit_code, ended.stdout, ended.stderr]
    print(
        json.dumps(
            {
                "rewards": rewards,
                "ended": printed,
                "short": short.decode(),
                "refused": len(refused),
                "alive": alive,
            }
        )
    )


if __name__ == "__main__":
    asyncio.run(main())
