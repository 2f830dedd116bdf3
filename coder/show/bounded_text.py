"""BoundedText: the beginning and the end of a text that comes in pieces, however long it is."""

_HEAD = 4_000
"""Characters that are shown as they come."""
_TAIL = 4_000
"""Characters that are shown at the end."""


class BoundedText:
    """One text at a time: `feed` gives what can be shown at once, `end` what was held back."""

    def __init__(self) -> None:
        self._shown = self._left_out = 0
        self._tail = ""

    def feed(self, piece: str) -> str:
        """What of this piece is shown now."""
        head = piece[: max(0, _HEAD - self._shown)]
        self._shown += len(head)
        rest = self._tail + piece[len(head) :]
        self._left_out += max(0, len(rest) - _TAIL)
        self._tail = rest[-_TAIL:]
        return head

    def end(self, whole: str) -> str:
        """The last characters, behind how many were left out and where the `whole` is; begins a new text."""
        note = f"\n[… {self._left_out:,} characters are left out here; {whole}]\n" if self._left_out else ""
        rest = f"{note}{self._tail}"
        self._shown = self._left_out = 0
        self._tail = ""
        return rest
