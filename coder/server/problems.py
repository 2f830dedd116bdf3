"""What a request that fails gets: a status and one document that says what happened, why, and what to do."""

from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from coder.console.failure import report, single
from coder.errors import CoderError, LeaseHeld, ModelError, TooLate, UsageError
from sandbox.errors import SandboxError


class Refusal(BaseModel, frozen=True):
    """The document of a request that fails."""

    what: str
    why: str
    next: str


class Problem(Exception):
    """A request that can't be served. `status` is that of HTTP, the other three are the document."""

    def __init__(self, status: int, what: str, why: str, next: str, **headers: str) -> None:
        super().__init__(what)
        self.status, self.document = status, Refusal(what=what, why=why, next=next)
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}

    def response(self) -> JSONResponse:
        """The answer to the request."""
        return JSONResponse(self.document.model_dump(), self.status, self.headers)


_KINDS: tuple[tuple[type[Exception], int, str, str], ...] = (
    (TooLate, 409, "What was asked for has happened already.", "Look at the run: GET /runs/{run}."),
    (
        LeaseHeld,
        409,
        "One process at a time works on a run.",
        "Wait until it ends, or POST /runs/{run}/stop.",
    ),
    (UsageError, 422, "The request can't be carried out as it is.", "Change it as the text says."),
    (ModelError, 502, "The model of this server failed.", "Try again; its operator sees more: coder doctor."),
    (SandboxError, 503, "The sandbox of this server failed.", "Its operator sees more: coder doctor."),
    (CoderError, 503, "The machine of this server failed.", "Its operator sees more: coder doctor."),
)
"""Which error has which status, why, and what to do; the first that fits."""


def problem_of(error: BaseException) -> Problem:
    """An error as the answer to a request; what is no error of ours is a bug, and goes to stderr."""
    error = single(error)
    if isinstance(error, Problem):
        return error
    for kind, status, why, further in _KINDS:
        if isinstance(error, kind):
            return Problem(status, str(error), why, further)
    report(error)
    return Problem(
        500, "The server failed.", "This is a bug in coder.", "Send its operator's stderr with a report."
    )


def answer_problems(app: FastAPI) -> None:
    """Have each error of a request answered by a document."""

    async def answer(request: Request, error: Exception) -> JSONResponse:
        return problem_of(error).response()

    async def of_body(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RequestValidationError)
        wrong = [f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()[:5]]
        told = Problem(
            422, "; ".join(wrong), "The request isn't as the server takes it.", "See /openapi.json."
        )
        return told.response()

    async def of_http(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)
        reason = HTTPStatus(error.status_code).phrase
        told = Problem(
            error.status_code, reason, f"{request.method} {request.url.path}", "See /openapi.json."
        )
        told.headers.update(error.headers or {})
        return told.response()

    handlers: dict[Any, Any] = {RequestValidationError: of_body, HTTPException: of_http}
    for kind, handler in handlers.items():
        app.add_exception_handler(kind, handler)
    for known in (Problem, CoderError, SandboxError, ExceptionGroup, Exception):
        app.add_exception_handler(known, answer)
