"""Apply: edits to files as they are, all or none or those that fit, with a report of what did not."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from coder.edits import paths
from coder.edits.change import Changed
from coder.edits.edit import Edit, Hunk, Slip
from coder.edits.edit_report import Miss, gist, missed_lines, not_there, reported
from coder.edits.lines import like
from coder.edits.locate import Index, Place, is_done, locate, place_of_addition
from coder.edits.similar import similar_place, within_a_line

MOST_MISSES = 4
"""After so many the rest of an answer isn't tried: nothing of it is kept anyway."""
_MOST_REBUILDS = 50
"""Times that a hunk is looked for in what hunks of the same answer have made; each reads the file again."""
_MOST_GUESSES = 20
"""Hunks of an answer that are looked for by likeness; each reads the file again."""


@dataclass(frozen=True, slots=True)
class Applied:
    """The files that edits change, or what to say where one of them didn't fit."""

    files: dict[str, str | None] = field(default_factory=dict)
    """Whole new texts by path; None deletes. With a problem: what fits, if that is to be made."""
    problem: str | None = None
    gist: str = ""
    """The problem in a sentence."""
    missed: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    """Of files that edits don't fit: lines, from 1, near which these may belong."""


def apply(
    edits: Sequence[Edit],
    files: Mapping[str, str | None],
    *,
    slips: Sequence[Slip] = (),
    by_parts: bool = False,
) -> Applied:
    """Put edits into files: all of them, or none.

    Args:
        edits: in the order of the answer; several may be of one file.
        files: every file that is there; None is one that is no text.
        slips: what of the answer could not be read: with any, nothing is changed.
        by_parts: the edits that fit are made though others don't.
    """
    tree = _Tree(files)
    by_parts = by_parts and not slips
    for done, edit in enumerate(edits):
        if len(tree.misses) + len(slips) >= MOST_MISSES and not by_parts:
            left = len(edits) - done
            break
        known = len(tree.misses)
        tree.take(edit)
        if by_parts and len(tree.misses) > known and len(edit.hunks) > 1 and edit.to is None:
            del tree.misses[known:]
            for hunk in edit.hunks:
                tree.take(replace(edit, hunks=(hunk,)))
    else:
        left = 0
    changed = {
        path: text
        for path, text in tree.made.items()
        if (path in files if text is None else text != files.get(path))
    }
    if slips or tree.misses:
        misses = [*slips, *tree.misses][: MOST_MISSES if by_parts else None]
        left += len(slips) + len(tree.misses) - len(misses)
        made = changed if by_parts else {}
        told = reported(misses, others=left, made=[*made])
        return Applied(made, told, gist(misses, others=left), missed_lines(misses))
    if not changed and edits:
        return Applied(problem=_NOTHING)
    return Applied(changed)


_NOTHING = (
    "Your edits change nothing: the files are already as your answer makes them. "
    "Answer with edits that change them."
)


