"""Templates that escape every value, and routes of pages, whose errors are pages."""

import hashlib
from collections.abc import Callable, Coroutine
from functools import cache
from typing import TYPE_CHECKING, Any

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse
from fastapi.routing import APIRoute

from coder.base.errors import CoderError, MissingExtra
from coder.base.text.sanitize import join_surrogates, one_line, printable, visible
from coder.platform.server.problems import Problem, problem_of
from coder.run.state import State
from coder.show.render import age, money, spent
from sandbox.errors import SandboxError

if TYPE_CHECKING:
    from jinja2 import Environment

_TAB_WIDTH = 60
"""Number of a task's characters that the tab of a browser shows."""


@cache
def templates() -> "Environment":
    """Return the templates of the pages. Raises MissingExtra: jinja2 is missing."""
    try:
        from jinja2 import Environment, PackageLoader
    except ImportError as error:
        raise MissingExtra("jinja2", "server") from error
    environment = Environment(
        loader=PackageLoader("coder.platform.server", "studio/templates"),
        autoescape=True,
        finalize=lambda value: printable(value) if type(value) is str else value,
    )
    environment.filters |= {"age": age, "money": money, "one_line": one_line, "spent": spent}
    environment.filters["visible"] = visible
    environment.filters["digest"] = _digest
    return environment


def _digest(text: str) -> str:
    return hashlib.sha256(join_surrogates(text).encode()).hexdigest()[:16]


def page(name: str, title: str, *, tab: str = "", status: int = 200, **values: object) -> HTMLResponse:
    """Return a page, by the name of its template; the browser's tab shows `tab`, or else the title."""
    html = templates().get_template(f"{name}.html.j2").render(title=title, tab=tab or title, **values)
    return HTMLResponse(html, status)


def title_of(state: State) -> str:
    """Return the task with which a run has begun; later messages don't rename it."""
    return (state.steps[0] if state.steps else state).task.prompt


def tab_of(prompt: str, *, before: str = "") -> str:
    """Return the browser tab's title for a page of a run: `before`, then the first words of its task."""
    return " · ".join(filter(None, [before, one_line(prompt, width=_TAB_WIDTH)]))


def fragment(name: str, *values: object) -> str:
    """Return the HTML of a macro in `parts`."""
    return str(getattr(templates().get_template("parts.html.j2").module, name)(*values))


class PageRoute(APIRoute):
    """A route whose errors are pages."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Wrap the handler of the route."""
        handle = super().get_route_handler()

        async def handled(request: Request) -> Response:
            try:
                return await handle(request)
            except (Problem, RequestValidationError, CoderError, SandboxError) as error:
                problem = problem_of(error)
                if request.method != "GET":
                    return problem.response()
                document = problem.document
                text = f"{document.why} {document.next}"
                return page("base", document.what, status=problem.status, text=text)

        return handled
