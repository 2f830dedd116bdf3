"""`coder serve`: serve runs over HTTP."""

import sys
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated

from coder.base.errors import MissingExtra, UsageError, own_command
from coder.show.flags import option

if TYPE_CHECKING:
    from coder.platform.server.bearer_tokens import Caller


Flows = Annotated[
    list[str] | None,
    option("--flow", "A flow that clients may begin. Repeatable.", "MODULE:FUNCTION"),
]


def serve(
    host: Annotated[str, option("--host", "The address to listen on.", "ADDRESS")] = "127.0.0.1",
    port: Annotated[
        int, option("--port", "The port to listen on; 0 takes a free one.", "PORT", min=0, max=65535)
    ] = 8765,
    root: Annotated[Path, option("--root", "Folder that clients may work in (here).", "DIR")] = Path("."),
    token_file: Annotated[
        Path | None,
        option("--token-file", "File with clients' tokens; without it only this machine connects.", "FILE"),
    ] = None,
    name: Annotated[
        list[str] | None, option("--name", "A host name that clients use. Repeatable.", "HOST")
    ] = None,
    workers: Annotated[
        int | None, option("--workers", "Runs and programs in parallel (number of processors).", "N", min=1)
    ] = None,
    reports: Annotated[
        Path | None, option("--reports", "Also serve the HTML reports in this folder.", "DIR")
    ] = None,
    flow: Flows = None,
    suite: Annotated[
        list[str] | None, option("--suite", "A suite of yours for /judge. Repeatable.", "NAME=FILE")
    ] = None,
    new_token: Annotated[
        str | None, option("--new-token", "Add a token of this name to the file, print it and exit.", "NAME")
    ] = None,
    scopes: Annotated[
        str, option("--scopes", "What the new token may do: read,run,approve.", "LIST")
    ] = "read,run",
) -> None:
    """Serve runs to programs and browsers over HTTP: begin, follow, answer, stop and resume them.

    Models, teams, limits and sandbox are those of your configuration; a client picks among your models and
    teams, and may lower limits.
    """
    check_served_root(root, "serve")
    if reports is not None:
        check_served_root(reports, "serve --reports")
    from coder.platform.server.bearer_tokens import new_token as make_token
    from coder.platform.server.bearer_tokens import read_tokens

    if new_token is not None:
        if token_file is None:
            raise UsageError("--new-token adds a token to a file. Name it: --token-file FILE")
        print(make_token(token_file, new_token, scopes, root))
        return
    from coder.models.catalog import LOOPBACK

    if token_file is None and host not in LOOPBACK:
        raise UsageError(
            f"Everybody who reaches {host} could run programs here. Require a token: "
            f"{own_command()} serve --new-token NAME --token-file FILE, then "
            f"{own_command()} serve --token-file FILE"
        )
    callers = read_tokens(token_file, root) if token_file is not None else []
    suites = _suite_files(suite or ())
    flows = flow or ()
    listen(
        root,
        host,
        port,
        callers,
        names=name or (),
        workers=workers,
        reports=reports,
        flows=flows,
        suites=suites,
    )


def listen(
    root: Path,
    host: str,
    port: int,
    callers: "Sequence[Caller]",
    *,
    names: Collection[str] = (),
    workers: int | None = None,
    reports: Path | None = None,
    path: str = "",
    flows: Sequence[str] = (),
    suites: Mapping[str, Path] = MappingProxyType({}),
) -> None:
    """Serve until a signal ends the process; `path` is printed after the address.

    Raises:
        UsageError: FastAPI is missing, the address can't be listened on, a suite can't be read, or a flow
            can't be imported or lies where a client's runs write.
    """
    if find_spec("fastapi") is None or find_spec("uvicorn") is None:
        raise MissingExtra("FastAPI", "server")
    from coder.config.layers import load
    from coder.platform.served_flows import load_flows
    from coder.platform.server.http_app import serve_http
    from coder.platform.server.serving import Serving
    from coder.show.flags import check_backend, collector_url
    from coder.show.interrupt import Interrupted, run_until_interrupted
    from coder.show.tracing import collecting
    from coder.show.workers import Workers
    from coder.store import open_log

    loaded, root = load(), root.resolve()
    served_flows = load_flows(flows, root)
    for caller in callers:
        if caller.name and "run" in caller.scopes and (name := served_flows.module_below(caller.root)):
            raise UsageError(
                f"The token {caller.name!r} could change the module of the flow {name!r}, which runs in this "
                f"server, as it lies in {caller.root}. Give the token another folder, or install the module."
            )
    check_backend(loaded.config.options.sandbox, {})
    for note in loaded.notes:
        print(note, file=sys.stderr)

    async def work() -> None:
        worker_slots = Workers(workers)
        with open_log() as log:
            async with collecting(collector_url(), partial(print, file=sys.stderr)) as traces:
                serving = Serving(
                    log,
                    root,
                    loaded,
                    worker_slots,
                    reports=reports,
                    traces=traces,
                    flows=served_flows,
                    suites=suites,
                )
                await serve_http(serving, host, port, names=names, callers=callers, path=path)

    with suppress(Interrupted):  # a signal is the usual end of a server
        run_until_interrupted(work())


def _suite_files(values: Sequence[str]) -> dict[str, Path]:
    """Return the files of NAME=FILE by name. Raises UsageError."""
    files: dict[str, Path] = {}
    for value in values:
        name, _, file = value.partition("=")
        if not (name and file):
            raise UsageError(f"--suite {value}: give it a name, as in --suite mine=cases.jsonl.")
        if name in files:
            raise UsageError(f"--suite {value}: {name} is the name of another one. Give each its own.")
        files[name] = Path(file)
    return files


def check_served_root(root: Path, command: str) -> None:
    """Raise UsageError if the folder doesn't exist, or is / by default."""
    if not root.is_dir():
        raise UsageError(f"--root: there is no folder {root}.")
    if root == Path() and Path.cwd() == Path("/"):  # desktop programs start their servers in /
        raise UsageError(f"This was started in /, which is no project. Name one: coder {command} --root DIR")
