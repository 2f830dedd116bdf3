"""`coder sandbox doctor|build|reap`: inspect the sandboxes, build Docker's image, remove leftovers."""

import json as json_format
import sys
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Annotated

import typer
from pydantic import TypeAdapter

from coder.base.errors import UsageError, own_command
from coder.base.text.sanitize import one_line
from coder.config.layers import load
from coder.environment.run_policy import policy_of
from coder.people.cli.backend import default_backend
from coder.show.flags import Image, Json, Python, Quiet, group, option
from coder.show.interrupt import run_until_interrupted
from coder.show.signals import interrupt_on_signals
from coder.show.styling import build_bar
from coder.show.tables import Block, pairs, print_blocks
from sandbox import BackendReport, Capability, Policy, probe_backends

NOT_READY = 5
_WIDTH = 400
_SIGNS = {"enforced": "✓", "sampled": "~", "none": "✗"}

app = group(no_args_is_help=True, help="Inspect the sandbox, build its Docker image, clean up leftovers.")


@app.command(short_help="Show which sandboxes work here, and what enforces each guarantee.")
def doctor(
    backend: Annotated[str | None, option("--backend", "Check only this sandbox.", "NAME")] = None,
    image: Image = None,
    python: Python = None,
    json: Json = False,
) -> None:
    """Say of each backend whether it works here, and what keeps its guarantees.

    Exit code 0 says that programs can run, or with --backend that they can in that one; 5 that they can't.
    """
    flags = {"image": image, "python": python}
    settings = load(flags).config.settings()
    default, reports = run_until_interrupted(_examine(policy_of(settings, workspace=None)))
    if backend is not None:
        reports = [_named(backend, reports)]
    ready = default is not None if backend is None else reports[0].works
    if json:
        rows = TypeAdapter(list[BackendReport]).dump_python(reports, mode="json")
        typer.echo(json_format.dumps({"ready": ready, "auto": default, "backends": rows}, indent=2))
        raise typer.Exit(0 if ready else NOT_READY)
    if backend is not None:
        verdict = f"✓ programs can run in {backend}" if ready else f"✗ programs can't run in {backend}"
    else:
        verdict = f"✓ programs run in {default}" if ready else "✗ programs can't run here"
    print_blocks([verdict, *chain.from_iterable(map(_blocks, reports))])
    raise typer.Exit(0 if ready else NOT_READY)


@app.command(short_help="Build the image of --sandbox docker.")
def build(
    base: Annotated[str | None, option("--base", "The image to build upon (python:3-slim).", "IMAGE")] = None,
    tag: Annotated[str | None, option("--tag", "What it is called (coder-sandbox:latest).", "NAME")] = None,
    requirements: Annotated[
        Path | None,
        option(
            "--requirements",
            "What programs need besides, as pip has it.",
            "FILE",
            dir_okay=False,
            exists=True,
        ),
    ] = None,
    wheels: Annotated[
        Path | None,
        option(
            "--wheels",
            "Take all packages from a folder; pip fetches none.",
            "DIR",
            file_okay=False,
            exists=True,
        ),
    ] = None,
    from_debian: Annotated[
        bool, option("--from-debian", "Make the base from Debian's packages: root, and no registry.")
    ] = False,
    quiet: Quiet = False,
) -> None:
    """Build the image that programs get with --sandbox docker: Python, pytest, numpy and ipykernel.

    This machine's pip fetches the packages, so that its index, proxy and passwords stay out of the image.
    """
    from sandbox.docker.engine import IMAGE
    from sandbox.images.base import DEBIAN_BASE, make_debian_base, open_build_client
    from sandbox.images.build_image import DEFAULT_BASE, ImageRecipe, build_image

    interrupt_on_signals()  # from here on, folders and pip's process need cleaning up
    if from_debian and base is not None:
        raise UsageError("--from-debian makes the base itself: it goes without --base.")
    engine = open_build_client()
    if from_debian:
        base = DEBIAN_BASE
        make_debian_base(base)
    name = tag or IMAGE
    recipe = ImageRecipe(base or DEFAULT_BASE, name, requirements=requirements, wheels=wheels)
    if quiet:
        build_image(engine, recipe, report=lambda line: None)
    else:
        with build_bar(f"building {name}") as show:
            build_image(engine, recipe, report=lambda line: show(one_line(line, width=_WIDTH)))
    typer.echo(f"✓ built  {name}")
    if not quiet:
        flag = "" if name == IMAGE else f" --image {name}"
        typer.echo(f"  next   {own_command()} run --sandbox docker{flag} -c 'print(1)'")


@app.command(short_help="Remove containers and folders of runs that were killed.")
def reap(json: Json = False) -> None:
    """Remove what sandboxes of killed owners left: containers, processes, cgroups, folders.

    An owner in another container can't be seen and counts as alive.
    """
    from sandbox.backends.reap import reap as remove_leftovers

    report = run_until_interrupted(remove_leftovers())
    if json:
        typer.echo(json_format.dumps({"removed": report.removed, "not_seen": report.not_seen}, indent=2))
        return
    typer.echo(f"✓ removed {len(report.removed)}" if report.removed else "✓ nothing was left over")
    for name in report.removed:
        typer.echo(f"  {one_line(name, width=_WIDTH)}")
    if report.not_seen:
        print(one_line(f"no containers were looked for: {report.not_seen}", width=_WIDTH), file=sys.stderr)


async def _examine(policy: Policy) -> tuple[str | None, list[BackendReport]]:
    return await default_backend(policy), await probe_backends(policy)


def _named(name: str, reports: list[BackendReport]) -> BackendReport:
    for report in reports:
        if report.name == name:
            return report
    raise UsageError(f"There is no backend {name!r}. These are: {', '.join(each.name for each in reports)}.")


def _blocks(report: BackendReport) -> Iterator[Block]:
    is_automatic = report.automatic
    sign = "✓" if report.works and is_automatic else "·"
    detail = report.detail if is_automatic else f"{report.detail.rstrip('.')}; never used unless it is named"
    yield f"{sign} {report.name:<12}  {one_line(detail, width=_WIDTH)}"
    if report.fix:
        yield f"    next  {report.fix}"
    yield pairs(
        [
            (f"{_SIGNS[capability.enforcement]} {capability.guarantee}", _mechanism(capability))
            for capability in report.capabilities
        ],
        indent=4,
    )


def _mechanism(capability: Capability) -> str:
    mechanism = capability.mechanism or "nothing keeps it here"
    return (
        f"{mechanism} (sampled)"
        if capability.enforcement == "sampled" and "sampled" not in mechanism
        else mechanism
    )
