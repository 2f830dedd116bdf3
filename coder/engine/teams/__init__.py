"""Teams decide who speaks next by the state alone; strategies select teams.

Read coding_team, strategies, spec.
`from coder.engine.teams import Member, RoundRobin, Panel, Selector, Handoff, Orchestrated, Nested`
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from coder.engine.participants.member import Member
    from coder.engine.teams.kinds import Handoff, Orchestrated, Panel, Selector
    from coder.engine.teams.spec import Nested, RoundRobin, TeamSpec

__all__ = ["Handoff", "Member", "Nested", "Orchestrated", "Panel", "RoundRobin", "Selector", "TeamSpec"]


def __getattr__(name: str) -> object:
    """Load a public name at its first use (PEP 562): a run without a team needs none of them."""
    if name not in __all__:
        raise AttributeError(f"module 'coder.engine.teams' has no attribute {name!r}")
    kinds = import_module("coder.engine.teams.kinds")
    return getattr(kinds if hasattr(kinds, name) else import_module("coder.engine.teams.spec"), name)
