"""A server made with the official SDK: `python sdk_mcp.py [DESCRIPTOR OF A SOCKET] [json]`."""

import sys
from typing import Any

import uvicorn
from mcp.server.mcpserver import Context, MCPServer
from mcp_types import ToolAnnotations

server = MCPServer("sdk")
READS = ToolAnnotations(read_only_hint=True)


@server.tool(annotations=READS)
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


@server.tool(annotations=READS)
async def grow(ctx: Context[Any, Any]) -> str:
    """Add a tool."""
    server.add_tool(add, name="plus", annotations=READS)
    await ctx.notify_tools_changed()
    return "grown"


@server.tool()
def deploy(place: str) -> str:
    """Deploy it."""
    return f"deployed to {place}"


@server.tool(annotations=READS)
def fail() -> str:
    """Fail."""
    raise RuntimeError("the disk is full")


@server.tool(annotations=READS)
def huge(megabytes: int) -> str:
    """Send much."""
    return "x" * (megabytes << 20)


@server.tool(annotations=READS)
def header(ctx: Context[Any, Any]) -> str:
    """The header that the client sent."""
    return dict(ctx.headers or {}).get("x-token", "none")


@server.tool(annotations=READS)
def roots(ctx: Context[Any, Any]) -> str:
    """Whether the client has roots."""
    capabilities = ctx.client_capabilities
    return "none" if capabilities is None or capabilities.roots is None else "some"


if sys.argv[1:]:
    app = server.streamable_http_app(json_response=sys.argv[2:] == ["json"])
    uvicorn.run(app, fd=int(sys.argv[1]), log_level="warning")
else:
    server.run()
