"""What a caller of `solve` and `resume` may give."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypedDict

from coder.engine.loop import Team
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
    """None is the defaults; at a resume the run's own."""
    model: Model | None
    """None: of a provider with a key, a server on this machine, or embedded; at a resume the run's own."""
    team: Team | None
    """None is the team of the strategy in the settings. A resume needs the same one again."""
    stop: Stop | None
    """None is the stop of the strategy in the settings."""
    sandbox: OpenSandbox | None
    """Opens a sandbox for a policy; None is the strongest that this machine has."""
    tools: Sequence["Callable[..., object] | Mcp"] | None
    """Typed functions with a docstring, and MCP servers, that a model which acts may call. Outside of any
    sandbox, unless the server says otherwise."""
    log: EventLog | None
    """None is the user's own log, so that `coder show` and `coder resume` know the run."""
    run_id: str | None
    """Of a new run that has to have this one: `solve` fails where it is there; None: a new one is made."""
    watch: Watch | None
    """Sees each event as it happens; None agrees to what is to be written."""


def check_known(options: Options) -> None:
    """Refuse a keyword that is none, as Python does where each one is named."""
    if unknown := sorted(options.keys() - Options.__annotations__.keys()):
        raise TypeError(
            f"unexpected keyword argument {unknown[0]!r}; there are: {', '.join(Options.__annotations__)}"
        )
