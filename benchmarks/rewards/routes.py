"""Routes of `coder serve`: judge answers, in our form and in SandboxFusion's.

`/run_code`, `/run_jupyter` and `/submit` take and give what SandboxFusion's do:
https://github.com/bytedance/SandboxFusion, `sandbox/server`.
"""

import asyncio
import functools
import hashlib
import math
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI
from pydantic import BaseModel, Field

from benchmarks.executors.wire import MAX_CPU_S
from benchmarks.rewards.answers import JudgedAnswer
from benchmarks.rewards.judging import Judging, open_judging
from benchmarks.rewards.notebooks import Notebooks, RunJupyter, RunJupyterResponse
from benchmarks.rewards.programs import ProgramRunner, RunCode, RunCodeResponse, Text
from benchmarks.rewards.worker_routes import add_worker_routes
from benchmarks.suite import Case, FunctionCase, ScriptCase, ScriptRun, Suite
from benchmarks.suites.extract import code_of
from benchmarks.suites.load import load_suite, suite_names
from coder.base.errors import UsageError
from coder.base.text.sanitize import suggest_nearest
from coder.engine.requests import check_text
from coder.platform.server.problems import Problem
from coder.platform.server.serving import Serving, require_scope
from sandbox import Limits, Program, Result

_LONGEST = ScriptCase(id="longest", prompt="", timeout_s=MAX_CPU_S, runs=(ScriptRun(stdout=""),))
_MAX_WAITING = 4096
"""Maximum number of waiting answers, and of waiting programs; a single request may have more."""


class JudgeRequest(BaseModel, extra="forbid"):
    """Answers to judge, and their case: the id of one of a served suite, or the case itself."""

    suite: str = ""
    case: str | Annotated[FunctionCase | ScriptCase, Field(discriminator="kind")]
    answers: list[Text] = Field(min_length=1, max_length=512)
    partial: bool = False
    slow_s: float | None = Field(default=None, gt=0)


class Submission(BaseModel):
    """An answer to a case of a suite, as SandboxFusion takes it; its `config` has no effect."""

    dataset: str
    id: int | str
    completion: Text


class _ServedSuites:
    """The installed suites, each loaded by the first request, and those of the operator."""

    def __init__(self, files: Mapping[str, Path]) -> None:
        if installed := sorted(suite_names().keys() & files):
            raise UsageError(f"--suite {installed[0]}=…: an installed suite has this name. Give another one.")
        self._own = {name: load_suite(file) for name, file in files.items()}
        for name, suite in self._own.items():
            if not any(isinstance(case, FunctionCase | ScriptCase) for case in suite.cases):
                raise UsageError(
                    f"--suite {name}=…: it has neither functions nor scripts, which /judge takes."
                )
        self._load = functools.cache(load_suite)

    async def case(self, suite: str, case: str) -> FunctionCase | ScriptCase:
        """Return a case of a served suite, never of a path. Raises UsageError if there is no such case."""
        names = sorted(suite_names().keys() | self._own)
        if suite not in names:
            raise UsageError(f"This server has no suite {suite!r}. It has: {', '.join(names)}.")
        served = self._own.get(suite)
        if served is None:
            served = await asyncio.to_thread(self._load, suite)
        named_case = next((item for item in served.cases if item.id == case), None)
        if named_case is None:
            hint = suggest_nearest(case, [item.id for item in served.cases])
            raise UsageError(f"The suite {suite} has no case {case!r}{hint or '.'}")
        if not isinstance(named_case, FunctionCase | ScriptCase):
            raise UsageError(
                f"The case {case} is neither a function nor a script: grade it with coder bench."
            )
        return named_case


