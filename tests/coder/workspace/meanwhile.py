"""Something that happens on the machine while a model is being asked, such as an edit of the user's."""

from collections.abc import Callable

from coder.run.event_types import CallIntended
from coder.run.events import Event
from coder.run.watch import Unwatched


class Meanwhile(Unwatched):
    """Looks on at a run, and lets it happen at each of its calls, before there is an answer."""

    def __init__(self, happens: Callable[[], object]) -> None:
        self._happens = happens

    def event(self, event: Event) -> None:
        """A call has begun."""
        if event.type == CallIntended.type:
            self._happens()
