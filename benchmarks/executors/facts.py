"""Describe workers: only workers of one version, judge and level of isolation share a run."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Annotated

from pydantic import Field

from coder.base.errors import UsageError
from sandbox.result import Value


class WorkerFacts(Value):
    """Facts that a worker states about itself, once its sandbox has passed its probe."""

    version: str
    judge: str
    """Digest of its judge's source files."""
    level: str
    """Mechanism by which the worker isolates candidates."""
    slots: Annotated[int, Field(ge=1)]
    """Number of answers that it judges at once."""


@dataclass(frozen=True, slots=True)
class ProbeJob:
    """Job that asks a worker for its facts."""

    key: str = "probe"
    group: str = ""
    max_tries: int = 2


def installed_version() -> str:
    """Return the version of this package."""
    return version("coder-agent")


def check_facts(facts: Sequence[tuple[str, WorkerFacts]], *, judge: str) -> str:
    """Return the level of isolation that all workers have.

    Raises:
        UsageError: a worker has another version or judge than the driver, or another level than the others.
    """
    first_name, first = facts[0]
    for name, one in facts:
        if one.version != installed_version() or one.judge != judge:
            raise UsageError(
                f"{name} runs version {one.version} with judge {one.judge[:12]}, and this is "
                f"{installed_version()} with judge {judge[:12]}: their verdicts can't be compared.\n"
                "Install the same version on both."
            )
        if one.level != first.level:
            raise UsageError(
                f"{name} isolates candidates by {one.level}, and {first_name} by {first.level}.\n"
                "Give all workers the same sandbox: `sandbox` in their configuration."
            )
    return first.level