class _Tree:
    """The files while edits go in."""

    def __init__(self, files: Mapping[str, str | None]) -> None:
        self._files = files
        self._names = paths.Names(files)
        self.made: dict[str, str | None] = {}
        self.misses: list[Miss | Slip] = []
        self._rebuilds = 0
        self._guesses = 0

    def take(self, edit: Edit) -> None:
        """Put one edit in, or say why not."""
        before = len(self.misses)
        source = self._source(edit)
        if len(self.misses) > before:
            return
        target = self._target(edit, source)
        if len(self.misses) > before:
            return
        if edit.action == "delete":
            assert source is not None
            self._changed(source, self._now(source) or "", edit.hunks)  # another file's lines aren't there
            if len(self.misses) == before:
                self._make(source, None)
            return
        text = self._text(edit, source, target)
        if len(self.misses) > before:
            return
        if source is not None and source != target and not edit.keeps:
            self._make(source, None)
        self._make(target, text)

    def _now(self, path: str) -> str | None:
        return self.made[path] if path in self.made else self._files.get(path)

    def _make(self, path: str, text: str | None) -> None:
        self.made[path] = text
        if text is None:
            self._names.remove(path)
        else:
            self._names.add(path)

    def _source(self, edit: Edit) -> str | None:
        """The file that an edit is about; None where it makes one."""
        path = paths.plain(edit.path)
        if why := paths.refusal(path):
            self._refused(why)
            return None
        found = self._names.find(path)
        if edit.new and found is not None and (self._now(found) or "").strip() not in ("", edit.text.strip()):
            self._refused(f"`{found}` is there already: change it, or name another file.", found)
        elif found is None and edit.action != "write":
            self._refused(self._not_there(path, edit))
        elif found is not None and edit.action != "delete" and self._now(found) is None:
            self._refused(f"`{found}` is no text, and can't be edited.")
        return found

    def _target(self, edit: Edit, source: str | None) -> str:
        """Where the file is afterwards."""
        path = paths.plain(edit.to) if edit.to is not None else source or paths.plain(edit.path)
        why = paths.refusal(path)
        if why is None and path != source:
            why = self._names.clash(path)
            if edit.to is not None and path in self._names:
                why = f"`{source}` can't become `{path}`: that file is there already."
        if why is not None:
            self._refused(why)
        return path

    def _text(self, edit: Edit, source: str | None, target: str) -> str:
        now = (self._now(source) or "") if source is not None else ""
        if edit.action == "write":
            return like(edit.text, now) if source is not None else edit.text
        return self._changed(source or target, now, edit.hunks)

    def _changed(self, path: str, text: str, hunks: Sequence[Hunk]) -> str:
        changed = Changed(text)
        index = Index(changed.lines)
        behind = 0
        made: set[Hunk] = set()
        for answered in hunks:
            hunk = changed.read(answered)
            placed = self._put(changed, index, hunk, behind)
            if placed is None and changed.is_touched and self._rebuilds < _MOST_REBUILDS:
                # It may be about what an earlier hunk of the answer has made.
                self._rebuilds += 1
                later = Changed(changed.text())
                placed = self._put(later, Index(later.lines), hunk, 0)
                if placed is not None:
                    changed, index = later, Index(later.lines)
            if placed is None and hunk in made:
                continue  # the same words once more
            if placed is None:
                self.misses.append(self._miss(path, changed, index, hunk))
                if len(self.misses) >= MOST_MISSES:
                    break
            else:
                made.add(hunk)
                changed.mark_as(answered)
                behind = placed.end
        return changed.text()

    def _put(self, changed: Changed, index: Index, hunk: Hunk, behind: int) -> Place | None:
        """Put a hunk where it belongs; None where that isn't sure, or it is taken."""
        if not hunk.old:
            place = place_of_addition(changed.lines, index, hunk)
            reading = hunk
        else:
            found = locate(index, hunk, behind=behind)
            place, reading = found.place, found.hunk
            if not found.places and is_done(index, hunk):
                return Place(behind, behind)
            if not found.places and self._guesses < _MOST_GUESSES:
                self._guesses += 1
                if (part := within_a_line(changed.lines, hunk)) is not None:
                    place, reading = Place(part[0], part[0] + 1, exact=True), part[1]
                else:
                    place = similar_place(changed.lines, hunk.old)
        return place if place is not None and changed.put(reading, place) else None

    def _miss(self, path: str, changed: Changed, index: Index, hunk: Hunk) -> Miss:
        if not hunk.old:
            return Miss(path, hunk, "an edit has no lines that say where it belongs. Give some around it.")
        found = locate(index, hunk)
        if len(found.places) > 1:
            numbers = ", ".join(str(place.start + 1) for place in found.places[:8])
            why = f"an edit fits equally well at lines {numbers}. Give more of the lines around it."
            return Miss(path, hunk, why, line=found.places[0].start + 1)
        if found.place is not None:
            line = found.place.start + 1
            why = f"an edit at line {line} changes lines that another of your edits changes."
            return Miss(path, hunk, why, line=line)
        elsewhere = self._elsewhere(path, hunk)
        if elsewhere is not None:
            return Miss(
                path,
                hunk,
                f"an edit doesn't fit: its lines aren't in this file. It matches in `{elsewhere}` instead.",
            )
        return not_there(path, changed.lines, hunk)

    def _not_there(self, path: str, edit: Edit) -> str:
        said = self._names.missing(path)
        elsewhere = self._elsewhere(path, edit.hunks[0]) if edit.hunks else None
        return f"{said} The edit matches in `{elsewhere}`." if elsewhere is not None else said

    def _elsewhere(self, path: str, hunk: Hunk) -> str | None:
        """The only other file in which all old lines of a hunk stand."""
        needle = "\n" + "".join(hunk.old).replace("\r\n", "\n")
        if not needle.strip():
            return None
        texts = ((name, self._now(name)) for name in self._names if name != path)
        names = [name for name, text in texts if text and needle in "\n" + text.replace("\r\n", "\n")]
        return names[0] if len(names) == 1 else None

    def _refused(self, why: str, path: str | None = None) -> None:
        self.misses.append(Slip(why, path))
