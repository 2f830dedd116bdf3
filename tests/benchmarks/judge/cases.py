"""Small cases and a judge for them, as the tests of the judge use them."""

import os
from hashlib import sha256
from pathlib import Path

import pytest

from benchmarks.judge.judge import Judge
from benchmarks.suite import FunctionCase
from benchmarks.verdict import Verdict

RECORDED = pytest.mark.usefixtures("recorded_judgements")
"""Mark of a test of what is decided from reports of pytest: its runs among twins are recorded.

Attacks, alarms and at least two cases of each module have none.
"""


def case(
    test: str,
    canonical: str | None,
    *,
    name: str = "f",
    prompt: str = "",
    timeout_s: float = 3,
    **more: object,
) -> FunctionCase:
    """A case whose test is the body of check(candidate)."""
    body = "".join(f"    {line}\n" for line in test.splitlines())
    return FunctionCase.model_validate(
        {
            "id": case_id(test, canonical, prompt),
            "prompt": prompt,
            "entry_point": name,
            "test": f"def check(candidate):\n{body}",
            "canonical_solution": canonical,
            "timeout_s": timeout_s,
            **more,
        }
    )


def case_id(*parts: object) -> str:
    """An id that is the same in each run, as what is drawn for a case hangs on it."""
    return f"case-{sha256(repr(parts).encode(errors='surrogatepass')).hexdigest()[:16]}"


async def outcome(judge: Judge, one: FunctionCase, code: str) -> str:
    """The verdict's word."""
    return (await verdict(judge, one, code)).verdict


async def verdict(judge: Judge, one: FunctionCase, code: str) -> Verdict:
    """The verdict of a whole module."""
    return await judge.judge(one, code)


def shared(name: str) -> Path:
    """A file of the data that is given for tests."""
    folder = os.environ.get("CODER_TEST_DATA")
    if folder is None:
        pytest.skip("CODER_TEST_DATA is not set: no shared data")
    return Path(folder) / name


def sections(path: Path) -> dict[str, str]:
    """The parts of a text file by their headings (`=== heading`)."""
    parts = (part.partition("\n") for part in path.read_text().split("=== ")[1:])
    return {heading: body for heading, _, body in parts}
