"""The pages. What lies in the folder `static` beside this file is served below /static/."""

from fastapi import APIRouter

from coder.server.serving import Serving


def routes(serving: Serving) -> APIRouter:
    """The pages of a server."""
    return APIRouter(include_in_schema=False)
