"""Reward functions of training libraries: `Rewarder` as one of TRL, its `score` as one of verifiers."""

import asyncio
import contextlib
import functools
import os
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeGuard

from benchmarks.rewards.processes import JudgingProcesses, open_judging
from benchmarks.rewards.service import JudgingService
from benchmarks.suite import Case, Suite
from benchmarks.suites.load import load_suite
from coder.base.errors import MachineError, UsageError
from sandbox.open import LoopThread

Text = str | Sequence[Any]
"""A text, or a chat's messages: mappings or objects with `content`."""
Texts = Sequence[Text]
COLUMNS = ("task_id", "case", "case_id")
"""Columns of a data set that name the case. Others, as `id` and `answer`, hold row numbers and results."""


class Rewarder(contextlib.AbstractContextManager["Rewarder"]):
    """Rewards answers to a suite's cases: 1.0 for a pass, else 0.0, or the part of the tests that pass.

    Opens its sandboxes with the first answer; they end with the block, or with the process. A pickled copy
    opens its own, and so does a forked process.
    """

    def __init__(
        self,
        suite: Suite | str | Path,
        *,
        partial: bool = False,
        slow_s: float | None = None,
        **options: Any,  # noqa: ANN401
    ) -> None:
        """Load a suite by its name, file or folder. Raises UsageError.

        `partial`, `slow_s`: of `JudgingService.judge`; `options`: of `open_judging`.
        """
        self.__name__ = "coder_tests_passed" if partial else "coder_passed"
        self.suite = suite if isinstance(suite, Suite) else load_suite(suite)
        self._how: dict[str, Any] = {"partial": partial, "slow_s": slow_s}
        self._options = options
        self._cases = {case.id: case for case in self.suite.cases}
        self._by_prompt: dict[str, set[str]] = {}
        for case in self.suite.cases:
            self._by_prompt.setdefault(case.prompt.strip(), set()).add(case.id)
        self._by_prompt.pop("", None)
        self._begin()

    def _begin(self) -> None:
        self._process, self._lock, self._opened = os.getpid(), threading.Lock(), contextlib.AsyncExitStack()
        self._service: JudgingService | JudgingProcesses | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        return functools.partial(Rewarder, self.suite, **self._how, **self._options), ()

    def __exit__(self, *error: object) -> None:
        """Close the sandboxes; the next answer opens others."""
        self._leave_parent()
        with self._lock:
            if self._service is not None:
                self._service = None
                self._thread.waiting(self._opened.aclose)()
                self._thread.__exit__()

    def __call__(self, prompts: Texts, completions: Texts, **columns: object) -> list[float | None]:
        """Rewards of a batch, as TRL's GRPOTrainer asks for them; None for an answer to no known case.

        Blocks until all are judged. Raises BackendMissing: there is no sandbox on this machine; UsageError:
        a column has another length.
        """
        named = {name: given for name in COLUMNS if _is_column(given := columns.get(name))}
        for name, given in {"completions": completions, **named}.items():
            if len(given) != len(prompts):
                raise UsageError(
                    f"`{name}` has {len(given)} rows, `prompts` has {len(prompts)}. Give one for each."
                )
        cases = [
            self._case(prompt, {name: given[row] for name, given in named.items()})
            for row, prompt in enumerate(prompts)
        ]
        rows = zip(cases, completions, strict=True)
        known = [(case, text_of(completion)) for case, completion in rows if case is not None]
        service = self._open()
        judged = iter(self._thread.waiting(service.judge)(known, **self._how))
        return [None if case is None else next(judged).reward for case in cases]

    async def score(
        self, completion: Text, answer: object = "", info: object = (), prompt: Text = ""
    ) -> float:
        """Reward of one answer, as a function of a verifiers `Rubric`, or called in a task's `@reward`.

        `answer` names the case where `prompt` and `info` name none. Raises UsageError: nothing does, or they
        differ; MachineError: it couldn't be judged.
        """
        named = {name: info[name] for name in COLUMNS if name in info} if isinstance(info, Mapping) else {}
        if (case := self._case(prompt, named, answer)) is None:
            raise UsageError(f"Give one case's id of the suite {self.suite.name} as `answer` or in `info`.")
        service = await asyncio.to_thread(self._open)
        judging = service.judge([(case, text_of(completion))], **self._how)
        beside = asyncio.run_coroutine_threadsafe(judging, self._thread.loop)
        (judged,) = await asyncio.wrap_future(beside)
        if judged.reward is None:
            raise MachineError(f"{case.id} couldn't be judged: {judged.detail}")
        return judged.reward

    def _case(self, prompt: Text, named: Mapping[str, object], otherwise: object = "") -> Case | None:
        """The one case that a prompt and each column of a row stand for; None where they differ."""
        ids = [{str(value)} for value in named.values() if str(value) in self._cases]
        if asked := self._by_prompt.get(text_of(prompt).strip()):
            ids.append(asked)
        agreed = set.intersection(*ids or [{str(otherwise)}])
        return self._cases.get(agreed.pop()) if len(agreed) == 1 else None

    def _leave_parent(self) -> None:
        """In a forked process: leave the parent's sandboxes to it, whose thread isn't here."""
        if self._process != os.getpid():
            self._inherited = self.__dict__.copy()  # kept: what is collected would end the parent's processes
            self._begin()

    def _open(self) -> JudgingService | JudgingProcesses:
        self._leave_parent()
        with self._lock:
            if self._service is None:
                self._thread = LoopThread().__enter__()
                opening = open_judging(self.suite, **self._options)
                self._service = self._thread.waiting(self._opened.enter_async_context)(opening)
            return self._service


def text_of(given: object) -> str:
    """A text, or the text of a chat's last message, whose content may be in parts; "" for anything else."""
    if isinstance(given, str):
        return given
    last = given[-1] if isinstance(given, Sequence) and given else None
    content = last.get("content") if isinstance(last, Mapping) else getattr(last, "content", last)
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, Sequence) else ()
    texts = [part.get("text") if isinstance(part, Mapping) else part for part in parts]
    return "".join(text for text in texts if isinstance(text, str))


def _is_column(given: object) -> TypeGuard[Sequence[object]]:
    return isinstance(given, Sequence) and not isinstance(given, str)
