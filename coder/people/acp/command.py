"""`coder acp`: be the agent of an editor, by the Agent Client Protocol on standard input and output."""

from contextlib import suppress
from importlib.util import find_spec

import typer

from coder.base.errors import MissingExtra
from coder.show.flags import RESUME_FLAGS, given_flags, takes

_UNUSED_FLAGS = (
    *("require", "apply", "branch", "keep", "accept_unverified", "tool", "mcp", "yes", "detach", "record"),
    *("json", "jsonl", "quiet", "verbose", "otlp", "otel_content"),
)


@takes("test no_test", *(name for name in RESUME_FLAGS.split() if name not in _UNUSED_FLAGS))
def acp(context: typer.Context) -> None:
    """Serve an editor by the Agent Client Protocol: each of its sessions is a chat about a folder.

    The editor starts this command; you approve each change in the editor before it is written.
    """
    if find_spec("acp") is None:
        raise MissingExtra("The Agent Client Protocol's package", "acp")
    from coder.people.acp.stdio import serve_stdio
    from coder.show.interrupt import Interrupted, run_until_interrupted

    with suppress(Interrupted):  # a signal is the usual end of a server
        run_until_interrupted(serve_stdio(given_flags(context), context.params))
