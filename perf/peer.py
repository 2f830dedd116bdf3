"""One framework's part of perf.frameworks, run by the interpreter of its environment: one line of JSON.

ENVIRONMENT/bin/python perf/peer.py NAME URL TURNS ROUNDS
"""

import asyncio
import gc
import importlib
import json
import os
import statistics
import sys
import time
import tracemalloc
from typing import Any

CALLS = 50
MADE = 300
HOMES = {
    "autogen": ("autogen_agentchat.agents", "autogen_ext.models.openai"),
    "agno": ("agno.agent", "agno.models.openai.like"),
    "agent_framework": ("agent_framework", "agent_framework.openai"),
    "pydantic_ai": ("pydantic_ai", "pydantic_ai.models.openai"),
    "ours_memory": ("coder.engine.agent", "coder.models.chat_completions", "openai"),
    "ours_sqlite": ("coder.engine.agent", "coder.models.chat_completions", "openai"),
}
SCHEMA = {
    "type": "object",
    "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
    "required": ["a", "b"],
}
FUNCTION = {"name": "add", "description": "Add two integers.", "parameters": SCHEMA}
TOOL = {"type": "function", "function": FUNCTION}


def add(a: int, b: int) -> int:
    """Add two integers."""
    return a + b


def autogen(url: str) -> tuple[Any, Any]:
    from autogen_agentchat.agents import AssistantAgent
    from autogen_ext.models.openai import OpenAIChatCompletionClient

    info = {"vision": False, "function_calling": True, "json_output": True, "family": "gpt-4o"}
    info["structured_output"] = True
    client = OpenAIChatCompletionClient(model="gpt-4o", base_url=url, api_key="x", model_info=info)

    def make(tools: bool) -> object:
        more = {"tools": [add], "max_tool_iterations": CALLS + 5} if tools else {}
        return AssistantAgent("assistant", model_client=client, **more)

    return make, lambda agent: agent.run(task="hi")


def agno(url: str) -> tuple[Any, Any]:
    from agno.agent import Agent
    from agno.models.openai.like import OpenAILike

    model = OpenAILike(id="gpt-4o", base_url=url, api_key="x")
    return lambda tools: Agent(model=model, telemetry=False, tools=[add] if tools else []), lambda a: a.arun(
        "hi"
    )


def agent_framework(url: str) -> tuple[Any, Any]:
    import agent_framework
    from agent_framework import openai

    kind = getattr(openai, "OpenAIChatCompletionClient", None) or openai.OpenAIChatClient
    try:
        client = kind(model_id="gpt-4o", base_url=url, api_key="x")
    except TypeError:
        client = kind(model="gpt-4o", base_url=url, api_key="x")
    limits = getattr(client, "function_invocation_configuration", None)
    if isinstance(limits, dict):
        limits["max_iterations"] = CALLS + 5
    agent = getattr(agent_framework, "Agent", None) or agent_framework.ChatAgent
    return lambda tools: agent(client, "x", tools=[add] if tools else None), lambda a: a.run("hi")


def pydantic_ai(url: str) -> tuple[Any, Any]:
    from pydantic_ai import Agent, UsageLimits
    from pydantic_ai.models.openai import OpenAIChatModel
    from pydantic_ai.providers.openai import OpenAIProvider

    model = OpenAIChatModel("gpt-4o", provider=OpenAIProvider(base_url=url, api_key="x"))
    limits = UsageLimits(request_limit=None)
    return lambda tools: Agent(model, tools=[add] if tools else []), lambda a: a.run(
        "hi", usage_limits=limits
    )


async def bare(client: Any, tools: bool, *, streams: bool) -> None:
    """The same by hand."""
    messages: list[Any] = [{"role": "system", "content": "x"}, {"role": "user", "content": "hi"}]
    more: dict[str, Any] = {"tools": [TOOL]} if tools else {}
    more |= {"stream": True, "stream_options": {"include_usage": True}} if streams else {}
    while True:
        answer = await client.chat.completions.create(model="gpt-4o", messages=messages, **more)
        if streams:
            calls = [c async for piece in answer for o in piece.choices for c in o.delta.tool_calls or ()]
            said = {"role": "assistant", "content": "", "tool_calls": [_plain(call) for call in calls]}
        else:
            calls = answer.choices[0].message.tool_calls or []
            said = answer.choices[0].message.model_dump(exclude_none=True)
        if not calls:
            return
        messages.append(said)
        for call in calls:
            result = add(**json.loads(call.function.arguments))
            messages.append({"role": "tool", "tool_call_id": call.id, "content": str(result)})


def _plain(call: Any) -> dict[str, Any]:
    return call.model_dump(include={"id", "type", "function"})


async def measure(name: str, url: str, turns: int, rounds: int) -> dict[str, float]:
    """Turn, loop and agent of one framework, over the bare SDK of its environment."""
    import openai

    is_ours = name.startswith("ours")
    own_variant = importlib.import_module("perf.ours").ours if is_ours else None
    times: dict[str, list[float]] = {key: [] for key in ("turn", "bare_turn", "loop", "bare_loop")}
    agents = None
    for key, scenario, tools, times_over in (("turn", "text", False, turns), ("loop", "loop", True, rounds)):
        address = f"{url}/{scenario}/v1"
        make, run = await own_variant(name, address) if own_variant else globals()[name](address)
        client = openai.AsyncOpenAI(base_url=address, api_key="x")
        agents = agents or _agents(lambda make=make: make(False))
        for count in range(times_over + 3):
            agent = make(tools)
            began = time.perf_counter()
            await run(agent)
            middle = time.perf_counter()
            await bare(client, tools, streams=is_ours)
            if count >= 3 or key == "loop":
                times[key].append(middle - began)
                times[f"bare_{key}"].append(time.perf_counter() - middle)
    turn, bare_turn = (statistics.median(times[key]) for key in ("turn", "bare_turn"))
    loop, bare_loop = (min(times[key]) / (CALLS + 1) for key in ("loop", "bare_loop"))
    return {
        "turn_ms": turn * 1e3,
        "turn_ratio": turn / bare_turn,
        "loop_ms": loop * 1e3,
        "loop_ratio": loop / bare_loop,
        "agent_us": agents[0],
        "agent_kib": agents[1],
    }


def _agents(make: Any) -> tuple[float, float]:
    """Microseconds and KiB of one agent, of many with one client."""
    best = float("inf")
    for _ in range(5):
        began = time.perf_counter()
        kept = [make() for _ in range(MADE)]
        best = min(best, (time.perf_counter() - began) / MADE)
    kept.clear()
    gc.collect()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    kept = [make() for _ in range(MADE)]
    size = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    return best * 1e6, size / len(kept) / 1024


def main() -> None:
    """Measure and print."""
    name, url, turns, rounds = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    os.environ.update(OPENAI_API_KEY="x", AGNO_TELEMETRY="false", OTEL_SDK_DISABLED="true")
    sys.path.insert(0, os.getcwd())
    began = time.perf_counter()
    for home in HOMES[name]:
        importlib.import_module(home)
    import_s = time.perf_counter() - began
    print(json.dumps({**asyncio.run(measure(name, url, turns, rounds)), "import_s": import_s}))


if __name__ == "__main__":
    main()
