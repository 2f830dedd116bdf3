"""Put a run's files into the user's folder, whole or not at all, each only over what the run has read.

A plan says what stood at each path before and what will after. Applying and undoing it can be repeated, also
after a kill; a file that is neither stops them. The check and the rename are two steps: an edit saved in the
microseconds between them is lost. Read planning, staging.
"""

from coder.run.event_types.folder_events import Change, Plan
from coder.workspace.landing.planning import apply, is_made, plan, undo
from coder.workspace.landing.staging import FileChanged, LandingRefused

__all__ = ["Change", "FileChanged", "LandingRefused", "Plan", "apply", "is_made", "plan", "undo"]
