"""`coder doctor`: a line for each thing that `coder solve` needs, tested by using it."""

import asyncio
import json as json_format
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import typer
from pydantic import BaseModel

from coder.base.errors import CoderError, UsageError, own_command
from coder.base.text.sanitize import one_line
from coder.config.layers import Loaded, load, usual_user_file
from coder.config.schema import Config
from coder.models.find_model import server_that_answers
from coder.models.model import Usage
from coder.models.providers import cost, find_keyed_providers, providers
from coder.models.roles import Asked, resolve_roles
from coder.models.weights import embedded_weights
from coder.people.cli.backend import default_backend
from coder.people.cli.sandbox_commands import NOT_READY
from coder.show.flags import Json
from coder.show.interrupt import run_until_interrupted
from coder.show.tables import Column, TextTable, print_blocks
from coder.store import data_folder, open_log
from coder.store.blobs import Blobs
from sandbox import Policy, probe_backends

MIN_FREE_MB = 100


class DoctorFinding(BaseModel, frozen=True):
    """One line of the report of `coder doctor`."""

    name: str
    works: bool
    needed: bool = True
    """Whether `coder solve` needs it."""
    text: str


def doctor(json: Json = False) -> None:
    """Say what works on this machine, and what to do about the rest.

    Exit code 0 says that `coder solve` can work; 5 that it can't.
    """
    findings = run_until_interrupted(_examine())
    ready = all(finding.works for finding in findings if finding.needed)
    if json:
        rows = [finding.model_dump() for finding in findings]
        typer.echo(json_format.dumps({"ready": ready, "findings": rows}, indent=2))
        raise typer.Exit(0 if ready else NOT_READY)
    texts = {finding.name: finding.text for finding in findings}
    choices = f": {texts['model']}, and {texts['sandbox']}"
    conclusion = f"can work{one_line(choices, width=200)}" if ready else "can't work yet"
    cells = [_cells(finding) for finding in findings]
    table = TextTable(_COLUMNS, cells, indent=2, plain=["  {} {:<20}  {}".format(*row) for row in cells])
    print_blocks([f"{'✓' if ready else '✗'} {own_command()} solve {conclusion}", table])
    raise typer.Exit(0 if ready else NOT_READY)


_COLUMNS = (Column(), Column(is_whole=True), Column(wraps=True))


def _cells(finding: DoctorFinding) -> tuple[str, ...]:
    sign = "✓" if finding.works else "✗" if finding.needed else "·"
    return (sign, finding.name, one_line(finding.text, width=200))


async def _examine() -> list[DoctorFinding]:
    """Return findings on everything that `coder solve` needs. Keys are named by variable, never shown."""
    file, loaded = usual_user_file(), None
    try:
        loaded = load()
        configured = DoctorFinding(
            name="configuration", works=True, text=str(file) if file.exists() else f"none in {file}"
        )
    except UsageError as error:
        configured = DoctorFinding(name="configuration", works=False, text=str(error))
    config = loaded.config if loaded is not None else Config()
    sandboxes = await _sandboxes(config.options.sandbox, Policy(python=config.options.python))
    models = [
        *_key_findings(),
        *await _local_server(),
        _embedded_model(),
        await _chosen_model(config, loaded),
    ]
    folder = data_folder(os.environ)
    storage = [*_data_folder(folder)]
    if all(finding.works for finding in storage):
        storage.append(await _log_finding())
    return [configured, _python(), *sandboxes, *models, *storage]


def _python() -> DoctorFinding:
    return DoctorFinding(name="python", works=True, text=f"{platform.python_version()} at {sys.executable}")


async def _sandboxes(choice: str, policy: Policy) -> list[DoctorFinding]:
    reports = await probe_backends(policy)
    rows = [
        DoctorFinding(name=f"sandbox {report.name}", works=report.works, needed=False, text=report.detail)
        for report in reports
        if report.automatic or report.name == choice
    ]
    backend = choice if choice != "auto" else await default_backend(policy)
    works = backend in [report.name for report in reports if report.works]
    backend = backend or "bubblewrap"
    text = f"{backend} is used" if works else f"{backend} doesn't work: programs never run on the host itself"
    return [*rows, DoctorFinding(name="sandbox", works=works, text=text)]


def _key_findings() -> Iterator[DoctorFinding]:
    for endpoint in find_keyed_providers(os.environ):
        text = f"{endpoint.variable} is set"
        yield DoctorFinding(name=f"model {endpoint.provider.name}", works=True, needed=False, text=text)


async def _local_server() -> list[DoctorFinding]:
    server = await server_that_answers(providers())
    if server is None:
        return []
    provider, models = server
    return [
        DoctorFinding(name=f"model {provider.name}", works=True, needed=False, text=f"{models[0]} answers")
    ]


def _embedded_model() -> DoctorFinding:
    try:
        weights = embedded_weights()
    except CoderError as error:
        return DoctorFinding(name="model embedded", works=False, needed=False, text=str(error))
    engine = f"xllamacpp {version('xllamacpp')}"
    return DoctorFinding(
        name="model embedded", works=True, needed=False, text=f"{weights.name}, {engine}; weak"
    )


async def _chosen_model(config: Config, loaded: Loaded | None) -> DoctorFinding:
    book = loaded.book if loaded is not None else None
    try:
        roles = await resolve_roles(config.models(), environ=os.environ, book=book)
    except CoderError as error:
        return DoctorFinding(name="model", works=False, text=str(error))
    for choice in roles.all if "max_cost" in config.names else ():
        if choice.endpoint is not None and cost(choice.endpoint, Usage()) is None:
            text = f"the price of {choice.name} is unknown, so that max_cost can't be kept: "
            return DoctorFinding(
                name="model", works=False, text=f"{text}give --price IN,OUT, or write it into [prices]"
            )
    reason = "as your configuration says" if config.models() != Asked() else "when none is named"
    return DoctorFinding(name="model", works=True, text=f"{roles.main.name} answers {reason}")


def _data_folder(folder: Path) -> Iterator[DoctorFinding]:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"x")
        free_mb = shutil.disk_usage(folder).free >> 20
    except OSError as error:
        text = f"{folder} can't be written: {error.strerror}; set CODER_HOME to a folder that can"
        yield DoctorFinding(name="data folder", works=False, text=text)
        return
    yield DoctorFinding(name="data folder", works=True, text=str(folder))
    yield DoctorFinding(
        name="disk", works=free_mb >= MIN_FREE_MB, text=f"{free_mb:,} MiB free for the data folder"
    )


async def _log_finding() -> DoctorFinding:
    try:
        with open_log() as log:
            newest = await log.runs(limit=1)
            await asyncio.to_thread(_try_blobs, log.blobs)
    except CoderError as error:
        return DoctorFinding(name="log", works=False, text=str(error))
    return DoctorFinding(
        name="log", works=True, text=f"the newest run is {newest[0].run}" if newest else "no runs yet"
    )


def _try_blobs(blobs: Blobs) -> None:
    """Write, read and remove a blob. Raises CoderError if the blob store can't be used."""
    name = blobs.put(b"coder doctor")
    blobs.get(name)
    blobs.remove([name])
