"""The application of a server, and how it ends."""

from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from importlib.metadata import entry_points, version
from pathlib import Path
from typing import Annotated

from fastapi import Body, FastAPI, Request
from fastapi.responses import Response
from starlette.staticfiles import StaticFiles

from coder.server import run_routes, studio
from coder.server.access import Door, session
from coder.server.problems import Problem, answer_problems
from coder.server.serving import Serving
from coder.server.tokens import Grant

GROUP = "coder.routes"
"""Entry points: each takes a Serving and returns an APIRouter."""
_STATIC = Path(studio.__file__).with_name("static")


def make_app(
    serving: Serving, *, names: Collection[str] = (), grants: Mapping[str, Grant] | None = None
) -> Door:
    """The ASGI application of a server.

    Args:
        names: hosts by which clients call it, beside those of loopback.
        grants: of tokens, by name; None lets in any program of this machine.
    """

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        serving.tails.close()

    app = FastAPI(
        title="coder", version=version("coder-agent"), docs_url=None, redoc_url=None, lifespan=lifespan
    )
    answer_problems(app)
    door = Door(app, serving.root, names=names, grants=grants)
    _add_entrance(app, door)
    app.include_router(run_routes.routes(serving))
    for entry in entry_points(group=GROUP):
        app.include_router(entry.load()(serving))
    if _STATIC.is_dir():
        app.mount("/static", StaticFiles(directory=_STATIC))
    return door


def _add_entrance(app: FastAPI, door: Door) -> None:
    @app.get("/healthz", tags=["server"])
    async def health() -> dict[str, str]:
        """Say that the server is up."""
        return {"status": "ok"}

    @app.post("/session", status_code=204, tags=["server"])
    async def begin_session(
        request: Request, token: Annotated[str, Body(embed=True, max_length=512)]
    ) -> Response:
        """Have a browser send a token with each request: no page can read it, and no other site use it."""
        if not door.known(token):
            raise Problem(
                401, "The token is wrong.", "The server doesn't know it.", "Ask its operator for one."
            )
        return session(token, is_secure=request.url.scheme == "https")
