"""Define reward functions for training libraries: `Rewarder` for TRL, its `score` for verifiers."""

import asyncio
import contextlib
import functools
import os
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeGuard

from benchmarks.rewards.judging import Judging, open_judging
from benchmarks.suite import Case, Suite
from benchmarks.suites.load import load_suite
from coder.base.errors import MachineError, UsageError
from sandbox.open import LoopThread

Text = str | Sequence[Any]
"""Plain text, or messages of a chat: mappings or objects with `content`."""
Texts = Sequence[Text]
_OPENED = set[contextlib.AsyncExitStack]()
"""Sandboxes of rewarders that weren't closed: they end with the process, whose exit runs no coroutine."""
COLUMNS = ("task_id", "case", "case_id")
"""Columns of a data set that name the case. Other columns such as `id` hold row numbers or results."""


class Rewarder(contextlib.AbstractContextManager["Rewarder"]):
    """Rewards answers to a suite's cases: 1.0 for a pass, else 0.0 or the share of passed tests.

    The first answer opens sandboxes, which end with the context or with the process. A pickled copy and a
    forked process open their own sandboxes.
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

        `partial` and `slow_s` are passed to `Judging.judge`, `options` to `open_judging`.
        """
        self.__name__ = "coder_tests_passed" if partial else "coder_passed"
        self.suite = suite if isinstance(suite, Suite) else load_suite(suite)
        self._judging_options: dict[str, Any] = {"partial": partial, "slow_s": slow_s}
        self._options = options
        self._cases = {case.id: case for case in self.suite.cases}
        self._by_prompt: dict[str, set[str]] = {}
        for case in self.suite.cases:
            self._by_prompt.setdefault(case.prompt.strip(), set()).add(case.id)
        self._by_prompt.pop("", None)
        self._begin()

    def _begin(self) -> None:
        self._process, self._lock, self._opened = os.getpid(), threading.Lock(), contextlib.AsyncExitStack()
        self._service: Judging | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        return functools.partial(Rewarder, self.suite, **self._judging_options, **self._options), ()

    def __exit__(self, *error: object) -> None:
        """Close the sandboxes; the next answer opens new sandboxes."""
        self._leave_parent()
        with self._lock:
            if self._service is not None:
                self._service = None
                self._thread.make_blocking(self._opened.aclose)()
                _OPENED.discard(self._opened)
                self._thread.__exit__()

    def __call__(self, prompts: Texts, completions: Texts, **columns: object) -> list[float | None]:
        """Return the rewards of a batch, as TRL's GRPOTrainer expects; None for an answer to no known case.

        Blocks until all answers are judged. Raises BackendMissing if there is no sandbox on this machine,
        UsageError if a column and the prompts have different lengths.
        """
        id_columns = {name: column for name in COLUMNS if _is_column(column := columns.get(name))}
        for name, column in {"completions": completions, **id_columns}.items():
            if len(column) != len(prompts):
                raise UsageError(
                    f"`{name}` has {len(column)} rows, `prompts` has {len(prompts)}. Give one for each."
                )
        cases = [
            self._case(prompt, {name: column[row] for name, column in id_columns.items()})
            for row, prompt in enumerate(prompts)
        ]
        rows = zip(cases, completions, strict=True)
        answers = [(case, last_text(completion)) for case, completion in rows if case is not None]
        service = self._open()
        judged = iter(self._thread.make_blocking(service.judge)(answers, **self._judging_options))
        return [None if case is None else next(judged).reward for case in cases]

    async def score(
        self, completion: Text, answer: object = "", info: object = (), prompt: Text = ""
    ) -> float:
        """Return the reward of one answer, as a function of a verifiers `Rubric` or in a task's `@reward`.

        `answer` names the case if `prompt` and `info` name none. Raises UsageError if no argument names a
        case or they name different cases, MachineError if the answer couldn't be judged.
        """
        id_columns = (
            {name: info[name] for name in COLUMNS if name in info} if isinstance(info, Mapping) else {}
        )
        if (case := self._case(prompt, id_columns, answer)) is None:
            raise UsageError(f"Give one case's id of the suite {self.suite.name} as `answer` or in `info`.")
        service = await asyncio.to_thread(self._open)
        judging = service.judge([(case, last_text(completion))], **self._judging_options)
        judging_future = asyncio.run_coroutine_threadsafe(judging, self._thread.loop)
        (judged,) = await asyncio.wrap_future(judging_future)
        if judged.reward is None:
            raise MachineError(f"{case.id} couldn't be judged: {judged.detail}")
        return judged.reward

    def _case(self, prompt: Text, id_columns: Mapping[str, object], default_id: object = "") -> Case | None:
        """Return the case that a prompt and the columns of a row name; None if it isn't exactly one."""
        ids = [{str(value)} for value in id_columns.values() if str(value) in self._cases]
        if prompt_ids := self._by_prompt.get(last_text(prompt).strip()):
            ids.append(prompt_ids)
        common_ids = set.intersection(*ids or [{str(default_id)}])
        return self._cases.get(common_ids.pop()) if len(common_ids) == 1 else None

    def _leave_parent(self) -> None:
        """Leave the sandboxes to the parent if this is a forked process, which lacks the parent's thread."""
        if self._process != os.getpid():
            self._inherited = self.__dict__.copy()  # kept: what is collected would end the parent's processes
            self._begin()

    def _open(self) -> Judging:
        self._leave_parent()
        with self._lock:
            if self._service is None:
                self._thread = LoopThread().__enter__()
                opening = open_judging(self.suite, **self._options)
                _OPENED.add(self._opened)
                self._service = self._thread.make_blocking(self._opened.enter_async_context)(opening)
            return self._service


def last_text(message: object) -> str:
    """Return a text, or the text of a chat's last message, which may be in parts; "" for any other value."""
    if isinstance(message, str):
        return message
    last = message[-1] if isinstance(message, Sequence) and message else None
    content = last.get("content") if isinstance(last, Mapping) else getattr(last, "content", last)
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, Sequence) else ()
    texts = [part.get("text") if isinstance(part, Mapping) else part for part in parts]
    return "".join(text for text in texts if isinstance(text, str))


def _is_column(value: object) -> TypeGuard[Sequence[object]]:
    return isinstance(value, Sequence) and not isinstance(value, str)
