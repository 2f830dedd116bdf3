"""Expert: a Coder whose calls go to the model that was named for hard cases."""

from coder.participants.coder import Coder


class Expert(Coder):
    """Writes code as the Coder does; it is asked where the Coder has failed."""

    name = "expert"
