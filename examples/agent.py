"""A working agent in one file: a model, a session in a sandbox, one tool, a dialogue, and a verdict.

    python examples/agent.py "Write add(a, b) in solution.py." --check "assert add(2, 3) == 5"

`coder solve` does the same with more care: it logs each step, so that a killed run goes on, keeps the budget,
shortens long dialogues, and asks before it changes your files. This file prints the result, and changes none.
"""

import argparse
import asyncio
import sys
from collections.abc import Mapping, Sequence

from coder import ChatMessage, CoderError, Form, Model, Sampling, ToolCall, ToolSpec, open_model
from sandbox import (
    Assertion,
    CheckReport,
    SandboxError,
    Session,
    check,
    open_sandbox,
    session_policy,
)

SYSTEM = """You are an expert programmer in a Linux sandbox without a network. `bash` runs a command in your
folder. Write the code that you are asked for, try it, and answer in words once it is done."""
BASH = ToolSpec(
    name="bash",
    description="Run a command. Files stay from call to call; the working directory doesn't.",
    parameters={"type": "object", "properties": {"command": {"type": "string"}}, "required": ["command"]},
)
COMMAND_S = 60.0
"""Seconds for one command."""
LONGEST_OUTPUT = 8_000
"""Characters of an output that the model is shown."""


async def work(model: Model, session: Session, dialogue: list[ChatMessage], *, max_answers: int) -> int:
    """Let the model call tools until it answers in words; return how many answers it gave.

    Args:
        dialogue: the messages so far; answers and results are appended.
        max_answers: the model is asked at most this often.
    """
    for number in range(1, max_answers + 1):
        answer = await model.answer(dialogue, sampling=Sampling(temperature=0.0), form=Form(tools=(BASH,)))
        calls = answer.tool_calls
        dialogue.append(
            ChatMessage(role="assistant", content=answer.text, tool_calls=calls, opaque=answer.opaque)
        )
        if not calls:
            return number
        for call in calls:
            result = await run_tool(session, call)
            dialogue.append(ChatMessage(role="tool", content=result, tool_call_id=call.id))
    return max_answers


async def run_tool(session: Session, call: ToolCall) -> str:
    """Carry out one call in the session. What goes wrong is a result: the model reads it and goes on."""
    if call.name != BASH.name:
        return f"There is no tool {call.name!r}. Call: {BASH.name}"
    try:
        command = call.parsed()["command"]
    except (ValueError, KeyError) as error:
        return f"The call wasn't carried out: {error!r}"
    print(f"$ {command}", file=sys.stderr)
    done = await session.sh(str(command), wall_s=COMMAND_S)
    output = done.output
    if len(output) > LONGEST_OUTPUT:
        output = f"{output[: LONGEST_OUTPUT // 2]}\n[…]\n{output[-LONGEST_OUTPUT // 2 :]}"
    return (
        f"{output}\n[exit {done.exit_code}]" if done.exit_code is not None else f"{output}\n[{done.status}]"
    )


async def changed_files(session: Session) -> dict[str, bytes]:
    """Return the files that the session has added or changed, by path."""
    changes = (await session.changes()).changes
    links = "120000"  # git's mode of a link
    return {one.path: one.content for one in changes if one.content is not None and one.mode != links}


async def verify(files: Mapping[str, bytes], checks: Sequence[str]) -> CheckReport:
    """Decide the checks on the files, in new sandboxes that the model's programs have never been in.

    The code runs in one sandbox and the checks in the other: nothing that the code prints, raises or patches
    makes a check pass.
    """
    async with open_sandbox() as candidate, open_sandbox() as checker:
        for path, content in files.items():
            await candidate.write(path, content)
        return await check(candidate, checker, [Assertion(source=one) for one in checks])


async def solve(
    task: str, checks: Sequence[str], model: Model, *, max_answers: int = 30
) -> tuple[bool, dict[str, bytes]]:
    """Work on a task until its checks pass or the model was asked `max_answers` times.

    Returns:
        Whether all checks passed, and the files as they are then.

    Raises:
        ModelError: the model failed for good.
        SandboxError: the sandbox failed.
    """
    prompt = "\n".join([task, "It must pass, with your names imported from solution.py:", *checks])
    dialogue = [ChatMessage(role="system", content=SYSTEM), ChatMessage(role="user", content=prompt)]
    async with open_sandbox(session_policy()) as box, box.session(fresh=True) as session:
        while True:
            max_answers -= await work(model, session, dialogue, max_answers=max_answers)
            files = await changed_files(session)
            report = await verify(files, checks)
            if report.passed or max_answers <= 0:
                return report.passed, files
            failures = [one.message or one.name for one in report.results if not one.passed]
            dialogue.append(ChatMessage(role="user", content="\n".join(["Checks fail:", *failures])))


async def main(args: argparse.Namespace) -> int:
    """Solve the task of the command line; return the exit code."""
    try:
        async with open_model(args.model, base_url=args.base_url) as model:
            solved, files = await solve(args.task, args.check, model, max_answers=args.max_answers)
    except (CoderError, SandboxError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    for path, content in files.items():
        print(f"# {path}\n{content.decode(errors='replace')}")
    print("solved" if solved else "unsolved", file=sys.stderr)
    return 0 if solved else 1


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("task")
    parser.add_argument("--check", action="append", required=True, help="A statement that must not raise.")
    parser.add_argument("--model", help="PROVIDER/MODEL; by default the first whose key is set.")
    parser.add_argument("--base-url", help="An OpenAI-compatible endpoint.")
    parser.add_argument("--max-answers", type=int, default=30)
    sys.exit(asyncio.run(main(parser.parse_args())))
