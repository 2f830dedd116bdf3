"""Reward functions of training libraries: `Rewarder` as one of TRL, its `score` as one of verifiers."""

import asyncio
import contextlib
import functools
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.rewards.service import JudgingService, open_service
from benchmarks.suite import Case, Suite
from benchmarks.suites.load import load_suite
from coder.errors import MachineError, UsageError
from sandbox.open import LoopThread

Text = str | Sequence[Any]
"""A text, or a chat's messages: mappings or objects with `content`."""
Texts = Sequence[Text]
COLUMNS = ("task_id", "case", "case_id", "id", "answer")
"""Columns of a data set that name the case, in this order."""


class Rewarder(contextlib.AbstractContextManager["Rewarder"]):
    """Rewards answers to a suite's cases: 1.0 for a pass, else 0.0, or the part of the tests that pass.

    Opens its sandboxes with the first answer; they end with the block, or with the process. A pickled copy
    opens its own.
    """

    def __init__(self, suite: Suite | str | Path, *, partial: bool = False, **options: Any) -> None:  # noqa: ANN401
        """Load a suite by its name, file or folder; `options`: of `open_service`. Raises UsageError."""
        self.__name__ = "coder_tests_passed" if partial else "coder_passed"
        self.suite = suite if isinstance(suite, Suite) else load_suite(suite)
        self._partial, self._options = partial, options
        self._cases = {case.id: case for case in self.suite.cases}
        self._by_prompt = {case.prompt.strip(): case for case in self.suite.cases if case.prompt.strip()}
        self._lock, self._opened = threading.Lock(), contextlib.AsyncExitStack()
        self._service: JudgingService | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        return functools.partial(Rewarder, self.suite, partial=self._partial, **self._options), ()

    def __exit__(self, *error: object) -> None:
        """Close the sandboxes; the next answer opens others."""
        with self._lock:
            if self._service is not None:
                self._service = None
                self._thread.waiting(self._opened.aclose)()
                self._thread.__exit__()

    def __call__(self, prompts: Texts, completions: Texts, **columns: object) -> list[float | None]:
        """Rewards of a batch, as TRL's GRPOTrainer asks for them; None for an answer to no known case.

        Blocks until all are judged. Raises BackendMissing: there is no sandbox on this machine.
        """
        cases = [self._case(prompt, columns, row) for row, prompt in enumerate(prompts)]
        rows = zip(cases, completions, strict=True)
        known = [(case, text_of(completion)) for case, completion in rows if case is not None]
        service = self._open()
        judged = iter(self._thread.waiting(service.judge)(known, partial=self._partial))
        return [None if case is None else next(judged).reward for case in cases]

    async def score(self, completion: Text, answer: object = "", info: object = ()) -> float:
        """Reward of one answer, as a function of a verifiers `Rubric`, or called in a task's `@reward`.

        Raises UsageError: `answer` and `info` name no case; MachineError: it couldn't be judged.
        """
        columns = {**info, "answer": answer} if isinstance(info, Mapping) else {"answer": answer}
        if (case := self._case("", {name: [value] for name, value in columns.items()}, 0)) is None:
            raise UsageError(f"Give a case's id of the suite {self.suite.name} as `answer` or in `info`.")
        service = await asyncio.to_thread(self._open)
        judging = service.judge([(case, text_of(completion))], partial=self._partial)
        beside = asyncio.run_coroutine_threadsafe(judging, self._thread.loop)
        (judged,) = await asyncio.wrap_future(beside)
        if judged.reward is None:
            raise MachineError(f"{case.id} couldn't be judged: {judged.detail}")
        return judged.reward

    def _case(self, prompt: Text, columns: Mapping[str, object], row: int) -> Case | None:
        columns_here = [values for name in COLUMNS if isinstance(values := columns.get(name), Sequence)]
        named = [f"{prefix}{values[row]}" for values in columns_here for prefix in ("", "Mbpp/")]
        asked = self._by_prompt.get(text_of(prompt).strip())
        return next((self._cases[name] for name in named if name in self._cases), asked)

    def _open(self) -> JudgingService:
        with self._lock:
            if self._service is None:
                self._thread = LoopThread().__enter__()
                opening = open_service(self.suite, **self._options)
                self._service = self._thread.waiting(self._opened.enter_async_context)(opening)
            return self._service


def text_of(given: Text) -> str:
    """A text, or the text of a chat's last message, whose content may be in parts."""
    if isinstance(given, str):
        return given
    last: Any = given[-1] if given else {"content": ""}
    content = last["content"] if isinstance(last, Mapping) else last.content
    return content if isinstance(content, str) else "".join(part.get("text", "") for part in content or ())
