"""Apply edits to files: all, none, or those that fit, with a report of misses."""

from collections.abc import Mapping, Sequence

from coder.edits import paths
from coder.edits.change import EditedFile
from coder.edits.edit import Answered, Edit, Hunk, Slip
from coder.edits.lines import like
from coder.edits.locate import HunkPlace, Index, is_done, is_made, locate, place_of_addition
from coder.edits.misses import NOT_THERE, around, miss, nearest, reported, summarize_misses

_MAX_MISSES = 4
"""Report at most this many misses; then the other edits aren't tried, unless fitting edits are kept."""
_MAX_LINE_NUMBERS = 8
_MAX_REBUILDS = 50
"""Maximum searches for a hunk in the result of earlier hunks; each indexes the file again."""
_NO_CHANGE = (
    "Your edits change nothing: the files are already as your answer makes them. "
    "Answer with edits that change them."
)


def apply(
    edits: Sequence[Edit],
    files: Mapping[str, str | None],
    *,
    slips: Sequence[Slip] = (),
    in_part: bool = False,
    originals: Mapping[str, str | None] | None = None,
) -> Answered:
    """Apply edits to files: all, none, or those that fit.

    Args:
        files: every present file; None is a binary file.
        slips: unreadable parts of the answer; if there are any, nothing is changed.
        in_part: make the edits that fit even if others don't.
        originals: the files before the model's work, whose edits aren't made a second time; None: any are.
    """
    tree = _Tree(files, slips, originals, in_part=in_part and not slips)
    remaining, waiting = len(edits), list[Edit]()
    for edit in edits:
        if tree.is_full:
            break
        if not tree.take(edit, waits=True):
            waiting.append(edit)
        remaining -= 1
    for edit in waiting:
        tree.take(edit)
    changed_files = {
        path: text
        for path, text in tree.changes.items()
        if (path in files if text is None else text != files.get(path))
    }
    if tree.misses:
        visible = tree.misses[:_MAX_MISSES]
        other_count, results = (
            remaining + len(tree.misses) - len(visible),
            changed_files if tree.in_part else {},
        )
        return Answered(
            results,
            reported(visible, others=other_count, changed_files=[*results]),
            fits=False,
            gist=summarize_misses(visible, others=other_count),
            missed=tuple(
                dict.fromkeys(slip.path for slip in visible if slip.path is not None and not slip.near)
            ),
        )
    if not changed_files and edits:
        return Answered(problem=_NO_CHANGE, fits=False)
    return Answered(changed_files)


class _Refused(Exception):
    """An edit is refused; the arguments are the reason and the file to show."""


class _Clash(_Refused):
    """A file can't be written where a folder is, or below a file; a later edit may remove that."""


