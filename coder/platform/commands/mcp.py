"""`coder mcp`: serve other agents and editors by the Model Context Protocol."""

import sys
from contextlib import suppress
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

from coder.base.errors import MissingExtra, UsageError
from coder.platform.commands.serve import Flows, check_served_root, listen
from coder.show.flags import option


def mcp(
    root: Annotated[Path, option("--root", "Folder that clients may work in (here).", "DIR")] = Path("."),
    http: Annotated[
        int | None,
        option("--http", "Serve HTTP on this port of 127.0.0.1 (0: any).", "PORT", min=0, max=65535),
    ] = None,
    flow: Flows = None,
    token_file: Annotated[
        Path | None,
        option("--token-file", "File with the token for --http (else a new one is printed).", "FILE"),
    ] = None,
) -> None:
    """Serve run_code, solve, fix, run_status and approve to an MCP client, over stdio or HTTP.

    With --http it is `coder serve` with one token, for clients of this machine.

    Models, limits and sandbox are those of your configuration; a client can change none of them.
    """
    if find_spec("mcp") is None:
        raise MissingExtra("The MCP SDK", "mcp")
    check_served_root(root, "mcp")
    if token_file is not None and http is None:
        raise UsageError("--token-file goes with --http PORT: over stdio there is no token.")
    if http is not None:
        from coder.platform.server.bearer_tokens import one_caller

        listen(root, "127.0.0.1", http, [one_caller(token_file, root)], path="/mcp", flows=flow or ())
        return
    from coder.config.layers import load
    from coder.platform.mcp_server.stdio import serve_stdio
    from coder.platform.mcp_server.tools import server_of
    from coder.platform.served_flows import FlowRuns, load_flows
    from coder.show.flags import check_backend, collector_url
    from coder.show.interrupt import Interrupted, run_until_interrupted
    from coder.show.tracing import collecting

    check_backend(load().config.options.sandbox, {})
    flows = load_flows(flow or (), root)

    async def work() -> None:
        async with collecting(collector_url(), partial(print, file=sys.stderr)) as traces:
            await serve_stdio(server_of(FlowRuns(root, flows=flows, traces=traces)))

    with suppress(Interrupted):  # a signal is the usual end of a server
        run_until_interrupted(work())
