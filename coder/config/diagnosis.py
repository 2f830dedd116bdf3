"""Doctor: what `coder solve` needs, whether it is here, and what to do about the rest. Found out by doing."""

import os
import shutil
import sys
import tempfile
from collections.abc import Mapping
from decimal import Decimal
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from pydantic import BaseModel

from coder.errors import CoderError
from coder.models.catalog import UserModels
from coder.models.find_model import PROBE_S, first_that_answers
from coder.models.model import Usage
from coder.models.providers import cost, found_endpoints, providers
from coder.models.roles import Asked, resolve_roles
from coder.models.weights import embedded_weights
from coder.store import SqliteLog, data_folder
from sandbox import Policy, SandboxError, open_sandbox, probe_backends

OLDEST_PYTHON = (3, 11)
LEAST_FREE_MB = 100


class Diagnosis(BaseModel, frozen=True):
    """One line of the doctor's."""

    name: str
    works: bool
    needed: bool
    """`coder solve` can't work without it."""
    text: str


async def examine(
    environ: Mapping[str, str] = os.environ,
    *,
    sandbox: str | None = None,
    python: Path | None = None,
    asked: Asked | None = None,
    book: UserModels | None = None,
    max_cost: Decimal | None = None,
) -> list[Diagnosis]:
    """Everything that matters to `coder solve` on this machine. Keys are named by variable, never shown.

    Args:
        environ: where keys and the data folder are looked up.
        sandbox: the backend that the configuration names.
        python: the interpreter that it names.
        asked: who is to answer, as it names them.
        book: what it says of models.
        max_cost: the limit of cost that it sets, in US dollars.
    """
    sandboxes = await _sandboxes(sandbox, python)
    chosen = await _chosen(environ, asked or Asked(), book, max_cost)
    models = [*await _models(environ), chosen]
    return [_python(), *sandboxes, *models, *await _kept(data_folder(environ))]


def can_solve(findings: list[Diagnosis]) -> bool:
    """Whether nothing that is needed is missing."""
    return all(finding.works for finding in findings if finding.needed)


def _python() -> Diagnosis:
    found = ".".join(map(str, sys.version_info[:3]))
    works = sys.version_info >= OLDEST_PYTHON
    wanted = "" if works else f"; {'.'.join(map(str, OLDEST_PYTHON))} or newer is needed"
    return Diagnosis(name="python", works=works, needed=True, text=f"{found} at {sys.executable}{wanted}")


async def _sandboxes(named: str | None, python: Path | None) -> list[Diagnosis]:
    reports = await probe_backends(Policy(python=python))
    rows = [
        Diagnosis(name=f"sandbox {report.name}", works=report.works, needed=False, text=report.detail)
        for report in reports
        if report.automatic or report.name == named
    ]
    wanted = named if named not in (None, "auto") else await _automatic(python)
    works = wanted in [report.name for report in reports if report.works]
    wanted = wanted or "bubblewrap"
    text = f"{wanted} is used" if works else f"{wanted} doesn't work: programs never run on the host itself"
    return [*rows, Diagnosis(name="sandbox", works=works, needed=True, text=text)]


async def _automatic(python: Path | None) -> str | None:
    """The backend that is used where none is named; None where there is none."""
    try:
        async with open_sandbox(Policy(python=python)) as box:
            return box.backend
    except (SandboxError, ValueError):
        return None


async def _models(environ: Mapping[str, str]) -> list[Diagnosis]:
    rows = [
        Diagnosis(
            name=f"model {found.provider.name}", works=True, needed=False, text=f"{found.variable} is set"
        )
        for found in found_endpoints(environ)
    ]
    local = [provider for provider in providers() if provider.name in ("ollama", "lmstudio")]
    here = await first_that_answers(local, timeout_s=PROBE_S)
    if here is not None:
        provider, models = here
        rows.append(
            Diagnosis(name=f"model {provider.name}", works=True, needed=False, text=f"{models[0]} answers")
        )
    return [*rows, _embedded()]


def _embedded() -> Diagnosis:
    try:
        weights = embedded_weights()
    except CoderError as error:
        return Diagnosis(name="model embedded", works=False, needed=False, text=str(error))
    return Diagnosis(
        name="model embedded", works=True, needed=False, text=f"{weights.name}, {_engine()}; weak"
    )


def _engine() -> str:
    try:
        return f"xllamacpp {version('xllamacpp')}"
    except PackageNotFoundError:
        return "no xllamacpp"


async def _chosen(
    environ: Mapping[str, str], asked: Asked, book: UserModels | None, max_cost: Decimal | None
) -> Diagnosis:
    try:
        roles = await resolve_roles(asked, environ=environ, book=book)
    except CoderError as error:
        return Diagnosis(name="model", works=False, needed=True, text=str(error))
    for choice in roles.all if max_cost is not None else ():
        if choice.endpoint is not None and cost(choice.endpoint, Usage()) is None:
            text = f"the price of {choice.name} is unknown, so that max_cost can't be kept: "
            text += "give --price IN,OUT, or write it into [prices]"
            return Diagnosis(name="model", works=False, needed=True, text=text)
    why = "as your configuration says" if asked != Asked() else "when none is named"
    return Diagnosis(name="model", works=True, needed=True, text=f"{roles.main.name} answers {why}")


async def _kept(folder: Path) -> list[Diagnosis]:
    rows = _folder(folder)
    return [*rows, await _log(folder)] if can_solve(rows) else rows


def _folder(folder: Path) -> list[Diagnosis]:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"x")
        free_mb = shutil.disk_usage(folder).free >> 20
    except OSError as error:
        text = f"{folder} can't be written: {error.strerror}; set CODER_HOME to a folder that can"
        return [Diagnosis(name="data folder", works=False, needed=True, text=text)]
    enough = free_mb >= LEAST_FREE_MB
    return [
        Diagnosis(name="data folder", works=True, needed=True, text=str(folder)),
        Diagnosis(name="disk", works=enough, needed=True, text=f"{free_mb:,} MiB free for the data folder"),
    ]


async def _log(folder: Path) -> Diagnosis:
    try:
        with SqliteLog(folder) as log:
            newest = await log.runs(limit=1)
    except CoderError as error:
        return Diagnosis(name="log", works=False, needed=True, text=str(error))
    text = f"the newest run is {newest[0].run}" if newest else "no runs yet"
    return Diagnosis(name="log", works=True, needed=True, text=text)
