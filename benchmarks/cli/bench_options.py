"""Options shared by commands of `coder bench`, beside those of `coder` itself."""

from typing import Annotated

import typer

from benchmarks.verdict import STRENGTHS, Strength
from coder.config.layers import load
from coder.run.option_table import Count, File, Text
from coder.run.settings import Settings
from coder.show.flags import check_backend, given_flags, option

Suite = Annotated[str | None, typer.Argument(metavar="SUITE", help="A suite's name, file or folder.")]
Judges = Annotated[Count, option("--workers -w", "Samples judged in parallel.", "N", min=1)]
Workers = Annotated[
    Text, option("--workers -w", "Samples in parallel, or addresses of `coder serve`.", "N|URL,…")
]
Resume = Annotated[Text, option("--resume", "Continue an interrupted run.", "RUN")]
Out = Annotated[File, option("--out -o", "Write the report as JSON.", "FILE")]
MinStrength = Annotated[
    Strength | None,
    option("--min-strength", f"Count weaker passes as not passed: {', '.join(STRENGTHS)}.", "STRENGTH"),
]


ASKING = (
    "model base_url api effort max_answer_tokens model_timeout price record replay strategy "
    "strong_model repairs max_calls temperature top_p seed"
)
"""Flags of the model, its calls and budget."""
SPREADING = "worker_tokens ray"
"""Flags for judging samples on other machines, in addition to --workers."""
GROWING = "until_decided baseline max_drop"
"""Flags of a run that ends once it is decided."""
JUDGING = "sandbox image python memory json quiet"
"""Flags of judging."""


def judging_settings(context: typer.Context) -> Settings:
    """Return the settings of a command that judges answers and calls no model."""
    flags = given_flags(context) | {
        "samples": None
    }  # here the flag names a file; in the configuration it is a number
    settings = load(flags).config.settings()
    check_backend(settings.sandbox, flags)
    return settings