class _Tree:
    """The files while edits are applied."""

    def __init__(
        self,
        files: Mapping[str, str | None],
        slips: Sequence[Slip],
        originals: Mapping[str, str | None] | None,
        *,
        in_part: bool,
    ) -> None:
        self._files, self._originals = files, originals
        self._names = paths.TreeNames(files)
        self.in_part = in_part
        self.changes: dict[str, str | None] = {}
        self.misses = [*slips]
        self._rebuilds = 0

    @property
    def is_full(self) -> bool:
        """Whether there are so many misses that the other edits aren't tried."""
        return len(self.misses) >= _MAX_MISSES and not self.in_part

    def take(self, edit: Edit, *, waits: bool = False) -> bool:
        """Apply one edit, or record why it can't be applied; return False if `waits` and it clashes."""
        try:
            source = self._source(edit)
            target = self._target(edit, source)
        except _Refused as refused:
            if waits and isinstance(refused, _Clash):
                return False
            self.misses.append(Slip(*refused.args))
            return True
        miss_count = len(self.misses)
        old_text = (self._current(source) or "") if source is not None else ""
        if edit.action == "write":
            text = like(edit.text, old_text) if source is not None else edit.text
        else:
            text = self._apply_hunks(source or target, old_text, edit.hunks)
        if len(self.misses) > miss_count and (edit.to is not None or not self.in_part):
            return True
        if source is not None and (edit.action == "delete" or (source != target and not edit.keeps)):
            self._set(source, None)
        if edit.action != "delete":
            self._set(target, text)
        return True

    def _current(self, path: str) -> str | None:
        return self.changes[path] if path in self.changes else self._files.get(path)

    def _set(self, path: str, text: str | None) -> None:
        self.changes[path] = text
        if text is None:
            self._names.remove(path)
        else:
            self._names.add(path)

    def _source(self, edit: Edit) -> str | None:
        """Return the file that an edit changes; None if it creates one. Raises _Refused."""
        path = paths.plain(edit.path)
        if reason := paths.refusal(path):
            raise _Refused(reason)
        target = self._names.find(path)
        if (
            edit.new
            and edit.to is None
            and target is not None
            and (self._current(target) or "").strip() not in ("", edit.text.strip())
        ):
            raise _Refused(f"`{target}` is there already: change it, or name another file.", target)
        if target is None and edit.action != "write":
            raise _Refused(self._names.missing(path))
        if target is not None and edit.action != "delete" and self._current(target) is None:
            raise _Refused(f"`{target}` is no text, and can't be edited: answer without it.")
        return target

    def _target(self, edit: Edit, source: str | None) -> str:
        """Return the path of the file after the edit. Raises _Refused."""
        path = paths.plain(edit.to) if edit.to is not None else source or paths.plain(edit.path)
        if (reason := paths.refusal(path)) is not None:
            raise _Refused(reason)
        if path != source:
            if (reason := self._names.clash(path)) is not None:
                raise _Clash(reason)
            if edit.to is not None and edit.new and path in self._names:
                raise _Refused(f"`{source}` can't become `{path}`: that file is there already.")
        return path

    def _apply_hunks(self, path: str, text: str, hunks: Sequence[Hunk]) -> str:
        file, original = EditedFile(text), self._original(path, text)
        index = Index(file.lines)
        previous_end = 0
        applied_hunks: dict[Hunk, HunkPlace] = {}
        for hunk in map(file.unmarked, hunks):
            place = self._put(file, index, hunk, previous_end, original, applied_hunks.get(hunk))
            if place is None and file.is_touched and self._rebuilds < _MAX_REBUILDS:
                # The hunk may refer to the result of an earlier hunk.
                self._rebuilds += 1
                result = EditedFile(file.text())
                place = self._put(result, Index(result.lines), hunk, 0, original)
                if place is not None:
                    file, index = result, Index(result.lines)
            if place is not None:
                applied_hunks[hunk] = place
                previous_end = place.end
            elif hunk not in applied_hunks:  # a repeated hunk is applied once
                is_shown = len(self.misses) < _MAX_MISSES
                self.misses.append(_miss(path, file, index, hunk, is_shown=is_shown))
                if self.is_full:
                    break
        return file.text()

    def _original(self, path: str, text: str) -> Index | None:
        """Return the lines of a file before the model's work; None if it is as it was, or isn't known."""
        original = self._originals.get(path, "") if self._originals is not None else None
        return Index(EditedFile(original).lines) if original is not None and original != text else None

    def _put(
        self,
        changed: EditedFile,
        index: Index,
        hunk: Hunk,
        behind: int,
        original: Index | None,
        earlier: HunkPlace | None = None,
    ) -> HunkPlace | None:
        """Apply a hunk at its place; None if the place is ambiguous or another hunk changes it.

        Args:
            behind: the end of the previous hunk.
            original: the file before the model's work, which may have made this edit.
            earlier: the place of the same hunk in this answer.
        """
        if hunk.old:
            match = locate(index, hunk, previous_end=behind)
            if not match.places and is_done(index, hunk):
                return HunkPlace(behind, behind)
            reading, place = match.hunk, match.place
        else:
            reading, place = hunk, place_of_addition(changed.lines, index, hunk)
        if place is None:
            return None
        is_repeated = place == earlier or (original is not None and is_made(index, original, reading, place))
        return place if is_repeated or changed.put(reading, place) else None


def _miss(path: str, changed: EditedFile, index: Index, hunk: Hunk, *, is_shown: bool) -> Slip:
    if not hunk.old:
        return miss(path, hunk, "an edit has no lines that say where it belongs. Give some around it.")
    match = locate(index, hunk)
    if not match.places:
        return miss(path, hunk, NOT_THERE, nearest(changed.lines, hunk.old) if is_shown else "")
    lines = [place.start + 1 for place in match.places]
    spans = [range(place.start, place.end) for place in match.places]
    excerpt = around(changed.lines, spans) if is_shown else ""
    if len(lines) == 1:
        reason = f"an edit at line {lines[0]} changes lines that another of your edits changes."
        return miss(path, hunk, reason, excerpt)
    numbers = ", ".join(map(str, lines[:_MAX_LINE_NUMBERS]))
    reason = f"an edit fits equally well at lines {numbers}. Give more of the lines around it."
    return miss(path, hunk, reason, excerpt)
