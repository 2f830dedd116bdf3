"""Recordings of runs in workspaces of their own: files are arguments, and what is written is returned.

`Recordings` of `tests/recorded_runs.py` holds them beside the others. Two things differ. A judge names its
report and its jobs by random words, new each time: a key holds their numbers in order instead, and an answer
has the words of the run that it answers. And a judge that has read a deciding failure cancels the run: such a
recording holds what was printed until then, and its answer waits to be cancelled again.
"""

import asyncio
import hashlib
import json
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from sandbox import Artifact, Policy, Program, Result

MOST_BYTES = 256 << 10
"""Size of the largest recording."""
CUT = "cut"
"""Status of a run that was cancelled."""
_CANCELLED_WITHIN_S = 5.0
"""A run that isn't cancelled again within this time runs in the real sandbox."""
_RANDOM_WORD = re.compile(r"(?<![0-9a-f])(?:[0-9a-f]{16}|[0-9a-f]{12})(?![0-9a-f])")

OnOutput = Callable[[str, bytes], None]


@dataclass(frozen=True, slots=True)
class FreshRun:
    """A program and all that its run in a workspace of its own depends on."""

    inputs: Mapping[str, Any]
    words: tuple[str, ...]
    """Its random words, in order."""

    @classmethod
    def of(cls, program: Program, policy: Policy, how: Mapping[str, Any]) -> "FreshRun":
        """Return the run of a program with these arguments, without limits of time: none was reached."""
        time, limits = {"wall_s", "cpu_s"}, how.get("limits")
        source, stdin = program.model_dump_json(), text_of(how.get("stdin", b""))
        run = cls({}, tuple(dict.fromkeys(_RANDOM_WORD.findall(source + stdin))))
        files = {
            run.numbered(path): hashlib.sha256(run.numbered(text_of(content)).encode()).hexdigest()
            for path, content in (how.get("files") or {}).items()
        }
        inputs = {
            "program": [type(program).__name__, run.numbered(source)],
            "policy": policy.model_dump(mode="json", exclude=time),
            "limits": limits.model_dump(mode="json", exclude=time) if limits else None,
            "stdin": run.numbered(stdin),
            "files": files,
        }
        return cls(inputs, run.words)

    def key(self, portable: Callable[[str], str]) -> str:
        """Return the digest of the inputs."""
        return hashlib.sha256(portable(json.dumps(self.inputs, sort_keys=True)).encode()).hexdigest()[:32]

    def numbered(self, text: str) -> str:
        """Put numbers in place of the random words."""
        for number, word in enumerate(self.words):
            text = text.replace(word, f"{{word {number}}}")
        return text

    def named(self, text: str) -> str:
        """Put the random words in place of their numbers."""
        for number, word in enumerate(self.words):
            text = text.replace(f"{{word {number}}}", word)
        return text


def recording_of(result: Result, run: FreshRun, portable: Callable[[str], str]) -> dict[str, Any] | None:
    """Return what a run did; None if it is too much, or not all was kept."""
    texts = {"stdout": result.raw_stdout, "stderr": result.raw_stderr}
    artifacts = {artifact.path: artifact.content for artifact in result.artifacts}
    if result.artifacts_left_out or sum(map(len, (*texts.values(), *artifacts.values()))) > MOST_BYTES:
        return None
    stored = {name: portable(run.numbered(text_of(content))) for name, content in texts.items()}
    written = {
        run.numbered(path): portable(run.numbered(text_of(content))) for path, content in artifacts.items()
    }
    fields = {name: getattr(result, name) for name in ("status", "exit_code", "signal")}
    seconds = {name: round(getattr(result, name), 2) for name in ("wall_s", "cpu_s")}
    recording = {**fields, **seconds, **stored, "artifacts": written}
    return {name: value for name, value in recording.items() if value not in ("", {}, None)}


def cut_recording(
    printed: Mapping[str, bytes], run: FreshRun, portable: Callable[[str], str]
) -> dict[str, Any]:
    """Return what a run printed before it was cancelled."""
    return {"status": CUT, **{name: portable(run.numbered(text_of(each))) for name, each in printed.items()}}


async def answer(
    recording: Mapping[str, Any], run: FreshRun, here: Callable[[str], str], on_output: OnOutput | None
) -> Result | None:
    """Return a recorded result; None for a run that was cancelled, unless this one is, too."""
    outputs = {name: bytes_of(here(run.named(recording.get(name, "")))) for name in ("stdout", "stderr")}
    for name, output in outputs.items():
        if output and on_output is not None:
            on_output(name, output)
    if recording["status"] == CUT:
        with suppress(TimeoutError):
            async with asyncio.timeout(_CANCELLED_WITHIN_S):
                await asyncio.Event().wait()
        return None
    contents = {
        run.named(path): bytes_of(here(run.named(text)))
        for path, text in recording.get("artifacts", {}).items()
    }
    fields = ("status", "exit_code", "signal", "wall_s", "cpu_s")
    return Result(
        **{"exit_code": None, **{name: recording[name] for name in fields if name in recording}},
        **{name: output.decode("utf-8", "replace") for name, output in outputs.items()},
        **{f"raw_{name}": output for name, output in outputs.items()},
        artifacts=tuple(
            Artifact(path=path, size=len(content), content=content)
            for path, content in sorted(contents.items())
        ),
    )


def text_of(content: bytes) -> str:
    """Return bytes as text that holds all of them."""
    return content.decode("utf-8", "surrogateescape")


def bytes_of(text: str) -> bytes:
    """Return the bytes of such a text."""
    return text.encode("utf-8", "surrogateescape")
