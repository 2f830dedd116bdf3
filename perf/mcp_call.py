"""A call of an MCP server's tool by us and by the bare SDK: python -m perf.mcp_call [ROUNDS]

One server for each, made with the SDK, on stdin and stdout. Calls are made in turns of 50, so that a drift
of the machine's speed meets both alike; printed are the medians of the turns, and the median of their ratios.
"""

import asyncio
import sys
import time
from pathlib import Path
from statistics import median

from mcp import Client, StdioServerParameters

from coder.config.mcp_servers import Mcp
from coder.tools.mcp_client import McpServer
from coder.tools.tool import Desk

SERVER = Path(__file__).parents[1] / "tests/coder/tools/sdk_mcp.py"
CALLS = 50


async def main(rounds: int) -> None:
    """Measure, and print."""
    desk = Desk(None, lambda: 600.0, lambda text: text)  # type: ignore[arg-type]
    own_client = McpServer(Mcp("it", command=(sys.executable, str(SERVER))), print)
    bare = Client(StdioServerParameters(command=sys.executable, args=[str(SERVER)]))
    try:
        add = next(tool for tool in await own_client.tools() if tool.spec.name == "it_add")
        async with bare:
            await bare.list_tools()
            pairs = []
            for number in range(rounds):
                began = time.perf_counter()
                for _ in range(CALLS):
                    await bare.call_tool("add", {"a": 1, "b": number})
                between = time.perf_counter()
                for _ in range(CALLS):
                    await add.call({"a": 1, "b": number}, desk)
                pairs.append((between - began, time.perf_counter() - between))
    finally:
        await own_client.close()
    theirs, own = (median(pair[who] for pair in pairs) / CALLS * 1e3 for who in (0, 1))
    ratio = median(pair[1] / pair[0] for pair in pairs)
    print(f"bare SDK {theirs:.2f} ms, ours {own:.2f} ms a call: {ratio:.2f} of it (median of {rounds} turns)")


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 40))
