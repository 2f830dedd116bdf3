"""Cells of a file, run one after the other as one program: they share its time, output and Result."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from coder.errors import UsageError
from sandbox import Artifact, FileRefused, Limits, Policy, Result, Sandbox
from sandbox.contract import OnOutput
from sandbox.files.written_files import MAX_ARTIFACTS, MAX_BYTES

if TYPE_CHECKING:
    from sandbox import Kernel


_CACHE = ".cache/"
"""What libraries keep for themselves below a home folder: lists of fonts, by and large."""


async def run_cells(
    kernel: Kernel, cells: Sequence[str], *, policy: Policy, on_output: OnOutput | None = None
) -> Result:
    """Run cells until one fails; wall time and output of the policy are those of all together.

    Raises:
        SandboxBroken: the sandbox itself stopped working.
    """
    results: list[Result] = []
    for cell in cells:
        wall_s = policy.wall_s - sum(result.wall_s for result in results)
        room = policy.output_bytes - sum(_length(result) for result in results)
        limits = Limits(wall_s=max(wall_s, 0.001), output_bytes=max(room, 1))
        results.append(await kernel.execute(cell, limits=limits, on_output=on_output))
        if not results[-1].ok:
            break
    return _joined(results)


async def with_files(result: Result, sandbox: Sandbox, given: Mapping[str, bytes]) -> Result:
    """The result with the files that its cells wrote, too, as far as a Result holds them.

    Args:
        given: what stood in the workspace before; what is still the same is no artifact.
    """
    artifacts = list(result.artifacts)
    room = MAX_BYTES - sum(artifact.size for artifact in artifacts)
    left_out = result.artifacts_left_out
    for path in await sandbox.manifest():
        if path.startswith(_CACHE):
            continue
        try:
            if len(artifacts) == MAX_ARTIFACTS:
                raise FileRefused(f"{path!r} is one file too many.")
            content = await sandbox.read(path, limit=max(room, len(given.get(path, b""))))
        except FileRefused:
            left_out += 1
            continue
        if content == given.get(path):
            continue
        if len(content) > room:
            left_out += 1
            continue
        room -= len(content)
        artifacts.append(Artifact(path=path, size=len(content), content=content))
    return result.model_copy(update={"artifacts": tuple(artifacts), "artifacts_left_out": left_out})


def _joined(results: Sequence[Result]) -> Result:
    """As the last one ended, with what all of them showed."""
    if not results:
        return Result(status="ok", exit_code=0)
    return results[-1].model_copy(
        update={
            "stdout": "".join(result.stdout for result in results),
            "stderr": "".join(result.stderr for result in results),
            "truncated": any(result.truncated for result in results),
            "wall_s": sum(result.wall_s for result in results),
            "cpu_s": sum(result.cpu_s for result in results),
            "max_rss_mb": max(result.max_rss_mb for result in results),
            "artifacts": tuple(artifact for result in results for artifact in result.artifacts),
            "artifacts_left_out": sum(result.artifacts_left_out for result in results),
            "state_lost": any(result.state_lost for result in results),
        }
    )


def _length(result: Result) -> int:
    return len(result.stdout.encode()) + len(result.stderr.encode())


_MARK = re.compile(r"^#\s?%%(.*)$", re.MULTILINE)
_NOT_CODE = re.compile(r"\s*(.*\s)?\[(markdown|md|raw)\]", re.IGNORECASE)
_FORMAT = 4


def cells_of(source: str) -> tuple[str, ...]:
    """Cells of a script, without those that hold no code; all of it is one cell where no line marks any."""
    marks = list(_MARK.finditer(source))
    ends = [*(mark.start() for mark in marks[1:]), len(source)]
    cells = [source[: marks[0].start()] if marks else source]
    for mark, end in zip(marks, ends, strict=True) if marks else ():
        if _NOT_CODE.match(mark[1]) is None:
            cells.append(source[mark.end() : end].removeprefix("\n"))
    return tuple(cell for cell in cells if cell.strip())


def cells_of_notebook(content: bytes, name: str) -> tuple[str, ...]:
    """Code cells of a notebook file.

    Args:
        name: of the file, for the message.

    Raises:
        UsageError: it isn't a notebook, or one of an older format.
    """
    try:
        notebook = json.loads(content)
        if notebook["nbformat"] != _FORMAT:
            raise UsageError(
                f"{name} is a notebook of format {notebook['nbformat']}, and only {_FORMAT} can be read.\n"
                f"Bring it up to date: jupyter nbconvert --to notebook --inplace {name}"
            )
        cells = ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise UsageError(f"{name} can't be read as a Jupyter notebook.") from error
    return tuple(cell for cell in cells if cell.strip())
