"""Put a run's files into the user's folder, whole or not at all, each only over what the run has read.

A plan says for each file what was there before and what will be there after. Applying it is safe to repeat:
a file that is as before is replaced, one that is as after is done, anything else stops it. So is undoing.
Killed at any moment, either can be run again. The check and the rename are two steps: an editor that saves in
the microseconds between them loses; nothing on the system can join them for a file that exists.
"""

from coder.run.landing_plan import Change, Plan
from coder.workspace.landing.applying import apply, is_made, undo
from coder.workspace.landing.planning import plan
from coder.workspace.landing.standing import FileChanged, LandingRefused

__all__ = ["Change", "FileChanged", "LandingRefused", "Plan", "apply", "is_made", "plan", "undo"]
