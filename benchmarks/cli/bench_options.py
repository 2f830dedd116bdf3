"""Options that several of `coder bench`'s commands share, beside those of `coder` itself."""

import os
from pathlib import Path
from typing import Annotated

import typer

from coder.config.layers import load, user_file
from coder.console import options
from coder.console.backend import see_backend
from coder.console.options import given_flags
from coder.run.settings import Settings

Suite = Annotated[str | None, typer.Argument(metavar="SUITE", help="A suite's name, file or folder.")]
Judges = Annotated[
    int | None, typer.Option("--workers", "-w", metavar="N", min=1, help="Samples judged at once.")
]
Resume = Annotated[
    str | None, typer.Option("--resume", metavar="RUN", help="Go on with a run that was cut off.")
]
Out = Annotated[Path | None, typer.Option("--out", "-o", metavar="FILE", help="Write the report as JSON.")]
IncludeWeaker = Annotated[
    bool, typer.Option("--include-weaker", help="Count cases that one process had to decide, too.")
]


def asking(
    model: options.ModelName = None,
    base_url: options.BaseUrl = None,
    effort: options.EffortName = None,
    max_answer_tokens: options.MaxAnswerTokens = None,
    model_timeout: options.ModelTimeout = None,
    price: options.Price = None,
    record: options.Record = None,
    replay: options.Replay = None,
    max_cost: options.MaxCost = None,
    strategy: options.Strategy = None,
    strong_model: options.StrongModel = None,
    repairs: options.Repairs = None,
    max_calls: options.MaxCalls = None,
    temperature: options.Temperature = None,
    top_p: options.TopP = None,
    seed: options.Seed = None,
) -> None:
    """Who answers, how, and for how much."""


def judging(
    sandbox: options.SandboxName = None,
    image: options.Image = None,
    python: options.Python = None,
    memory: options.Memory = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Where answers are judged, and how that is told."""


def judging_settings(context: typer.Context) -> Settings:
    """Settings of a command that judges and asks no model."""
    flags = given_flags(context) | {"samples": None}  # a file here, and a number in the configuration
    settings = load(flags, environ=os.environ, user_file=user_file(), workspace=None).config.settings()
    see_backend(settings.backend, flags)
    return settings
