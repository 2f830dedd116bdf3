"""Answer to files: a pure function from an answer and the present files to the changed files.

The format is detected: search/replace blocks, unified diffs, the `apply_patch` envelope, whole files in
fenced blocks, or several of these. Makes all edits, none, or those that fit.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from coder.context.quoting import shown_path
from coder.edits import paths
from coder.edits.code_blocks import LEFT_OUT, MAX_ANSWER, Whole, stands_for_others, whole_files
from coder.edits.edit import Answered, Edit, Slip
from coder.edits.lines import like
from coder.edits.paths import name_in_comment
from coder.edits.read_answer import Edits, read_edits
from coder.edits.syntax import broken

_MOST_NAMED = 3
"""Most file names in a message about ignored files."""
Files = Mapping[str, str | None]


def read_answer(
    text: str,
    files: Files,
    *,
    default: str,
    expected: Sequence[str] = (),
    ignored: Callable[[str], bool] = lambda path: False,
    in_part: bool = False,
) -> Answered:
    """The files that an answer changes.

    Args:
        files: all present files; None is a binary file.
        default: the file that unnamed code or edits belong to.
        expected: names that the default file must define.
        ignored: paths that no answer may write.
        in_part: make the edits that fit although others don't, if the whole answer is readable.
    """
    read = text[:MAX_ANSWER]
    answer = read_edits(read, default=default, files=files)
    whole = Whole(answer.blocks, default=default, is_cut=len(text) > MAX_ANSWER)
    reader = _Answer(files, whole, ignored)
    if answer.edits or answer.slips:
        return reader.edited(answer, default, in_part=in_part)
    written = reader.written(*whole_files(read, answer.blocks, default=default, expected=expected))
    return replace(written, only_shows=not any(block.name for block in answer.blocks))


class _Answer:
    """An answer, with the files that it is about."""

    def __init__(self, files: Files, whole: Whole, ignored: Callable[[str], bool]) -> None:
        self._files = files
        self._names = paths.TreeNames(files)
        self._whole = whole
        self._ignored = ignored

    def edited(self, answer: Edits, default: str, *, in_part: bool) -> Answered:
        """Apply edits, and add whole files."""
        from coder.edits.apply import apply

        edits = [*answer.edits, *_whole_beside(answer, default)]
        kept: list[Edit] = []
        ignored_edits: list[Edit] = []
        for edit in edits:
            (ignored_edits if any(map(self._is_left_out, edit.names)) else kept).append(edit)
        left_out, apart = self._changed_names(ignored_edits), self._apart(ignored_edits)
        if edits and not kept and not answer.slips:
            problem = _only_left_out(name for edit in edits for name in edit.names)
            return Answered(problem=problem, left_out=left_out, apart=apart)
        slips = [*answer.slips, *(slip for edit in kept if (slip := self._elides(edit)))]
        for edit in kept:
            path = self._there(edit.path) or edit.path
            is_whole = edit.action == "write" and not edit.new and not slips
            if is_whole and (why := self._refusal(path, edit.text)) is not None:
                return Answered(problem=why, fits=False, missed=(path,))
        done = apply(kept, self._files, slips=slips, in_part=in_part)
        if done.problem is not None:
            return done
        return replace(done, problem=broken(done.files, self._files), left_out=left_out, apart=apart)

    def written(self, files: Mapping[str, str], problem: str | None) -> Answered:
        """Apply whole files, each with the line ends of the file that it replaces."""
        changed: dict[str, str | None] = {}
        ignored_edits: list[Edit] = []
        for name, code in files.items():
            path = paths.plain(name)
            before = self._before(path)
            text = code if before is None else like(_without_name(code, name, before), before)
            if self._is_left_out(path):
                ignored_edits.append(Edit(path, "write", text=text))
                continue
            if (why := paths.refusal(path) or self._names.clash(path)) is not None:
                return Answered(problem=f"Nothing was written. {why}", fits=False)
            path = self._names.find(path) or path
            if (why := self._refusal(path, code)) is not None:
                return Answered(problem=why, fits=False, missed=(path,))
            changed[path] = text
        left_out, apart = self._changed_names(ignored_edits), self._apart(ignored_edits)
        if files and not changed:
            return Answered(problem=_only_left_out(files), left_out=left_out, apart=apart)
        others = {path: code for path, code in changed.items() if not path.endswith(".py")}
        problem = problem or broken(others, self._files)  # Python runs next, and reports it itself
        return Answered(changed, problem, empty=not files, left_out=left_out, apart=apart)

    def _there(self, name: str) -> str | None:
        return self._names.find(paths.plain(name))

    def _before(self, name: str) -> str | None:
        return self._files.get(self._there(name) or "")

    def _refusal(self, path: str, code: str) -> str | None:
        return self._whole.refusal(path, code, self._files.get(path))

    def _is_left_out(self, name: str) -> bool:
        """Whether no answer may write a path, ignoring case; other paths are refused elsewhere."""
        path = paths.plain(name)
        return paths.refusal(path) is None and (
            self._ignored(path) or self._ignored(self._there(path) or path)
        )

    def _changed_names(self, edits: Sequence[Edit]) -> tuple[str, ...]:
        touched = [edit for edit in edits if edit.action != "write" or not self._is_same(edit)]
        names = [name for edit in touched for name in edit.names]
        return tuple(dict.fromkeys(self._there(name) or paths.plain(name) for name in names))

    def _is_same(self, edit: Edit) -> bool:
        before = self._before(edit.path)
        return before is not None and like(edit.text, before) == before

    def _apart(self, edits: Sequence[Edit]) -> dict[str, str | None]:
        """The result of edits to files that no answer may write: for each file all of its edits, or none."""
        if not edits:
            return {}
        from coder.edits.apply import apply

        results: dict[str, str | None] = {}
        for path in dict.fromkeys(edit.path for edit in edits):
            own = [edit for edit in edits if edit.path == path]
            if not any(map(self._elides, own)):
                results |= apply(own, self._files).files
        return {path: text for path, text in results.items() if text is None or not self._refusal(path, text)}

    def _elides(self, edit: Edit) -> Slip | None:
        """Refuse an edit whose new lines elide code, as in `# ... existing code ...`."""
        new = (text.strip() for hunk in edit.hunks for sign, text in hunk.lines if sign == "+")
        before = self._before(edit.path) or ""
        line = next((line for line in new if stands_for_others(line) and line not in before), None)
        if line is None:
            return None
        return Slip(LEFT_OUT.format(path=edit.path, line=line), self._there(edit.path))


def _without_name(code: str, name: str, before: str) -> str:
    """A file without the comment that names it in the answer, unless the comment was there before."""
    first, _, rest = code.partition("\n")
    begins_so = before.partition("\n")[0].strip() == first.strip()
    return rest if name_in_comment(first) == name and not begins_so else code


def _whole_beside(answer: Edits, default: str) -> list[Edit]:
    """The whole files beside edits in an answer: named ones, or all if its edits only delete."""
    if all(edit.action == "delete" for edit in answer.edits):
        files, _ = whole_files("", answer.blocks, default=default)
    else:
        files = {block.name: block.text for block in answer.blocks if block.name and block.text.strip()}
    return [Edit(path, "write", text=text) for path, text in files.items()]


def _only_left_out(names: Iterable[str]) -> str:
    """Message about an answer that changes only forbidden files, usually tests."""
    listed = ", ".join(shown_path(name) for name in list(dict.fromkeys(names))[:_MOST_NAMED])
    return (
        f"Nothing was changed: no answer may change {listed}, by which the task is decided. "
        "Answer with changes of the code that is tested."
    )
