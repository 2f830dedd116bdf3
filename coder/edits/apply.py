"""Apply edits to files: all, none, or those that fit, with a report of misses."""

from collections.abc import Mapping, Sequence

from coder.edits import paths
from coder.edits.change import EditedFile
from coder.edits.edit import Answered, Edit, Hunk, Slip
from coder.edits.lines import like
from coder.edits.locate import HunkPlace, Index, is_done, locate, place_of_addition
from coder.edits.misses import NOT_THERE, around, gist, miss, nearest, reported

_MOST_MISSES = 4
"""Misses reported; beyond them the rest of an answer isn't tried, if nothing of it is kept."""
_MOST_NAMED = 8
_MOST_REBUILDS = 50
"""Searches for hunks in the results of the same answer's hunks; each reads the file again."""
_NOTHING = (
    "Your edits change nothing: the files are already as your answer makes them. "
    "Answer with edits that change them."
)


def apply(
    edits: Sequence[Edit],
    files: Mapping[str, str | None],
    *,
    slips: Sequence[Slip] = (),
    in_part: bool = False,
) -> Answered:
    """Apply edits to files: all, none, or those that fit.

    Args:
        files: every present file; None is a binary file.
        slips: unreadable parts of the answer: with any, nothing is changed.
        in_part: make the edits that fit although others don't.
    """
    tree = _Tree(files, slips, in_part=in_part and not slips)
    remaining = len(edits)
    for edit in edits:
        if tree.is_full:
            break
        tree.take(edit)
        remaining -= 1
    changed = {
        path: text
        for path, text in tree.changes.items()
        if (path in files if text is None else text != files.get(path))
    }
    if tree.misses:
        visible = tree.misses[:_MOST_MISSES]
        others, results = remaining + len(tree.misses) - len(visible), changed if tree.in_part else {}
        return Answered(
            results,
            reported(visible, others=others, changed_files=[*results]),
            fits=False,
            gist=gist(visible, others=others),
            missed=tuple(dict.fromkeys(one.path for one in visible if one.path is not None and not one.near)),
        )
    if not changed and edits:
        return Answered(problem=_NOTHING, fits=False)
    return Answered(changed)


class _Refused(Exception):
    """An edit is refused: the reason, and the file to show."""


class _Tree:
    """The files during the edits."""

    def __init__(self, files: Mapping[str, str | None], slips: Sequence[Slip], *, in_part: bool) -> None:
        self._files = files
        self._names = paths.TreeNames(files)
        self.in_part = in_part
        self.changes: dict[str, str | None] = {}
        self.misses = [*slips]
        self._rebuilds = 0

    @property
    def is_full(self) -> bool:
        """Whether the misses are so many that the rest isn't tried."""
        return len(self.misses) >= _MOST_MISSES and not self.in_part

    def take(self, edit: Edit) -> None:
        """Apply one edit, or record the reason against it."""
        try:
            source = self._source(edit)
            target = self._target(edit, source)
        except _Refused as refused:
            self.misses.append(Slip(*refused.args))
            return
        before = len(self.misses)
        now = (self._now(source) or "") if source is not None else ""
        if edit.action == "write":
            text = like(edit.text, now) if source is not None else edit.text
        else:
            text = self._changed(source or target, now, edit.hunks)
        if len(self.misses) > before and (edit.to is not None or not self.in_part):
            return
        if source is not None and (edit.action == "delete" or (source != target and not edit.keeps)):
            self._make(source, None)
        if edit.action != "delete":
            self._make(target, text)

    def _now(self, path: str) -> str | None:
        return self.changes[path] if path in self.changes else self._files.get(path)

    def _make(self, path: str, text: str | None) -> None:
        self.changes[path] = text
        if text is None:
            self._names.remove(path)
        else:
            self._names.add(path)

    def _source(self, edit: Edit) -> str | None:
        """The file of an edit; None if it makes one. Raises _Refused."""
        path = paths.plain(edit.path)
        if why := paths.refusal(path):
            raise _Refused(why)
        target = self._names.find(path)
        if (
            edit.new
            and target is not None
            and (self._now(target) or "").strip() not in ("", edit.text.strip())
        ):
            raise _Refused(f"`{target}` is there already: change it, or name another file.", target)
        if target is None and edit.action != "write":
            raise _Refused(self._names.missing(path))
        if target is not None and edit.action != "delete" and self._now(target) is None:
            raise _Refused(f"`{target}` is no text, and can't be edited.")
        return target

    def _target(self, edit: Edit, source: str | None) -> str:
        """Path of the file after the edit. Raises _Refused."""
        path = paths.plain(edit.to) if edit.to is not None else source or paths.plain(edit.path)
        why = paths.refusal(path)
        if why is None and path != source:
            why = self._names.clash(path)
            if edit.to is not None and path in self._names:
                why = f"`{source}` can't become `{path}`: that file is there already."
        if why is not None:
            raise _Refused(why)
        return path

    def _changed(self, path: str, text: str, hunks: Sequence[Hunk]) -> str:
        changed = EditedFile(text)
        index = Index(changed.lines)
        behind = 0
        applied_hunks: set[Hunk] = set()
        for hunk in map(changed.unmarked, hunks):
            placed = self._put(changed, index, hunk, behind)
            if placed is None and changed.is_touched and self._rebuilds < _MOST_REBUILDS:
                # It may refer to the result of an earlier hunk.
                self._rebuilds += 1
                later = EditedFile(changed.text())
                placed = self._put(later, Index(later.lines), hunk, 0)
                if placed is not None:
                    changed, index = later, Index(later.lines)
            if placed is not None:
                applied_hunks.add(hunk)
                behind = placed.end
            elif hunk not in applied_hunks:  # a repeated hunk is applied once
                is_shown = len(self.misses) < _MOST_MISSES
                self.misses.append(_miss(path, changed, index, hunk, is_shown=is_shown))
                if self.is_full:
                    break
        return changed.text()

    def _put(self, changed: EditedFile, index: Index, hunk: Hunk, behind: int) -> HunkPlace | None:
        """Apply a hunk at its place; None if its place is ambiguous or changed by another."""
        if not hunk.old:
            place = place_of_addition(changed.lines, index, hunk)
            return place if place is not None and changed.put(hunk, place) else None
        match = locate(index, hunk, behind=behind)
        if not match.places and is_done(index, hunk):
            return HunkPlace(behind, behind)
        return match.place if match.place is not None and changed.put(match.hunk, match.place) else None


def _miss(path: str, changed: EditedFile, index: Index, hunk: Hunk, *, is_shown: bool) -> Slip:
    if not hunk.old:
        return miss(path, hunk, "an edit has no lines that say where it belongs. Give some around it.")
    match = locate(index, hunk)
    if not match.places:
        return miss(path, hunk, NOT_THERE, nearest(changed.lines, hunk.old) if is_shown else "")
    lines = [place.start + 1 for place in match.places]
    spans = [range(place.start, place.end) for place in match.places]
    near = around(changed.lines, spans) if is_shown else ""
    if len(lines) == 1:
        why = f"an edit at line {lines[0]} changes lines that another of your edits changes."
        return miss(path, hunk, why, near)
    numbers = ", ".join(map(str, lines[:_MOST_NAMED]))
    why = f"an edit fits equally well at lines {numbers}. Give more of the lines around it."
    return miss(path, hunk, why, near)