class _Judging:
    def __init__(self, serving: Serving) -> None:
        self._settings, self._lock = serving.loaded.config.settings(), asyncio.Lock()
        self.opened = AsyncExitStack()
        self._service: Judging | None = None
        self._notebooks = Notebooks(self._settings)
        self._waiting = Counter[str]()

    async def service(self) -> Judging:
        """Return the judging service, which the first request opens."""
        async with self._lock:
            if self._service is None:
                opening = open_judging(
                    Suite(name="served", version="1", cases=(_LONGEST,)),
                    backend=self._settings.sandbox,
                    python=self._settings.python,
                    memory_mb=self._settings.memory,
                )
                self._service = await self.opened.enter_async_context(opening)
            return self._service

    async def judge(self, case: Case, answers: list[str], **how: Any) -> list[JudgedAnswer]:  # noqa: ANN401
        """Judge answers to a case. Raises Problem if too many answers wait."""
        key = hashlib.sha256(case.model_dump_json().encode()).hexdigest()  # ids of suites may be alike
        update = {"id": key, "timeout_s": min(case.timeout_s, MAX_CPU_S), "wall_s": None}
        request = [(case.model_copy(update=update), answer) for answer in answers]
        service = await self.service()
        with self._room("answers", len(request), service.usual_s / service.slots):
            return await service.judge(request, **how)

    async def run(self, program: Program, limits: Limits, stdin: bytes, files: Mapping[str, bytes]) -> Result:
        """Run a program. Raises Problem if too many programs wait."""
        service = await self.service()
        with self._room("programs", 1, (limits.wall_s or 1.0) / service.slots):
            return await service.run(program, limits, stdin, files)

    async def run_notebook(self, request: RunJupyter) -> RunJupyterResponse:
        """Run a notebook. Raises Problem if too many notebooks wait."""
        with self._room("notebooks", 1, request.total_timeout / self._notebooks.slots):
            return await self._notebooks.run(request)

    @contextmanager
    def _room(self, queue: str, count: int, usual_s: float) -> Iterator[None]:
        """Count items as waiting, each for `usual_s` of all slots. Raises Problem if the queue is full."""
        waiting = self._waiting[queue]
        if waiting and waiting + count > _MAX_WAITING:
            detail, retry_after = f"{waiting:,} wait before it.", str(math.ceil(waiting * usual_s))
            advice = "Send it again after Retry-After."
            raise Problem(429, "The queue is full.", detail, advice, Retry_After=retry_after)
        self._waiting[queue] += count
        try:
            yield
        finally:
            self._waiting[queue] -= count


def routes(serving: Serving) -> APIRouter:
    """Return the router; each route needs the scope `run`. Raises UsageError for an unreadable suite."""
    judging, suites = _Judging(serving), _ServedSuites(serving.suites)
    programs = ProgramRunner(judging.run, max_mb=serving.loaded.config.settings().memory)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with judging.opened:
            yield

    router = APIRouter(tags=["rewards"], lifespan=lifespan, dependencies=[Depends(require_scope("run"))])

    @router.post("/judge")
    async def judge(request: JudgeRequest) -> list[JudgedAnswer]:
        """Judge answers to a case of a suite, or to a whole case."""
        check_text(request.model_dump(include={"case"}))
        case = request.case
        if isinstance(case, str):
            case = await suites.case(request.suite, case)
        return await judging.judge(case, request.answers, partial=request.partial, slow_s=request.slow_s)

    @router.post("/run_code")
    async def run_code(request: RunCode) -> RunCodeResponse:
        """Run a program in an installed language, alone."""
        check_text(request.code, request.stdin, *request.files, *request.fetch_files)
        return await programs.run(request)

    @router.post("/run_jupyter")
    async def run_jupyter(request: RunJupyter) -> RunJupyterResponse:
        """Run the cells of a notebook in a kernel of their own."""
        check_text(*request.cells, *request.files, *request.fetch_files)
        return await judging.run_notebook(request)

    @router.post("/submit")
    async def submit(request: Submission) -> dict[str, object]:
        """Judge an answer to a case of a suite."""
        case = await suites.case(request.dataset, str(request.id))
        (judged,) = await judging.judge(case, [request.completion])
        passed = judged.verdict == "passed"
        outcome = RunCodeResponse(status="Success" if passed else "Failed", message=judged.detail)
        tests = [{"passed": passed, "exec_info": outcome}]
        code = await asyncio.to_thread(code_of, case, request.completion)
        return {"id": request.id, "accepted": passed, "extracted_code": code, "tests": tests}

    add_worker_routes(router, judging.service)
    return router
