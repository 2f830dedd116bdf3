"""Options that several of `coder bench`'s commands share, beside those of `coder` itself."""

from pathlib import Path
from typing import Annotated

import typer

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
