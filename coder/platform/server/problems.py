"""What a request that fails gets: a status, and what happened, why, and what to do next in one document."""

from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from coder.base.errors import Busy, CoderError, LeaseHeld, ModelError, TooLate, UsageError
from coder.show.failure import report, single
from sandbox.errors import SandboxError


class Refusal(BaseModel, frozen=True):
    """The document."""

    what: str
    why: str
    next: str


class Problem(Exception):
    """A request that can't be served."""

    def __init__(self, status: int, what: str, why: str, next: str, **headers: str) -> None:
        super().__init__(what)
        self.status, self.document, self.headers = status, Refusal(what=what, why=why, next=next), headers

    def response(self) -> JSONResponse:
        """The answer to the request."""
        headers = {name.replace("_", "-"): value for name, value in self.headers.items()}
        return JSONResponse(self.document.model_dump(), self.status, headers)


def ending() -> Problem:
    """What a request gets that a server at its end does not carry out."""
    return Problem(503, "This server ends.", "Its operator ends it.", "Try again.", Retry_After="5")


_OPERATOR = "Its operator sees more: coder doctor."
_KINDS: tuple[tuple[type[Exception], int, str, str], ...] = (
    (TooLate, 409, "What was asked for has happened already.", "Look at the run: GET /runs/{run}."),
    (LeaseHeld, 409, "One process at a time works on a run.", "Wait for its end, or POST /runs/{run}/stop."),
    (UsageError, 422, "The request can't be carried out as it is.", "Change it as the text says."),
    (ModelError, 502, "The model of this server failed.", _OPERATOR),
    (SandboxError, 503, "The sandbox of this server failed.", _OPERATOR),
    (Busy, 429, "The server works on no more at once.", "Send it again after Retry-After."),
    (CoderError, 503, "The machine of this server failed.", _OPERATOR),
)
"""Which error has which status, why, and what to do; the first that fits."""


REFUSALS: dict[int | str, dict[str, object]] = {
    status: {"model": Refusal} for status in (400, 401, 403, 404, 409, 411, 413, 421, 422, 429, 502, 503)
}
"""For the OpenAPI document."""


def problem_of(error: BaseException) -> Problem:
    """An error as the answer to a request; what is no error of ours is a bug, and goes to stderr."""
    error = single(error)
    if isinstance(error, Problem):
        return error
    if isinstance(error, RequestValidationError):
        wrong = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()[:5])
        return Problem(422, wrong, "The request isn't as the server takes it.", "See /openapi.json.")
    if isinstance(error, HTTPException):
        reason = HTTPStatus(error.status_code).phrase
        return Problem(
            error.status_code, reason, str(error.detail), "See /openapi.json.", **error.headers or {}
        )
    for kind, status, why, further in _KINDS:
        if isinstance(error, kind):
            headers = {"Retry_After": "5"} if status == 429 else {}
            return Problem(status, str(error), why, further, **headers)
    report(error)
    return Problem(500, "The server failed.", "This is a bug in coder.", _OPERATOR)


def answer_problems(app: FastAPI) -> None:
    """Have each error of a request answered by a document."""

    async def answer(request: Request, error: Exception) -> JSONResponse:
        return problem_of(error).response()

    for kind in (RequestValidationError, HTTPException, Problem, CoderError, SandboxError, Exception):
        app.add_exception_handler(kind, answer)
