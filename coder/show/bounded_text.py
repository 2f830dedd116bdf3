"""BoundedText: the beginning and the end of a text that arrives in pieces."""

_HEAD = 4_000
"""Characters shown as they arrive."""
_TAIL = 4_000
"""Characters shown at the end."""


class BoundedText:
    """Shortens a long text to its beginning and end: `feed` returns what to show now, `end` the rest."""

    def __init__(self) -> None:
        self._shown = self._left_out = 0
        self._tail = ""

    def feed(self, piece: str) -> str:
        """Return the part of a piece to show now."""
        head = piece[: max(0, _HEAD - self._shown)]
        self._shown += len(head)
        held_back = self._tail + piece[len(head) :]
        self._left_out += max(0, len(held_back) - _TAIL)
        self._tail = held_back[-_TAIL:]
        return head

    def end(self, full_text_place: str) -> str:
        """Return a note on omitted characters and the last characters; begin a new text.

        Args:
            full_text_place: where the full text is, for the note.
        """
        note = (
            f"\n[… {self._left_out:,} characters are left out here; {full_text_place}]\n"
            if self._left_out
            else ""
        )
        ending = f"{note}{self._tail}"
        self._shown = self._left_out = 0
        self._tail = ""
        return ending
