"""Options shared by commands of `coder bench`, beside those of `coder` itself."""

from pathlib import Path
from typing import Annotated

import typer

from coder.config.layers import load
from coder.console.flags import given_flags, see_backend
from coder.run.settings import Settings

Suite = Annotated[str | None, typer.Argument(metavar="SUITE", help="A suite's name, file or folder.")]
Judges = Annotated[
    int | None, typer.Option("--workers", "-w", metavar="N", min=1, help="Samples judged at once.")
]
Resume = Annotated[str | None, typer.Option("--resume", metavar="RUN", help="Continue an interrupted run.")]
Out = Annotated[Path | None, typer.Option("--out", "-o", metavar="FILE", help="Write the report as JSON.")]
IncludeWeaker = Annotated[
    bool, typer.Option("--include-weaker", help="Also count cases that only one process can decide.")
]


ASKING = (
    "model base_url effort max_answer_tokens model_timeout price record replay max_cost strategy "
    "strong_model repairs max_calls temperature top_p seed"
)
"""Flags of the model, its calls and budget; below, of judging."""
JUDGING = "sandbox image python memory json quiet"


def judging_settings(context: typer.Context) -> Settings:
    """Settings of a command that judges and calls no model."""
    flags = given_flags(context) | {"samples": None}  # a file here, and a number in the configuration
    settings = load(flags).config.settings()
    see_backend(settings.backend, flags)
    return settings
