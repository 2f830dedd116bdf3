"""Reward functions of training libraries: `Rewarder` as one of TRL, its `score` as one of verifiers."""

import asyncio
import contextlib
import os
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from benchmarks.rewards.service import JudgingService, open_service
from benchmarks.suite import Case, Suite
from benchmarks.suites.load import load_suite
from coder.errors import MachineError, UsageError
from sandbox.open import LoopThread

Text = str | Sequence[Mapping[str, Any]] | Sequence[Any]
"""A text, or a chat's messages: objects or mappings with `role` and `content`."""
COLUMNS = ("task_id", "case", "case_id", "id")
"""Columns of a data set that name the case, in this order."""


class Rewarder:
    """Rewards answers to a suite's cases: 1.0 for a pass, else 0.0, or the part of the tests that pass.

    Opens its sandboxes with the first answer; they end with the block, or with the process. A copy in
    another process, made by pickle or by a fork, opens its own.
    """

    def __init__(
        self,
        suite: Suite | str | Path,
        *,
        partial: bool = False,
        **options: Any,  # noqa: ANN401 - open_service's
    ) -> None:
        """Load the suite.

        Args:
            suite: or its name, file or folder.
            partial: reward a failed answer by its part of the tests.
            options: those of `open_service`.

        Raises:
            UsageError: there is no such suite.
        """
        self.__name__ = "coder_tests_passed" if partial else "coder_passed"
        self.suite = suite if isinstance(suite, Suite) else load_suite(suite)
        self._partial, self._options = partial, options
        self._cases = {case.id: case for case in self.suite.cases}
        self._by_prompt = {case.prompt.strip(): case for case in self.suite.cases if case.prompt.strip()}
        self._forget()

    def _forget(self) -> None:
        self._lock, self._process = threading.Lock(), os.getpid()
        self._service: JudgingService | None = None
        self._opened = contextlib.AsyncExitStack()

    def __getstate__(self) -> dict[str, Any]:
        kept = ("__name__", "suite", "_partial", "_options", "_cases", "_by_prompt")
        return {name: vars(self)[name] for name in kept}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._forget()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the sandboxes; the next answer opens others."""
        if self._process == os.getpid():
            with self._lock:
                if self._service is not None:
                    self._service = None
                    self._thread.waiting(self._opened.aclose)()
                    self._thread.__exit__()

    def __call__(
        self,
        prompts: Sequence[Text],
        completions: Sequence[Text],
        **columns: Any,  # noqa: ANN401
    ) -> list[float | None]:
        """Rewards of a batch, as TRL's GRPOTrainer asks for them; None for an answer to no known case.

        Blocks until all are judged. Raises BackendMissing: there is no sandbox on this machine.
        """
        cases = [self.case(prompt, columns, i) for i, prompt in enumerate(prompts)]
        known = [
            (case, text_of(one)) for case, one in zip(cases, completions, strict=True) if case is not None
        ]
        service, thread = self._open()
        rewards = iter(thread.waiting(service.judge)(known, partial=self._partial))
        return [None if case is None else next(rewards).reward for case in cases]

    async def score(
        self,
        completion: Text,
        answer: object = None,
        info: object = None,
        prompt: Text = "",
    ) -> float:
        """Reward of one answer, as a function of a verifiers `Rubric`, or called in a task's `@reward`.

        Args:
            answer: the id of the case, unless a column of `info` or the prompt names it.

        Raises:
            UsageError: nothing names a case of this suite.
            MachineError: this machine couldn't judge it.
        """
        given = {**info, "answer": answer} if isinstance(info, Mapping) else {"answer": answer}
        case = self.case(prompt, {name: [value] for name, value in given.items()}, 0)
        if case is None:
            raise UsageError(
                f"Neither {', '.join(COLUMNS)} in `info`, nor `answer` or the prompt, name a case "
                f"of the suite {self.suite.name}."
            )
        service, thread = self._open()
        judging = thread.begin(service.judge([(case, text_of(completion))], partial=self._partial))
        (judged,) = await asyncio.wrap_future(judging)
        if judged.reward is None:
            raise MachineError(f"{case.id} couldn't be judged: {judged.detail}")
        return judged.reward

    def case(self, prompt: Text, columns: Mapping[str, Any], row: int) -> Case | None:
        """The case that a row of a batch asks for, by its columns, else by its prompt; None if none does."""
        for name in (*COLUMNS, "answer"):
            values = columns.get(name)
            named = str(values[row]) if isinstance(values, Sequence) and not isinstance(values, str) else ""
            if (case := self._cases.get(named) or self._cases.get(f"Mbpp/{named}")) is not None:
                return case
        return self._by_prompt.get(text_of(prompt).strip())

    def _open(self) -> tuple[JudgingService, LoopThread]:
        if self._process != os.getpid():
            self._forget()  # threads and sandboxes stayed in the process that was forked
        with self._lock:
            if self._service is None:
                self._thread = LoopThread().__enter__()
                opening = open_service(self.suite, **self._options)
                self._service = self._thread.waiting(self._opened.enter_async_context)(opening)
            return self._service, self._thread


def text_of(given: Text) -> str:
    """A text, or the text of a chat's last message."""
    if isinstance(given, str):
        return given
    last: Any = given[-1] if given else ""
    content = last.get("content") if isinstance(last, Mapping) else getattr(last, "content", last)
    if isinstance(content, str) or content is None:
        return content or ""
    return "".join(_part(part) for part in content)


def _part(part: Any) -> str:  # noqa: ANN401 - of a message, as some library makes it
    text = part.get("text") if isinstance(part, Mapping) else getattr(part, "text", None)
    return text if isinstance(text, str) else ""
