"""Responses to failing requests: a status, and a document that says what happened, why, and what to do
next.
"""

from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from coder.base.errors import Busy, CoderError, LeaseHeld, ModelError, Refused, TooLate, UsageError
from coder.show.failure import report, single
from sandbox.errors import SandboxError


class ProblemDocument(BaseModel, frozen=True):
    """The document of a failing request."""

    what: str
    why: str
    next: str


class Problem(Exception):
    """A request that can't be served."""

    def __init__(self, status: int, what: str, why: str, next: str, **headers: str) -> None:
        super().__init__(what)
        self.status, self.document, self.headers = (
            status,
            ProblemDocument(what=what, why=why, next=next),
            headers,
        )

    def response(self) -> JSONResponse:
        """Return the response to the request."""
        headers = {name.replace("_", "-"): value for name, value in self.headers.items()}
        return JSONResponse(self.document.model_dump(), self.status, headers)


def server_ends() -> Problem:
    """Return the problem of a request that an ending server refuses."""
    return Problem(503, "This server ends.", "Its operator ends it.", "Try again.", Retry_After="5")


_OPERATOR_ADVICE = "Its operator sees more: coder doctor."
_KINDS: tuple[tuple[type[Exception], int, str, str], ...] = (
    (TooLate, 409, "What was asked for has happened already.", "Look at the run: GET /runs/{run}."),
    (LeaseHeld, 409, "One process at a time works on a run.", "Wait for its end, or POST /runs/{run}/stop."),
    (UsageError, 422, "The request can't be carried out as it is.", "Correct it, and send it again."),
    (
        Refused,
        422,
        "A hook or a guard of this server's operator refuses it.",
        "Correct it, and send it again.",
    ),
    (ModelError, 502, "The model of this server failed.", _OPERATOR_ADVICE),
    (SandboxError, 503, "The sandbox of this server failed.", _OPERATOR_ADVICE),
    (Busy, 429, "The server works on no more at once.", "Send it again after Retry-After."),
    (CoderError, 503, "The machine of this server failed.", _OPERATOR_ADVICE),
)
"""Error class, status, reason and advice; the first match applies."""


REFUSALS: dict[int | str, dict[str, object]] = {
    status: {"model": ProblemDocument}
    for status in (400, 401, 403, 404, 409, 411, 413, 421, 422, 429, 502, 503)
}
"""Responses for the OpenAPI document."""


def problem_of(error: BaseException) -> Problem:
    """Return an error as a problem; an unexpected error is a bug, and is printed on stderr."""
    error = single(error)
    if isinstance(error, Problem):
        return error
    if isinstance(error, RequestValidationError):
        message = "; ".join(
            f"{'.'.join(map(str, detail['loc']))}: {detail['msg']}" for detail in error.errors()[:5]
        )
        return Problem(422, message, "The request isn't as the server takes it.", "See /openapi.json.")
    if isinstance(error, HTTPException):
        reason = HTTPStatus(error.status_code).phrase
        return Problem(
            error.status_code, reason, str(error.detail), "See /openapi.json.", **error.headers or {}
        )
    for kind, status, why, advice in _KINDS:
        if isinstance(error, kind):
            headers = {"Retry_After": "5"} if status == 429 else {}
            return Problem(status, str(error), why, advice, **headers)
    report(error)
    return Problem(500, "The server failed.", "This is a bug in coder.", _OPERATOR_ADVICE)


def answer_problems(app: FastAPI) -> None:
    """Answer each error of a request with a document."""

    async def answer(request: Request, error: Exception) -> JSONResponse:
        return problem_of(error).response()

    for kind in (RequestValidationError, HTTPException, Problem, CoderError, SandboxError, Exception):
        app.add_exception_handler(kind, answer)
