"""Keyword options of `solve` and `resume`."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypedDict

from coder.base.text.guards import Guard
from coder.engine.participants.participant import Team
from coder.environment.run_policy import OpenSandbox
from coder.models.model import Model
from coder.run.settings import Settings
from coder.run.termination import Stop
from coder.run.watch import Watch
from coder.store import EventLog

if TYPE_CHECKING:
    from coder.config.mcp_servers import Mcp


class Options(TypedDict, total=False):
    """The keywords that `solve`, `solve_sync` and `resume` share. Each may be left out, or be None."""

    settings: Settings | None
    """None means the defaults, or at a resume the settings of the run."""
    model: Model | None
    """None: a model of a provider with an API key, of a server on this machine, or embedded. At a resume the
    model of the run."""
    team: Team | None
    """None means the team of the strategy in the settings. A resume needs this option again."""
    stop: Stop | None
    """None means the stop of the strategy in the settings."""
    sandbox: OpenSandbox | None
    """Function that opens a sandbox for a policy; None: the strongest sandbox that this machine has."""
    tools: Sequence["Callable[..., object] | Mcp"] | None
    """Typed functions with a docstring, and MCP servers, that a model may call as tools. They run outside any
    sandbox, unless the server's settings name one."""
    guards: Sequence[Guard] | None
    """Functions that check each text before it crosses, after the guards of installed packages. They aren't
    logged: a resume needs this option again."""
    log: EventLog | None
    """None means the user's log, which `coder show` and `coder resume` read."""
    run_id: str | None
    """Id of the new run; `solve` fails if a run has it already. None: an id is generated."""
    watch: Watch | None
    """Receives each event as it happens, and answers questions. None: every change is approved."""


def check_known(options: Options) -> None:
    """Raise TypeError for an unknown keyword, as Python does for a function with named parameters."""
    if unknown := sorted(options.keys() - Options.__annotations__.keys()):
        raise TypeError(
            f"unexpected keyword argument {unknown[0]!r}; there are: {', '.join(Options.__annotations__)}"
        )
